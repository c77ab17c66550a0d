"""What ``exposer up`` says in the end: a network that is up, or the step that failed."""

import json
import re
from collections.abc import Iterator, Sequence

from exposer.errors import ExitCode
from exposer.network.cause import cause_of
from exposer.network.document import Document
from exposer.network.environment import FIELDS
from exposer.network.local.binaries import COMETBFT_CURE
from exposer.network.local.log_file import log_tail
from exposer.network.local.pods_table import pods_table
from exposer.network.local.prepare import Prepared
from exposer.network.local.processes import ProgramFailedError
from exposer.network.local.state import State
from exposer.network.local.survey import PodStatus, genesis_first


def summary_text(prepared: Prepared, statuses: Sequence[PodStatus], state: State) -> str:
    """The network that is up, and what to try with it."""
    lines = [pods_table(genesis_first(statuses))]
    for chain in dict.fromkeys(pod.chain for pod in prepared.plan.pods):
        pods = [status for pod, status in zip(prepared.plan.pods, statuses, strict=True) if pod.chain == chain]
        lines.append(f"{chain}: {_agreed(pods)}\n")
        pods = [pod for pod in pods if pod.phase != "failed"] or pods
        if chain not in prepared.binaries:
            lines.append(
                f"{chain}: no node runs, because cometbft is not on PATH. To start the nodes: {COMETBFT_CURE}, "
                f"put it on PATH, and run exposer up again\n"
            )
        url = pods[0].exposer_url
        lines.append(f"  curl {url}/node_id\n  curl {url}/genesis\n  curl {url}/keys\n  in a browser: {url}/\n")
        if faucet := pods[0].faucet:
            denom = next(pod.environment["DENOM"] for pod in prepared.plan.pods if pod.chain == chain)
            lines.append(f"  curl {faucet.url}/credit -d '{json.dumps({'address': 'ADDRESS', 'denom': denom})}'\n")
    lines.append(f"State, keys and logs are in {state.root}.\n")
    lines.append("exposer down (make down) stops the network; so does Ctrl-C, unless it runs in the background.\n")
    return "\n".join(lines[:1]) + "\n" + "".join(lines[1:])


def _agreed(pods: Sequence[PodStatus]) -> str:
    """Which genesis the pods of one chain hold, and which of them are not up."""
    up = [pod for pod in pods if pod.phase != "failed"]
    if not up:
        return "none of its pods is up"
    if len(up) == len(pods):
        return f"all {len(pods)} pods hold the same genesis, sha256 {pods[0].genesis_sha256}"
    failed = ", ".join(pod.name for pod in pods if pod not in up)
    return f"{len(up)} of {len(pods)} pods hold the same genesis, sha256 {up[0].genesis_sha256}; not up: {failed}"


def failure_text(
    error: ProgramFailedError, state: State, document: Document | None = None, *, code: int | None = None
) -> tuple[str, dict[str, object]]:
    """What a person needs to go on after a failed program, and the same as fields.

    With a ``code`` the other pods go on, and it is what ``exposer up`` exits with in the end.
    """
    tail = log_tail(error.program.log, causes=not error.program.documented)
    lines = [f"{error}; the end of its log, {error.program.log}:", *(f"    {line}" for line in tail)]
    lines += _stated(document, error.program.environment.get("CHAIN_ID", ""), cause_of(tail)) if document else ()
    if error.code == ExitCode.CONFLICT and error.program.documented:
        lines.append("The network was set up with other inputs. Give it those, or start over: exposer up --force")
    if code is None:
        lines.append(f"All processes are stopped; volumes and logs are kept in {state.root}")
    else:
        lines.append(f"The other pods go on without {error.program.pod}; exposer up exits with {code} in the end")
    fields = {
        "pod": error.program.pod,
        "program": error.program.name,
        "exit_code": error.code,
        "log": str(error.program.log),
    }
    return "\n".join(lines), {**fields, "tail": tail}


def _stated(document: Document, chain: str, cause: str) -> Iterator[str]:
    """Where the network file says what the variables are that a step's error names."""
    for place, one in enumerate(document.network.chains):
        if one.id != chain:
            continue
        own = {entry.name: ("env", at) for at, entry in enumerate(one.env)}
        for variable in dict.fromkeys(re.findall(r"[A-Z][A-Z0-9_]+", cause)):
            field: Sequence[str | int] = own.get(variable) or FIELDS.get(variable, "").split(".")
            at = ("chains", place, *field)
            if at in document.source.places:
                yield document.source.fault(at, f"this is {variable}")
