"""How far a step is, for people: ``.exposer/progress/<step>.json``, written by the step, read by the sidecar.

Kept apart from the records because it has times in it, and decides nothing.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from exposer.records import STATE_DIR
from exposer.stamps import read_regular

State = Literal["running", "done", "failed"]
_LATEST = 1 << 36  # seconds since the epoch; later moments have no date
_LIMIT = 1 << 16  # bytes
_HIGHEST = 255  # exit code


@dataclass(frozen=True)
class Progress:
    """One step's last run: times are seconds since the epoch; ``reason`` is the one line a failed step ended with."""

    step: str
    state: State
    started: float
    ended: float | None = None
    exit_code: int | None = None
    reason: str = ""


def tell_failure(step: str, exit_code: int | None, reason: str) -> str:
    """The sentence that says how a step failed."""
    ended = f"{step} failed" + (f" with exit code {exit_code}" if exit_code is not None else "")
    return f"{ended}: {reason}" if reason else ended


def last_failure(root: Path) -> Progress | None:
    """The run of a step on the volume ``root`` that began last, where it failed."""
    last = max(read_progress(root).values(), key=lambda run: run.started, default=None)
    return last if last and last.state == "failed" else None


def write_progress(root: Path, progress: Progress) -> None:
    """Keep ``progress``; a reader sees the old one or the new one."""
    directory = root / STATE_DIR / "progress"
    directory.mkdir(parents=True, exist_ok=True)
    temporary = directory / f"{progress.step}.tmp"
    temporary.write_text(json.dumps(asdict(progress)), encoding="utf-8")
    temporary.rename(directory / f"{progress.step}.json")


def read_progress(root: Path) -> dict[str, Progress]:
    """Step -> its last run, in the order of their starts; a file that is not its step's progress is left out."""
    found = []
    for path in (root / STATE_DIR / "progress").glob("*.json"):
        try:
            progress = _parse(read_regular(path, _LIMIT))
        except (OSError, ValueError, TypeError, RecursionError):
            continue
        if progress.step == path.stem:
            found.append(progress)
    return {progress.step: progress for progress in sorted(found, key=lambda progress: progress.started)}


def _parse(data: bytes) -> Progress:
    """The progress in ``data``; raises ValueError, TypeError or RecursionError where it is none."""
    progress = Progress(**json.loads(data))
    found: dict[str, Any] = asdict(progress)
    ended, code = found["ended"], found["exit_code"]
    right = (
        isinstance(found["step"], str)
        and found["state"] in get_args(State)
        and 0 <= found["started"] < _LATEST
        and (ended is None or 0 <= ended < _LATEST)
        and (code is None or (isinstance(code, int) and 0 <= code <= _HIGHEST))
        and isinstance(found["reason"], str)
    )
    if not right:
        raise ValueError("not a step's progress")
    return progress
