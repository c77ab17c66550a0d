"""The processes of all pods, kept as a kubelet keeps containers: restarted with back-off."""

import asyncio
import signal
from collections.abc import Sequence
from functools import partial
from typing import Any

from exposer.errors import ExitCode, ExposerError, from_os_error
from exposer.network.cause import briefly, cause_of, describe_code
from exposer.network.events import Event, Tell
from exposer.network.local.child import Child, Program
from exposer.network.local.leftovers import KILL_TIME
from exposer.network.local.log_file import log_tail

DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each new try; a program that needs one more has failed."""
_STEADY = 10.0
"""Seconds after which a service's end is the first of a new row."""
_GRACE = 20.0
"""Seconds between SIGTERM and SIGKILL: below the 25 s of a sidecar's drain, above what a node takes to stop."""


class ProgramFailedError(ExposerError):
    """A program of a pod ended for good; ``code`` is its exit code, 128 + n for signal n."""

    def __init__(self, program: Program, code: int) -> None:
        super().__init__(
            f"{program.pod}: {program.name} ended with {describe_code(code, documented=program.documented)}"
        )
        self.program, self.code = program, code


def _may_retry(program: Program, code: int) -> bool:
    return not program.documented or code not in set(ExitCode) or ExitCode(code).retryable


def _why(program: Program, code: int) -> str:
    """The exit code of a program that has ended, and the last cause in its log."""
    told = briefly(cause_of(log_tail(program.log, causes=not program.documented)))
    return describe_code(code, documented=program.documented) + (f": {told}" if told else "")


class Supervisor:
    """All processes of a network. To be used in one event loop, in the main thread."""

    def __init__(self, tell: Tell, delays: Sequence[float] = DELAYS, *, kill_time: float = KILL_TIME) -> None:
        self._tell = tell
        self._delays = delays
        self._kill_time = kill_time
        self._children: dict[Child, Program] = {}
        self._services: set[asyncio.Task[None]] = set()
        self._broken: dict[str, asyncio.Future[None]] = {}
        self.complete = False
        """Whether the bring-up is over; from then on services are restarted without end."""

    async def run(self, program: Program) -> None:
        """Run a step until it is done; raises `ProgramFailedError` when no retry can or could help."""
        for failures, delay in enumerate((*self._delays, None), 1):
            self._tell(Event(program.pod, program.name, "running"))
            code = await self._once(program)
            if code == 0:
                self._tell(Event(program.pod, program.name, "done"))
                return
            if delay is None or not _may_retry(program, code):
                raise self._failed(program, code)
            await self._pause(program, code, delay, f"attempt {failures + 1} of {len(self._delays) + 1}")

    def keep(self, program: Program) -> None:
        """Start a service and keep it running until `stop`; it is told at once, before steps that need it."""
        self._tell(Event(program.pod, program.name, "running"))
        task = asyncio.create_task(self._keep(program), name=f"{program.pod} {program.name}")
        self._services.add(task)
        task.add_done_callback(partial(self._service_ended, pod=program.pod))

    async def _keep(self, program: Program) -> None:
        loop, failures = asyncio.get_running_loop(), 0
        while True:
            began = loop.time()
            code = await self._once(program)
            failures = 0 if loop.time() - began > _STEADY else failures
            if not self.complete and (failures == len(self._delays) or not _may_retry(program, code)):
                raise self._failed(program, code)
            await self._pause(program, code, self._delays[min(failures, len(self._delays) - 1)], "again")
            failures += 1
            self._tell(Event(program.pod, program.name, "running"))

    def broken(self, pod: str) -> asyncio.Future[None]:
        """Fails when a service of ``pod`` cannot be kept up; services of other pods go on."""
        return self._broken.setdefault(pod, asyncio.get_running_loop().create_future())

    def _service_ended(self, task: asyncio.Task[None], pod: str) -> None:
        broken = self.broken(pod)
        if not task.cancelled() and (error := task.exception()) and not broken.done():
            broken.set_exception(error)

    async def _once(self, program: Program) -> int:
        try:
            child = Child.start(program)
        except OSError as error:
            raise from_os_error(error) from error
        self._children[child] = program
        return await self._reap(child)

    async def _reap(self, child: Child) -> int:
        code = await child.wait()  # when this is cancelled the child stays known, for `stop`
        del self._children[child]
        return code

    def _failed(self, program: Program, code: int) -> ProgramFailedError:
        error = ProgramFailedError(program, code)
        self._tell(Event(program.pod, program.name, "failed", _why(program, code)))
        return error

    async def _pause(self, program: Program, code: int, delay: float, what: str) -> None:
        self._tell(Event(program.pod, program.name, "restarting", f"{_why(program, code)}; {what} in {delay:g} s"))
        await asyncio.sleep(delay)

    async def stop(self, force: asyncio.Event) -> None:
        """End every process, in the order of `Program.ends`; ``force`` kills at once."""
        for task in self._services:
            task.cancel()
        await asyncio.gather(*self._services, return_exceptions=True)
        for broken in self._broken.values():
            if broken.done():
                broken.exception()  # seen
        for turn in sorted({program.ends for program in self._children.values()}):
            await self._end([child for child, program in self._children.items() if program.ends == turn], force)

    async def _end(self, children: Sequence[Child], force: asyncio.Event) -> None:
        for child in children:
            program = self._children[child]
            self._tell(Event(program.pod, program.name, "stopping"))
            child.signal(signal.SIGTERM)
        ended = asyncio.gather(*map(self._reap, children))
        forced = asyncio.create_task(force.wait())
        await first_of(ended, forced, within=_GRACE)
        forced.cancel()
        for child in children:
            child.signal(signal.SIGKILL)
        await first_of(ended, within=self._kill_time)
        ended.cancel()  # who is still there is stuck in the kernel, and named by `kill_leftovers`


async def first_of(*futures: "asyncio.Future[Any]", within: float | None) -> None:
    """Return when one of ``futures`` is done, or after ``within`` seconds; none of them is cancelled."""
    await asyncio.wait(futures, timeout=within, return_when=asyncio.FIRST_COMPLETED)
