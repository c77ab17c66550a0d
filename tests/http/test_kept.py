"""Verdicts that are kept: known without a look for as long as nothing that they were made from has changed."""

import asyncio
import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from sidecar_world import (
    FILES,
    GENESIS,
    KEYS,
    Keys,
    calling,
    commit,
    commit_all,
    contents,
    fill,
    replaced_atomically,
    settings_for,
)
from waiting import eventually

from exposer import stamps
from exposer.server import file, mount, view
from exposer.server.changes import Polling
from exposer.server.settings import ServerSettings
from exposer.server.sidecar import Sidecar
from exposer.server.view import Verdict
from exposer.server.watch import Watch
from exposer.stamps import stamp

NAMES = ("node_id", "genesis", "keys", "pub_key", "artifact:data", "ready")
FINISHED = pytest.mark.parametrize("finish", [fill, commit_all], ids=["unmanaged", "managed"])
ARTIFACTS = "data=config/genesis.json"


@pytest.fixture(autouse=True)
def _settles_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A volume settles in 20 ms: many tests wait for it, and the longest clock tick of a kernel is 10 ms."""
    monkeypatch.setattr(stamps, "SETTLING_NS", 20_000_000)


def settle(home: Path) -> None:
    """Make the volume as old as a look needs it to be: its clock tick is over."""
    youngest = max((path.lstat().st_ctime_ns for path in home.rglob("*")), default=0)
    eventually("the volume is that old", lambda: youngest < time.time_ns() - stamps.SETTLING_NS, limit=5)


async def known(sidecar: Sidecar, name: str) -> Verdict | None:
    """The verdict that is known in a turn of the loop of its own."""
    await asyncio.sleep(0)
    return sidecar.watch.current(name)


@FINISHED
async def test_known_after_a_look(tmp_path: Path, finish: Callable[[Path], object]) -> None:
    """Once a settled volume has been looked at, every verdict is known without a look, and is the one of that look."""
    finish(tmp_path)
    settle(tmp_path)
    async with calling(tmp_path, artifacts=ARTIFACTS) as (_, sidecar):
        for name in NAMES:
            assert name == "ready" or await known(sidecar, name) is None
            found = await sidecar.watch.look(name)
            assert found.ready
            assert await known(sidecar, name) == found


async def test_no_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known is answered without a thread."""
    fill(tmp_path)
    settle(tmp_path)
    async with calling(tmp_path) as (client, _):
        await client.get("/node_id")
        monkeypatch.setattr(threading, "Thread", None)
        assert (await client.get("/node_id")).json() == {"node_id": KEYS.node_id()}


async def test_too_young(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has changed in the clock tick of the look is not known: a change in the same tick would not show."""
    monkeypatch.setattr(stamps, "SETTLING_NS", 60_000_000_000)  # so that no pause of this machine is longer
    fill(tmp_path)
    async with calling(tmp_path) as (_, sidecar):
        os.utime(tmp_path / "config/node_key.json")
        assert (await sidecar.watch.look("node_id")).ready
        assert await known(sidecar, "node_id") is None


def _rewrite(path: Path) -> None:
    path.write_bytes(path.read_bytes())


def _replace(path: Path) -> None:
    data = path.read_bytes()
    with replaced_atomically(path) as successor:
        successor.write_bytes(data)


def _touch_back(path: Path) -> None:
    """Other bytes of the same number, with the times set back: only the inode's own time tells."""
    before = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "rewritten": _rewrite,
    "replaced": _replace,
    "times set back": _touch_back,
    "deleted": Path.unlink,
    "no permission": lambda path: path.chmod(0),
    "a directory above moved": lambda path: path.parent.rename(path.parent.with_name("gone")),
    "the volume gone": lambda path: shutil.rmtree(path.parents[1]),
}


@pytest.mark.sampled(kind=lambda finish, change, name, needed: (change, name), size=42)  # noqa: ARG005 - pytest names them
@FINISHED
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("node_id", "node_id.json"),
        ("node_id", "node_key.json"),
        ("genesis", "genesis.json"),
        ("keys", "node_key.json"),
        ("keys", "priv_validator_key.json"),
        ("pub_key", "priv_validator_key.json"),
        ("artifact:data", "genesis.json"),
        ("artifact:data", "node_key.json"),
        ("ready", "genesis.json"),
        ("ready", "node_key.json"),
    ],
)
async def test_unknown_after_a_change(
    tmp_path: Path, finish: Callable[[Path], object], change: str, name: str, needed: str
) -> None:
    """Whatever happens to a file that the verdict was made from, it is not known any more from that moment on."""
    home = tmp_path / "home"
    finish(home)
    settle(home)
    async with calling(home, artifacts=ARTIFACTS) as (_, sidecar):
        await sidecar.watch.look(name)
        assert await known(sidecar, name)
        CHANGES[change](home / "config" / needed)
        assert await known(sidecar, name) is None


@pytest.mark.parametrize("name", NAMES)
async def test_unknown_once_the_volume_is_ours(tmp_path: Path, name: str) -> None:
    """A step that begins, and a record that comes or goes, end every verdict."""
    fill(tmp_path)
    settle(tmp_path)
    (tmp_path / ".exposer").mkdir()
    async with calling(tmp_path, artifacts=ARTIFACTS) as (_, sidecar):
        await sidecar.watch.look(name)
        assert await known(sidecar, name)
        (tmp_path / ".exposer/stage/init-genesis").mkdir(parents=True)
        assert await known(sidecar, name) is None
        commit_all(tmp_path)
        settle(tmp_path)
        await sidecar.watch.look(name)
        assert await known(sidecar, name)
        (tmp_path / ".exposer/steps/init-config.json").unlink()
        assert await known(sidecar, name) is None


async def test_what_is_missing_is_known(tmp_path: Path) -> None:
    """That a file is missing is known until it comes."""
    async with calling(tmp_path / "home") as (_, sidecar):
        missing = await sidecar.watch.look("genesis")
        assert await known(sidecar, "genesis") == missing
        fill(tmp_path / "home")
        assert await known(sidecar, "genesis") is None


async def test_a_damaged_record_is_not_kept(tmp_path: Path) -> None:
    """A record that was damaged is read again, although its directory is the same when it has been mended in place."""
    commit_all(tmp_path)
    record = tmp_path / ".exposer/steps/init-config.json"
    whole = record.read_bytes()
    record.write_bytes(b"{")
    settle(tmp_path)
    async with calling(tmp_path) as (client, _):
        assert (await client.get("/node_id")).status_code == 503
        record.write_bytes(whole)
        assert (await client.get("/node_id")).status_code == 200


async def test_one_check_for_one_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one turn of the loop a verdict is checked once; in the next one it is checked again."""
    fill(tmp_path)
    settle(tmp_path)
    async with calling(tmp_path) as (_, sidecar):
        await sidecar.watch.look("node_id")
        checks = []

        def counted(path: str) -> tuple[int, ...]:
            """Count, and stat."""
            checks.append(path)
            return stamp(path)

        monkeypatch.setattr("exposer.server.basis.stamp", counted)
        await asyncio.sleep(0)
        for _ in range(10):
            assert sidecar.watch.current("node_id")
        once = len(checks)
        assert 0 < once <= 4
        await known(sidecar, "node_id")
        assert len(checks) == 2 * once


async def test_not_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system of another machine nothing is kept: there a stat may stop the loop."""
    monkeypatch.setattr(mount, "is_local", lambda _: False)
    fill(tmp_path)
    settle(tmp_path)
    async with calling(tmp_path) as (client, sidecar):
        assert (await client.get("/node_id")).status_code == 200
        assert await known(sidecar, "node_id") is None


async def test_never_stale(tmp_path: Path) -> None:
    """Under constant change no answer is older than the change before it."""
    fill(tmp_path)
    async with calling(tmp_path) as (client, _):
        for number in range(60):
            genesis = GENESIS.replace(b"test-1", f"test-{number}".encode())
            with replaced_atomically(tmp_path / "config/genesis.json") as successor:
                successor.write_bytes(genesis)
            for _ in range(number % 3 + 1):
                assert (await client.get("/genesis")).content == genesis
            if number % 20 == 0:
                settle(tmp_path)
                assert (await client.get("/genesis")).content == genesis


def _random_change(home: Path, random: Random) -> None:
    """Do something to the volume that may or may not matter."""
    config = home / "config"
    path = config / random.choice([*FILES, "data"])
    keys = random.choice([KEYS, Keys("other")])
    good = {**contents(keys=keys), "data": random.choice([b"data", keys.node_key()])}[path.name]
    steps = home / ".exposer/steps"
    changes: list[Callable[[], object]] = [
        lambda: path.write_bytes(good),
        lambda: path.write_bytes(good[: random.randrange(len(good))]),
        lambda: _replace(path),
        lambda: _touch_back(path),
        path.unlink,
        lambda: path.symlink_to(random.choice([*FILES, "../data", "/etc/hostname"])),
        lambda: path.hardlink_to(config / random.choice(FILES)),
        lambda: config.rename(home / "spare"),
        lambda: (home / "spare").rename(config),
        lambda: fill(home, keys=keys),
        lambda: shutil.rmtree(home / ".exposer"),
        lambda: (home / ".exposer/stage/x").mkdir(parents=True),
        (home / ".exposer/stage/x").rmdir,
        lambda: commit_all(home),
        lambda: random.choice(sorted(steps.iterdir())).unlink(),
    ]
    random.choice(changes)()


@pytest.mark.sampled(kind=lambda seed: None, size=1)  # noqa: ARG005 - pytest names it
@pytest.mark.parametrize("seed", range(8))
async def test_as_a_fresh_look(tmp_path: Path, seed: int) -> None:
    """After any series of changes every verdict is the one of a sidecar that has just started."""
    random = Random(seed)
    home = tmp_path / "home"
    fill(home)
    settings = settings_for(home, artifacts="data=config/data")
    files = settings.files, settings.artifact_files, settings.secret_files
    watch = Watch(view.View(*files), Polling(()))
    hits = 0
    for _ in range(80):
        with contextlib.suppress(Exception):  # a commit on a volume in such a state may well be refused
            _random_change(home, random)
        if random.random() < 0.2:
            settle(home)
        for _ in range(2):
            await asyncio.sleep(0)
            for name in (name for name in NAMES if name != "ready"):
                hits += watch.current(name) is not None
                found, fresh = await watch.look(name), view.View(*files).look(name)
                assert found == fresh
    assert hits > 50


async def test_other_names(tmp_path: Path) -> None:
    """A name that nobody configured is not configured, and leaves nothing behind."""
    async with calling(tmp_path) as (_, sidecar):
        for name in ("artifact:x", "", "steps"):
            assert sidecar.watch.current(name) is None
            assert (await sidecar.watch.look(name)).state is file.State.NOT_CONFIGURED


async def test_looks_are_shared(tmp_path: Path) -> None:
    """A hundred who ask while a look is under way share the next one, which began after all of them had asked."""
    commit(tmp_path, "init-genesis", contents())
    looks = []

    class Counted(view.View):
        """A view that counts its looks."""

        def look(self, name: str) -> Verdict:
            """Count, and look."""
            looks.append(name)
            return super().look(name)

    watch = Watch(Counted(ServerSettings(home=tmp_path).files), Polling(()))
    await asyncio.gather(*(watch.look("genesis") for _ in range(100)))
    assert len(looks) <= 2


async def test_changed_keys(tmp_path: Path) -> None:
    """Another pair of keys is another answer at once, however long the first one was known."""
    config = fill(tmp_path)
    settle(tmp_path)
    other = Keys("other")
    async with calling(tmp_path) as (client, _):
        assert (await client.get("/node_id")).json() == {"node_id": KEYS.node_id()}
        assert (await client.get("/node_id")).json() == {"node_id": KEYS.node_id()}
        for name, data in contents(keys=other).items():
            (config / name).write_bytes(data)
        assert (await client.get("/node_id")).json() == {"node_id": other.node_id()}
