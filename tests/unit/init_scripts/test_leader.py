import base64
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from project import ROOT
from scripted_server import Asked, Exchange, Script, ScriptedServer, answer, file, head, raw, reset, stall
from virtual_clock import VirtualClock

from exposer.client import Client
from exposer.documents import GenesisFacts
from exposer.errors import BadInputError, ExposerError, MismatchError, TemporaryError
from init_scripts.backoff import SYSTEM
from init_scripts.leader import Expected, download_genesis, fetch_node_id

CHAIN = "chain-1"
TIME = "2026-01-01T00:00:00Z"
GENESIS = json.dumps({"genesis_time": TIME, "chain_id": CHAIN, "app_state": {"text": "x" * 3000}}).encode()
OTHER = GENESIS.replace(b"xxx", b"yyy")
HALF = len(GENESIS) // 2
WHOLE = {"Content-Length": len(GENESIS)}
COSMOSHUB_2 = ROOT.parent / "shared/data/genesis.cosmoshub-2.json"


def repr_digest(content: bytes) -> dict[str, str]:
    """The header that promises ``content`` (RFC 9530)."""
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return {"Repr-Digest": f"sha-512=:AAAA:, sha-256=:{digest}:"}


def fetch(
    server: ScriptedServer,
    destination: Path,
    sha256: str | None = None,
    *,
    clock: VirtualClock | None = None,
    chain_id: str = CHAIN,
    stalled: float = 10,
) -> GenesisFacts:
    """Download within 60 virtual seconds; ``stalled`` is the real time without a byte that counts as a cut."""
    with Client(server.url, timeout=stalled) as client:
        expected = Expected(chain_id, sha256)
        return download_genesis(client, destination, expected, within=60, clock=clock or VirtualClock())


def partial(content: bytes, begin: int, *, etag: str = '"1"', content_range: str | None = None) -> Script:
    """The rest of ``content`` as a 206 answer, or one that claims to be."""
    span = content_range or f"bytes {begin}-{len(content) - 1}/{len(content)}"
    return answer(206, content[begin:], {"ETag": etag, "Content-Range": span})


def cut(headers: dict[str, str | int] | None = None) -> Script:
    """Half the file under the whole one's length, with a strong ETag unless told otherwise."""
    return raw(head(200, {**WHOLE, "ETag": '"1"', **(headers or {})}) + GENESIS[:HALF])


def chunked(content: bytes, *, end: bool) -> Script:
    """``content`` as one chunk, with or without the end that makes it whole."""
    data = head(200, {"Transfer-Encoding": "chunked"}) + f"{len(content):x}\r\n".encode() + content + b"\r\n"
    return raw(data + (b"0\r\n\r\n" if end else b""))


GOOD = answer(200, GENESIS)

MENDED: dict[str, list[Script]] = {
    "at once": [GOOD],
    "with its digest": [answer(200, GENESIS, repr_digest(GENESIS))],
    "chunked": [chunked(GENESIS, end=True)],
    "ended by the connection alone": [raw(head(200, {}) + GENESIS)],
    "503, then ready": [answer(503), answer(503), GOOD],
    "500, then ready": [answer(500, b"<html>"), GOOD],
    "404, then configured": [answer(404), GOOD],
    "408 and 429, then ready": [answer(408), answer(429), GOOD],
    "a redirect, then ready": [answer(302, b"", {"Location": "/elsewhere"}), GOOD],
    "reset, then ready": [reset, GOOD],
    "cut, then the rest": [cut(), file(GENESIS)],
    "cut, 503, then the rest": [cut(), answer(503), file(GENESIS)],
    "cut, then 200 instead of 206": [cut(), GOOD],
    "cut, then a changed file": [cut(), file(GENESIS, etag='"2"')],
    "cut, then the rest of a changed file under the same ETag": [
        cut({**repr_digest(GENESIS)}),
        partial(OTHER, HALF),
        GOOD,
    ],
    "cut of a larger file, then a smaller one": [raw(head(200, {"Content-Length": 99999}) + b" " * 50000), GOOD],
    "cut without an ETag": [cut({"ETag": ""}), GOOD],
    "cut with a weak ETag": [cut({"ETag": 'W/"1"'}), GOOD],
    "cut while chunked": [chunked(GENESIS[:HALF], end=False), GOOD],
    "cut where only the connection ends it": [raw(head(200, {}) + GENESIS[:HALF]), GOOD],
    "encoded although not asked for": [answer(200, GENESIS, {"Content-Encoding": "gzip"}), GOOD],
    "206 although not asked for": [partial(GENESIS, HALF), GOOD],
}


@pytest.mark.parametrize("scripts", MENDED.values(), ids=MENDED.keys())
def test_faults_that_mend(scripts: list[Script], tmp_path: Path) -> None:
    """After each of these the file is there byte for byte, and nothing else is."""
    with ScriptedServer(*scripts) as server:
        facts = fetch(server, tmp_path / "genesis.json", hashlib.sha256(GENESIS).hexdigest().upper())

    assert GenesisFacts(CHAIN, TIME) == facts
    assert (tmp_path / "genesis.json").read_bytes() == GENESIS
    assert [tmp_path / "genesis.json"] == list(tmp_path.iterdir())


LASTING: dict[str, tuple[Script, type[ExposerError], str]] = {
    "an error page with 200": (
        answer(200, b"<html>Bad gateway</html>"),
        MismatchError,
        "no complete genesis: .*not JSON",
    ),
    "an empty file": (answer(200), MismatchError, "no complete genesis: empty"),
    "half a file that claims to be whole": (answer(200, GENESIS[:HALF]), MismatchError, "not JSON, or cut off"),
    "half a file in whole chunks": (chunked(GENESIS[:HALF], end=True), MismatchError, "not JSON, or cut off"),
    "JSON that is no genesis": (answer(200, b'{"error":"x"}'), MismatchError, "no chain_id"),
    "a wrong chain": (answer(200, GENESIS.replace(b"chain-1", b"chain-2")), MismatchError, "of chain 'chain-2'"),
    "a wrong Repr-Digest": (answer(200, GENESIS, repr_digest(OTHER)), MismatchError, "Repr-Digest"),
    "a Repr-Digest that is none": (
        answer(200, GENESIS, {"Repr-Digest": "sha-256=:AA==:"}),
        MismatchError,
        "Repr-Digest",
    ),
    "401": (answer(401), BadInputError, "401: give this pod the token"),
    "403": (answer(403), BadInputError, "403: give this pod the token or the client certificate"),
    "500": (answer(500, GENESIS), TemporaryError, "it answers 500"),
    "503": (answer(503), TemporaryError, "it answers 503"),
    "404": (answer(404), TemporaryError, "it answers 404"),
    "410": (answer(410), TemporaryError, "it answers 410"),
    "a redirect": (answer(301, b"", {"Location": "/genesis.json"}), TemporaryError, "it answers 301"),
    "half a file each time": (cut({"ETag": ""}), TemporaryError, "cut the connection"),
    "half a file without a length each time": (raw(head(200, {}) + GENESIS[:HALF]), TemporaryError, "cut off"),
    "a wrong rest each time": (partial(GENESIS, HALF), TemporaryError, "it answers 206"),
    "gzip": (answer(200, GENESIS, {"Content-Encoding": "gzip"}), TemporaryError, "encoded as 'gzip'"),
    "no HTTP": (raw(b"garbage\r\n\r\n"), TemporaryError, "does not speak HTTP"),
    "resets": (reset, TemporaryError, "cut the connection"),
}


@pytest.mark.parametrize(("script", "kind", "words"), LASTING.values(), ids=LASTING.keys())
def test_faults_that_last(script: Script, kind: type[ExposerError], words: str, tmp_path: Path) -> None:
    """Each of these ends with its exit class and a cause, and leaves no file anywhere."""
    with ScriptedServer(script) as server, pytest.raises(ExposerError, match=words) as caught:
        fetch(server, tmp_path / "genesis.json")

    assert type(caught.value) is kind
    assert server.place in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def half_then_stall(exchange: Exchange) -> bool:
    """Half the file, and then nothing, on a connection that stays open."""
    return cut()(exchange) or stall(exchange)


@pytest.mark.parametrize("script", [stall, half_then_stall])
def test_a_stall_counts_as_a_cut(script: Script, tmp_path: Path) -> None:
    """A connection on which nothing comes for the client's timeout is left, and the file is resumed on another."""
    with ScriptedServer(script, file(GENESIS)) as server:
        fetch(server, tmp_path / "genesis.json", stalled=0.2)

    assert len(server.asked) >= 2
    assert (tmp_path / "genesis.json").read_bytes() == GENESIS


def test_stalls_that_last(tmp_path: Path) -> None:
    """A leader that only ever stalls is a temporary fault, and leaves no file."""
    with ScriptedServer(stall) as server, pytest.raises(TemporaryError, match="stalled"):
        fetch(server, tmp_path / "genesis.json", stalled=0.02)

    assert list(tmp_path.iterdir()) == []


def test_a_wrong_expected_digest(tmp_path: Path) -> None:
    """A complete genesis of the right chain with another digest than the operator's is a mismatch."""
    with ScriptedServer(GOOD) as server, pytest.raises(MismatchError, match="check GENESIS_SHA256"):
        fetch(server, tmp_path / "genesis.json", "0" * 64)

    assert list(tmp_path.iterdir()) == []


def test_what_a_mismatch_costs(tmp_path: Path) -> None:
    """A mismatch is told after one request: waiting does not make another chain the right one."""
    with ScriptedServer(answer(200, b"<html>")) as server, pytest.raises(MismatchError):
        fetch(server, tmp_path / "genesis.json")

    assert len(server.asked) == 1


def ranges(asked: list[Asked]) -> list[tuple[str | None, str | None]]:
    """``Range`` and ``If-Range`` of each request."""
    return [(one.headers.get("range"), one.headers.get("if-range")) for one in asked]


def test_a_resume_asks_for_what_is_missing(tmp_path: Path) -> None:
    """After a cut only the rest is asked for, and only of the same file."""
    with ScriptedServer(cut(), file(GENESIS)) as server:
        fetch(server, tmp_path / "genesis.json")

    assert [(None, None), (f"bytes={HALF}-", '"1"')] == ranges(server.asked)


def test_progress_keeps_the_pauses_short(tmp_path: Path) -> None:
    """As long as each try brings bytes, the next one follows after a first pause."""
    clock = VirtualClock()
    with ScriptedServer(file(GENESIS, cuts=range(300, 3000, 300))) as server:
        fetch(server, tmp_path / "genesis.json", clock=clock)

    assert len(clock.slept) == 9
    assert max(clock.slept) <= 0.2


CHUNKED_CUT = raw(head(200, {"Transfer-Encoding": "chunked", "ETag": '"1"'}) + b"a\r\n" + GENESIS[:10] + b"\r\n")


@pytest.mark.parametrize(("first", "begin"), [(cut(), HALF), (CHUNKED_CUT, 10)], ids=["with a length", "chunked"])
def test_a_part_may_be_answered_by_less(first: Script, begin: int, tmp_path: Path) -> None:
    """A server may send less than the range that was asked for (RFC 9110, 15.3.7); the rest is asked for again."""
    part = answer(206, GENESIS[begin:-9], {"Content-Range": f"bytes {begin}-{len(GENESIS) - 10}/{len(GENESIS)}"})
    with ScriptedServer(first, part, file(GENESIS)) as server:
        fetch(server, tmp_path / "genesis.json")

    assert [None, f"bytes={begin}-", f"bytes={len(GENESIS) - 9}-"] == [wanted for wanted, _ in ranges(server.asked)]
    assert (tmp_path / "genesis.json").read_bytes() == GENESIS


WRONG_RESTS = {
    "another range": partial(GENESIS, HALF, content_range=f"bytes 0-{len(GENESIS) - 1}/{len(GENESIS)}"),
    "no range": partial(GENESIS, HALF, content_range="none"),
    "of a longer file": partial(GENESIS + b" ", HALF),
    "of a changed file": partial(OTHER, HALF, etag='"2"'),
    "not satisfiable": answer(416),
}


@pytest.mark.parametrize("rest", WRONG_RESTS.values(), ids=WRONG_RESTS.keys())
def test_a_wrong_rest_is_not_joined(rest: Script, tmp_path: Path) -> None:
    """What does not continue the file that was begun is dropped unread, and the file is fetched anew."""
    clock = VirtualClock(on_sleep=lambda: sizes.append((tmp_path / "genesis.json").stat().st_size))
    sizes: list[int] = []
    with ScriptedServer(cut(), rest, file(GENESIS)) as server:
        fetch(server, tmp_path / "genesis.json", clock=clock)

    assert [None, f"bytes={HALF}-", None] == [wanted for wanted, _ in ranges(server.asked)]
    assert sizes[1] == 0
    assert (tmp_path / "genesis.json").read_bytes() == GENESIS


@pytest.mark.parametrize("etag", ["", 'W/"1"'])
def test_no_resume_without_a_strong_etag(etag: str, tmp_path: Path) -> None:
    """Without a strong ETag the pieces of two files could be joined unseen, so the file is fetched anew."""
    with ScriptedServer(cut({"ETag": etag}), GOOD) as server:
        fetch(server, tmp_path / "genesis.json")

    assert ranges(server.asked) == [(None, None)] * 2


@pytest.mark.parametrize("rst", [False, True], ids=["closed", "reset"])
def test_a_connection_that_breaks_every_thousand_bytes(rst: bool, tmp_path: Path) -> None:
    """A file that never comes in one piece is put together from its pieces."""
    cuts = range(1000, 1_000_000_000, 1000)
    with ScriptedServer(file(GENESIS, cuts=cuts, rst=rst, extra=repr_digest(GENESIS))) as server:
        fetch(server, tmp_path / "genesis.json")

    assert (tmp_path / "genesis.json").read_bytes() == GENESIS


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, len(GENESIS)), max_size=12), strong=st.booleans(), mended=st.booleans())
def test_any_cuts_give_the_same_bytes(cuts: list[int], strong: bool, mended: bool, tmp_path: Path) -> None:
    """For any set of cut points, in any order, with or without resuming, the bytes are the original's."""
    content = file(GENESIS, etag='"1"' if strong else 'W/"1"', cuts=cuts, extra=repr_digest(GENESIS) if mended else {})
    with ScriptedServer(content) as server, Client(server.url) as client:
        download_genesis(client, tmp_path / "genesis.json", Expected(CHAIN), within=3600, clock=VirtualClock())

    assert (tmp_path / "genesis.json").read_bytes() == GENESIS


def test_a_leader_that_comes_up_later(tmp_path: Path) -> None:
    """A refused connection is tried again until the server is there."""
    with ScriptedServer(GOOD, listening=False) as server:
        started = [server.listen]
        clock = VirtualClock(on_sleep=lambda: started and started.pop()())
        fetch(server, tmp_path / "genesis.json", clock=clock)

    assert len(clock.slept) == 1
    assert (tmp_path / "genesis.json").read_bytes() == GENESIS


def test_a_leader_that_never_comes_up(tmp_path: Path) -> None:
    """Pauses grow to ten seconds, and the time that was given is used up, but not exceeded."""
    clock = VirtualClock()
    with ScriptedServer(listening=False) as server, pytest.raises(TemporaryError, match=r"gave up .* after 60 s"):
        fetch(server, tmp_path / "genesis.json", clock=clock)

    assert 59.9 <= clock.time <= 60.01
    assert max(clock.slept) <= 10
    assert list(tmp_path.iterdir()) == []


def test_a_leader_whose_name_does_not_resolve(tmp_path: Path) -> None:
    """A failed look-up is temporary, and the cause is told."""
    with (
        Client("http://genesis.invalid:8081") as client,
        pytest.raises(TemporaryError, match=r"cannot resolve host genesis\.invalid"),
    ):
        download_genesis(client, tmp_path / "g", Expected(CHAIN), within=5, clock=VirtualClock())

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("asked", "slept"), [("7", 7), ("86400", 60), ("Fri, 31 Dec 1999 23:59:59 GMT", 0.2), ("-1", 0.2)]
)
def test_retry_after_is_honoured_within_limits(asked: str, slept: float, tmp_path: Path) -> None:
    """A 503 may ask for a pause in seconds, up to a minute; anything else leaves it to the back-off."""
    clock = VirtualClock()
    with ScriptedServer(answer(503, b"", {"Retry-After": asked}), GOOD) as server, Client(server.url) as client:
        download_genesis(client, tmp_path / "g", Expected(CHAIN), within=300, clock=clock)

    assert slept / 2 <= clock.slept[0] <= slept
    assert (slept < 1) is (clock.slept[0] < 1)


def test_a_download_that_drips_ends_in_time(tmp_path: Path) -> None:
    """A body that goes on and on is left when the time is over."""
    clock = VirtualClock()

    def drip(exchange: Exchange) -> bool:
        exchange.send(head(200, WHOLE) + GENESIS[:10])
        clock.time = 61
        exchange.send(GENESIS[10:20])
        exchange.stall()
        return False

    with (
        ScriptedServer(drip) as server,
        pytest.raises(TemporaryError, match="after 61 s and 1 tries: the time is over"),
    ):
        fetch(server, tmp_path / "genesis.json", clock=clock)


def test_a_destination_that_cannot_be_written(tmp_path: Path) -> None:
    """What the volume refuses is passed on as it is, before anything is asked for."""
    with ScriptedServer(GOOD) as server, pytest.raises(FileNotFoundError):
        fetch(server, tmp_path / "missing" / "genesis.json")

    assert server.asked == []


@pytest.mark.skipif(not COSMOSHUB_2.is_file(), reason="the real genesis of cosmoshub-2 is not beside the repository")
def test_a_real_genesis_arrives_byte_for_byte(tmp_path: Path) -> None:
    """The genesis of a real chain, cut twice on the way, arrives whole and passes every check."""
    content = COSMOSHUB_2.read_bytes()
    script = file(content, cuts=[1_000_000, 2_000_000], extra=repr_digest(content))
    with ScriptedServer(script) as server:
        facts = fetch(server, tmp_path / "genesis.json", chain_id="cosmoshub-2")

    assert facts.chain_id == "cosmoshub-2"
    assert (tmp_path / "genesis.json").read_bytes() == content


NODE_ID = "0a" * 20
NODE_ID_BODY = json.dumps({"node_id": NODE_ID}).encode()


def test_a_node_id_is_waited_for() -> None:
    """Errors and other documents are waited out, and the id is asked for with a long poll."""
    scripts = answer(503), answer(200, b"{}"), reset, answer(200, NODE_ID_BODY)
    with ScriptedServer(*scripts) as server, Client(server.url) as client:
        assert fetch_node_id(client, within=300, clock=VirtualClock()) == NODE_ID

    assert {"/node_id?wait=30000ms"} == {asked.path for asked in server.asked}


@pytest.mark.parametrize(
    "script", [answer(404), answer(200, b'{"node_id":"short"}'), reset], ids=["404", "foreign", "reset"]
)
def test_a_node_id_that_never_comes(script: Script) -> None:
    """Whatever the leader says instead, the wait ends in time and is temporary, never a mismatch."""
    clock = VirtualClock()
    with (
        ScriptedServer(script) as server,
        Client(server.url) as client,
        pytest.raises(TemporaryError, match=r"no node id from .* within 60 s: ") as caught,
    ):
        fetch_node_id(client, within=60, clock=clock)

    assert type(caught.value) is TemporaryError
    assert clock.time <= 60.01


def test_a_node_id_request_that_stalls() -> None:
    """A request that is held is given up with the wait, not a stall's time later."""
    began = SYSTEM.now()
    with (
        ScriptedServer(stall) as server,
        Client(server.url, timeout=1000) as client,
        pytest.raises(TemporaryError, match="stalled"),
    ):
        fetch_node_id(client, within=0.05)

    assert SYSTEM.now() - began < 9
