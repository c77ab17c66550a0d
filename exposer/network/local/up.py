"""``exposer up``: a whole network on this machine until somebody ends it.

Exit codes: 0 after a complete bring-up that was ended by a signal; 128 + n when signal n came before that; a failed
step's own, also in the end where the other pods went on without it; 4 when pods hold different genesis files, whenever
that happens; 124 when the time limit ran out.
"""

import asyncio
import contextlib
import json
import logging
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

from exposer import log as logs
from exposer.errors import ExposerError, TimedOutError
from exposer.log import LogFormat
from exposer.network.cause import briefly, cause_of
from exposer.network.document import Document
from exposer.network.events import SIDECARS, Event
from exposer.network.local import detach, display
from exposer.network.local.binaries import find_binaries
from exposer.network.local.bringup import BringUp, Programs
from exposer.network.local.leftovers import kill_leftovers
from exposer.network.local.log_file import log_tail
from exposer.network.local.losses import Losses, exit_code
from exposer.network.local.ports import Held
from exposer.network.local.prepare import Prepared, prepare
from exposer.network.local.processes import ProgramFailedError, Supervisor, first_of
from exposer.network.local.state import State
from exposer.network.local.summary import failure_text, summary_text
from exposer.network.local.survey import STOPPED, PodStatus, Survey, agree, report
from exposer.network.wanted import Wanted, choose_document

log = logging.getLogger("exposer up")
_LIMIT, _LIMIT_OF_BUILDS = 300.0, 3600.0
"""Seconds for a bring-up; where binaries are built each takes minutes, and the first time their modules are fetched."""
_REFRESH, _LOOK = 1.0, 5.0
"""Seconds between two looks at what runs: for the live table, and where only changes are printed."""


_REMIND = 30.0
"""Seconds, or a quarter of the limit, after which lines say what is waited for."""


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
        return detach.in_background(options.state.up_log, partial(_hold, options, document, binaries))
    return _hold(options, document, binaries, lambda _code: None)


def _hold(options: UpOptions, document: Document, binaries: dict[str, str], ready: Callable[[int], None]) -> int:
    state = options.state
    with state.hold(), Held() as held:
        if killed := kill_leftovers(state.root):
            log.warning("killed %d processes that an earlier exposer up left running", killed)
        prepared = prepare(document, binaries, state, held, force=options.force)
        try:
            with display.choose(prepared.plan, options.log_format) as shown:
                return asyncio.run(_Run(options, prepared, shown, ready).to_the_end())
        except ProgramFailedError as error:
            text, fields = failure_text(error, state, document)
            log.error("%s", text, extra={"fields": fields})  # noqa: TRY400 - the step's log is the cause
            return exit_code(error)
        finally:
            kill_leftovers(state.root)  # what a chain binary may have started outside of its session


class _Run:
    """One bring-up and what follows it, in one event loop."""

    def __init__(
        self, options: UpOptions, prepared: Prepared, shown: display.Display, ready: Callable[[int], None]
    ) -> None:
        self._options = options
        self._prepared = prepared
        self._shown = shown
        self._ready = ready
        self._ended = asyncio.Event()
        self._forced = asyncio.Event()
        self._signal = 0
        self._doing: dict[str, Event] = {}
        self._reasons: dict[str, str] = {}
        builds = any(pod.builds for pod in prepared.plan.pods)
        self._limit = options.timeout or (_LIMIT_OF_BUILDS if builds else _LIMIT)

    async def to_the_end(self) -> int:
        """Bring up, stay until a signal, stop all processes; the exit code."""
        plan, record, state = self._prepared.plan, self._prepared.record, self._options.state
        losses = Losses(plan, state)
        self._listen()
        supervisor = Supervisor(self._tell)
        async with Survey() as survey:
            programs = Programs(state, self._prepared.binaries)
            bring_up = BringUp(plan, record, programs, supervisor, survey, losses, self._tell)
            bringing = asyncio.create_task(bring_up.run())
            try:
                statuses = await self._until_complete(bringing, losses)
                if statuses is None:
                    return 128 + self._signal
                supervisor.complete = True
                self._say(statuses, losses)
                await self._stay(bring_up)
                return losses.exit_code
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
        self, bringing: "asyncio.Task[list[PodStatus]]", losses: Losses
    ) -> list[PodStatus] | None:
        """What all pods say when all is up; None when a signal came first."""
        ended = asyncio.create_task(self._ended.wait())
        with contextlib.ExitStack() as stack:
            stack.callback(ended.cancel)
            until, pause = time.monotonic() + self._limit, min(_REMIND, self._limit / 4)
            while not (bringing.done() or ended.done()) and (left := until - time.monotonic()) > 0:
                await first_of(bringing, ended, within=min(left, pause))
                if left > pause and not (bringing.done() or ended.done() or self._shown.live):
                    for event in self._waiting(losses):
                        log.info("not ready yet: %s", self._at(event))
        if bringing.done():
            return bringing.result()
        if self._ended.is_set():
            return None
        waiting = "".join(f"\n    {self._at(event)}" for event in self._waiting(losses))
        raise TimedOutError(
            f"the network is not up after {self._limit:g} s; the logs in {self._options.state.root} tell more, "
            f"--timeout gives it longer; not ready:{waiting}"
        )

    def _waiting(self, losses: Losses) -> list[Event]:
        """What each pod does that is not ready, and may become so."""
        return [event for pod, event in self._doing.items() if event.what != "ready" and pod not in losses.errors]

    def _tell(self, event: Event) -> None:
        """Keep what each pod does, for who asks why it takes so long, and show it."""
        if event.pod and event.program not in SIDECARS:
            self._doing[event.pod] = event
        self._shown.tell(event)

    def _at(self, event: Event) -> str:
        """What a pod does, and why that takes so long: what was told of it, or what the program has said last."""
        log_path = self._options.state.log(event.pod, event.program)
        why = event.detail or (briefly(cause_of(log_tail(log_path))) if event.program and log_path.exists() else "")
        return f"{event.pod}: {f'{event.program} {event.what}'.strip()}" + (f": {why}" if why else "")

    def _say(self, statuses: Sequence[PodStatus], losses: Losses) -> None:
        state = self._options.state
        for error in losses.errors.values():
            if isinstance(error, ProgramFailedError):
                text, fields = failure_text(error, state, self._prepared.document, code=losses.exit_code)
                log.error("%s", text, extra={"fields": fields})
        if self._options.log_format == "json":
            text = json.dumps(report(statuses)) + "\n"
        else:
            text = summary_text(self._prepared, statuses, state)
        self._shown.say(text)
        self._ready(losses.exit_code)

    async def _stay(self, bring_up: BringUp) -> None:
        """Until a signal; what pods hold is compared, and what is wrong is reported, as long as they run.

        Raises:
            MismatchError: pods of a chain hold different genesis files.
        """
        ended = asyncio.create_task(self._ended.wait())
        broken = {bring_up.supervisor.broken(pod.name): pod for pod in self._prepared.plan.pods}
        try:
            while not ended.done():
                left = [future for future, pod in broken.items() if pod.name not in bring_up.losses.errors]
                await first_of(ended, *left, within=_REFRESH if self._shown.live else _LOOK)
                for future in (one for one in left if one.done()):
                    bring_up.lost(broken[future], cast("ExposerError", future.exception()))
                if not ended.done():
                    self._look(await bring_up.survey.statuses(self._prepared.record.pods), bring_up.losses)
        finally:
            ended.cancel()

    def _look(self, statuses: Sequence[PodStatus], losses: Losses) -> None:
        known = [status for status in statuses if status.name not in losses.errors]  # a lost pod has been reported
        agree(known)
        for status in known:
            if status.phase == STOPPED:
                continue  # its exposer is restarting, which has been reported
            if status.reason != self._reasons.get(status.name, ""):
                self._tell(Event(status.name, "", "unready" if status.reason else "ready", status.reason))
            self._reasons[status.name] = status.reason
        self._shown.show(statuses)
