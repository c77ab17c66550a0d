"""Whatever comes over a connection: the sidecar lives, answers in whole HTTP or not at all, and gives nothing away."""

import contextlib
import itertools
import json
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from answers import Answer, assert_documented, parse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample import examples, note
from sidecar_process import SOON, Sidecar, rest, running
from sidecar_world import GENESIS, KEYS, fill
from witness import WITNESS

EVERY, TOGETHER = 100, 100
"""All examples, and how many connections each of them opens: whoever waits for a time limit waits with others."""
EXAMPLES = examples(6, EVERY)
HOST = b"Host: pod\r\n"
CLOSE = b"Connection: close\r\n"
LAST = b"\r\n\r\nGET /livez HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"
"""Ends whatever is open, so that nobody has to wait for a time limit."""
INNER = b"GET /keys HTTP/1.1\r\n" + HOST + b"\r\n"
"""A request that is in the body of another one, and must never be answered: its answer has a word of its own."""
TOLD = b"validator_address"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished home."""
    home = tmp_path_factory.mktemp("volume-of-the-fuzz")
    fill(home)
    return home


@pytest.fixture(scope="module")
def sidecar(home: Path) -> Iterator[Sidecar]:
    """A sidecar that gives a request a tenth of a second; at the end its log has no fault, and nothing is left open."""
    with running(home, artifacts="copy=config/genesis.json", request_timeout="100ms", idle_timeout="1s") as process:
        assert process.get("/readyz")[0] == 200
        before = _descriptors(process)
        yield process
        began = time.monotonic()
        while _descriptors(process) > before:
            assert time.monotonic() - began < SOON
        process.process.terminate()
        _, log = process.end()
        assert "Traceback" not in log
        assert not re.search(r"ERROR|CRITICAL|WARNING", log), log


def _descriptors(sidecar: Sidecar) -> int:
    return len(list(Path(f"/proc/{sidecar.process.pid}/fd").iterdir()))


def _exchange(sidecar: Sidecar, *pieces: bytes) -> bytes:
    """All that comes back for these pieces, each in a segment of its own, until the server ends the connection."""
    with contextlib.closing(_send(sidecar, *pieces)) as connection:
        return rest(connection)


def _send(sidecar: Sidecar, *pieces: bytes) -> socket.socket:
    connection = sidecar.connect()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            connection.sendall(piece)
    return connection


def _check(home: Path, sent: bytes, received: bytes) -> list[Answer]:
    """What holds for everything that comes back."""
    answers = parse(received, to_head=b"HEAD" in sent)
    for answer in answers:
        assert_documented(answer)
    for told in (home.name, str(home), "site-packages", "Traceback"):
        assert told.encode() not in received
    return answers


REQUESTS: Sequence[bytes] = [
    *(
        b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n"
        for path in (
            b"/node_id",
            b"/genesis",
            b"/keys",
            b"/livez",
            b"/readyz?wait=1ms",
            b"/artifacts/copy",
            b"/",
            b"/status",
            b"/../config/node_key.json",
            b"/artifacts/..%2f..%2fconfig%2fpriv_validator_key.json",
            b"//pod/keys",
            b"http://pod/keys",
        )
    ),
    b"HEAD /genesis HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /genesis HTTP/1.1\r\n" + HOST + b"Range: bytes=0-9, 20-29\r\nIf-Range: x\r\n\r\n",
    b"GET /node_id HTTP/1.0\r\n\r\n",
    b"POST /keys HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nabcde",
    b"PUT /genesis HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nabcde\r\n0\r\nX: 1\r\n\r\n",
    b"GET /node_id HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
    b"POST / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
    b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    b"CONNECT pod:443 HTTP/1.1\r\n" + HOST + b"\r\n",
]
WORDS = [
    *(bytes([byte]) for byte in (0, 9, 10, 13, 32, 0x7F, 0x80, 0xFF)),
    *(
        b"\r\n",
        b"\r\n\r\n",
        b":",
        b",",
        b";",
        b"\r\n folded",
        b"%00",
        b"%2e%2e/",
        b"../",
        b"//",
        b"\xc0\xaf",
        b"?wait=",
    ),
    *(b"Content-Length: 5\r\n", b"Content-Length: 0\r\n", b"Content-Length: -1\r\n", b"Content-Length: 9" + b"9" * 30),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: xchunked\r\n", b"Transfer-Encoding:\x0bchunked\r\n"),
    *(
        b"0\r\n\r\n",
        b"5\r\nabcde\r\n",
        b"fffffffffffffffff\r\n",
        b"HTTP/1.1",
        b"HTTP/0.9",
        b"HTTP/2.0",
        b"HEAD",
        b"TRACE",
    ),
    *(HOST, CLOSE, b"Expect: 100-continue\r\n", b"Upgrade: websocket\r\n", b"Range: bytes=" + b"0-0," * 500 + b"\r\n"),
    *(b"a" * 9000, b"X: y\r\n" * 120, b"config/priv_validator_key.json", b"\x16\x03\x01\x02\x00\x01"),
]


@st.composite
def mutated(draw: st.DrawFn) -> list[bytes]:
    """One to three valid requests after some accidents, in pieces."""
    text = b"".join(draw(st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=3)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        stop = min(start + draw(st.sampled_from([0, 0, 1, 2, 8, 40])), len(text))
        accident = st.sampled_from(WORDS) | st.binary(max_size=8) | st.just(text[start:stop] * 2)
        text = text[:start] + draw(accident) + text[stop:]
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [piece for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True) if (piece := text[a:b])]


@pytest.mark.sampled
def test_mutations(sidecar: Sidecar, home: Path, tell: Callable[[str], None]) -> None:
    """However requests are mangled: what comes back is whole, documented and tells nothing; the next one is served."""
    counted: dict[int, int] = {}

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )
    @given(requests=st.lists(mutated(), min_size=TOGETHER, max_size=TOGETHER))
    def fuzz(requests: list[list[bytes]]) -> None:
        with contextlib.ExitStack() as stack:
            connections = [
                stack.enter_context(contextlib.closing(_send(sidecar, *pieces, LAST))) for pieces in requests
            ]
            for pieces, connection in zip(requests, connections, strict=True):
                for answer in _check(home, b"".join(pieces), rest(connection)):
                    counted[answer.status] = counted.get(answer.status, 0) + 1

    fuzz()
    note(os.environ["PYTEST_CURRENT_TEST"], "mangled requests", EXAMPLES * TOGETHER, EVERY * TOGETHER)
    tell(f"{EXAMPLES * TOGETHER} mutations: {dict(sorted(counted.items()))}")
    assert sidecar.get("/livez")[0] == 200
    assert {200, 400, 404, 405} <= set(counted)


LENGTH = b"Content-Length: %d\r\n" % len(INNER)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"%x\r\n%b\r\n0\r\n\r\n" % (len(INNER), INNER)
START = b"POST /livez HTTP/1.1\r\n" + HOST
# Each hides INNER from one of two parsers.
SMUGGLED: dict[str, bytes] = {
    "in a body": START + LENGTH + b"\r\n" + INNER,
    "in a chunk": START + CHUNKED + b"\r\n" + CHUNKS,
    "CL.TE": START + b"Content-Length: %d\r\n" % (len(INNER) + 5) + CHUNKED + b"\r\n0\r\n\r\n" + INNER,
    "TE.CL": START + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n" + CHUNKS,
    "TE.CL the other way": START + CHUNKED + b"Content-Length: 4\r\n\r\n" + CHUNKS,
    "two lengths": START + b"Content-Length: 0\r\n" + LENGTH + b"\r\n" + INNER,
    "a list of lengths": START + b"Content-Length: 0, %d\r\n\r\n" % len(INNER) + INNER,
    "a length with a sign": START + b"Content-Length: +0\r\n\r\n" + INNER,
    "a length in hex": START + b"Content-Length: 0x0\r\n\r\n" + INNER,
    "a length with a space": START + b"Content-Length: 0 0\r\n\r\n" + INNER,
    "a length with a tab before its colon": START + b"Content-Length\t: 0\r\n\r\n" + INNER,
    "a length that is too long": START + b"Content-Length: 18446744073709551616\r\n\r\n" + INNER,
    "a coding that is none": START + b"Transfer-Encoding: xchunked\r\n\r\n" + INNER,
    "chunked is not the last": START + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + INNER,
    "chunked twice": START + CHUNKED + CHUNKED + LENGTH + b"\r\n0\r\n\r\n" + INNER,
    "a coding behind a space": START + b"Transfer-Encoding : chunked\r\n" + LENGTH + b"\r\n" + INNER,
    "a coding behind VT": START + b"Transfer-Encoding: \x0bchunked\r\n" + LENGTH + b"\r\n" + INNER,
    "a coding in quotes": START + b'Transfer-Encoding: "chunked"\r\n\r\n' + INNER,
    "a folded coding": START + b"Transfer-Encoding:\r\n chunked\r\n" + LENGTH + b"\r\n0\r\n\r\n" + INNER,
    "a folded name": START + b"X: y\r\n Transfer-Encoding: chunked\r\n" + LENGTH + b"\r\n" + INNER,
    "NUL in the coding": START + b"Transfer-Encoding: chunked\0\r\n" + LENGTH + b"\r\n" + INNER,
    "bare LF": START + b"X: y\nContent-Length: 0\r\n" + LENGTH + b"\r\n" + INNER,
    "bare CR": START + b"X: y\rContent-Length: 0\r\n" + LENGTH + b"\r\n" + INNER,
    "a chunk's size is negative": START + CHUNKED + b"\r\n-1\r\n" + INNER,
    "a chunk's size is too long": START + CHUNKED + b"\r\n10000000000000000\r\n" + INNER,
    "a chunk's size ends in LF": START + CHUNKED + b"\r\n%x\n" % len(INNER) + INNER + b"\r\n0\r\n\r\n",
    "a chunk's extension has LF": START + CHUNKED + b"\r\n0;\n\r\n\r\n" + INNER,
    "a chunk is longer than its size": START + CHUNKED + b"\r\n1\r\n" + INNER + b"0\r\n\r\n",
    "a trailer is a length": START + CHUNKED + b"\r\n0\r\n" + LENGTH + b"\r\n" + INNER.replace(b"/keys", b"/livez"),
    "behind an upgrade": b"GET /livez HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + INNER,
    "behind CONNECT": b"CONNECT pod:443 HTTP/1.1\r\n" + HOST + b"\r\n" + INNER,
    "behind a close": b"GET /livez HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n" + INNER,
    "behind HTTP/1.0": b"GET /livez HTTP/1.0\r\n\r\n" + INNER,
    "in a target": b"GET /livez HTTP/1.1\r\nX: GET /keys HTTP/1.1\r\n" + HOST + b"\r\n",
    "in an encoded target": b"GET /livez%20HTTP/1.1%0d%0aHost:%20pod%0d%0a%0d%0a" + INNER[:9] + b" HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("form", SMUGGLED)
def test_smuggling(sidecar: Sidecar, home: Path, form: str) -> None:
    """A request inside another one is never answered, in one segment, in two or byte by byte."""
    sent = SMUGGLED[form] + LAST
    for pieces in ([sent], [sent[: len(sent) // 2], sent[len(sent) // 2 :]], [bytes([byte]) for byte in sent]):
        received = _exchange(sidecar, *pieces)
        _check(home, sent, received)
        assert TOLD not in received, received


def test_smuggling_bites(sidecar: Sidecar) -> None:
    """The word by which an answer to the hidden request is known is in it, where it is not hidden."""
    assert TOLD in _exchange(sidecar, INNER + LAST)


def _client_hello() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="pod").do_handshake()
    return outgoing.read()


def _get(target: bytes) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"


# What is sent -> the statuses that are right.
ODD: dict[str, tuple[bytes, set[int]]] = {
    "TLS": (_client_hello(), {400}),
    "a line of NUL": (b"\0" * 100_000, {400}),
    "SOCKS": (b"\x05\x01\x00", {400}),
    "HTTP/0.9": (b"GET /node_id\r\n\r\n", {400}),
    "a megabyte of path": (_get(b"/" + b"a" * (1 << 20)), {414}),
    "a megabyte of field": (b"GET / HTTP/1.1\r\nX: " + b"a" * (1 << 20) + b"\r\n\r\n", {431}),
    "ten thousand fields": (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000 + b"\r\n", {431}),
    "ten thousand ranges": (
        b"GET /genesis HTTP/1.1\r\n" + HOST + CLOSE + b"Range: bytes=" + b"0-0," * 10_000 + b"0-0\r\n\r\n",
        {431},
    ),
    "a thousand ranges": (
        b"GET /genesis HTTP/1.1\r\n" + HOST + CLOSE + b"Range: bytes=" + b"0-0," * 1000 + b"0-0\r\n\r\n",
        {200},
    ),
    "NUL in a target": (_get(b"/livez\0"), {400}),
    "an encoded NUL": (_get(b"/livez%00"), {404}),
    "an encoded NUL in a name": (_get(b"/artifacts/copy%00.json"), {404}),
    "up": (_get(b"/../../../etc/passwd"), {404}),
    "up from an artifact": (_get(b"/artifacts/../node_key.json"), {404}),
    "up, encoded": (_get(b"/artifacts/%2e%2e%2fnode_key.json"), {404}),
    "up, encoded twice": (_get(b"/artifacts/%252e%252e%252fnode_key.json"), {404}),
    "up, overlong UTF-8": (_get(b"/artifacts/%c0%ae%c0%ae%c0%afnode_key.json"), {404}),
    "up, for Windows": (_get(b"/artifacts/..\\..\\node_key.json"), {404}),
    "a whole path": (_get(b"/artifacts//etc/passwd"), {404}),
    "half an escape": (_get(b"/artifacts/%"), {404}),
    "no escape": (_get(b"/artifacts/%zz"), {404}),
    "surrogates": (_get(b"/artifacts/%ed%a0%80"), {404}),
    "two slashes": (_get(b"//livez"), {400, 404}),
    "two slashes and a host": (_get(b"//pod/livez"), {400, 404}),
    "a slash too many": (_get(b"/livez/"), {404}),
    "absolute": (_get(b"http://pod/livez"), {200}),
    "absolute, another scheme": (_get(b"file:///etc/passwd"), {400, 404}),
    "authority": (_get(b"pod:8081"), {400}),
    "asterisk": (b"OPTIONS * HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", {400, 404, 405}),
    "no slash": (_get(b"livez"), {400}),
    "nothing": (_get(b""), {400}),
    "a fragment": (_get(b"/livez#x"), {200, 400, 404}),
    "a query of anything": (_get(b"/livez?%00&=&&;a=%ff%fe"), {200}),
    "a wait of anything": (_get(b"/readyz?wait=%00"), {400}),
    "many waits": (_get(b"/readyz?" + b"wait=x&" * 1000), {400}),
    "an unknown method": (b"EVIL /livez HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", {400, 405}),
    "a method in small letters": (b"get /livez HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n", {400, 405}),
}


@pytest.mark.parametrize("what", ODD)
def test_odd(sidecar: Sidecar, home: Path, what: str) -> None:
    """Each odd request has one answer with a status that was chosen for it."""
    sent, right = ODD[what]
    answers = _check(home, sent, _exchange(sidecar, sent))
    assert [answer.status for answer in answers if answer.status in right] == [answer.status for answer in answers]
    assert len(answers) == 1


def test_secrets_of_headers(sidecar: Sidecar, home: Path) -> None:
    """No field of a request brings a file of the volume, a proxy's words or another host into an answer."""
    fields = ("Host", "X-Forwarded-Host", "X-Forwarded-For", "X-Original-URL", "Forwarded", "Referer", "X-Sendfile")
    for name in fields:
        for value in (f"{home}/config/node_key.json", "file:///config/priv_validator_key.json", "<script>", "a" * 4000):
            host = b"" if name == "Host" else HOST
            field = f"{name}: {value}\r\n".encode()
            received = _exchange(sidecar, b"GET /keys HTTP/1.1\r\n" + host + field + CLOSE + b"\r\n")
            (answer,) = _check(home, b"", received)
            assert answer.status in {200, 400}
            assert b"script" not in received
    assert WITNESS.check() == []


@pytest.mark.parametrize("first", [b"/status", b"/genesis", b"/livez"])
def test_every_two_cuts_of_a_heads_end(sidecar: Sidecar, first: bytes) -> None:
    """The long answer comes before the short one behind it, wherever the end between them is cut in three."""
    end = b"GET " + first + b" HTTP/1.1\r\n" + HOST[:-2]
    sent = end + b"\r\n\r\nGET /node_id HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"
    for one, other in itertools.combinations(range(len(end) - 1, len(end) + 6), 2):
        answers = parse(_exchange(sidecar, sent[:one], sent[one:other], sent[other:]))
        assert len(answers) == 2
        assert answers[1].body == b'{"node_id":"%s"}' % KEYS.node_id().encode(), (one, other)


def test_every_cut(sidecar: Sidecar) -> None:
    """Two requests in two segments get the same answers wherever they are cut, and so they do byte by byte."""
    sent = b"GET /node_id HTTP/1.1\r\n" + HOST + b"\r\nGET /genesis HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n"
    expected = [b'{"node_id":"%s"}' % KEYS.node_id().encode(), GENESIS]
    cuts = [[sent[:cut], sent[cut:]] for cut in range(1, len(sent))]
    for pieces in [*cuts, [bytes([byte]) for byte in sent]]:
        assert [answer.body for answer in parse(_exchange(sidecar, *pieces))] == expected


def test_many_pipelined(sidecar: Sidecar) -> None:
    """Ten thousand requests in one go are all answered, in their order, by the short way and by the long one."""
    paths = (b"/node_id", b"/livez", b"/node_id", b"/node_id", b"/nothing")
    one = b"".join(b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n" for path in paths)
    received = bytearray()
    with contextlib.closing(sidecar.connect()) as connection:
        sender = threading.Thread(target=connection.sendall, args=(one * 2000 + LAST[4:],))
        sender.start()
        while chunk := connection.recv(1 << 16):
            received += chunk
        sender.join()
    statuses = re.findall(rb"HTTP/1.1 (\d+) ", received)
    assert statuses == [b"200", b"200", b"200", b"200", b"404"] * 2000 + [b"200"]
    # h11 takes its time; a hundredth of them is enough for it.
    answers = parse(bytes(received[: received.rindex(b"HTTP/1.1 ") // 100]).rpartition(b"HTTP/1.1 ")[0])
    assert {answer.body for answer in answers[0::5]} == {b'{"node_id":"%s"}' % KEYS.node_id().encode()}


def test_waits_are_left(sidecar: Sidecar) -> None:
    """A client that leaves in the middle of anything, with or without a reset, leaves nothing behind."""
    before = _descriptors(sidecar)
    leave: list[Callable[[socket.socket], None]] = [
        lambda _: None,
        lambda connection: connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"),
        lambda connection: connection.shutdown(socket.SHUT_WR),
    ]
    for request in REQUESTS:
        for cut in (1, len(request) // 2, len(request) - 1, len(request)):
            for act in leave:
                with contextlib.closing(sidecar.connect()) as connection:
                    connection.sendall(request[:cut])
                    act(connection)
    began = time.monotonic()
    while _descriptors(sidecar) > before:
        assert time.monotonic() - began < SOON
    assert json.loads(sidecar.get("/status")[1])["waiters"] == 0
