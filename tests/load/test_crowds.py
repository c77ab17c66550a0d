"""Many clients at once, slow ones, ones that leave and ones that outlive the sidecar: none is held up or forgotten."""

import contextlib
import hashlib
import io
import json
import os
import random
import re
import selectors
import signal
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sidecar_process import SOON, Sidecar, running
from sidecar_world import KEYS, LARGE, commit_all, fill
from tls_world import Authorities
from waiting import eventually

from exposer.client import Client
from init_scripts.backoff import Backoff, Patience
from init_scripts.download import Download, Fetched

DIGEST = hashlib.sha256(LARGE).hexdigest()
SMALL_BUFFER = 4096
SLOW = 500
MIB = 1 << 20


def _descriptors(sidecar: Sidecar) -> int:
    return len(list(Path(f"/proc/{sidecar.process.pid}/fd").iterdir()))


def _status(sidecar: Sidecar) -> dict[str, int]:
    found: dict[str, int] = json.loads(sidecar.get("/status")[1])
    return found


def _ask(sidecar: Sidecar, path: str, *, buffer: int | None = None) -> socket.socket:
    connection = sidecar.connect(buffer=buffer)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: pod\r\n\r\n".encode())
    return connection


@contextlib.contextmanager
def _slow(sidecar: Sidecar, count: int, pace: float) -> Iterator[None]:
    """So many downloads that have begun, each of whose clients reads a byte every ``pace`` seconds."""
    done = threading.Event()
    with contextlib.ExitStack() as stack:
        asked = (_ask(sidecar, "/genesis", buffer=SMALL_BUFFER) for _ in range(count))
        clients = [stack.enter_context(contextlib.closing(client)) for client in asked]
        for client in clients:
            assert client.recv(1)  # the first ones may have been cut by now

        def read() -> None:
            while not done.wait(pace):
                for client in clients:
                    with contextlib.suppress(ConnectionError):
                        client.recv(1)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield
        finally:
            done.set()
            reader.join()


def _download(sidecar: Sidecar) -> str:
    """The digest of a genesis that a client of the usual kind fetches."""
    digest, buffer = hashlib.sha256(), bytearray(MIB)
    with contextlib.closing(sidecar.client()) as connection:
        connection.request("GET", "/genesis")
        response = connection.getresponse()
        while count := response.readinto(buffer):
            digest.update(memoryview(buffer)[:count])
    return digest.hexdigest()


def test_slow_clients_hold_nobody_up(tmp_path: Path, tell: Callable[[str], None]) -> None:
    """500 clients that read a byte a second do not hold 100 others up, cost little, and leave nothing behind."""
    fill(tmp_path, LARGE)
    with running(tmp_path, stall_timeout="1h") as sidecar:
        assert _download(sidecar) == DIGEST
        descriptors, memory = _descriptors(sidecar), sidecar.memory("VmRSS")
        after: list[int] = []
        took = 0.0
        for _ in range(2):
            with _slow(sidecar, SLOW, 1.0):
                eventually("all download", lambda: _status(sidecar)["downloads"] == SLOW)
                began = time.monotonic()
                with ThreadPoolExecutor(100) as pool:
                    digests = list(pool.map(_download, [sidecar] * 100))
                took = max(took, time.monotonic() - began)
                assert digests == [DIGEST] * 100
                assert _status(sidecar)["downloads"] == SLOW
            eventually("no descriptor is left", lambda: _descriptors(sidecar) <= descriptors)
            after.append(sidecar.memory("VmRSS"))
        peak, left = sidecar.memory("VmHWM"), after[-1]
    shown = ", ".join(f"{what} {size / MIB:.0f}" for what, size in (("idle", memory), ("peak", peak), ("after", left)))
    tell(f"100 downloads beside 500 slow ones: {took:.1f} s; MiB: {shown}")
    assert peak - memory < 96 * MIB
    assert left - memory < 64 * MIB
    assert left - after[0] < 8 * MIB  # what one crowd leaves is kept for the next, not added to


@pytest.mark.parametrize(("transport", "clients"), [("plain", 500), ("TLS", 100)])
def test_slow_clients_are_cut(tmp_path: Path, transport: str, clients: int) -> None:
    """Hundreds of clients that take nothing are cut at the limit, while probes are answered, and leave nothing."""
    fill(tmp_path, LARGE)
    authorities = Authorities.new(tmp_path) if transport == "TLS" else None
    with running(tmp_path, *(authorities.serving() if authorities else ()), stall_timeout="5s") as sidecar:
        sidecar.secure = authorities.credentials().context() if authorities else None
        assert _download(sidecar) == DIGEST
        descriptors = _descriptors(sidecar)
        with _slow(sidecar, clients, SOON):
            eventually(
                "all are cut",
                lambda: sidecar.get("/livez")[0] == 200 and _status(sidecar)["downloads"] == 0,
            )
            eventually("no descriptor is left", lambda: _descriptors(sidecar) <= descriptors)
        assert {fetch["state"] for fetch in json.loads(sidecar.get("/status")[1])["fetches"][:50]} == {"cut"}


def test_waiters(tmp_path: Path, tell: Callable[[str], None]) -> None:
    """A thousand waiters in at most 128 MiB are all released by the commit, with the same body."""
    waiters = 1000
    with running(tmp_path, steps="init-genesis,init-config") as sidecar, contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for _ in range(waiters):
            connection = stack.enter_context(contextlib.closing(_ask(sidecar, "/node_id?wait=60s")))
            selector.register(connection, selectors.EVENT_READ)
        eventually("all wait", lambda: _status(sidecar)["waiters"] == waiters)
        commit_all(tmp_path)
        committed = time.monotonic()
        answers = {key.fileobj: b"" for key in selector.get_map().values()}
        late: list[float] = []
        while len(late) < waiters:
            ready = selector.select(SOON)
            assert ready
            for key, _ in ready:
                assert isinstance(key.fileobj, socket.socket)
                answers[key.fileobj] += key.fileobj.recv(1 << 16)
                if answers[key.fileobj].endswith(b"}"):
                    late.append(time.monotonic() - committed)
                    selector.unregister(key.fileobj)
        peak = sidecar.memory("VmHWM")
        eventually("nobody waits", lambda: _status(sidecar)["waiters"] == 0)
    percentiles = statistics.quantiles(late, n=100)
    spread = f"p50 {percentiles[49] * 1e3:.0f} ms, p99 {percentiles[98] * 1e3:.0f} ms"
    tell(f"{waiters} waiters: {spread}; peak {peak / MIB:.0f} MiB")
    body = b'{"node_id":"%s"}' % KEYS.node_id().encode()
    assert {answer.partition(b"\r\n\r\n")[2] for answer in answers.values()} == {body}
    assert {answer.split()[1] for answer in answers.values()} == {b"200"}
    assert peak <= 128 * MIB


class Gated(io.FileIO):
    """A file in memory that takes its first megabyte, and the rest once ``gate`` is open; ``begun`` counts waiters."""

    def __init__(self, begun: threading.Semaphore, gate: threading.Event) -> None:
        super().__init__(os.memfd_create("genesis"), "r+")
        self._begun = begun
        self._gate = gate

    def write(self, data: "bytes | bytearray | memoryview[int]") -> int:  # type: ignore[override]  # as its one caller has it
        """Write, and wait behind the first megabyte."""
        if self.tell() > MIB and not self._gate.is_set():
            self._begun.release()
            assert self._gate.wait(SOON)
        return super().write(data)


@pytest.mark.parametrize(
    ("number", "drain"),
    [(signal.SIGTERM, "60s"), (signal.SIGTERM, "1s"), (signal.SIGKILL, "60s")],
    ids=["drained", "drain is over", "killed"],
)
def test_restart_under_load(tmp_path: Path, number: signal.Signals, drain: str) -> None:
    """Downloads that a restart meets midway all end with the right bytes: drained, or resumed from the next process."""
    fill(tmp_path, LARGE)
    begun, gate = threading.Semaphore(0), threading.Event()
    clients = 16
    cut = number == signal.SIGKILL or drain == "1s"

    def fetch(port: int) -> str:
        """What an init step does."""
        patience = Patience(SOON, Backoff(first=0.05, cap=0.2))
        with Client(f"http://127.0.0.1:{port}", timeout=SOON) as client, Gated(begun, gate) as target:
            return Download(client, "/genesis", target, patience).run(_sha256)

    with running(tmp_path, drain=drain) as first, ThreadPoolExecutor(clients + 1) as pool:
        port = first.address[1]
        fetched = [pool.submit(fetch, port) for _ in range(clients)]
        for _ in fetched:
            assert begun.acquire(timeout=SOON)
        first.process.send_signal(number)
        if cut:
            first.process.wait(SOON)
        else:
            first.refuses()
        with running(tmp_path, http_port=str(port)) as second:
            gate.set()
            fetched.append(pool.submit(fetch, port))
            assert [future.result(SOON) for future in fetched] == [DIGEST] * (clients + 1)
            fetches = json.loads(second.get("/status")[1])["fetches"]
        assert first.process.wait(SOON) == -number
    sizes = sorted(fetch["size"] for fetch in fetches)
    assert len(sizes) == (clients + 1 if cut else 1)
    assert sizes[-1] == len(LARGE)
    assert all(size < len(LARGE) - MIB for size in sizes[:-1])


def _sha256(fetched: Fetched) -> str:
    assert fetched.file.read() == LARGE
    return fetched.sha256


REQUESTS: Sequence[bytes] = [
    b"",
    b"GET /genesis HTTP/1.1\r\nHost: pod\r\n\r\n",
    b"GET /genesis HTTP/1.1\r\nHost: pod\r\nRange: bytes=0-9,5000000-\r\n\r\n",
    b"GET /node_id HTTP/1.1\r\nHost: pod\r\n\r\n" * 20,
    b"GET /node_id HTTP/1.0\r\n\r\n",
    b"GET /artifacts/later?wait=60s HTTP/1.1\r\nHost: pod\r\n\r\n",
    b"HEAD /genesis HTTP/1.1\r\nHost: pod\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: pod\r\nContent-Length: 100\r\n\r\nabc",
    b"POST / HTTP/1.1\r\nHost: pod\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    b"no request\r\n\r\n",
]


def _leave(chance: random.Random, connection: socket.socket) -> None:
    """Read a little or nothing, then end the connection in one of the ways that there are."""
    connection.setblocking(False)
    with contextlib.suppress(BlockingIOError, ConnectionError):
        connection.recv(chance.choice([1, 1000, 100_000]))
    with contextlib.suppress(OSError):
        if chance.random() < 0.3:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        elif chance.random() < 0.3:
            connection.shutdown(socket.SHUT_WR)
    connection.close()


def test_comings_and_goings(tmp_path: Path) -> None:
    """2,000 connections that are left in all states, up to 200 of them at a time, leave nothing behind."""
    fill(tmp_path, LARGE)
    chance = random.Random(7)
    with running(tmp_path, artifacts="later=config/later.json") as sidecar, contextlib.ExitStack() as stack:
        assert _download(sidecar) == DIGEST
        before = _descriptors(sidecar)
        connections: list[socket.socket] = []
        for _ in range(2000):
            connection = stack.enter_context(contextlib.closing(sidecar.connect(buffer=SMALL_BUFFER)))
            request = chance.choice(REQUESTS)
            connection.sendall(request[: chance.randint(0, len(request))] if chance.random() < 0.3 else request)
            connections.append(connection)
            while len(connections) > 200 or (connections and chance.random() < 0.4):
                _leave(chance, connections.pop(chance.randrange(len(connections))))
        for connection in connections:
            _leave(chance, connection)
        eventually("no descriptor is left", lambda: _descriptors(sidecar) <= before)
        status = _status(sidecar)
        assert (status["waiters"], status["downloads"]) == (0, 0)
        assert _download(sidecar) == DIGEST
        sidecar.process.terminate()
        code, log = sidecar.end()
    assert code == -signal.SIGTERM
    assert not re.search("Traceback|WARNING|ERROR", log), log[-2000:]


def test_clients_that_ask_much_and_leave(tmp_path: Path) -> None:
    """Requests whose client has left before their answers cost no line in the log, however many there are."""
    fill(tmp_path)
    with running(tmp_path) as sidecar:
        for _ in range(20):
            for _ in range(100):  # the first few are before the short way is open
                with contextlib.closing(sidecar.connect(buffer=SMALL_BUFFER)) as connection:
                    connection.sendall(REQUESTS[3])
            assert sidecar.get("/livez")[0] == 200  # on a slow machine thousands of answers stand before this one
        sidecar.process.terminate()
        _, log = sidecar.end()
    assert not re.search("Traceback|WARNING|ERROR", log), log[-2000:]


def test_one_client_holds_many_connections(tmp_path: Path, tell: Callable[[str], None]) -> None:
    """While one client opens connections far beyond the limit, and holds them, every probe is answered."""
    fill(tmp_path, LARGE)
    with running(tmp_path, max_connections="200", stall_timeout="1h") as sidecar, contextlib.ExitStack() as stack:
        times = []
        for number in range(1000):
            connection = stack.enter_context(contextlib.closing(sidecar.connect(buffer=SMALL_BUFFER)))
            part = b"GET /genesis HTTP/1.1\r\nHost: pod\r\nX: "[: number % 40]
            connection.sendall(REQUESTS[1] if number < 50 else part)
            if number % 5 == 0:
                began = time.monotonic()
                assert sidecar.get("/livez") == (200, b'{"status":"alive"}')
                times.append(time.monotonic() - began)
        shown = f"median {statistics.median(times) * 1e3:.1f} ms, most {max(times) * 1e3:.1f} ms"
        tell(f"{len(times)} probes in a crowd: {shown}")
        assert _status(sidecar)["downloads"] == 50
