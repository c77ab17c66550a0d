"""When a volume has changed: by events and by polling, and which of the two."""

import asyncio
import contextlib
import errno
import os
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from inotify_simple import INotify
from sidecar_world import replaced_atomically
from waiting import until

from exposer.server import changes, events, mount
from exposer.server.changes import SETTLING, Changes, Polling, VolumeChanges
from exposer.server.events import SLOW, Events

WAYS = pytest.mark.parametrize("way", [Events, Polling, VolumeChanges])
QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")
Way = Callable[[list[Path]], Changes]


@contextlib.contextmanager
def watching(way: Way, *paths: Path) -> Iterator[Changes]:
    """Changes of these paths."""
    watcher = way(list(paths))
    try:
        yield watcher
    finally:
        watcher.close()


async def calm(watcher: Changes) -> None:
    """Return once nothing is told any more: what was there at the start has been told, and has settled."""
    with contextlib.suppress(TimeoutError):
        while True:
            async with asyncio.timeout(changes.SETTLING * 2):
                await watcher.next()


async def told(watcher: Changes, change: Callable[[], object], within: float = SLOW / 2) -> bool:
    """Whether ``change`` is told in time."""
    change()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            await watcher.next()
            return True
    return False


@pytest.fixture
def _settles_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change settles in 40 ms, where a test waits for it often: the longest clock tick of a kernel is 10 ms."""
    for module in (changes, events):
        monkeypatch.setattr(module, "SETTLING", 0.04)


@WAYS
@pytest.mark.usefixtures("_settles_soon")
async def test_every_kind_of_change(tmp_path: Path, way: Way) -> None:
    """Whatever happens to a file is told, long before a look that nothing asks for; its size may stay as it is."""
    path = tmp_path / "home/config/genesis.json"
    steps = tmp_path / "home/.exposer/steps"
    spare = tmp_path / "spare"

    def swap() -> None:
        """Put another file in its place."""
        with replaced_atomically(path) as successor:
            successor.write_bytes(b"swapped")

    def link() -> None:
        """Put a link to a new file in its place."""
        (path.parent / "elsewhere.json").touch()
        path.symlink_to("elsewhere.json")

    def patch() -> None:
        """Change one byte of it."""
        with path.open("r+b") as stream:
            stream.write(b"S")

    happenings: list[Callable[[], object]] = [
        lambda: fresh(path),
        lambda: path.write_bytes(b"written"),
        swap,
        patch,
        lambda: path.chmod(0o600),
        lambda: os.truncate(path, 3),
        path.unlink,
        link,
        lambda: (path.parent / "elsewhere.json").write_bytes(b"linked"),
        lambda: path.parent.rename(spare),
        lambda: spare.rename(path.parent),
        lambda: (path.parent / "elsewhere.json").write_bytes(b"linked again"),
        lambda: shutil.rmtree(path.parent),
        lambda: steps.mkdir(parents=True),
        lambda: (steps / "init-config.json").write_bytes(b"{}"),
        lambda: shutil.rmtree(tmp_path / "home"),
        lambda: fresh(path),
    ]
    with watching(way, path, steps) as watcher:
        for number, happen in enumerate(happenings):
            await calm(watcher)
            assert await told(watcher, happen), number


def fresh(path: Path) -> None:
    """Make a file with all its directories."""
    path.parent.mkdir(parents=True)
    path.write_bytes(b"fresh")


@WAYS
async def test_kubernetes_swaps_a_directory(tmp_path: Path, way: Way) -> None:
    """A ConfigMap's update, which swaps the link within the path, is told, and so is a change behind it."""
    for name in ("..1", "..2"):
        fresh(tmp_path / "config" / name / "genesis.json")
    config = tmp_path / "config"
    (config / "..data").symlink_to("..1")
    (config / "genesis.json").symlink_to("..data/genesis.json")
    with watching(way, config / "genesis.json") as watcher:
        await calm(watcher)

        def swap() -> None:
            """Put the link to the new directory in the place of the old one."""
            with replaced_atomically(config / "..data") as successor:
                successor.symlink_to("..2")

        assert await told(watcher, swap)
        await calm(watcher)
        assert await told(watcher, lambda: (config / "..2/genesis.json").write_bytes(b"changed"))


@pytest.mark.parametrize("way", [Events, VolumeChanges])
async def test_silence(tmp_path: Path, way: Way) -> None:
    """When nothing happens, nothing is told, and neither is what happens to other files of the same directory."""
    path = tmp_path / "genesis.json"
    path.touch()
    with watching(way, path) as watcher:
        for _ in range(2):  # a machine with more to do may have missed what settled late
            await calm(watcher)
        assert not await told(watcher, lambda: (tmp_path / "addrbook.json").write_bytes(b"{}"), SLOW * 1.5)
        assert await told(watcher, lambda: path.write_bytes(b"{}"))


@WAYS
async def test_told_again_once_it_has_settled(tmp_path: Path, way: Way) -> None:
    """A change is told once more when its clock tick is over, and after that no more: there is no loop."""
    path = tmp_path / "genesis.json"
    with watching(way, path) as watcher:
        await calm(watcher)
        assert await told(watcher, path.touch)
        changed = time.monotonic()
        last = changed
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(SLOW * 1.5):
                    await watcher.next()
                    last = time.monotonic()
        assert SETTLING / 2 < last - changed < SLOW


async def test_a_time_in_the_future(tmp_path: Path) -> None:
    """A file whose date lies ahead settles like any other."""
    path = tmp_path / "genesis.json"
    path.touch()
    os.utime(path, (4e9, 4e9))
    with watching(Polling, path) as watcher:
        await calm(watcher)
        assert not await told(watcher, lambda: None)


async def test_changes_while_nobody_listens(tmp_path: Path) -> None:
    """What happens between two calls is told by the second one at once."""
    path = tmp_path / "genesis.json"
    with watching(Events, path) as watcher:
        await calm(watcher)
        path.touch()
        assert await told(watcher, lambda: None)


async def test_lost_events(tmp_path: Path) -> None:
    """When the kernel's queue overflows, that alone is a reason to look."""
    limit = int(QUEUE.read_text())  # noqa: ASYNC240 - a file of the kernel
    if limit > 1 << 15:
        pytest.skip("the queue of this system is too long to be filled")
    path, other = tmp_path / "genesis.json", tmp_path / "other"
    with watching(Events, path) as watcher:
        await calm(watcher)
        for number in range(limit + 100):  # without a turn of the loop, so that nobody reads them
            (other if number % 2 else path.with_suffix(".x")).touch()
        assert await told(watcher, lambda: None)


@WAYS
async def test_descriptors(tmp_path: Path, way: Way) -> None:
    """A hundred lives of a watcher leave no descriptor behind."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the number is all
    for _ in range(100):
        with watching(way, tmp_path / "a/b", tmp_path) as watcher:
            await watcher.next()
    await until(lambda: len(os.listdir("/proc/self/fd")) == before)  # noqa: PTH208 - as above


async def test_no_descriptor_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where the system has no inotify to give, the volume is polled."""
    caplog.set_level("DEBUG")
    INotify().close()  # its library is found before the descriptors are used up
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    path = tmp_path / "genesis.json"
    with watching(VolumeChanges, path) as watcher:
        await asyncio.to_thread(lambda: None)  # so is the thread
        used = max(map(int, os.listdir("/proc/self/fd")))  # noqa: PTH208 - numbers
        spare = [os.open("/", os.O_RDONLY) for _ in range(used + 4 - len(os.listdir("/proc/self/fd")))]  # noqa: PTH208
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            await watcher.next()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for descriptor in spare:
                os.close(descriptor)
        assert await told(watcher, path.touch)
    assert "polled" in caplog.text


async def test_no_watch_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Where the user's watches are used up (fs.inotify.max_user_watches), the volume is polled from then on."""
    caplog.set_level("DEBUG")
    path = tmp_path / "genesis.json"
    with watching(VolumeChanges, path) as watcher:
        await calm(watcher)
        monkeypatch.setattr(INotify, "add_watch", _no_space)
        assert await told(watcher, path.touch)
        await calm(watcher)
        assert await told(watcher, lambda: path.write_bytes(b"x"))
    assert caplog.messages == ["the volume is watched by events", "no events for the volume (too many); it is polled"]


def _no_space(*_: object) -> int:
    raise OSError(errno.ENOSPC, "too many")


async def test_a_file_system_without_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A volume on a file system that other machines write to is polled, and one line says so."""
    caplog.set_level("DEBUG")
    monkeypatch.setattr(changes, "is_local", lambda _: False)
    path = tmp_path / "genesis.json"
    with watching(VolumeChanges, path) as watcher:
        await calm(watcher)
        assert await told(watcher, path.touch)
    assert [line for line in caplog.messages if "polled" in line] == [
        "the volume is polled: its file system has no events, or this system offers none"
    ]


MOUNTS = rb"""27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 27 0:27 / /chain rw - nfs4 server:/export rw
31 27 0:28 / /chain\040two rw shared:1 - tmpfs tmpfs rw
32 27 0:29 / /chains rw - xfs /dev/vdb rw
33 30 0:30 / /chain/data rw - ext4 /dev/vdc rw
34 27 0:31 / /chains rw - fuse.sshfs x rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/elsewhere/x", "ext4"),
        ("/chain", "nfs4"),
        ("/chain/config/genesis.json", "nfs4"),
        ("/chain/data/x", "ext4"),
        ("/chain two/x", "tmpfs"),
        ("/chain-like/x", "ext4"),
        ("/chains/x", "fuse.sshfs"),
    ],
)
def test_type_of(tmp_path: Path, path: str, kind: str) -> None:
    """The mount that a path is on is the longest, and of two on one point the later one."""
    table = tmp_path / "mountinfo"
    table.write_bytes(MOUNTS)
    assert mount.type_of(path, table) == kind


def test_type_of_on_this_machine(tmp_path: Path) -> None:
    """A link counts where it leads to; a system without the table has no local file systems."""
    (tmp_path / "link").symlink_to("/proc/self")
    assert mount.type_of(tmp_path / "link") == "proc"
    assert not mount.is_local(tmp_path / "link/status")
    assert mount.type_of(tmp_path, tmp_path / "missing") == ""
