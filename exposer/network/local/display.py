"""How a bring-up is shown: a live table on a terminal, a line per change in a pipe, JSON lines on request."""

import contextlib
import logging
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console

from exposer.log import LogFormat
from exposer.network.events import LEVELS, SIDECARS, Event, log_event
from exposer.network.local.survey import PodStatus
from exposer.network.plan import Plan, Pod
from exposer.network.table import Screen

_LOG = logging.getLogger("exposer up")


class Display(Protocol):
    """Shows events as they come, and what the pods said when they were last asked, where it is ``live``."""

    @property
    def live(self) -> bool:
        """Whether `show` shows anything."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Leave the screen to others."""

    def tell(self, event: Event) -> None:
        """Show one event."""

    def show(self, pods: Iterable[PodStatus]) -> None:
        """Show heights and phases."""

    def say(self, text: str) -> None:
        """Write data to stdout."""


class Lines:
    """One line per change, through the log: text, or JSON with the event's fields."""

    live = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        return

    def tell(self, event: Event) -> None:
        """Log one event."""
        log_event(_LOG, event)

    def show(self, pods: Iterable[PodStatus]) -> None:
        """Lines are for changes; nothing."""

    def say(self, text: str) -> None:
        """Write it."""
        _write(text)


class LiveTable:
    """A table with a row for each pod, drawn on stderr; failures and retries scroll by above it."""

    live = True

    def __init__(self, plan: Plan, console: Console) -> None:
        self._plan = plan
        self._now = {pod.name: "" for pod in plan.pods}
        self._heights: dict[str, str] = {}
        self._screen = Screen(plan.name, ("pod", "step", "now", "exposer", "height"), console)

    def __enter__(self) -> Self:
        self._screen.__enter__()
        self._draw()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._screen.__exit__(kind, error, trace)

    def tell(self, event: Event) -> None:
        """Update the pod's row."""
        if event.pod and event.program not in SIDECARS:
            self._now[event.pod] = f"{event.program} {event.what}".strip()
        if event.what in LEVELS or not event.pod:
            self._screen.note(f"{event.pod or 'network'} {event.program} {event.what}: {event.detail}")
        self._draw()

    def show(self, pods: Iterable[PodStatus]) -> None:
        """Update heights."""
        self._heights = {pod.name: str(pod.node.height) for pod in pods if pod.node}
        self._draw()

    def say(self, text: str) -> None:
        """Write it above the table where both are on the terminal."""
        if sys.stdout.isatty():
            self._screen.note(text, end="")
        else:
            _write(text)

    def _draw(self) -> None:
        self._screen.draw(map(self._row, self._plan.pods))

    def _row(self, pod: Pod) -> tuple[str, ...]:
        names = [step.name for step in pod.steps]
        doing = self._now[pod.name].split(" ")[0]
        number = names.index(doing) + 1 if doing in names else len(names) if doing else 0
        told = pod.exposer.environment
        url = f"http://{told['EXPOSER_HOST']}:{told['EXPOSER_HTTP_PORT']}"
        return pod.name, f"{number}/{len(names)}", self._now[pod.name], url, self._heights.get(pod.name, "")


def _write(text: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # whoever read it has seen enough
        sys.stdout.write(text)
        sys.stdout.flush()


def choose(plan: Plan, log_format: LogFormat) -> Display:
    """The live table where stderr is a terminal and no JSON was asked for, else lines."""
    console = Console(stderr=True, highlight=False)
    return LiveTable(plan, console) if console.is_terminal and log_format == "text" else Lines()
