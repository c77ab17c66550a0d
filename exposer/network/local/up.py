"""``exposer up``: a whole network on this machine until somebody ends it.

Exit codes: 0 after a complete bring-up that was ended by a signal; 128 + n when signal n came before that; a failed
step's own; 4 when the pods do not agree; 124 when the time limit ran out.
"""

import asyncio
import contextlib
import json
import logging
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exposer import log as logs
from exposer.errors import ExitCode, TimedOutError
from exposer.log import LogFormat
from exposer.network.document import Document
from exposer.network.events import SIDECARS, Event
from exposer.network.local import detach, display
from exposer.network.local.binaries import find_binaries
from exposer.network.local.bringup import BringUp, Programs
from exposer.network.local.child import kill_leftovers
from exposer.network.local.ports import Held
from exposer.network.local.prepare import Prepared, prepare
from exposer.network.local.processes import ProgramFailedError, Supervisor, first_of
from exposer.network.local.state import State
from exposer.network.local.summary import failure_text, summary_text
from exposer.network.local.survey import PodStatus, Survey, genesis_first
from exposer.network.wanted import Wanted, choose_document

log = logging.getLogger("exposer up")
_LIMIT, _LIMIT_OF_BUILDS = 300.0, 3600.0
"""Seconds for a bring-up; where binaries are built each takes minutes, and the first time their modules are fetched."""
_REFRESH = 1.0
"""Seconds between two looks at the heights for the live table."""


@dataclass(frozen=True)
class UpOptions:
    """The command line; ``timeout`` limits the bring-up, in seconds: infinite is without end, None the default."""

    wanted: Wanted
    state: State
    force: bool = False
    detach: bool = False
    log_format: LogFormat = "text"
    timeout: float | None = None


def up(options: UpOptions) -> int:
    """Run the network; returns the exit code. Nothing is started, or written, before the whole input is checked."""
    logs.configure(options.log_format)
    document = choose_document(options.wanted)
    for warning in document.warnings:
        log.warning("%s", warning)
    binaries = find_binaries(document)
    if options.detach:
        options.state.create()
        return detach.in_background(options.state.up_log, lambda ready: _hold(options, document, binaries, ready))
    return _hold(options, document, binaries, lambda: None)


def _hold(options: UpOptions, document: Document, binaries: dict[str, str], ready: Callable[[], None]) -> int:
    state = options.state
    with state.hold(), Held() as held:
        if killed := kill_leftovers(state.root):
            log.warning("killed %d processes that an earlier exposer up left running", killed)
        prepared = prepare(document, binaries, state, held, force=options.force)
        try:
            with display.choose(prepared.plan, options.log_format) as shown:
                return asyncio.run(_Run(options, prepared, shown, ready).to_the_end())
        except ProgramFailedError as error:
            text, fields = failure_text(error, state)
            log.error("%s", text, extra={"fields": fields})  # noqa: TRY400 - the step's log is the cause
            return error.code if error.program.documented else ExitCode.FAULT
        finally:
            kill_leftovers(state.root)  # what a chain binary may have started outside of its session


class _Run:
    """One bring-up and what follows it, in one event loop."""

    def __init__(
        self, options: UpOptions, prepared: Prepared, shown: display.Display, ready: Callable[[], None]
    ) -> None:
        self._options = options
        self._prepared = prepared
        self._shown = shown
        self._ready = ready
        self._ended = asyncio.Event()
        self._forced = asyncio.Event()
        self._signal = 0
        self._doing: dict[str, str] = {}
        builds = any(pod.builds for pod in prepared.plan.pods)
        self._limit = options.timeout or (_LIMIT_OF_BUILDS if builds else _LIMIT)

    async def to_the_end(self) -> int:
        """Bring up, stay until a signal, stop all processes; the exit code."""
        self._listen()
        supervisor = Supervisor(self._tell)
        async with Survey() as survey:
            programs = Programs(self._options.state, self._prepared.binaries)
            plan, record = self._prepared.plan, self._prepared.record
            bring_up = BringUp(plan, record, programs, supervisor, survey, self._tell)
            bringing = asyncio.create_task(bring_up.run())
            try:
                statuses = await self._until_complete(bringing, supervisor)
                if statuses is None:
                    return 128 + self._signal
                supervisor.complete = True
                self._say(statuses)
                await self._stay(supervisor, survey)
                return ExitCode.DONE
            finally:
                bringing.cancel()
                await asyncio.gather(bringing, return_exceptions=True)
                await supervisor.stop(self._forced)

    def _listen(self) -> None:
        """The first signal ends in order, a second one at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup(1)
                loop.add_signal_handler(number, self._heed, number)

    def _heed(self, number: int) -> None:
        if self._ended.is_set():
            self._forced.set()
            return
        self._signal = number
        self._ended.set()
        self._shown.tell(Event("", "", "stopping", f"{signal.Signals(number).name}; once more kills at once"))

    async def _until_complete(
        self, bringing: "asyncio.Task[list[PodStatus]]", supervisor: Supervisor
    ) -> list[PodStatus] | None:
        """What all pods say when all is up; None when a signal came first."""
        ended = asyncio.create_task(self._ended.wait())
        with contextlib.ExitStack() as stack:
            stack.callback(ended.cancel)
            await first_of(bringing, ended, supervisor.failure, within=self._limit)
        if supervisor.failure.done():
            supervisor.failure.result()
        if bringing.done():
            return bringing.result()
        if self._ended.is_set():
            return None
        waiting = ", ".join(f"{pod} ({doing})" for pod, doing in self._doing.items() if doing != "ready")
        raise TimedOutError(
            f"the network is not up after {self._limit:g} s; not ready: {waiting}; the logs in "
            f"{self._options.state.root} tell more, --timeout gives it longer"
        )

    def _tell(self, event: Event) -> None:
        """Keep what each pod does, for who asks why it takes so long, and show it."""
        if event.pod and event.program not in SIDECARS:
            self._doing[event.pod] = f"{event.program} {event.what}".strip()
        self._shown.tell(event)

    def _say(self, statuses: Sequence[PodStatus]) -> None:
        if self._options.log_format == "json":
            text = json.dumps({"pods": [status.to_json() for status in genesis_first(statuses)]}) + "\n"
        else:
            text = summary_text(self._prepared, statuses, self._options.state)
        self._shown.say(text)
        self._ready()

    async def _stay(self, supervisor: Supervisor, survey: Survey) -> None:
        """Until a signal; on a terminal the heights are kept fresh."""
        ended = asyncio.create_task(self._ended.wait())
        while not ended.done():
            await first_of(ended, supervisor.failure, within=_REFRESH if self._shown.live else None)
            if supervisor.failure.done():
                ended.cancel()
                supervisor.failure.result()
            if self._shown.live and not ended.done():
                self._shown.show(await survey.statuses(self._prepared.record.pods))
