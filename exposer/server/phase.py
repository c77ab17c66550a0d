"""How far a pod's init is, from what its steps left on the volume. Everything here blocks: call it in a thread."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field

from exposer.progress import Progress, read_progress
from exposer.records import STATE_DIR

WAITING = "waiting"
READY = "ready"

# The directories in an absolute path, but not those in a URL.
_DIRECTORIES = re.compile(r"(?<![\w/.~-])/(?:[^\s/:]+/)*(?=[^\s/:])")


class Step(BaseModel):
    """One init step of the pod."""

    name: str
    state: Literal["waiting", "running", "done", "failed"]
    started: str | None = Field(default=None, description="RFC 3339, UTC")
    seconds: float | None = Field(default=None, description="how long it took, or has taken so far")
    exit_code: int | None = None
    reason: str = Field(default="", description="the line that a failed step ended with")


class Position(BaseModel):
    """The step that the pod is at, of how many."""

    name: str | None
    number: int = Field(description="from 1; while none is at work, how many are done")
    count: int


@dataclass(frozen=True)
class Phase:
    """The pod's steps in their order, and the one that decides what the pod is called."""

    steps: tuple[Step, ...]

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
        ended = f"{step.name} failed" + (f" with exit code {step.exit_code}" if step.exit_code is not None else "")
        return f"{ended}: {step.reason}" if step.reason else ended

    @property
    def position(self) -> Position:
        """Where `current` is; without one, how many steps are done."""
        done = sum(step.state == "done" for step in self.steps)
        number = self.steps.index(self.current) + 1 if self.current else done
        return Position(name=self.current.name if self.current else None, number=number, count=len(self.steps))


def read_phase(root: Path | None, names: Sequence[str]) -> Phase:
    """The phase of the volume at ``root``; ``names`` are the pod's steps in order, as far as they are known."""
    runs = read_progress(root) if root else {}
    recorded = {path.stem for path in (root / STATE_DIR / "steps").glob("*.json")} if root else set()
    order = dict.fromkeys([*names, *runs, *sorted(recorded)])
    return Phase(tuple(_step(name, runs.get(name), recorded=name in recorded) for name in order))


def _step(name: str, run: Progress | None, *, recorded: bool) -> Step:
    if run is None:
        return Step(name=name, state="done" if recorded else "waiting")
    ended = time.time() if run.ended is None else run.ended
    return Step(
        name=name,
        state=run.state,
        started=datetime.fromtimestamp(run.started, UTC).isoformat(timespec="milliseconds"),
        seconds=round(max(ended - run.started, 0), 3),
        exit_code=run.exit_code,
        reason=_DIRECTORIES.sub("", run.reason),
    )
