"""How the pods of a cluster are shown: as a table or JSON; watched as a live table, lines per change, or JSON lines."""

import json
import logging
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from rich.console import Console

from exposer import log as logs
from exposer.network.agreement import Split
from exposer.network.cluster.pod import PodStatus
from exposer.network.events import Event, InCluster, What, log_event
from exposer.network.table import Screen, aligned
from exposer.status import clean

_COLUMNS = ("pod", "step", "now", "restarts", "height", "genesis", "why")
_LOG = logging.getLogger("exposer k8s")
_DIGITS = 8
"""Of a genesis's SHA-256; --json has all."""


class Shown(Protocol):
    """Shows the pods whenever they may have changed, until `end`."""

    def show(self, pods: Sequence[PodStatus], found: Sequence[Split]) -> None:
        """Show the pods, and the chains whose pods hold different genesis files."""

    def tell(self, event: Event) -> None:
        """Say what is true of no single pod, once."""

    def end(self, pods: Sequence[PodStatus]) -> None:
        """Leave on the screen how it stands."""


class Live:
    """The table of ``exposer up``, on stderr."""

    def __init__(self, title: str, console: Console) -> None:
        self._screen = Screen(title, _COLUMNS, console)
        self._screen.__enter__()
        self._told: Event | None = None

    def show(self, pods: Sequence[PodStatus], _found: Sequence[Split]) -> None:
        """Draw the pods."""
        self._screen.draw(map(_row, pods))

    def tell(self, event: Event) -> None:
        """Write it above the table."""
        if event != self._told:
            self._screen.note(event.detail)
        self._told = event

    def end(self, pods: Sequence[PodStatus]) -> None:
        """The table stays; where stdout is no terminal it gets one too."""
        self._screen.__exit__(None, None, None)
        if not sys.stdout.isatty():
            sys.stdout.write(table(pods))


class Changes:
    """A line on stderr for each change of a pod, and the table on stdout in the end."""

    def __init__(self) -> None:
        logs.configure()
        self._told: dict[str, Event] = {}

    def show(self, pods: Sequence[PodStatus], _found: Sequence[Split]) -> None:
        """Tell what is new."""
        now = {pod.name: _event(pod) for pod in pods}
        for name in self._told.keys() - now.keys() - {""}:
            self.tell(Event(name, "", "gone"))
            del self._told[name]
        for event in now.values():
            self.tell(event)

    def end(self, pods: Sequence[PodStatus]) -> None:
        """The table."""
        sys.stdout.write(table(pods))

    def tell(self, event: Event) -> None:
        """One line, where it is new."""
        if self._told.get(event.pod) != event:
            log_event(_LOG, event)
        self._told[event.pod] = event


class JsonLines:
    """A JSON document on stdout, one a line, for each change."""

    def __init__(self) -> None:
        logs.configure()
        self._last = ""
        self._lines = Changes()

    def show(self, pods: Sequence[PodStatus], found: Sequence[Split]) -> None:
        """Write the pods where they are others than before."""
        text = json.dumps(_document(pods, found))
        if text != self._last:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()
        self._last = text

    def tell(self, event: Event) -> None:
        """On stderr."""
        self._lines.tell(event)

    def end(self, pods: Sequence[PodStatus]) -> None:
        """All is said."""
        del pods


def choose(title: str, *, as_json: bool) -> Shown:
    """JSON lines on request, the live table where stderr is a terminal, else lines."""
    if as_json:
        return JsonLines()
    console = Console(stderr=True, highlight=False)
    return Live(title, console) if console.is_terminal else Changes()


def table(pods: Sequence[PodStatus]) -> str:
    """The pods in aligned columns."""
    return aligned([tuple(column.upper() for column in _COLUMNS), *map(_row, pods)])


def document(pods: Sequence[PodStatus], found: Sequence[Split]) -> str:
    """The pods as ``{"pods": [...], "disagreements": [...]}``."""
    return json.dumps(_document(pods, found), indent=2) + "\n"


def _document(pods: Sequence[PodStatus], found: Sequence[Split]) -> dict[str, object]:
    return {"pods": [pod.to_json() for pod in pods], "disagreements": [split.to_json() for split in found]}


def _row(pod: PodStatus) -> tuple[str, ...]:
    said = pod.sidecar
    height = str(said.height) if said and said.height is not None else "-"
    digest = said.genesis_sha256[:_DIGITS] if said and said.genesis_sha256 else "-"
    step = f"{pod.step}/{pod.steps}" if pod.steps else "-"
    return pod.name, step, pod.now, str(pod.restarts), height, digest, clean(pod.reason) or "-"


def _event(pod: PodStatus) -> Event:
    program, what = (pod.phase, pod.doing) if pod.doing else ("", pod.phase)
    return Event(pod.name, program, cast("What | InCluster", what), clean(pod.reason))
