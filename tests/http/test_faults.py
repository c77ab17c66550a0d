"""The hostile volume: every fault of every file, and the one answer of each endpoint that needs the file."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from sidecar_world import FILES, KEYS, Keys, assert_no_secret, assert_problem, calling, commit_all, fill

NEEDED_BY = {
    "genesis.json": {"/genesis", "/readyz"},
    "node_id.json": {"/node_id", "/readyz"},
    "node_key.json": {"/node_id", "/keys", "/readyz"},
    "priv_validator_key.json": {"/keys", "/pub_key"},
}
CHAIN = {"/node_id", "/genesis", "/keys", "/pub_key", "/readyz"}


def _rewrite(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    return lambda path: void(path.write_bytes(change(path.read_bytes())))


def _instead(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def apply(path: Path) -> None:
        path.unlink()
        make(path)

    return apply


def void(_: object) -> None:
    """Nothing, whatever was returned."""


def _socket(path: Path) -> None:
    short = f"/proc/self/fd/{os.open(path.parent, os.O_RDONLY)}"  # the path of a socket has at most 107 bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{short}/{path.name}")
    os.close(int(short.rsplit("/", 1)[1]))


# fault -> (what is done to the file, code on a volume of somebody else's, code on a volume of ours)
FAULTS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "missing": (Path.unlink, "not-ready", "not-ready"),
    "dangling link": (_instead(lambda path: path.symlink_to("nowhere")), "not-ready", "not-ready"),
    "symlink loop": (_instead(lambda path: path.symlink_to(path.name)), "not-ready", "not-ready"),
    "directory": (_instead(Path.mkdir), "incomplete", "incomplete"),
    "FIFO": (_instead(os.mkfifo), "incomplete", "incomplete"),
    "socket": (_instead(_socket), "incomplete", "incomplete"),
    "device": (_instead(lambda path: path.symlink_to("/dev/zero")), "incomplete", "incomplete"),
    "empty": (_rewrite(lambda _: b""), "incomplete", "mismatch"),
    "torn in the middle": (_rewrite(lambda data: data[: len(data) // 2]), "incomplete", "mismatch"),
    "torn at the last brace": (_rewrite(lambda data: data.rstrip()[:-1]), "incomplete", "mismatch"),
    "zeros after a crash": (_rewrite(lambda data: bytes(len(data))), "incomplete", "mismatch"),
    "an error page": (_rewrite(lambda _: b"<html>502 Bad Gateway</html>"), "incomplete", "mismatch"),
    "two documents": (_rewrite(lambda data: data + data), "incomplete", "mismatch"),
    "not UTF-8": (_rewrite(lambda data: data.replace(b'"', b'"\xff\xfe', 1)), "incomplete", "mismatch"),
    "an array": (_rewrite(lambda data: b"[%s]" % data), "incomplete", "mismatch"),
    "an empty object": (_rewrite(lambda _: b"{}"), "incomplete", "mismatch"),
    "null inside": (
        _rewrite(lambda _: b'{"node_id":null,"chain_id":null,"genesis_time":null,"pub_key":null,"priv_key":null}'),
        "incomplete",
        "mismatch",
    ),
    "wrong types inside": (
        _rewrite(lambda _: b'{"node_id":[],"chain_id":{},"genesis_time":1,"pub_key":"x","priv_key":[1]}'),
        "incomplete",
        "mismatch",
    ),
    "keys of wrong types": (
        _rewrite(lambda _: b'{"node_id":7,"priv_key":{"type":"x","value":1},"pub_key":{"type":[],"value":"!"}}'),
        "incomplete",
        "mismatch",
    ),
    "nested without end": (_rewrite(lambda _: b'{"a":' + b"[" * 100_000), "incomplete", "mismatch"),
    "a number of 5,000 digits": (_rewrite(lambda _: b'{"chain_id":' + b"9" * 5000 + b"}"), "incomplete", "mismatch"),
    "an exponent beyond all": (_rewrite(lambda _: b'{"chain_id":1e' + b"9" * 30 + b"}"), "incomplete", "mismatch"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("file", FILES)
async def test_fault(tmp_path: Path, file: str, fault: str) -> None:
    """A fault in a file of somebody else's volume: its endpoints answer the fault's code, all others are unmoved."""
    spoil, code, _ = FAULTS[fault]
    spoil(fill(tmp_path) / file)
    await _check(tmp_path, file, code)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("file", FILES)
async def test_fault_on_a_volume_of_ours(tmp_path: Path, file: str, fault: str) -> None:
    """A fault in a committed file: whatever can be read is compared with its record first."""
    commit_all(tmp_path)
    spoil, _, code = FAULTS[fault]
    spoil(tmp_path / "config" / file)
    await _check(tmp_path, file, code)


@pytest.mark.parametrize("file", ["node_id.json", "node_key.json", "priv_validator_key.json"])
async def test_too_large(tmp_path: Path, file: str) -> None:
    """A small document that is padded to a gigabyte is refused unread."""
    path = fill(tmp_path) / file
    os.truncate(path, 1 << 30)
    await _check(tmp_path, file, "incomplete")


async def test_mended(tmp_path: Path) -> None:
    """A fault ends with its cause, although verdicts are kept: the same file name with other content is looked at."""
    config = fill(tmp_path)
    whole = (config / "genesis.json").read_bytes()
    async with calling(tmp_path) as (client, _):
        for data in (whole, whole[:-3], whole, b"", whole.replace(b"test-1", b"test-2")):
            (config / "genesis.json").write_bytes(data)
            response = await client.get("/genesis")
            if data.startswith(whole[:20]) and len(data) == len(whole):
                assert response.content == data
            else:
                assert_problem(response, 503, "incomplete")


async def test_same_size_same_moment(tmp_path: Path) -> None:
    """A file that is overwritten with as many bytes in the clock tick of the last look is looked at again."""
    config = fill(tmp_path)
    async with calling(tmp_path) as (client, _):
        for other in ("a", "b", "c", "d", "e"):
            keys = Keys(other)
            with (config / "node_id.json").open("r+b") as stream:
                stream.write(b'{"node_id":"%s"}' % keys.node_id().encode())
            (config / "node_key.json").write_bytes(keys.node_key())
            assert (await client.get("/node_id")).json() == {"node_id": keys.node_id()}


async def _check(home: Path, file: str, code: str) -> None:
    async with calling(home) as (client, _):
        for path in sorted(CHAIN):
            response = await client.get(path)
            assert_no_secret(response, KEYS)
            if path in NEEDED_BY[file]:
                assert_problem(response, 503, code)
            else:
                assert response.status_code == 200, (path, response.text)
        status = (await client.get("/status")).json()
        assert status["ready"] is ("/readyz" not in NEEDED_BY[file])
        assert (await client.get("/livez")).status_code == 200
