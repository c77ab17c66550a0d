import asyncio
import contextlib
import ctypes
import os
import select
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from network_world import stand_in
from project import ROOT
from waiting import eventually, until

from exposer.errors import BadInputError, ExitCode, TemporaryError
from exposer.network.cause import describe_code
from exposer.network.local.child import Child, Program
from exposer.network.local.leftovers import kill_leftovers, leftovers
from exposer.network.local.ports import LOOPBACK, Held
from exposer.network.local.processes import ProgramFailedError, Supervisor, first_of

if TYPE_CHECKING:
    from exposer.network.events import Event

NO_DELAYS = (0.0,) * 5
COUNT = """
import pathlib
tries = pathlib.Path("tries")
tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
n = len(tries.read_text())
"""
FOREVER = "import pathlib, signal, sys\npathlib.Path({ready!r}).touch()\nsignal.pause()\n"
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"


class World:
    """A supervisor without pauses, and what it told."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.events: list[Event] = []
        self.supervisor = Supervisor(self.events.append, NO_DELAYS)
        self.forced = asyncio.Event()

    def program(self, code: str, **kinds: object) -> Program:
        """A stand-in program in this world's directory."""
        return stand_in(self.directory, code, **kinds)  # type: ignore[arg-type]

    @property
    def story(self) -> list[str]:
        """The events as ``program what``."""
        return [f"{event.program} {event.what}" for event in self.events]

    @property
    def tries(self) -> int:
        """How often a program that counts was started."""
        return len((self.directory / "pod" / "tries").read_text())


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A supervisor whose processes end with the test."""
    result = World(tmp_path)
    yield result
    result.forced.set()
    await result.supervisor.stop(result.forced)


async def test_a_step_that_succeeds_runs_once_with_its_output_in_its_log(world: World) -> None:
    """Both streams go to the step's own log, in its pod's directory."""
    program = world.program(
        "import os, sys; print('out', flush=True); print('err', file=sys.stderr); print(os.getcwd())"
    )
    await world.supervisor.run(program)

    assert program.log.read_text().splitlines() == ["out", "err", str(world.directory / "pod")]
    assert world.story == ["step running", "step done"]


@pytest.mark.parametrize(
    "end", ["os.kill(os.getpid(), 9)", "sys.exit(75)", "sys.exit(1)", "sys.exit(124)", "sys.exit(143)"]
)
async def test_a_step_that_is_killed_or_may_be_retried_is_started_again(world: World, end: str) -> None:
    """As a kubelet would: a signal, a fault, a temporary failure and a timeout lead to a new try."""
    await world.supervisor.run(world.program(COUNT + f"import os, sys\nif n < 3: {end}"))

    assert world.tries == 3
    assert world.story == ["step running", "step restarting"] * 2 + ["step running", "step done"]
    told = [event.detail for event in world.events if event.what == "restarting"]
    assert [detail.rpartition("; ")[2] for detail in told] == ["attempt 2 of 6 in 0 s", "attempt 3 of 6 in 0 s"]


@pytest.mark.parametrize("code", [2, 3, 4, 5])
async def test_a_step_that_cannot_be_helped_stops_at_once(world: World, code: int) -> None:
    """Usage, bad input, a mismatch and a conflict are final: one try, and the code is kept."""
    with pytest.raises(ProgramFailedError, match=f"exit code {code} \\({ExitCode(code).name.lower()[:3]}"):
        await world.supervisor.run(world.program(COUNT + f"raise SystemExit({code})"))

    assert world.tries == 1
    assert world.story == ["step running", "step failed"]


async def test_a_step_is_tried_six_times(world: World) -> None:
    """Five retries, then the last exit code is the failure's."""
    with pytest.raises(ProgramFailedError) as caught:
        await world.supervisor.run(world.program(COUNT + "raise SystemExit(75)"))

    assert world.tries == 6
    assert caught.value.code == 75


async def test_a_program_that_cannot_be_run_is_bad_input(world: World) -> None:
    """A file without permission to run is not tried again."""
    log = world.program("").log
    with pytest.raises(BadInputError, match="Permission denied"):
        await world.supervisor.run(Program("pod", "node", (str(world.directory / "pod"),), {}, log))


async def test_a_service_that_dies_is_started_again(world: World) -> None:
    """A node that is killed comes back; its exit codes are its own, so none of them is final."""
    ready = world.directory / "ready"
    code = COUNT + "import sys\nif n < 4: sys.exit(2 + n)\n" + FOREVER.format(ready=str(ready))
    world.supervisor.keep(world.program(code, name="node", documented=False))
    await until(ready.exists)

    assert world.tries == 4


async def test_a_service_is_told_before_the_steps_that_need_it(world: World) -> None:
    """What a pod is at is the last thing told: the step beside its node, and not the node."""
    ready = world.directory / "ready"
    world.supervisor.keep(world.program(FOREVER.format(ready=str(ready)), name="node"))
    await world.supervisor.run(world.program("", name="create-validator"))

    assert world.story == ["node running", "create-validator running", "create-validator done"]


async def test_a_service_that_cannot_be_kept_up_fails_the_bring_up(world: World) -> None:
    """After five restarts in a row its failure is the supervisor's; after the bring-up there is no such limit."""
    program = world.program(COUNT + "raise SystemExit(1)", name="node", documented=False)
    world.supervisor.keep(program)
    with pytest.raises(ProgramFailedError):
        await world.supervisor.broken("pod")

    assert world.tries == 6
    world.supervisor.complete = True
    world.supervisor.keep(program)
    await until(lambda: world.tries > 14)


async def test_processes_end_in_order(world: World) -> None:
    """Faucets are told to end first, nodes when these have ended, and exposers when all nodes have."""
    ended = world.directory / "ended"
    handler = f"lambda *_: (open({str(ended)!r}, 'a').write(NAME + ' '), sys.exit(0))"
    tell = f"import signal, sys\nsignal.signal(15, {handler})\n"
    for name, ends in (("exposer", 2), ("node", 1), ("faucet", 0)):
        ready = world.directory / f"{name}-ready"
        code = f"NAME = {name!r}\n{tell}{FOREVER.format(ready=str(ready))}"
        world.supervisor.keep(world.program(code, name=name, ends=ends))
        await until(ready.exists)
    await world.supervisor.stop(world.forced)

    assert ended.read_text() == "faucet node exposer "
    assert world.story[-3:] == ["faucet stopping", "node stopping", "exposer stopping"]


async def test_a_second_wish_kills_at_once(world: World) -> None:
    """A program that ignores SIGTERM, and its child that does too, are killed when it is forced."""
    ready = world.directory / "ready"
    child = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-S', '-c', 'import signal; signal.pause()'])\n"
    world.supervisor.keep(world.program(STUBBORN + child + FOREVER.format(ready=str(ready)), name="node"))
    await until(ready.exists)
    assert len(list(leftovers(world.directory))) == 2
    stopping = asyncio.create_task(world.supervisor.stop(world.forced))
    await until(lambda: "node stopping" in world.story)
    world.forced.set()
    await stopping

    await until(lambda: not list(leftovers(world.directory)))


async def test_the_socket_of_a_held_port_is_handed_over(world: World) -> None:
    """A sidecar gets a bound socket by --fd, and so does the one that replaces it."""
    code = (
        "import socket, sys\nassert sys.argv[1] == '--fd'\nserver = socket.socket(fileno=int(sys.argv[2]))\n"
        "server.listen()\nserver.accept()[0].sendall(b'hello')\n"
    )
    with Held() as held:
        port = held.hold(0) or 0
        world.supervisor.keep(world.program(code, name="exposer", port=port))
        for _ in range(2):
            async with asyncio.timeout(20):
                assert await _greeting(port) == b"hello"
        await world.supervisor.stop(world.forced)


async def _greeting(port: int) -> bytes:
    """What the server at ``port`` says, once there is one that is not just ending."""
    said = b""
    while not said:
        await asyncio.sleep(0.001)  # or the retries take the CPU from the server that starts
        with contextlib.suppress(ConnectionError):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                said = await reader.read()
            finally:
                writer.close()
                await writer.wait_closed()
    return said


def test_an_exit_code_is_told_with_its_meaning() -> None:
    """Ours by their names, signals by theirs, a chain binary's as they are."""
    assert describe_code(3, documented=True) == "exit code 3 (bad input)"
    assert describe_code(137, documented=True) == "exit code 137 (SIGKILL)"
    assert describe_code(2, documented=False) == "exit code 2"
    assert describe_code(77, documented=True) == "exit code 77"


async def test_the_wait_for_one_of_several_is_bounded() -> None:
    """It returns at its limit, and leaves what it waited for alone."""
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    await first_of(never, within=0.0)

    assert not never.cancelled()


PARENT = """
import sys
from pathlib import Path
from network_world import stand_in
from exposer.network.local.child import Child
directory = Path(sys.argv[1])
Child.start(stand_in(directory, sys.argv[2]))
import signal; signal.pause()
"""


def test_no_process_outlives_a_killed_parent(tmp_path: Path) -> None:
    """The kernel ends a child, even one that ignores signals, when its parent is killed."""
    ready = tmp_path / "ready"
    code = STUBBORN + FOREVER.format(ready=str(ready))
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests/support'}"}
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path), code], env=environment) as parent:
        eventually("it runs", ready.exists, limit=20)
        assert len(list(leftovers(tmp_path))) == 1
        parent.kill()

    eventually("it has ended", lambda: not list(leftovers(tmp_path)), limit=20)


def test_leftovers_of_a_network_are_killed_and_no_others(tmp_path: Path) -> None:
    """A process that got away is found by its mark, whoever its parent is; another network's is left alone."""
    ours, others = tmp_path / "a", tmp_path / "b"
    children = []
    for directory in (ours, others):
        ready = tmp_path / f"{directory.name}-ready"
        children.append(Child.start(stand_in(directory, FOREVER.format(ready=str(ready)))))
        eventually("it runs", ready.exists, limit=20)
    try:
        assert kill_leftovers(ours) == 1
        assert len(list(leftovers(others))) == 1
    finally:
        assert kill_leftovers(others) == 1
        codes = asyncio.run(_ends(children))
    assert codes == [137, 137]


@contextlib.contextmanager
def stuck(pid: int) -> Iterator[None]:
    """Makes ``pid`` one that SIGKILL does not end: its exit is traced, so the kernel halts it on its way out."""
    trace = ctypes.CDLL(None, use_errno=True).ptrace
    seize, trace_exit, resume = 0x4206, ctypes.c_void_p(0x40), 7  # <linux/ptrace.h>
    assert trace(seize, pid, None, trace_exit) == 0, os.strerror(ctypes.get_errno())
    descriptor = os.pidfd_open(pid)
    try:
        yield
    finally:
        trace(resume, pid, None, None)
        assert select.select([descriptor], [], [], 20)[0]
        os.close(descriptor)


def test_a_leftover_that_cannot_be_killed_is_named(tmp_path: Path) -> None:
    """A process stuck in the kernel is waited for until the limit, and told with its id."""
    ready = tmp_path / "ready"
    child = Child.start(stand_in(tmp_path, FOREVER.format(ready=str(ready))))
    eventually("it runs", ready.exists, limit=20)
    (pid,) = leftovers(tmp_path)
    with stuck(pid), pytest.raises(TemporaryError, match=rf"SIGKILL did not end the processes {pid} of this network"):
        kill_leftovers(tmp_path, within=0.1)

    assert asyncio.run(_ends([child])) == [137]


async def test_a_child_that_cannot_be_killed_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """Stopping gives up on a process that is stuck in the kernel; `kill_leftovers` is who names it."""
    ready = tmp_path / "ready"
    supervisor, forced = Supervisor(lambda _event: None, NO_DELAYS, kill_time=0.1), asyncio.Event()
    supervisor.keep(stand_in(tmp_path, FOREVER.format(ready=str(ready)), name="node"))
    await until(ready.exists)
    async with asyncio.timeout(20):
        forced.set()
        (pid,) = leftovers(tmp_path)
        with stuck(pid):
            await supervisor.stop(forced)
            assert list(leftovers(tmp_path)) == [pid]
        await supervisor.stop(forced)


async def _ends(children: list[Child]) -> list[int]:
    """The exit codes of processes that have ended."""
    return [await child.wait() for child in children]
