"""The hostile volume: every fault of every file, and the one answer of each endpoint."""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest
from project import ROOT
from sidecar_world import (
    FILES,
    LARGE,
    Keys,
    assert_no_secret,
    assert_problem,
    calling,
    commit,
    commit_all,
    fill,
    replaced_atomically,
    serving,
)
from tls_world import Authorities
from volume_faults import ARTIFACT, DURING, FAULTS, NEEDED_BY, markdown
from waiting import until

from exposer.progress import Progress, write_progress
from exposer.records import RECORD_LIMIT
from exposer.server.sidecar import PATHS, Sidecar

DOCS = ROOT / "docs/faults.md"
IDENTITY = "/identity"
ENDPOINTS = tuple(path.replace("{name}", "data") for path in PATHS if path != IDENTITY)
DATA = b'{"any": "bytes"}\n'
NOBODY = 65534


@pytest.fixture
def home() -> Iterator[Path]:
    """A home that everybody may look into, which is not so below pytest's own directory."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory) / "home"


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("file", NEEDED_BY)
async def test_fault(home: Path, file: str, fault: str) -> None:
    """A fault in a file of somebody else's volume: its endpoints answer the fault's code, all others are unmoved."""
    (fill(home) / ARTIFACT).write_bytes(DATA)
    await _check(home, file, fault, ours=False)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("file", NEEDED_BY)
async def test_fault_on_a_volume_of_ours(home: Path, file: str, fault: str) -> None:
    """A fault in a committed file: whatever can be read is compared with its record first."""
    commit_all(home)
    commit(home, "init-data", {ARTIFACT: DATA})
    await _check(home, file, fault, ours=True)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault_of_a_record(home: Path, fault: str) -> None:
    """A fault in the record of any step is one of the whole volume, and told to everybody who asks."""
    commit_all(home)
    commit(home, "init-data", {ARTIFACT: DATA})
    commit(home, "x", {})
    await _check_state(home, ".exposer/steps/x.json", fault, FAULTS[fault].record)


@pytest.mark.parametrize("fault", FAULTS)
async def test_fault_of_a_progress(home: Path, fault: str) -> None:
    """A fault in what a step says about itself is nobody's: it decides nothing, and is left out."""
    commit_all(home)
    commit(home, "init-data", {ARTIFACT: DATA})
    write_progress(home, Progress("x", "done", 1.0, 2.0, 0))
    await _check_state(home, ".exposer/progress/x.json", fault, "200")


async def _check_state(home: Path, path: str, fault: str, code: str) -> None:
    """The code of every endpoint that needs the volume to be whole, when the file at ``path`` is not."""
    whole = {path for paths in NEEDED_BY.values() for path in paths}
    async with calling(home, artifacts=f"data=config/{ARTIFACT}") as (client, _):
        FAULTS[fault].spoil(home / path)
        with _unprivileged(home) if fault.startswith("no permission") else contextlib.nullcontext():
            for endpoint in ENDPOINTS:
                await _check_answer(client, endpoint, code if endpoint in whole else "200", home)
            await _check_answer(client, IDENTITY, "incomplete" if code == "not-ready" else code, home)


WRONG: dict[str, Callable[[dict[str, Any]], object]] = {
    "step": lambda record: record.update(step=["x"]),
    "sequence": lambda record: record.update(sequence="7"),
    "sequence is true": lambda record: record.update(sequence=True),
    "tool_version": lambda record: record.update(tool_version=None),
    "inputs": lambda record: record.update(inputs=[]),
    "facts": lambda record: record.update(facts="x"),
    "artifacts": lambda record: record.update(artifacts=7),
    "path": lambda record: record["artifacts"][0].update(path=[]),
    "size": lambda record: record["artifacts"][0].update(size=1.0),
    "sha256": lambda record: record["artifacts"][0].update(sha256=7),
    "state": lambda record: record["artifacts"][0].update(state=0),
    "more": lambda record: record.update(more=1),
}


@pytest.mark.parametrize("field", WRONG)
async def test_field_of_a_record(home: Path, field: str) -> None:
    """A record with one field of another type is damaged, and no reason to fail."""
    commit_all(home)
    path = home / ".exposer/steps/init-config.json"
    record = json.loads(path.read_bytes())
    WRONG[field](record)
    path.write_text(json.dumps(record))
    async with calling(home) as (client, _):
        for endpoint in ("/genesis", "/node_id", "/readyz"):
            assert_problem(await client.get(endpoint), 503, "mismatch")
        for endpoint in ("/status", "/metrics"):
            assert (await client.get(endpoint)).status_code == 200


async def test_a_record_that_is_too_large(home: Path) -> None:
    """A record that is larger than any step writes is damaged, and not read into memory."""
    commit_all(home)
    with (home / ".exposer/steps/init-config.json").open("r+b") as record:
        record.truncate(RECORD_LIMIT + 1)
    async with calling(home) as (client, _):
        assert_problem(await client.get("/genesis"), 503, "mismatch")


async def test_a_record_of_very_many_files(home: Path) -> None:
    """What a step of many files records is no fault."""
    commit_all(home)
    path = home / ".exposer/steps/init-config.json"
    record = json.loads(path.read_bytes())
    record["facts"]["x"] = "x" * (2 << 20)
    path.write_text(json.dumps(record))
    async with calling(home) as (client, _):
        assert (await client.get("/genesis")).status_code == 200


@pytest.mark.parametrize("place", [".exposer", ".exposer/steps"])
async def test_state_that_is_a_file(home: Path, place: str) -> None:
    """A volume of ours whose records are a file is not taken for somebody else's: nothing is served."""
    commit_all(home)
    shutil.rmtree(home / place)
    (home / place).touch()
    async with calling(home) as (client, _):
        for path in ("/node_id", "/genesis", "/keys", "/pub_key", "/readyz"):
            assert_problem(await client.get(path), 503, "not-ready")


async def test_steps_of_strange_names(home: Path) -> None:
    """Names that are no text, and progress under another step's name, are left out: no series is there twice."""
    fill(home)
    write_progress(home, Progress("a", "done", 1.0, 2.0, 0))
    directory = home / ".exposer/progress"
    (directory / "b.json").write_bytes((directory / "a.json").read_bytes().replace(b'"a"', b'"c"'))
    for name in ("\udcff", "\udcfe"):
        (directory / f"{name}.json").write_text(json.dumps(asdict(Progress(name, "done", 1.0, 2.0, 0))))
    for half in ("\ud800", "\ud801"):
        (directory / f"{ord(half)}.json").write_text(json.dumps(asdict(Progress(half, "done", 1.0, 2.0, 0))))
    (home / ".exposer/steps").mkdir()
    async with calling(home) as (client, _):
        assert [step["name"] for step in (await client.get("/status")).json()["steps"]] == ["a"]
        lines = [line.rpartition(" ")[0] for line in (await client.get("/metrics")).text.splitlines()]
    series = [line for line in lines if not line.startswith("#")]
    assert len(series) == len(set(series))


async def test_progress_beyond_all_size(home: Path) -> None:
    """What a step says about itself is read to its limit, however large the file is."""
    fill(home)
    write_progress(home, Progress("a", "done", 1.0, 2.0, 0))
    os.truncate(home / ".exposer/progress/a.json", 1 << 40)
    async with calling(home) as (client, _):
        assert (await client.get("/status")).json()["steps"] == []


async def _check(home: Path, file: str, fault: str, *, ours: bool) -> None:
    code = FAULTS[fault].code(file, ours=ours)
    async with calling(home, artifacts=f"data=config/{ARTIFACT}") as (client, sidecar):
        for path in (*ENDPOINTS, IDENTITY):
            assert (await client.get(path)).status_code == 200, path
        FAULTS[fault].spoil(home / "config" / file)
        with _unprivileged(home) if fault.startswith("no permission") else contextlib.nullcontext():
            for path in ENDPOINTS:
                expected = code if path in NEEDED_BY[file] else "200"
                await _check_answer(client, path, expected, home)
            await _check_answer(client, IDENTITY, FAULTS[fault].identity_code(file, ours=ours), home)
            await _check_status(client, sidecar, file, code)


async def _check_answer(client: httpx.AsyncClient, path: str, code: str, home: Path) -> None:
    response = await client.get(path)
    assert_no_secret(response)
    assert str(home) not in response.text + repr(response.headers)
    if code == "200":
        assert response.status_code == 200, (path, response.text)
    else:
        assert_problem(response, 503, code)
        assert (await client.head(path)).status_code == response.status_code


async def _check_status(client: httpx.AsyncClient, sidecar: Sidecar, file: str, code: str) -> None:
    """What `/status` and the index say is what the endpoints answer."""
    status = (await client.get("/status")).json()
    assert status["ready"] is ("/readyz" not in NEEDED_BY[file])
    states = {artifact["name"]: artifact["state"] for artifact in status["artifacts"]}
    state = "ready" if code == "200" else code
    needing = {f"artifact:{path[11:]}" if path.startswith("/artifacts") else path[1:] for path in NEEDED_BY[file]}
    assert states == {name: state if name in needing else "ready" for name in sidecar.view.names}
    (entry,) = (await client.get("/artifacts")).json()["artifacts"]
    assert entry["state"] == states["artifact:data"]


@contextlib.contextmanager
def _unprivileged(home: Path) -> Iterator[None]:
    """Without the right of root to read everything; the volume belongs to who looks at it."""
    if os.geteuid() != 0:
        yield
        return
    for path in (home, *home.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_no_permission_on_a_directory(home: Path) -> None:
    """A directory that must not be entered hides all of its files; the sidecar lives, and sees them when it may."""
    fill(home)
    async with calling(home) as (client, _):
        (home / "config").chmod(0)
        with _unprivileged(home):
            for path in ("/node_id", "/genesis", "/keys", "/pub_key", "/readyz"):
                body = assert_problem(await client.get(path), 503, "not-ready")
                assert "no permission" in str(body["reason"])
            (home / "config").chmod(0o700)
            assert (await client.get("/readyz")).status_code == 200


@pytest.mark.parametrize("directory", [".exposer", ".exposer/steps"])
async def test_no_permission_on_the_records(home: Path, directory: str) -> None:
    """Records that must not be read are no sign of somebody else's volume: nothing is served."""
    commit_all(home)
    async with calling(home) as (client, _):
        (home / directory).chmod(0)
        with _unprivileged(home):
            for path in ("/node_id", "/genesis", "/keys", "/pub_key", "/readyz"):
                assert_problem(await client.get(path), 503, "not-ready")
            (home / directory).chmod(0o700)
            assert (await client.get("/readyz")).status_code == 200


@pytest.mark.parametrize("fault", DURING)
@pytest.mark.parametrize("file", ["genesis.json", ARTIFACT])
@pytest.mark.parametrize("transport", ["plain", "TLS"])
async def test_during_a_download(tmp_path: Path, file: str, fault: str, transport: str) -> None:
    """What is done to a file while it is sent: the old one to its end, or a cut; never a mix, never padding."""
    config = fill(tmp_path, LARGE)
    (config / ARTIFACT).write_bytes(LARGE)
    secure: dict[str, Any] = {}
    if transport == "TLS":
        authorities = Authorities.new(tmp_path)
        secure = {"trust": authorities.credentials().context(), **authorities.settings()}
    async with serving(tmp_path, artifacts=f"data=config/{ARTIFACT}", **secure) as (client, sidecar):
        async with client.stream("GET", NEEDED_BY[file][0]) as download:
            chunks = download.aiter_raw()
            received = await anext(chunks)
            _disturb(config / file, fault)
            cut = False
            try:
                received += b"".join([chunk async for chunk in chunks])
            except (httpx.RemoteProtocolError, httpx.ReadError):  # the end of a connection, as each of the two sees it
                cut = True
        assert cut == ("cut" in DURING[fault])
        assert received == LARGE if not cut else LARGE.startswith(received) and len(received) < len(LARGE)
        await until(lambda: not len(sidecar.fetches))


def _disturb(path: Path, fault: str) -> None:
    if fault == "replaced by another file":
        with replaced_atomically(path) as successor:
            successor.write_bytes(LARGE.replace(b"test-1", b"test-2"))
    elif fault == "deleted":
        path.unlink()
    elif fault.startswith("overwritten"):
        before = path.stat()
        with path.open("r+b") as stream:
            stream.write(LARGE.replace(b"0123", b"4567"))
        if fault.endswith("set back"):
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif fault == "appended to":
        with path.open("ab") as stream:
            stream.write(b" ")
    else:
        os.truncate(path, len(LARGE) // 2 if fault == "truncated" else 0)


@pytest.mark.parametrize("file", ["node_id.json", "node_key.json", "priv_validator_key.json"])
async def test_too_large(tmp_path: Path, file: str) -> None:
    """A small document that is padded to a gigabyte is refused unread."""
    os.truncate(fill(tmp_path) / file, 1 << 30)
    async with calling(tmp_path) as (client, _):
        for path in NEEDED_BY[file]:
            assert_problem(await client.get(path), 503, "incomplete")


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


def test_docs() -> None:
    """The tables in docs/faults.md are those of these tests; UPDATE_DOCS=1 writes them."""
    assert set(FILES) | {ARTIFACT} == set(NEEDED_BY)
    text = DOCS.read_text(encoding="utf-8")
    start = text.index("| fault of a file |")
    if os.environ.get("UPDATE_DOCS"):
        DOCS.write_text(text[:start] + markdown(), encoding="utf-8")
    assert DOCS.read_text(encoding="utf-8")[start:] == markdown()
