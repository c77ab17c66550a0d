"""Gates that wait: from the leader's commit to the moment at which each of them knows."""

import json
import math
import os
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from bench.servers import Server, exposer
from bench.table import OURS, Row, bounded, spread
from bench.volume import last_record, make_volume

_CROWDS = {100: (50, 9), 1000: (500, 5)}  # waiters -> milliseconds to reach, rounds
_GATES = 100
_MOST_MEMORY = 128  # MiB
_PAUSE = 0.01  # seconds between two looks at how many wait
_POLL = "a poll each 10 s: 5,000 ms on average"


def rows() -> list[Row]:
    """Bare sockets that wait for ``/node_id``, the sidecar's memory meanwhile, and whole gate processes."""
    with tempfile.TemporaryDirectory() as directory:
        home = make_volume(Path(directory) / "home", 10**6)
        with exposer(home) as server:
            leader = _Leader(home, server)
            server.forget_peak()
            crowds = [_crowd(leader, count, *target) for count, target in _CROWDS.items()]
            memory = bounded(f"peak memory with {max(_CROWDS):,} waiters", [server.peak()], "MiB", _MOST_MEMORY)
            return [*crowds, memory, _gates(leader)]


class _Leader:
    """A pod that becomes ready and stops being so, as often as it takes."""

    def __init__(self, home: Path, server: Server) -> None:
        self.server = server
        _, self.answer = server.get("/node_id")
        self._record = last_record(home)
        self._held = home / "held"

    def begin(self) -> None:
        """Take the record back."""
        self._record.rename(self._held)

    def commit(self) -> float:
        """Put the record in its place, as a step's commit does last; the moment before, on the monotonic clock."""
        moment = time.monotonic()
        self._held.rename(self._record)
        return moment

    def until_waiting(self, count: int) -> None:
        """Return once as many requests as that wait."""
        while json.loads(self.server.get("/status")[1])["waiters"] < count:
            time.sleep(_PAUSE)


class _Waiter(Protocol):
    """What is told of a commit."""

    def fileno(self) -> int:
        """What becomes readable."""

    def is_told(self) -> bool:
        """Whether it knows now; called when it is readable."""


class _Connection:
    """A request that is held."""

    def __init__(self, leader: _Leader) -> None:
        self._end = leader.answer
        self._received = b""
        self._socket = socket.create_connection(("127.0.0.1", leader.server.port))
        self._socket.sendall(b"GET /node_id?wait=60s HTTP/1.1\r\nHost: bench\r\n\r\n")

    def fileno(self) -> int:
        """The connection."""
        return self._socket.fileno()

    def is_told(self) -> bool:
        """Whether the last byte of the answer has arrived."""
        self._received += self._socket.recv(4096)
        if not self._received.startswith(b"HTTP/1.1 200"):
            raise RuntimeError("a waiter was sent away")
        return self._received.endswith(self._end)

    def close(self) -> None:
        """Let the connection go."""
        self._socket.close()


class _Gate:
    """A ``wait-for-chains``."""

    def __init__(self, leader: _Leader) -> None:
        command = [sys.executable, "-m", "init_scripts.wait_for_chains", f"127.0.0.1:{leader.server.port}"]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE)
        self._received = b""

    def fileno(self) -> int:
        """Its log."""
        assert self._process.stderr is not None  # noqa: S101 - it is a pipe
        return self._process.stderr.fileno()

    def is_told(self) -> bool:
        """Whether it has logged that its target is ready."""
        data = os.read(self.fileno(), 4096)
        if not data:
            raise RuntimeError("a gate ended closed")
        self._received += data
        return b"ready after" in self._received

    def close(self) -> None:
        """Leave nothing behind."""
        with self._process:
            self._process.kill()


def _release(leader: _Leader, count: int, make: Callable[[_Leader], "_Connection | _Gate"]) -> list[float]:
    """Milliseconds from the commit until each waiter was told, in their order."""
    waiters: list[_Connection | _Gate] = []
    leader.begin()
    try:
        waiters += (make(leader) for _ in range(count))
        leader.until_waiting(count)
        return _told(waiters, leader.commit)
    finally:
        for waiter in waiters:
            waiter.close()


def _told(waiters: Iterable[_Waiter], commit: Callable[[], float]) -> list[float]:
    told: list[float] = []
    with selectors.DefaultSelector() as selector:
        for waiter in waiters:
            selector.register(waiter, selectors.EVENT_READ)
        began = commit()
        while selector.get_map():
            for key, _ in selector.select():
                if key.fileobj.is_told():  # type: ignore[union-attr]  # what was registered above
                    told.append((time.monotonic() - began) * 1000)
                    selector.unregister(key.fileobj)
    return told


def _crowd(leader: _Leader, count: int, most: int, rounds: int) -> Row:
    _release(leader, count, _Connection)  # warms up
    told = [_release(leader, count, _Connection) for _ in range(rounds)]
    late = [percentile(one, 99) for one in told]
    against = f"p50: {spread([percentile(one, 50) for one in told], 'ms', 1)}; {_POLL}"
    return bounded(f"{count:,} waiters after the commit: p99", late, "ms", most, against)


def _gates(leader: _Leader) -> Row:
    """No target: on one machine the processes, which belong into as many pods, mostly wait for each other."""
    told = _release(leader, _GATES, _Gate)
    ours = f"{percentile(told, 50):.0f} ms, p99 {percentile(told, 99):.0f} ms"
    return Row(f"{_GATES} processes wait-for-chains after the commit: p50", ours, _POLL, "-", None, None, {OURS: told})


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that ``percent`` of all do not exceed, by nearest rank."""
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]
