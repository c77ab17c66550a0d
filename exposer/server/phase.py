"""How far a pod's init is, from what its steps left on the volume. Everything here blocks: call it in a thread."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from exposer.progress import Progress, read_progress, tell_failure
from exposer.records import STATE_DIR
from exposer.server.ledger import LAST_STEP

WAITING = "waiting"
READY = "ready"
STALLED = "stalled"
"""The pod's init is complete, and its node makes no blocks."""

# The directories in an absolute path, but not those in a URL.
_DIRECTORIES = re.compile(r"(?<![\w/.~-])/(?:[^\s/:]+/)*(?=[^\s/:])")


StepState = Literal["waiting", "running", "done", "failed"]


class Step(BaseModel):
    """One init step of the pod."""

    name: str
    state: StepState
    started: str | None = Field(default=None, description="RFC 3339, UTC")
    seconds: float | None = Field(default=None, description="how long it took, or has taken so far")
    exit_code: int | None = None
    reason: str = Field(default="", description="the line that a failed step ended with")


class Position(BaseModel):
    """The step that the pod is at, of how many."""

    name: str | None
    number: int = Field(description="from 1; while none is at work, how many are done")
    count: int


class Bootstrap(BaseModel):
    """The way from the start of the first step to the pod's being ready."""

    started: str = Field(description="RFC 3339, UTC")
    seconds: float = Field(description="how long it took, or has taken so far")


@dataclass(frozen=True)
class Phase:
    """The pod's steps in their order, and the one that decides what the pod is called.

    ``began`` and ``ended``: when the first step started and the last one ended, in seconds since the epoch.
    """

    steps: tuple[Step, ...]
    began: float | None = None
    ended: float | None = None

    @property
    def current(self) -> Step | None:
        """The step that runs or failed, the latest of them if there are several."""
        active = [step for step in self.steps if step.state in {"running", "failed"}]
        return max(active, key=lambda step: step.started or "", default=None)

    @property
    def name(self) -> str:
        """The name of `current`, or "waiting"."""
        return self.current.name if self.current else WAITING

    @property
    def failure(self) -> str:
        """Why the pod is stuck; empty unless `current` failed."""
        step = self.current
        if step is None or step.state != "failed":
            return ""
        return tell_failure(step.name, step.exit_code, step.reason)

    @property
    def position(self) -> Position:
        """Where `current` is; without one, how many steps are done."""
        done = sum(step.state == "done" for step in self.steps)
        number = self.steps.index(self.current) + 1 if self.current else done
        return Position(name=self.current.name if self.current else None, number=number, count=len(self.steps))

    def bootstrap(self, *, ready: bool) -> Bootstrap | None:
        """The steps as a whole; the clock stops when the pod is ready."""
        if self.began is None:
            return None
        until = self.ended if ready and self.ended is not None else time.time()
        return Bootstrap(started=rfc3339(self.began), seconds=_seconds(self.began, until))


def read_phase(root: Path | None, names: Sequence[str]) -> Phase:
    """The phase of the volume at ``root``; ``names`` are the pod's steps in order, as far as they are known."""
    try:
        runs = read_progress(root) if root else {}
        recorded = {path.stem for path in (root / STATE_DIR / "steps").glob("*.json")} if root else set()
    except OSError:  # the verdicts on the artifacts tell that the volume cannot be read
        runs, recorded = {}, set()
    order = filter(_is_text, dict.fromkeys([*names, *runs, *sorted(recorded)]))
    steps = tuple(_step(name, runs.get(name), recorded=name in recorded) for name in order)
    return Phase(steps, min((run.started for run in runs.values()), default=None), _ended(runs))


def rfc3339(seconds: float) -> str:
    """A moment, given in seconds since the epoch, as RFC 3339 writes it in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _ended(runs: Mapping[str, Progress]) -> float | None:
    """When the last step ended; what runs after init-config (create-validator, say) is not part of the init."""
    last = runs.get(LAST_STEP)
    return last.ended if last else max((run.ended for run in runs.values() if run.ended is not None), default=None)


def _step(name: str, run: Progress | None, *, recorded: bool) -> Step:
    if run is None:
        return Step(name=name, state="done" if recorded else "waiting")
    return Step(
        name=name,
        state=run.state,
        started=rfc3339(run.started),
        seconds=_seconds(run.started, time.time() if run.ended is None else run.ended),
        exit_code=run.exit_code,
        reason=_DIRECTORIES.sub("", _text(run.reason)),
    )


def _seconds(began: float, ended: float) -> float:
    return round(max(ended - began, 0), 3)


def _text(text: str) -> str:
    """Text that can be written as UTF-8: JSON can hold halves of characters."""
    return text.encode(errors="replace").decode()


def _is_text(name: str) -> bool:
    """Whether it can be written as it is; file names can hold any bytes, and two of them must not become one step."""
    return name == _text(name)
