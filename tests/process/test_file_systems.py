"""Volumes of several file systems, and what on a volume would stop a commit half-way."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from durable_order import disorder
from networks import write_keys
from sample import sample
from small_disks import mounted, needs_root, remount
from steps_world import INPUTS, OTHER, kept, run
from traced_calls import calls
from trees import snapshot
from zygote import Zygote, zygote

from exposer.errors import BadInputError
from exposer.landing import LANDING
from exposer.records import read_record
from exposer.volume import open_volume

FILES = {
    "config/genesis.json": b"{}",
    "config/deep/er": b"1",
    "data/state": b"0",
    "keyring-test/key": b"k",
    "own": b"o",
}
PARTS = ["config", "data", "keyring-test"]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A directory on another file system than that of temporary files."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no /dev/shm with a file system of its own")
    directory = Path(tempfile.mkdtemp(dir=memory))
    yield directory
    shutil.rmtree(directory)


@contextmanager
def bound(source: Path, target: Path) -> Iterator[None]:
    """``source`` seen at ``target`` too, by a bind mount."""
    subprocess.run(["mount", "--bind", source, target], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", target], check=True)


def nothing_is_certain(root: Path) -> bool:
    """Whether no commit is under way, and nothing of one is left."""
    return not list(root.rglob("*.prepared")) and not list(root.rglob(LANDING))


def goes_all_ways(root: Path) -> None:
    """A first run, a rerun, a later step that replaces a file, and a forced run, each complete."""
    run(root, "s", FILES, state=("data/state",))
    assert {path: (root / path).read_bytes() for path in FILES} == FILES
    assert run(root, "s", {}) is False
    run(root, "later", {"config/genesis.json": b"patched"})
    assert (root / "config/genesis.json").read_bytes() == b"patched"
    with open_volume(root) as volume:
        assert volume.begin("later", OTHER, force=True) is not None
    assert (root / "config/genesis.json").read_bytes() == b"{}"
    run(root, "s", {"config/genesis.json": b"other", "data/state": b"9"}, OTHER, force=True, state=("data/state",))
    assert (root / "config/genesis.json").read_bytes() == b"other"
    assert (root / "data/state").read_bytes() == b"0"
    assert not (root / "keyring-test/key").exists()
    assert kept(root, "s")["config/genesis.json"] == [b"{}"]
    assert nothing_is_certain(root)


def test_parts_that_are_links_to_another_file_system(tmp_path: Path, elsewhere: Path) -> None:
    """A step is complete, replaced and taken back where parts of its volume are links to another disk."""
    for part in PARTS:
        (elsewhere / part).mkdir()
        (tmp_path / part).symlink_to(elsewhere / part)
    goes_all_ways(tmp_path)
    assert (elsewhere / "config/deep").is_dir()
    assert all((tmp_path / part).is_symlink() for part in PARTS)


def test_a_state_directory_on_another_file_system(tmp_path: Path, elsewhere: Path) -> None:
    """So it is where the steps' own directory is the link."""
    (tmp_path / ".exposer").symlink_to(elsewhere)
    goes_all_ways(tmp_path)


@needs_root
def test_parts_that_are_mounts(tmp_path: Path) -> None:
    """So it is where they are mounts, one of another file system, one inside another, one of the same file system."""
    (tmp_path / "aside").mkdir()
    root = tmp_path / "volume"
    root.mkdir()
    (root / "keyring-test").mkdir()
    with mounted(root / "config"), mounted(root / "config/deep"), bound(tmp_path / "aside", root / "keyring-test"):
        with mounted(root / "data"):
            goes_all_ways(root)
        assert not (tmp_path / "aside" / LANDING).exists()


@pytest.mark.parametrize("number", [3, 300])
def test_modes_on_another_file_system(tmp_path: Path, elsewhere: Path, number: int) -> None:
    """Files have there the modes that they have in the stage, few files and very many."""
    (tmp_path / "data").symlink_to(elsewhere)
    with open_volume(tmp_path) as volume:
        transaction = volume.begin("s", INPUTS)
        assert transaction is not None
        (transaction.stage / "data/inner").mkdir(parents=True, mode=0o700)
        for name in map(str, range(number)):
            (transaction.stage / "data/inner" / name).write_bytes(b"1")
            (transaction.stage / "data/inner" / name).chmod(0o640)
        transaction.commit()

    assert {path.stat().st_mode & 0o777 for path in (elsewhere / "inner").iterdir()} == {0o640}
    assert (elsewhere / "inner").stat().st_mode & 0o777 == 0o700
    assert not (elsewhere / LANDING).exists()


def test_what_is_in_the_way_on_another_file_system_is_set_aside(tmp_path: Path, elsewhere: Path) -> None:
    """What is in the way there is kept: a link, a file."""
    (tmp_path / "data").symlink_to(elsewhere)
    (elsewhere / "b").symlink_to("nowhere")
    (elsewhere / "c").write_bytes(b"theirs")
    run(tmp_path, "s", {"data/b": b"2", "data/c": b"3"})

    assert [(elsewhere / name).read_bytes() for name in "bc"] == [b"2", b"3"]
    assert (tmp_path / ".exposer/aside/s/data/b.1").readlink() == Path("nowhere")
    assert kept(tmp_path, "s")["data/c"] == [b"theirs"]


@needs_root
def test_another_file_system_that_is_full(tmp_path: Path) -> None:
    """What does not fit there is refused before the commit is certain, and a rerun goes through once it fits."""
    with mounted(tmp_path / "data") as other:
        room = other / "room"
        room.write_bytes(bytes(63 << 20))  # of 64
        with pytest.raises(OSError, match="No space"):
            run(tmp_path, "s", {"data/f": bytes(2 << 20), "own": b"1"})
        assert not list(tmp_path.glob(".exposer/steps/*"))
        assert not (tmp_path / "own").exists()
        room.unlink()
        assert run(tmp_path, "s", {"data/f": bytes(2 << 20)})
        assert nothing_is_certain(tmp_path)


def refused(root: Path, why: str) -> None:
    """A step is refused for what is on the volume, and leaves everything else as it was."""
    with pytest.raises(BadInputError, match=why):
        run(root, "s", {"config/genesis.json": b"new", "own": b"o"})
    assert not (root / "own").exists()
    assert read_record(root, "s") is None
    assert nothing_is_certain(root)


@needs_root
def test_mounts_that_no_commit_can_replace_are_refused(tmp_path: Path) -> None:
    """A single file that is mounted, and a directory that is mounted read-only, are named before the commit."""
    genesis = tmp_path / "config/genesis.json"
    genesis.parent.mkdir()
    genesis.touch()
    (tmp_path / "given").write_bytes(b"given")
    with bound(tmp_path / "given", genesis):
        refused(tmp_path, r"genesis\.json: a mount cannot be replaced")
    with bound(tmp_path / "config", tmp_path / "config"):
        subprocess.run(["mount", "-o", "remount,bind,ro", tmp_path / "config"], check=True)
        refused(tmp_path, "config: cannot be written; make the path writable")
    assert run(tmp_path, "s", {"config/genesis.json": b"new"})


@pytest.fixture(scope="module")
def warm() -> Iterator[Zygote]:
    """One warm process for all runs."""
    with zygote() as process:
        yield process


RUNS = {"init-genesis": {}, "init-config": {}, "init-config --force": {"EXPOSER_FORCE": "true", "METRICS": "true"}}
"""Each run of a genesis pod, in order, with what it has in its environment beside the others."""


@contextmanager
def pod(root: Path, before: Path | None = None) -> Iterator[None]:
    """A volume whose ``config`` and ``data`` are mounts, with what ``before`` holds."""
    root.mkdir()
    with mounted(root / "config"), mounted(root / "data"):
        if before:
            shutil.copytree(before, root, dirs_exist_ok=True)
        yield


@pytest.mark.sampled
@needs_root
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed; see scripts/")
@pytest.mark.parametrize("way", ["none", "in_one_go"])
def test_a_kill_between_any_two_system_calls_converges(warm: Zygote, way: str, tmp_path: Path) -> None:
    """Wherever a step is killed whose files land on several file systems, a rerun ends where an undisturbed run ends.

    What a record promises is on the disk of each of them before the record is.
    """
    (tmp_path / "patch.json").write_text('{"consensus_params": {"block": {"max_gas": "5000000"}}}')
    environment = {
        "CHAIN_DRIVER": "cometbft",
        "CHAIN_ID": "mounts-1",
        "KEYS_CONFIG": str(write_keys(tmp_path / "keys.json", validators=2)),
        "NUM_VALIDATORS": "2",
        "HOSTNAME": "mounts-genesis-0",
        "GENESIS_TIME": "2026-01-01T00:00:00Z",
        "GENESIS_PATCH": str(tmp_path / "patch.json"),
        "MUTATION": way,
    }
    before = None
    for number, (name, more) in enumerate(RUNS.items()):
        step, root = name.partition(" ")[0], tmp_path / f"{number}"
        told = {**environment, **more, "CHAIN_DIR": str(root)}
        with pod(root, before):
            traced = calls(warm.trace(step, told, tmp_path / "trace"), str(root))
            expected = snapshot(root)
            shutil.copytree(root, after := tmp_path / f"after-{number}")
        if not more:
            assert list(disorder(traced, mounts=("/config", "/data"))) == []
        if way != "none":
            before = after
            continue
        points = [call for call in traced if call.changes]
        what = f"`{name}` with mounts is killed before a system call"
        for call in sample(points, what, kind=lambda call: (call.phase, *call.kind[2:])):
            with pod(place := tmp_path / f"{number}-{call.name}-{call.number}", before):
                told["CHAIN_DIR"] = str(place)
                assert warm.kill(step, told, call.name, call.number) == -9
                assert warm.run(step, told) == 0, f"{name} killed before {call.name} number {call.number}"
                assert snapshot(place) == expected, f"{name} killed before {call.name} number {call.number}"
        before = after


@needs_root
def test_a_former_file_that_cannot_be_kept_stops_the_step(tmp_path: Path) -> None:
    """What is replaced on another file system is copied first; where there is no room for it nothing is certain."""
    with mounted(tmp_path / "volume") as root, mounted(root / "config"):
        remount(root, "size=1m")
        (root / "config/genesis.json").write_bytes(b"0" * 1_500_000)
        with pytest.raises(OSError, match="No space left"):
            run(root, "s", {"config/genesis.json": b"{}"})

        assert not list(root.rglob("*.prepared"))
        assert (root / "config/genesis.json").stat().st_size == 1_500_000
        assert run(root, "other", {"own": b"1"})
        assert nothing_is_certain(root)


@needs_root
def test_a_directory_in_the_way_on_another_file_system_is_refused(tmp_path: Path) -> None:
    """It would have to be copied as a whole after the commit is certain."""
    with mounted(tmp_path / "volume") as root, mounted(root / "config"):
        (root / "config/genesis.json").mkdir()
        with pytest.raises(BadInputError, match=r"a file belongs here, and this is a directory; move it"):
            run(root, "s", {"config/genesis.json": b"{}"})

        assert nothing_is_certain(root)
