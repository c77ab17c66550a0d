"""How a bring-up is shown: a live table on a terminal, a line per change in a pipe, JSON lines on request."""

import contextlib
import logging
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from exposer.log import LogFormat
from exposer.network.events import SIDECARS, Event
from exposer.network.plan import Plan
from exposer.network.survey import PodStatus

log = logging.getLogger("exposer up")
_LEVELS = {"failed": logging.ERROR, "restarting": logging.WARNING}


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
        subject = " ".join(part for part in (event.pod, event.program) if part) or "network"
        fields = {"pod": event.pod, "program": event.program, "state": event.what, "detail": event.detail}
        text = f"{subject}: {event.what}" + (f": {event.detail}" if event.detail else "")
        log.log(_LEVELS.get(event.what, logging.INFO), "%s", text, extra={"fields": fields})

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
        self._console = console
        # no refresh thread: processes are started by fork, which threads do not survive well
        self._live = Live(
            self._table(),
            console=console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def tell(self, event: Event) -> None:
        """Update the pod's row."""
        if event.pod and event.program not in SIDECARS:
            self._now[event.pod] = f"{event.program} {event.what}".strip()
        if event.what in _LEVELS or not event.pod:
            self._console.print(f"{event.pod or 'network'} {event.program} {event.what}: {event.detail}", markup=False)
        self._draw()

    def show(self, pods: Iterable[PodStatus]) -> None:
        """Update heights."""
        self._heights = {pod.name: str(pod.node.height) for pod in pods if pod.node}
        self._draw()

    def say(self, text: str) -> None:
        """Write it above the table where both are on the terminal."""
        if sys.stdout.isatty():
            self._console.print(text, markup=False, soft_wrap=True, end="")
        else:
            _write(text)

    def _draw(self) -> None:
        self._live.update(self._table(), refresh=True)

    def _table(self) -> Table:
        table = Table("pod", "step", "now", "exposer", "height", title=self._plan.name, title_justify="left")
        for pod in self._plan.pods:
            names = [step.name for step in pod.steps]
            doing = self._now[pod.name].split(" ")[0]
            number = names.index(doing) + 1 if doing in names else len(names) if doing else 0
            url = f"http://{pod.exposer['EXPOSER_HOST']}:{pod.exposer['EXPOSER_HTTP_PORT']}"
            table.add_row(pod.name, f"{number}/{len(names)}", self._now[pod.name], url, self._heights.get(pod.name, ""))
        return table


def _write(text: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # whoever read it has seen enough
        sys.stdout.write(text)
        sys.stdout.flush()


def choose(plan: Plan, log_format: LogFormat) -> Display:
    """The live table where stderr is a terminal and no JSON was asked for, else lines."""
    console = Console(stderr=True, highlight=False)
    return LiveTable(plan, console) if console.is_terminal and log_format == "text" else Lines()
