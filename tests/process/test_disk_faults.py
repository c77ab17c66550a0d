"""A disk that fails under the steps for a while or for good: full at every size, without inodes, read-only."""

import shutil
from bisect import bisect_left
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from disk_world import CASES, Case, World, disk_world
from sample import sample
from small_disks import Kind, limit, mounted, needs_root, remount, used
from step_faults import DISK, find
from trees import final_files, snapshot

WITHOUT_PRIVILEGES = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
"""A command that starts another one which the permissions of files hold for, also where root runs it."""

pytestmark = needs_root


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Both pods, undisturbed."""
    with disk_world(tmp_path_factory.mktemp("disk")) as undisturbed:
        yield undisturbed


@pytest.mark.sampled
@pytest.mark.parametrize("kind", ["pages", "inodes"])
@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_a_file_system_that_is_full(
    world: World, case: Case, kind: Kind, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    """At every size that is too small the step exits 75, and goes through once there is room for one run."""
    fault = find("a file system " + ("without inodes" if kind == "inodes" else "that is full: each"), DISK)
    rooms = range(1, 200)
    enough = rooms[bisect_left(rooms, True, key=lambda room: _fits(world, case, kind, room, tmp_path / f"try-{room}"))]
    what = f"`{case[1]}` of the {case[0]} pod in too few {kind}"
    for room in sample(range(enough), what, kind=lambda room: 4 * room // enough):
        where = f"{case} with {room} of {enough} {kind}"
        with mounted(tmp_path / str(room), world.before[case]) as root:
            before = used(root, kind)
            limit(root, kind, before + room)
            status, _ = world.run(case, root)
            world.check(case, root, fault, status, where)
            limit(root, kind, before + enough)
            world.rerun(case, root, where)
    tell(f"{case[1]} of the {case[0]} pod: exit 75 with 0 to {enough - 1} {kind} left, recovered with {enough}")


def _fits(world: World, case: Case, kind: Kind, room: int, root: Path) -> bool:
    with mounted(root, world.before[case]):
        limit(root, kind, used(root, kind) + room)
        return world.run(case, root)[0] == 0 and snapshot(root) == world.after[case]


@pytest.mark.parametrize("complete", [False, True], ids=["fresh", "complete"])
@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_a_read_only_file_system(world: World, case: Case, complete: bool, tmp_path: Path) -> None:
    """A step on a volume that it cannot write exits 3 with the cure, also where it has nothing to do."""
    with mounted(tmp_path / "volume", world.before[case]) as root:
        if complete:
            world.rerun(case, root, "before")
        before = snapshot(root)
        remount(root, "ro")
        status, told = world.run(case, root)
        world.check(case, root, find("a read-only", DISK), status, "read-only")
        assert "make the path writable" in told
        assert snapshot(root) == before
        remount(root, "rw")
        world.rerun(case, root, "writable again")


def test_a_directory_that_this_user_may_not_write(tmp_path: Path) -> None:
    """Permissions that refuse exit 3 with the cure and change nothing; a rerun with permission goes through."""
    with disk_world(tmp_path / "pods", WITHOUT_PRIVILEGES) as world:
        for number, case in enumerate(CASES):
            root = tmp_path / str(number)
            shutil.copytree(world.before[case], root)
            inner = root / ".exposer/steps" if final_files(root) else root
            inner.chmod(0o555)
            status, told = world.run(case, root)
            world.check(case, root, find("a directory", DISK), status, "without permission")
            assert "make the path writable" in told
            inner.chmod(0o755)
            world.rerun(case, root, "with permission")
