"""What a client may do to a connection, and what it gets: limits, broken requests, and many connections."""

import contextlib
import http.client
import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sidecar_process import SOON, Sidecar, rest, running
from sidecar_world import LARGE, fill
from tls_world import Authorities
from waiting import eventually


@pytest.fixture(scope="module", params=["plain", "TLS"])
def transport(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Authorities | None:
    """What issues the sidecar's certificate, where it has one."""
    return Authorities.new(tmp_path_factory.mktemp("tls")) if request.param == "TLS" else None


@contextlib.contextmanager
def _running(home: Path, authorities: Authorities | None, **settings: str) -> Iterator[Sidecar]:
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
    with running(home, *arguments, *(authorities.serving() if authorities else ())) as sidecar:
        sidecar.secure = authorities.credentials().context() if authorities else None
        yield sidecar


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory, transport: Authorities | None) -> Iterator[Sidecar]:
    """A sidecar on a finished home that gives a request half a second."""
    home = tmp_path_factory.mktemp("home")
    fill(home)
    with _running(home, transport, request_timeout="500ms", idle_timeout="1s") as process:
        yield process


GET = b"GET /node_id HTTP/1.1\r\nHost: pod\r\n"
FOREVER = b"a" * (80 << 10)

# what is sent -> (status, code) of the answer
REFUSED: dict[str, tuple[bytes, int, str]] = {
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n", 400, "bad-request"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version-not-supported"),
    "HTTP/2's version": (b"GET /node_id HTTP/2.0\r\nHost: pod\r\n\r\n", 505, "version-not-supported"),
    "another version": (b"GET /node_id HTTP/3.7\r\nHost: pod\r\n\r\n", 505, "version-not-supported"),
    "no version": (b"GET /node_id HTTP/1.10\r\nHost: pod\r\n\r\n", 400, "bad-request"),
    "no host": (b"GET /node_id HTTP/1.1\r\n\r\n", 400, "bad-request"),
    "two hosts": (GET + b"Host: other\r\n\r\n", 400, "bad-request"),
    "length and chunks": (
        GET + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "bad-request",
    ),
    "two lengths": (GET + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", 400, "bad-request"),
    "a length with a sign": (GET + b"Content-Length: +5\r\n\r\nabcde", 400, "bad-request"),
    "space before a colon": (GET + b"Content-Length : 5\r\n\r\nabcde", 400, "bad-request"),
    "a folded field": (GET + b"X: 1\r\n Content-Length: 5\r\n\r\n", 400, "bad-request"),
    "NUL in a field": (GET + b"X: \0\r\n\r\n", 400, "bad-request"),
    "bare CR": (GET + b"X: a\rY: b\r\n\r\n", 400, "bad-request"),
    "chunks that are none": (GET + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 0, ""),
    "bytes in the target": (b"GET /\xff\xfe HTTP/1.1\r\nHost: pod\r\n\r\n", 400, "bad-request"),
    "a long target": (b"GET /" + FOREVER[:9000] + b" HTTP/1.1\r\nHost: pod\r\n\r\n", 414, "uri-too-long"),
    "a target without an end": (b"GET /" + FOREVER, 414, "uri-too-long"),
    "a large field": (GET + b"X: " + FOREVER + b"\r\n\r\n", 431, "headers-too-large"),
    "a field without an end": (GET + b"X: " + FOREVER, 431, "headers-too-large"),
    "a name without an end": (GET + FOREVER, 431, "headers-too-large"),
    "many fields": (GET + b"X: 1\r\n" * 200 + b"\r\n", 431, "headers-too-large"),
    "a trailer without an end": (
        GET + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: 1\r\n" * 200 + b"\r\n",
        0,
        "",
    ),
    "half a request": (GET, 408, "request-timeout"),
    "half a body": (GET + b"Content-Length: 10\r\n\r\nabc", 0, ""),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(sidecar: Sidecar, what: str) -> None:
    """What is no request, or too much of one, gets a problem and the end of the connection; nothing stays behind."""
    sent, status, code = REFUSED[what]
    answers = _exchange(sidecar, sent)
    if status:
        head, _, body = answers.partition(b"\r\n\r\n")
        assert int(head.split()[1]) == status, answers
        assert json.loads(body)["code"] == code
        assert b"connection: close" in head
        assert b"application/problem+json" in head
    assert answers.count(b"HTTP/1.1 ") == 1
    assert sidecar.get("/livez")[0] == 200


def test_refusals_count(sidecar: Sidecar) -> None:
    """What is refused before the application sees it is in the metrics too, with nothing that the client sent."""
    expected = {status for _, status, _ in REFUSED.values() if status}
    for what in ("no host", "a long target", "a large field", "half a request", "HTTP/2"):
        _exchange(sidecar, REFUSED[what][0])
    found = re.findall(rb'exposer_http_requests_total\{path="other",status="(\d+)"\}', sidecar.get("/metrics")[1])
    assert {*map(int, found)} == expected == {400, 408, 414, 431, 505}


@pytest.mark.parametrize("host", [b"Host: pod\r\n", b""])
def test_a_later_minor_version_is_answered_as_the_one_that_is_known(sidecar: Sidecar, host: bytes) -> None:
    """A client of HTTP/1.2 keeps its connection, and is asked for a host (RFC 9110, section 2.5)."""
    line = b"GET /livez HTTP/1.2\r\n" + host + b"\r\n"
    answers = _exchange(sidecar, line * 2)
    assert re.findall(rb"HTTP/1\.1 (\d+) ", answers) == ([b"200"] * 2 if host else [b"400"])


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/%6eode_id", 200),
        (b"/%2fnode_id", 404),
        (b"/node_id%2F", 404),
        (b"/artifacts%2Fa", 404),
        (b"%2Fnode_id", 400),
    ],
)
def test_an_escaped_slash_separates_nothing(sidecar: Sidecar, target: bytes, status: int) -> None:
    """It is data of a segment, and no path has such a segment; other escapes are the letters that they stand for."""
    answer = _exchange(sidecar, b"GET " + target + b" HTTP/1.1\r\nHost: pod\r\n\r\n")
    assert int(answer.split()[1]) == status


def test_ranges(tmp_path: Path, transport: Authorities | None) -> None:
    """Ranges that lie far apart come as parts of one answer, however the bytes are sent."""
    fill(tmp_path, LARGE)
    ranges = [(0, 10), (1 << 20, 9 << 20), (len(LARGE) - 5, len(LARGE))]
    asked = ",".join(f"{first}-{end - 1}" for first, end in ranges)
    with _running(tmp_path, transport) as sidecar, contextlib.closing(sidecar.client()) as connection:
        connection.request("GET", "/genesis", headers={"range": f"bytes={asked}"})
        answer = connection.getresponse()
        body = answer.read()
    boundary = answer.headers.get_param("boundary")
    assert isinstance(boundary, str)
    parts = [part.partition(b"\r\n\r\n")[2] for part in body.split(f"--{boundary}".encode())[1:-1]]
    assert answer.status == 206
    assert parts == [LARGE[first:end] + b"\r\n" for first, end in ranges]


def test_refused_in_pieces(sidecar: Sidecar) -> None:
    """A field without an end is refused too when it comes in small pieces."""
    with contextlib.closing(sidecar.connect()) as connection:
        connection.sendall(GET + b"X: ")
        with contextlib.suppress(ConnectionError):
            for _ in range(200):
                connection.sendall(b"a" * 1000)
        assert b" 431 " in rest(connection).partition(b"\r\n")[0]


def test_silence(sidecar: Sidecar) -> None:
    """A client that says nothing, or nothing but empty lines, is let go without a word."""
    assert _exchange(sidecar, b"") == b""
    with contextlib.closing(sidecar.connect()) as connection:
        connection.sendall(GET + b"\r\n")
        answer = http.client.HTTPResponse(connection, method="GET")
        answer.begin()
        answer.read()
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - began < SOON:
                connection.sendall(b"\r\n")
                if not (told := connection.recv(1 << 16)):
                    break
                raise AssertionError(told)
    assert time.monotonic() - began < SOON


def test_broken_behind_an_answer(sidecar: Sidecar) -> None:
    """Garbage behind a request does not get into its answer: that is whole, then it is refused, and that is the end."""
    received = _exchange(sidecar, b"GET /genesis HTTP/1.1\r\nHost: pod\r\n\r\n\0\0garbage\r\n\r\n")
    head, _, body = received.partition(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head)
    assert found
    length = int(found[1])
    assert json.loads(body[:length])["chain_id"] == "test-1"
    assert body[length:].startswith(b"HTTP/1.1 400 ")


def test_broken_behind_two(sidecar: Sidecar) -> None:
    """Garbage behind two requests: both are answered, then it is refused."""
    received = _exchange(sidecar, (GET.replace(b"/node_id", b"/genesis") + b"\r\n") * 2 + b"\0\0garbage\r\n\r\n")
    assert re.findall(rb"HTTP/1.1 (\d+) ", received) == [b"200", b"200", b"400"]


@pytest.mark.parametrize("first", [b"/genesis", b"/node_id?wait=30s"])
def test_a_flood_of_requests(tmp_path: Path, first: bytes) -> None:
    """Requests without end behind one that is not finished are left to the client: memory stays as it is."""
    fill(tmp_path, LARGE)
    (tmp_path / "config/node_id.json").unlink()
    with (
        running(tmp_path, stall_timeout="2s") as sidecar,
        contextlib.closing(sidecar.connect(buffer=4096)) as connection,
    ):
        sidecar.get("/status")  # checks the genesis, which takes memory for the long string in it
        idle = sidecar.memory("VmHWM")
        connection.sendall(b"GET %s HTTP/1.1\r\nHost: pod\r\n\r\n" % first)
        connection.settimeout(0.5)
        flood = b"GET /status HTTP/1.1\r\nHost: pod\r\n\r\n" * 1000
        with contextlib.suppress(TimeoutError, ConnectionError):
            for _ in range(1000):
                connection.sendall(flood)
        assert sidecar.get("/livez")[0] == 200
        assert sidecar.memory("VmHWM") - idle < 8 << 20


def test_a_client_that_leaves_with_requests_queued(tmp_path: Path) -> None:
    """Who leaves is missed, however much he has asked behind what he waits for."""
    with running(tmp_path) as sidecar:
        connection = sidecar.connect()
        connection.sendall(b"GET /node_id?wait=60s HTTP/1.1\r\nHost: pod\r\n\r\n" + (GET + b"\r\n") * 3)
        eventually("it waits", lambda: json.loads(sidecar.get("/status")[1])["waiters"] == 1, limit=SOON)
        connection.close()
        eventually("it is missed", lambda: json.loads(sidecar.get("/status")[1])["waiters"] == 0, limit=SOON)


def test_a_client_that_leaves_with_more_queued_than_is_read(tmp_path: Path) -> None:
    """Whoever sends without end behind what he waits for is let go: else nobody would know that he has left."""
    with running(tmp_path) as sidecar, contextlib.closing(sidecar.connect()) as connection:
        connection.sendall(b"GET /node_id?wait=60s HTTP/1.1\r\nHost: pod\r\n\r\n")
        eventually("it waits", lambda: json.loads(sidecar.get("/status")[1])["waiters"] == 1, limit=SOON)
        with contextlib.suppress(ConnectionError):
            connection.sendall((GET + b"\r\n") * 10_000)
        eventually("it is missed", lambda: json.loads(sidecar.get("/status")[1])["waiters"] == 0, limit=SOON)


def test_upgrade(sidecar: Sidecar) -> None:
    """A request for another protocol is answered as HTTP/1.1, and what follows it is not read as a request."""
    upgrade = GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    received = _exchange(sidecar, upgrade + GET + b"\r\n")
    assert received.count(b"HTTP/1.1 200") == 1
    assert b"connection: close" in received


def test_pipelined(sidecar: Sidecar) -> None:
    """Requests that come at once are answered in their order, the short way or the long one."""
    paths = [b"/node_id", b"/genesis", b"/node_id", b"/livez", b"/keys", b"/node_id"]
    sent = b"".join(b"GET %s HTTP/1.1\r\nHost: pod\r\n\r\n" % path for path in paths)
    with contextlib.closing(sidecar.connect()) as connection:
        connection.sendall(sent)
        bodies = [_read(connection) for _ in paths]
    alone = [sidecar.get(path.decode())[1] for path in paths]
    assert bodies == alone


def test_half_closed(tmp_path: Path) -> None:
    """A client that closes its side once it has asked, as nc does, gets its answers, and then the end.

    Not over TLS, where the end of one side is the end of the connection.
    """
    fill(tmp_path)
    with running(tmp_path) as sidecar:
        for path in ("/genesis", "/status", "/keys", "/node_id", "/livez", "/nothing"):
            request = b"GET %s HTTP/1.1\r\nHost: pod\r\n\r\n" % path.encode()
            for times in (1, 3):
                with contextlib.closing(sidecar.connect()) as connection:
                    connection.sendall(request * times)
                    connection.shutdown(socket.SHUT_WR)
                    received = rest(connection)
                lengths = [int(length) for length in re.findall(rb"content-length: (\d+)", received)]
                assert len(lengths) == times, path
                assert received.count(b"\r\n\r\n") == times
                assert len(received.rpartition(b"\r\n\r\n")[2]) == lengths[-1] > 0


def test_a_wait_of_a_client_that_has_said_all(tmp_path: Path) -> None:
    """The answer before it is whole; nobody waits for a client that nobody could see leaving, however it spells it."""
    fill(tmp_path, LARGE)
    (tmp_path / "config/node_id.json").unlink()
    with running(tmp_path) as sidecar:
        for name in (b"wait", b"w%61it"):
            with contextlib.closing(sidecar.connect(buffer=4096)) as connection:
                first = b"GET /genesis HTTP/1.1\r\nHost: pod\r\n\r\n"
                connection.sendall(first + b"GET /node_id?%s=60s HTTP/1.1\r\nHost: pod\r\n\r\n" % name)
                connection.shutdown(socket.SHUT_WR)
                received = rest(connection)
            assert received.partition(b"\r\n\r\n")[2].startswith(LARGE)
        eventually("nobody waits", lambda: json.loads(sidecar.get("/status")[1])["waiters"] == 0, limit=SOON)


def test_body_is_not_read(sidecar: Sidecar) -> None:
    """The body of a GET is no request, whatever is in it."""
    inner = b"GET /keys HTTP/1.1\r\nHost: pod\r\n\r\n"
    request = GET + b"Content-Length: %d\r\n\r\n" % len(inner) + inner
    received = _exchange(sidecar, request + GET + b"Connection: close\r\n\r\n")
    assert received.count(b'{"node_id"') == 2
    assert b"validator_address" not in received


def test_short_and_long_answers_are_equal(sidecar: Sidecar) -> None:
    """The answer without a route is the same, field by field, as the one with it."""

    def answer(extra: bytes) -> tuple[list[bytes], bytes]:
        """Head, without the date, and body."""
        head, _, body = _exchange(sidecar, GET + extra + b"\r\n").partition(b"\r\n\r\n")
        return sorted(line for line in head.split(b"\r\n") if not line.startswith(b"date")), body

    assert answer(b"") == answer(b"Content-Length: 0\r\n")


def test_too_many_connections(tmp_path: Path, transport: Authorities | None) -> None:
    """At the limit a new client takes the place of the one that was waited for longest; a silent one has none.

    Where all work it gets 503, but for a probe.
    """
    fill(tmp_path, LARGE)
    settings = {"max_connections": "4", "request_timeout": "10m", "idle_timeout": "10m"}
    with _running(tmp_path, transport, **settings) as sidecar, contextlib.ExitStack() as stack:

        def connect(**more: int) -> socket.socket:
            return stack.enter_context(contextlib.closing(sidecar.connect(**more)))

        silent = connect()
        idle = [connect() for _ in range(4)]
        for connection in idle:
            connection.sendall(GET + b"\r\n")
            _read(connection)
        assert sidecar.get("/node_id")[0] == 200
        assert idle[0].recv(1) == b""  # long before its time is up
        silent.sendall(GET + b"\r\n")
        assert b"node_id" in _read(silent)
        downloads = [connect(buffer=1 << 16) for _ in range(4)]
        for download in downloads:
            download.sendall(b"GET /genesis HTTP/1.1\r\nHost: pod\r\n\r\n")
            assert download.recv(10)
        received = _exchange(sidecar, GET + b"\r\n")
        assert [sidecar.get(path)[0] for path in ("/livez", "/readyz")] == [200, 200]
        assert sidecar.get("/readyz?wait=1s")[0] == 503
        downloads[0].close()
        eventually("one has left", lambda: json.loads(sidecar.get("/status")[1]).get("downloads") == 3, limit=SOON)
        metrics = sidecar.get("/metrics")[1]
    assert b'exposer_http_requests_total{path="other",status="503"}' in metrics
    assert received.startswith(b"HTTP/1.1 503 ")
    assert b'"busy"' in received
    assert b"retry-after" in received


@pytest.mark.parametrize("path", ["/genesis", "/node_id"])
def test_a_client_that_stops_reading(tmp_path: Path, transport: Authorities | None, path: str) -> None:
    """A client that takes nothing more is cut by the kernel, in a download and between small answers."""
    fill(tmp_path, LARGE)
    with _running(tmp_path, transport, stall_timeout="1s", idle_timeout="1s") as sidecar:
        with contextlib.closing(sidecar.connect(buffer=4096)) as connection:
            request = b"GET %s HTTP/1.1\r\nHost: pod\r\n\r\n" % path.encode()
            connection.setblocking(False)
            sent = 0
            with contextlib.suppress(OSError):  # there is no room for more, or it has been cut by now
                for _ in range(1 if path == "/genesis" else 100_000):
                    connection.sendall(request)
                    sent += 1
            assert sent
            eventually("the client is cut", lambda: _connections(sidecar) == 0, limit=SOON)
        status = json.loads(sidecar.get("/status")[1])
    assert status["downloads"] == 0
    assert [fetch["state"] for fetch in status["fetches"]] == (["cut"] if path == "/genesis" else [])


def _connections(sidecar: Sidecar) -> int:
    """How many established connections the server's process has."""
    port = f":{sidecar.address[1]:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(port) and row[3] == "01" for row in rows)


def _exchange(sidecar: Sidecar, sent: bytes) -> bytes:
    """Everything that comes back until the server ends the connection."""
    with contextlib.closing(sidecar.connect()) as connection:
        connection.sendall(sent)
        return rest(connection)


def _read(connection: socket.socket) -> bytes:
    """The body of the next answer."""
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    found = re.search(rb"content-length: (\d+)", head)
    assert found
    body = bytearray()
    while len(body) < int(found[1]):
        body += connection.recv(int(found[1]) - len(body))
    return bytes(body)
