"""A disk that fails under a step at any one system call: documented exit code, nothing torn, and a rerun mends it."""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from disk_world import CASES, Case, World, disk_world, points
from step_faults import DISK, find
from trees import snapshot
from zygote import MUTATING, READING

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed; see scripts/")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Both pods, undisturbed."""
    with disk_world(tmp_path_factory.mktemp("disk")) as undisturbed:
        yield undisturbed


@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_every_system_call_may_fail(
    world: World, case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever call on the volume fails, the step exits 75, no final path has part of a file, and a rerun mends it.

    Only what says how far the step is may fail unnoticed: it decides nothing.
    """
    pod, step = case
    first = tmp_path / "traced"
    shutil.copytree(world.before[case], first)
    lines = world.warm.trace(step, world.environment(pod, first), tmp_path / "trace", f"{MUTATING},{READING}")
    told: Counter[str] = Counter()
    for number, (call, count, error) in enumerate(points(lines, str(first))):
        where = f"{step} of {pod}: {error} at {call} number {count}"
        root = tmp_path / str(number)
        shutil.copytree(world.before[case], root)
        status = world.warm.fail(step, world.environment(pod, root), call, error, str(count), world.logs)
        told[f"{error}: exit {status}"] += 1
        if status:
            world.check(case, root, find(f"`{error}`", DISK), status, where)
            world.rerun(case, root, where)
        else:
            assert snapshot(root) == world.after[case], where
        shutil.rmtree(root)
    with capsys.disabled():
        print(f"\n{step} of the {pod} pod, {told.total()} system calls: {dict(told)}")
    assert told.total() > 60
