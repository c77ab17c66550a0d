import socket
import ssl
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import Exchange, Script, ScriptedServer, answer, dripping, head, raw, reset, stall
from tls_world import OTHER_TOKEN, TOKEN, Authorities

from exposer.client import Client, base_url
from exposer.credentials import Credentials
from exposer.errors import BadInputError, TemporaryError, UsageError


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("genesis", "http://genesis:8081"),
        ("genesis:9000", "http://genesis:9000"),
        ("my_chain-genesis-0.default.svc.cluster.local.", "http://my_chain-genesis-0.default.svc.cluster.local.:8081"),
        ("10.0.0.1", "http://10.0.0.1:8081"),
        ("[::1]", "http://[::1]:8081"),
        ("[fd00::7]:9000", "http://[fd00::7]:9000"),
        ("http://genesis", "http://genesis"),
        ("https://genesis:8443/chain-a/", "https://genesis:8443/chain-a"),
    ],
)
def test_targets(target: str, url: str) -> None:
    """A name, a host with a port and a URL each become the URL that is meant; only a bare host gets our port."""
    assert base_url(target) == url


@pytest.mark.parametrize(
    "target",
    ["", ":8081", "a:b", "a:0", "a:65536", "::1", "[::1", "a b", "a\nb", "a/b", "a..b", "x" * 64, "ftp://a", "http://",
     "http://u:p@a", "http://a?b", "http://a#b", "http://a\x7f", "gen\u00e9sis"],
)  # fmt: skip
def test_no_targets(target: str) -> None:
    """What is no target is a usage error that shows the forms there are."""
    with pytest.raises(UsageError, match="write a name, host:port"):
        base_url(target)


@pytest.mark.parametrize("target", ["http://user:secret@a", "http://a?token=secret", "http://a/x#secret", "a?secret"])
def test_credentials_are_not_repeated(target: str) -> None:
    """A URL with a password or a query in it is refused without showing that."""
    with pytest.raises(UsageError, match="in it is no target") as caught:
        base_url(target)

    assert "secret" not in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_a_target_or_a_usage_error(text: str) -> None:
    """No text makes `base_url` fail in another way, and every URL it gives is printable."""
    with suppress(UsageError):
        assert base_url(text).isascii()


def test_an_answer_of_any_status_is_returned() -> None:
    """Status, lower-case headers and body come as sent, also for errors and redirects; those are not followed."""
    with (
        ScriptedServer(answer(302, b"away", {"Location": "/other"})) as server,
        Client(server.url + "/base/") as client,
    ):
        got = client.get("/node_id")

    assert (got.status, got.headers["location"], got.body) == (302, "/other", b"away")
    assert [asked.path for asked in server.asked] == ["/base/node_id"]


def test_what_a_request_carries() -> None:
    """A request asks for unencoded bytes, names this program, and sends the caller's headers and body."""
    with ScriptedServer(answer(200)) as server, Client(server.url) as client:
        client.request("POST", "/credit", body=b"{}", headers={"content-type": "application/json"})

    asked = server.asked[0]
    assert (asked.method, asked.path, asked.headers["content-length"]) == ("POST", "/credit", "2")
    assert (asked.headers["accept-encoding"], asked.headers["content-type"]) == ("identity", "application/json")
    assert asked.headers["user-agent"].startswith("exposer/")


def test_a_connection_is_used_again() -> None:
    """Requests one after the other share a connection, which is what keeps polling cheap."""
    connections = set()

    def script(exchange: Exchange) -> bool:
        connections.add(exchange.peer)
        return answer(200)(exchange)

    with ScriptedServer(script) as server, Client(server.url) as client:
        for _ in range(3):
            client.get("/")

    assert len(connections) == 1


def test_proxy_variables_are_not_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pods reach each other directly, whatever proxy the environment names."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with ScriptedServer(answer(200)) as server, Client(server.url) as client:
        assert client.get("/").status == 200


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (reset, "cut the connection"),
        (raw(b""), "cut the connection"),
        (raw(head(200, {"Content-Length": 10}) + b"half"), "cut the connection"),
        (raw(head(200, {"Transfer-Encoding": "chunked"}) + b"4\r\nhalf\r\n"), "cut the connection"),
        (raw(b"220 mail.example ESMTP\r\n\r\n"), "does not speak HTTP"),
        (answer(200, b"x" * 101), "more than 100 bytes"),
    ],
    ids=["reset", "closed", "short", "short-chunked", "smtp", "too-large"],
)
def test_faults_in_plain_words(script: Script, words: str) -> None:
    """Every way a server can fail is a temporary error that names the server and what it did."""
    with (
        ScriptedServer(script) as server,
        Client(server.url, timeout=0.1) as client,
        pytest.raises(TemporaryError, match=words) as caught,
    ):
        client.get("/", limit=100)

    assert server.place in str(caught.value)


def test_a_stall() -> None:
    """A server that says nothing for the client's timeout has stalled."""
    with (
        ScriptedServer(stall) as server,
        Client(server.url, timeout=0.05) as client,
        pytest.raises(TemporaryError, match=f"{server.place} stalled"),
    ):
        client.get("/")


class Clock:
    """The real clock, put forward by ``ahead`` seconds: no pause of this machine is then taken for a late answer."""

    ahead = 0.0

    def monotonic(self) -> float:
        """As `time.monotonic`."""
        return time.monotonic() + self.ahead

    def late(self, first: bytes, rest: bytes) -> Script:
        """``first`` in time, and then, an hour later, ``rest`` byte by byte."""

        def script(exchange: Exchange) -> bool:
            exchange.send(first)
            self.ahead = 3600.0
            return dripping(rest, pause=0.001)(exchange)

        return script


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that deadlines go by."""
    clock = Clock()
    monkeypatch.setattr("exposer.dialer.time", clock)
    return clock


def test_an_answer_that_never_ends(clock: Clock) -> None:
    """A server that goes on and on is left after the time for an answer, each byte in time or not."""
    with (
        ScriptedServer(clock.late(head(200, {"Content-Length": 1 << 40}), bytes(9999))) as server,
        Client(server.url, timeout=60) as client,
        pytest.raises(TemporaryError, match=f"{server.place} takes too long"),
    ):
        client.get("/", limit=1 << 40)


@pytest.mark.parametrize("part", [head(200, {"X": "x" * 9999})[:-4], b"HTTP/1.1 200 OK\r\n"], ids=["header", "line"])
def test_headers_that_never_end(part: bytes, clock: Clock) -> None:
    """Headers that come byte by byte, each in time, are left when the whole answer had to be there."""
    with (
        ScriptedServer(clock.late(part[:9], part[9:] * 100)) as server,
        Client(server.url, timeout=60) as client,
        pytest.raises(TemporaryError, match=f"{server.place} takes too long"),
    ):
        client.get("/")


def test_a_stream_that_must_be_over() -> None:
    """A body that comes byte by byte is left when the time for all of it is over, though each byte is in time."""
    slow = dripping(head(200, {"Content-Length": 9999}) + bytes(9999), pause=0.001)
    with (
        ScriptedServer(slow) as server,
        Client(server.url) as client,
        client.stream("/genesis", within=0.8) as stream,
        pytest.raises(TemporaryError, match=r"takes too long|stalled"),
    ):
        for _ in stream.chunks():
            pass


def test_a_refused_connection() -> None:
    """A port that nobody listens on is said to refuse."""
    with (
        ScriptedServer(listening=False) as server,
        Client(server.url) as client,
        pytest.raises(TemporaryError, match=f"{server.place} refused the connection"),
    ):
        client.get("/")


def test_a_name_that_does_not_resolve() -> None:
    """A failed look-up is a temporary error that names the host: DNS lags behind a pod's start."""
    with (
        Client("http://genesis.invalid:8081") as client,
        pytest.raises(TemporaryError, match=r"cannot resolve host genesis\.invalid"),
    ):
        client.get("/")


def test_a_connection_that_is_not_accepted() -> None:
    """A host that drops packets costs no more than the time to connect, however long an answer may take."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)  # its queue takes one connection more than this; the next gets no answer
        first.connect(full.getsockname())
        second.setblocking(False)
        second.connect_ex(full.getsockname())
        with (
            Client(f"http://127.0.0.1:{full.getsockname()[1]}", timeout=0.1) as client,
            pytest.raises(TemporaryError, match="did not accept the connection in time"),
        ):
            client.get("/", timeout=1000)


def test_a_stream_is_read_piece_by_piece() -> None:
    """The body of a stream is not gathered: what came before a cut is there, then the cut is told."""
    half = raw(head(200, {"Content-Length": 10}) + b"half")
    with ScriptedServer(half) as server, Client(server.url) as client, client.stream("/genesis") as stream:
        chunks = stream.chunks()

        assert next(chunks) == b"half"
        with pytest.raises(TemporaryError, match="cut the connection"):
            next(chunks)


def test_a_stream_may_be_left_early() -> None:
    """Leaving a body unread drops that connection, and the next request works."""
    with ScriptedServer(answer(200, b"x" * 1_000_000)) as server, Client(server.url) as client:
        with client.stream("/genesis") as stream:
            next(stream.chunks())

        assert client.get("/").status == 200


class TlsServer(ScriptedServer):
    """A scripted server behind TLS."""

    def __init__(self, authorities: Authorities, *scripts: Script, hosts: tuple[str, ...] = ("127.0.0.1",)) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(*authorities.issue("server", authorities.server, hosts=hosts))
        super().__init__(*scripts)
        self.url = f"https://{self.place}"

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            super()._serve(self._context.wrap_socket(connection, server_side=True))
        connection.close()


def test_the_token_is_shown_to_its_server_alone(tmp_path: Path) -> None:
    """A client with a token file shows its present first line in each request; one without shows nothing."""
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    with ScriptedServer(answer(200)) as server:
        with Client(server.url, credentials=Credentials(token_file=path)) as client:
            client.get("/")
            path.write_text(f"{OTHER_TOKEN}\n{TOKEN}\n")
            client.get("/")
        with Client(server.url) as client:
            client.get("/")

    shown = [asked.headers.get("authorization") for asked in server.asked]
    assert shown == [f"Bearer {TOKEN}", f"Bearer {OTHER_TOKEN}", None]


def test_a_token_file_that_breaks_while_it_is_used(tmp_path: Path) -> None:
    """No token at the start is bad input; later it is temporary, because somebody is replacing it."""
    path = tmp_path / "token"
    credentials = Credentials(token_file=path)
    with pytest.raises(BadInputError, match="EXPOSER_TOKEN_FILE"):
        Client("genesis", credentials=credentials)
    path.write_text(TOKEN)
    with ScriptedServer(answer(200)) as server, Client(server.url, credentials=credentials) as client:
        path.unlink()
        with pytest.raises(TemporaryError, match="EXPOSER_TOKEN_FILE"):
            client.get("/")

    assert server.asked == []


def test_certificates_are_read_for_https_alone(tmp_path: Path) -> None:
    """A CA that is not there is bad input at once for an exposer over HTTPS, and of no matter over plain HTTP."""
    credentials = Credentials(ca_file=tmp_path / "nowhere")
    with Client("http://genesis", credentials=credentials) as client:
        assert client.url == "http://genesis"
    with pytest.raises(BadInputError, match="EXPOSER_CA_FILE"):
        Client("genesis", credentials=credentials)


def test_a_bare_host_is_asked_over_https_where_there_is_a_ca(tmp_path: Path) -> None:
    """With a CA a target without a scheme is asked over HTTPS, and its certificate verified."""
    authorities = Authorities.new(tmp_path)
    with (
        TlsServer(authorities, answer(200, b"safe")) as server,
        Client(server.place, credentials=authorities.credentials()) as client,
    ):
        assert (client.url, client.get("/").body) == (server.url, b"safe")


def test_a_complete_name_is_verified_without_its_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dot at the end of a complete host name is no part of the name in a certificate."""
    loopback = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))]
    known = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *more, **named: loopback if host == "g.ns." else known(host, *more, **named)
    )
    authorities = Authorities.new(tmp_path)
    with TlsServer(authorities, answer(200), hosts=("g.ns",)) as server:
        url = server.url.replace("127.0.0.1", "g.ns.")
        with Client(url, credentials=authorities.credentials()) as client:
            assert client.get("/").status == 200


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"HTTP/1.1 400 Bad\r\n\r\n", "does not speak TLS"), (b"", "cut the connection"), (None, "in time")],
    ids=["plain", "closed", "stall"],
)
def test_a_server_without_tls(tmp_path: Path, data: bytes | None, words: str) -> None:
    """A server that answers a handshake with something else is told in plain words, without OpenSSL's places."""
    credentials = Authorities.new(tmp_path).credentials()

    def serve(listener: socket.socket) -> None:
        with listener.accept()[0] as connection:
            connection.recv(1 << 16)
            connection.sendall(data or b"")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        if data is not None:
            thread.start()
        place = f"127.0.0.1:{listener.getsockname()[1]}"
        with (
            Client(place, timeout=0.2 if data is None else 10, credentials=credentials) as client,
            pytest.raises(TemporaryError, match=f"{place} .*{words}") as caught,
        ):
            client.get("/")
        if data is not None:
            thread.join()

    assert "_ssl" not in str(caught.value)
