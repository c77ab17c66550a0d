"""Tests on several workers (pytest-xdist): a network for each, and what all of them have seen.

Each worker has a network namespace of its own where it may make one (as root): the programs under test choose ports,
and want the same ones after a restart. Elsewhere tests that are marked ``ports`` run one at a time. A test that asks a
package registry, or containers, is marked ``outside`` and runs in the namespace that the tests were started in.
"""

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain as joined
from pathlib import Path

import pytest
from matrix import MATRIX
from witness import WITNESS

_CLONE_NEWNET = 0x40000000  # sched.h
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1  # netdevice(7)
_LIBC = ctypes.CDLL(None, use_errno=True)
_NAMESPACE = Path("/proc/thread-self/ns/net")


def pytest_xdist_auto_num_workers() -> int | None:
    """Two for each core, since tests of processes wait about half of their time; one where they write the docs."""
    if os.environ.get("UPDATE_DOCS") and not os.environ.get("EXHAUSTIVE"):
        return 0
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None  # xdist reads it
    return min(16, 2 * len(os.sched_getaffinity(0)))


_OUTSIDE = pytest.StashKey[int]()
_RUNNING: list[pytest.Item] = []
"""The test that runs now; its fixtures are set up for it, whatever their scope."""


def pytest_configure(config: pytest.Config) -> None:
    """A worker leaves the network that it shares with the others, where it may."""
    if hasattr(config, "workerinput"):
        outside = os.open(_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
        if _LIBC.unshare(_CLONE_NEWNET) == 0:
            _raise_loopback()
            config.stash[_OUTSIDE] = outside
        else:
            os.close(outside)


@pytest.fixture(autouse=True)
def _network(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A test with a mark has the network that it needs: that of the machine, or one without others of its mark."""
    outside = request.config.stash.get(_OUTSIDE, None)
    with ExitStack() as stack:
        if outside is not None and request.node.get_closest_marker("outside"):
            inside = stack.enter_context(_NAMESPACE.open())
            _enter(outside)
            stack.callback(_enter, inside.fileno())
        if outside is None and request.node.get_closest_marker("ports"):
            of_all_workers = tmp_path_factory.getbasetemp().parent / "ports.lock"
            fcntl.flock(stack.enter_context(of_all_workers.open("w")), fcntl.LOCK_EX)
        yield


def _enter(namespace: int) -> None:
    if _LIBC.setns(namespace, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "the network namespace cannot be entered")


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh", b"lo", 0)
        name, flags = struct.unpack("16sh", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, request))
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh", name, flags | _IFF_UP))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker sends what it has seen to the process that started it."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["witness"], output["matrix"] = WITNESS.totals(), MATRIX.content()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Add what a worker has sent; one that died sent nothing, and its test has failed."""
    output = getattr(node, "workeroutput", None) or {}
    if "witness" in output:
        WITNESS.add(output["witness"])
        MATRIX.add(*output["matrix"])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """From here on ``tell`` speaks for this test."""
    _RUNNING[:] = [item]


@pytest.fixture(scope="session")
def tell() -> Callable[[str], None]:
    """Keeps a line of what was measured for the summary.

    It goes with the test's report: what a worker prints is shown nowhere.
    """
    return lambda line: _RUNNING[0].user_properties.append(("told", line))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests measured, how many secrets were looked for and seen, and what was tried on which chain."""
    for report in joined.from_iterable(terminalreporter.stats.values()):
        if getattr(report, "when", "") == "teardown":  # the last report of each test, which has all lines
            for line in (text for name, text in report.user_properties if name == "told"):
                terminalreporter.write_line(f"{report.head_line}: {line}")
    answers, lines, seen, ever = WITNESS.totals()
    told = f"witness: {answers} answers, {lines} log lines, {len(ever)} secrets, {seen} hits"
    for line in (told, *MATRIX.lines()):
        terminalreporter.write_line(line)
