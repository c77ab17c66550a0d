"""``GENESIS_FROM``: a file or a URL, verified, and never left half behind."""

import hashlib
from pathlib import Path

import pytest
from scripted_server import Script, ScriptedServer, answer, endless, file, head, raw
from virtual_clock import VirtualClock

from exposer.errors import BadInputError, ExposerError, MismatchError, TemporaryError
from init_scripts import download
from init_scripts.genesis_source import open_genesis

GENESIS = b'{"chain_id": "old-1", "text": "' + b"x" * 3000 + b'"}'
DIGEST = hashlib.sha256(GENESIS).hexdigest()


def fetched(stage: Path, where: str | Path, sha256: str = "") -> str:
    """The chain id of the genesis that is there."""
    with open_genesis(where, sha256, stage, clock=VirtualClock()) as source:
        return str(source.get("chain_id"))


@pytest.mark.parametrize("sha256", ["", DIGEST])
@pytest.mark.parametrize(
    "script", [answer(200, GENESIS), file(GENESIS, cuts=[100, 2000]), file(GENESIS, cuts=[7], rst=True)]
)
def test_what_is_cut_is_resumed(tmp_path: Path, script: Script, sha256: str) -> None:
    """The whole file is read, however often it is cut, and nothing of it stays on the volume."""
    with ScriptedServer(script) as server:
        assert fetched(tmp_path, f"{server.url}/state/genesis.json?raw=1", sha256) == "old-1"
        assert server.asked[0].path == "/state/genesis.json?raw=1"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("script", "sha256", "error", "told"),
    [
        (answer(200, GENESIS), "0" * 64, MismatchError, f"GENESIS_FROM: it has the sha256 {DIGEST}, not 000"),
        (answer(404), "", BadInputError, "answers 404: check GENESIS_FROM"),
        (answer(403), "", BadInputError, "answers 403: check GENESIS_FROM"),
        (answer(302, headers={"location": "/x"}), "", BadInputError, "answers 302: redirects are not followed"),
        (answer(200, GENESIS, {"content-encoding": "gzip"}), "", BadInputError, "encoded as 'gzip'"),
        (answer(429), "", TemporaryError, "answers 429"),
        (answer(503), "", TemporaryError, "answers 503"),
        (raw(head(200, {}) + GENESIS), "", BadInputError, "set GENESIS_FROM_SHA256"),
        (raw(head(200, {"content-length": 10**17})), "", TemporaryError, "has room for"),
        (answer(200, b"\x1f\x8b" + GENESIS), "", BadInputError, "is compressed; unpack it"),
        (answer(200, b"<html>"), "", BadInputError, "is no JSON object"),
        (answer(200, GENESIS[:-1]), "", BadInputError, "cut off: it ends at byte"),
    ],
)
def test_what_is_not_the_file_is_refused(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    script: Script,
    sha256: str,
    error: type[ExposerError],
    told: str,
) -> None:
    """Each has its own error, leaves nothing behind, and tells nothing of a token in the query."""
    caplog.set_level("INFO")
    with ScriptedServer(script) as server, pytest.raises(error, match=told) as raised:
        fetched(tmp_path, f"{server.url}/genesis.json?token=secret", sha256)
    assert list(tmp_path.iterdir()) == []
    assert "secret" not in str(raised.value) + caplog.text


def test_a_stream_without_an_end_does_not_fill_the_volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes without a length is taken up to a limit, and nothing of it stays."""
    monkeypatch.setattr(download, "UNPROMISED", 1 << 20)
    chunks = endless(b"8\r\n        \r\n" * 1000, first=head(200, {"transfer-encoding": "chunked"}))
    with (
        ScriptedServer(chunks) as server,
        pytest.raises(BadInputError, match="more than 1048576 bytes without a length"),
    ):
        fetched(tmp_path, server.url)
    assert list(tmp_path.iterdir()) == []


def test_a_rest_without_room_is_not_begun(tmp_path: Path) -> None:
    """A server that tells the length with the rest alone is held to the room that there is, too."""
    part = {"ETag": '"1"', "Transfer-Encoding": "chunked"}
    begun = raw(head(200, part) + b"64\r\n" + b" " * 100 + b"\r\n")
    rest = endless(
        b"8\r\n        \r\n" * 1000, first=head(206, {**part, "Content-Range": f"bytes 100-{10**17 - 1}/{10**17}"})
    )
    with ScriptedServer(begun, rest) as server, pytest.raises(TemporaryError, match="has room for"):
        fetched(tmp_path, server.url)
    assert list(tmp_path.iterdir()) == []


def test_more_than_was_promised_is_no_file(tmp_path: Path) -> None:
    """A rest that goes on behind the end of the file is refused; the file is fetched again, in one."""
    rest = {
        "ETag": '"1"',
        "Content-Range": f"bytes 100-{len(GENESIS) - 1}/{len(GENESIS)}",
        "Transfer-Encoding": "chunked",
    }
    beyond = raw(head(206, rest) + b"ffff\r\n" + b" " * 0xFFFF + b"\r\n0\r\n\r\n")
    with ScriptedServer(file(GENESIS, cuts=[100]), beyond, answer(200, GENESIS)) as server:
        assert fetched(tmp_path, server.url, DIGEST) == "old-1"
        assert [asked.headers.get("range") for asked in server.asked] == [None, "bytes=100-", None]


def test_a_stream_without_a_length_is_judged_by_its_digest(tmp_path: Path) -> None:
    """Where only the end of the connection marks the end of the file, the digest tells whether it is whole."""
    with ScriptedServer(raw(head(200, {}) + GENESIS)) as server:
        assert fetched(tmp_path, server.url, DIGEST) == "old-1"


@pytest.mark.parametrize("sha256", ["", DIGEST])
def test_a_file_is_read_where_it_is(tmp_path: Path, sha256: str) -> None:
    """A mounted file is verified and stays what it is."""
    path = tmp_path / "genesis.json"
    path.write_bytes(GENESIS)

    assert fetched(tmp_path, path, sha256) == "old-1"
    assert path.read_bytes() == GENESIS


@pytest.mark.parametrize(
    ("where", "sha256", "error"),
    [
        (Path("/nowhere/genesis.json"), "", BadInputError),
        (Path("/nowhere/genesis.json"), DIGEST, BadInputError),
        ("ftp://host/genesis.json", "", BadInputError),
        ("http://user:secret@host/genesis.json", "", BadInputError),
        ("http://[::1/genesis.json?secret", "", BadInputError),
        ("http://host/genesis json?secret", "", BadInputError),
    ],
)
def test_a_place_that_is_none_is_bad_input(
    tmp_path: Path, where: Path | str, sha256: str, error: type[ExposerError]
) -> None:
    """The setting is named; what a URL has of a password is not."""
    with pytest.raises(error, match="GENESIS_FROM") as told:
        fetched(tmp_path, where, sha256)
    assert "secret" not in str(told.value)
