"""docs/reasons.md: what a user sees of a bring-up that fails, while it happens and after, wherever somebody looks.

Each section is what a real network with a real chain binary shows; with UPDATE_DOCS set it is written anew.
"""

import io
import os
import re
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from live_network import LiveNetwork, get_json
from project import ROOT, real_binary
from small_disks import mounted, needs_root
from waiting import LIMIT, eventually

from exposer.network.cause import cause_of
from exposer.network.cluster.container import read_container
from exposer.network.local.state import State
from exposer.network.local.status import status
from exposer.progress import last_failure, tell_failure

DOCS = ROOT / "docs/reasons.md"
_STAGED = re.compile(r"(?<=/home/\.exposer/stage/)[^:\s]+")
"""Which file of a step is the first one that does not fit is chance."""
pytestmark = [pytest.mark.timeout(2 * LIMIT), needs_root]


@dataclass(frozen=True)
class Failure:
    """What is wrong, in a word and in a line of the network file, and what the user is told of it.

    One that is ``tried`` again is looked at between two tries; of a node there is no step's reason.
    """

    title: str
    line: str
    told: str
    code: int
    binary: str = "simd"
    chain_id: str = "demo-1"
    tried: bool = False
    disk: str = ""


FAILURES = [
    Failure("A prefix that the binary has not", "prefix: cosmosx", "begin with cosmos1", 3),
    Failure("A patch that no module reads", "genesis: {app_state: {nosuch: {a: 1}}}", "no app_state.nosuch", 3),
    Failure("A chain id that the chain refuses", "name: evmos", "invalid chain-id", 3, "evmosd", "froopyland-1"),
    Failure("A script that fails", "scripts: {updateConfig: {data: exit 1}}", "ended with exit code 1", 3),
    Failure(
        "A script that asks for another try", "scripts: {updateConfig: {data: exit 75}}", "code 75", 75, tried=True
    ),
    Failure(
        "A node that refuses its settings", "config: {app.toml: {minimum-gas-prices: ''}}", "min gas", 1, tried=True
    ),
    Failure("A full disk", "identities: derived", "No space left on device", 75, tried=True, disk="100k"),
]


def network_file(failure: Failure) -> str:
    """The network file; the chain's own line is the last one."""
    name = "" if failure.line.startswith("name:") else "    name: simapp\n"
    return (
        f"name: demo\nthrowaway: true\nchains:\n  - id: {failure.chain_id}\n{name}    numValidators: 1\n"
        f"    {failure.line}\n"
    )


def seen(failure: Failure, directory: Path) -> list[str]:
    """The section of the docs, as it happens."""
    file = directory / "network.yaml"
    file.write_text(network_file(failure))
    pod = f"{failure.chain_id}-genesis-0"
    with ExitStack() as stack:
        if failure.disk:
            disk = stack.enter_context(mounted(directory / "net"))
            subprocess.run(["mount", "-o", f"remount,size={failure.disk}", disk], check=True)
        network = stack.enter_context(LiveNetwork(directory, real_binary(failure.binary)))
        network.start("network.yaml")
        meanwhile: list[str] = []
        if failure.tried:
            eventually("it is tried again", lambda: "restarting" in network.output())
            (one,) = network.pods()
            body = get_json(f"{one['exposer_url']}/status")
            meanwhile = [f"| `exposer status`, meanwhile | {why(network.state)} |"]
            if body["reason"]:
                meanwhile.append(f"| `/status` and the page, meanwhile | {body['reason']} |")
        assert network.wait() == failure.code
        lines = [line.partition(f"{pod} ")[2] for line in network.output().splitlines()]
        again = next((line for line in lines if ": restarting: " in line), "")
        (final,) = [line for line in lines if ": failed: " in line]
        (where,) = [line for line in network.output().splitlines() if line.startswith("network.yaml:")] or [""]
        told = [final, why(network.state), *in_cluster(network.home(pod))]
        assert all(failure.told in text for text in told), told
        rows = [
            *([f"| `exposer up`, meanwhile | {again} |"] if again else []),
            *meanwhile,
            f"| `exposer up`, in the end, exit {failure.code} | {final}{f'<br>{where}' if where else ''} |",
            f"| `exposer status`, after | {why(network.state)} |",
            *(f"| `exposer k8s status`, of this end | {text} |" for text in in_cluster(network.home(pod))),
        ]
    section = [f"## {failure.title}", f"`{failure.line}`", "", "| where | what |", "|---|---|", *rows, ""]
    return [_STAGED.sub("...", line.replace(str(directory), "DIR")) for line in section]


def why(state: Path) -> str:
    """The last column of the table of ``exposer status``, for the network's one pod."""
    said = io.StringIO()
    status(State(state), said, as_json=False)
    head, row = said.getvalue().splitlines()
    return row[head.index("WHY") :]


def in_cluster(home: Path) -> list[str]:
    """What ``exposer k8s status`` makes of the end of the same step, whose reason is its termination message."""
    failed = last_failure(home)
    if not failed or failed.exit_code is None:
        return []
    log = (home.parent / "logs" / f"{failed.step}.log").read_text(encoding="utf-8")
    message = log.rpartition(f"ERROR {failed.step}: ")[2]
    assert message.partition("\n")[0] == failed.reason
    assert cause_of(message.splitlines()) in tell_failure(failed.step, failed.exit_code, message)
    ended = {"exitCode": failed.exit_code, "message": message}
    told = {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": ended}}
    return [read_container(failed.step, told).reason]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.title)
def test_the_reason_is_wherever_somebody_looks(failure: Failure, tmp_path: Path) -> None:
    """While it happens and after: the same cause, and the docs show what is seen."""
    section = "\n".join(seen(failure, tmp_path))
    text = DOCS.read_text(encoding="utf-8")
    if os.environ.get("UPDATE_DOCS"):
        found = re.search(rf"## {re.escape(failure.title)}\n.*?(?=\n## |\Z)", text, re.DOTALL)
        text = text.replace(found[0], section.rstrip("\n") + "\n") if found else f"{text}\n{section}"
        DOCS.write_text(text, encoding="utf-8")

    assert section in f"{text}\n"
