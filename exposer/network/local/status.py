"""``exposer status``: what the pods of a network say about themselves, from outside."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from exposer.errors import BadInputError
from exposer.network.cause import briefly, cause_of, plain, tells_cause
from exposer.network.local.leftovers import leftovers
from exposer.network.local.log_file import log_tail
from exposer.network.local.pods_table import pods_table
from exposer.network.local.state import Record, State
from exposer.network.local.survey import PodStatus, Survey, agree, genesis_first, report, stopped
from exposer.progress import last_failure, read_progress, tell_failure


def status(state: State, out: TextIO, *, as_json: bool) -> None:
    """Write the pods, genesis pods first: a table, or JSON ``{"pods": [...], "disagreements": [...]}``.

    Raises:
        BadInputError: there is no network in the directory.
        MismatchError: pods of a chain hold different genesis files, after all is written.
    """
    record = state.read()
    if record is None:
        raise BadInputError(
            f"there is no network in {state.root}; start one with exposer up, or name its directory with --state"
        )
    runs = any(leftovers(state.root))  # else what answers at these ports is somebody else's
    asked = asyncio.run(_ask(record)) if runs else map(stopped, record.pods)
    pods = [_with_reason(pod, state) for pod in genesis_first(asked)]
    out.write(json.dumps(report(pods), indent=2) + "\n" if as_json else pods_table(pods))
    out.flush()
    agree(pods)


def _with_reason(pod: PodStatus, state: State) -> PodStatus:
    """A pod with what its last step, or its node, ended with: `exposer up` tells that, and here are its logs."""
    failed = last_failure(state.home(pod.name))
    if failed:
        cause = _cause(state.log(pod.name, failed.step)) or failed.reason
        return replace(pod, reason=tell_failure(failed.step, failed.exit_code, cause))
    if pod.node is None and not pod.reason and _is_newer(node := state.log(pod.name, "node"), state.home(pod.name)):
        cause = _cause(node, foreign=True)
        return replace(pod, reason=f"node: {cause}") if cause else pod
    return pod


def _is_newer(log: Path, home: Path) -> bool:
    """Whether the node has written to its log since the last step ended, and none runs now."""
    ends = [run.ended for run in read_progress(home).values()]
    try:
        return all(end is not None and end < log.stat().st_mtime for end in ends)
    except OSError:
        return False


def _cause(log: Path, *, foreign: bool = False) -> str:
    """What the program ended with that wrote the log; of one that is not ours only what says so."""
    try:
        lines = log_tail(log)
    except OSError:
        return ""
    return briefly(cause_of(lines)) if not foreign or any(tells_cause(plain(line)) for line in lines) else ""


async def _ask(record: Record) -> list[PodStatus]:
    async with Survey() as survey:
        return await survey.statuses(record.pods)
