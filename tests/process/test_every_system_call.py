"""A disk that fails under a step at any one system call: documented exit code, nothing torn, and a rerun mends it."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from disk_world import CASES, Case, World, disk_world, faults
from durable_order import disorder
from sample import sample
from step_faults import DISK, find
from trees import snapshot

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed; see scripts/")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Both pods, undisturbed."""
    with disk_world(tmp_path_factory.mktemp("disk")) as undisturbed:
        yield undisturbed


@pytest.mark.sampled
@pytest.mark.timeout(600)
@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_every_system_call_may_fail(world: World, case: Case, tmp_path: Path, tell: Callable[[str], None]) -> None:
    """Whichever call on the volume fails, the step exits 75, no final path has part of a file, and a rerun mends it.

    Only what says how far the step is may fail unnoticed: it decides nothing.
    """
    pod, step = case
    every = list(faults(world.calls(case, tmp_path)))
    assert len(every) > 200
    taken = sample(
        every, f"`{step}` of the {pod} pod, a system call fails", kind=lambda fault: (*fault[0].kind, fault[1])
    )
    told: Counter[str] = Counter()
    for number, (call, error) in enumerate(taken):
        where = f"{step} of {pod}: {error} at {call.name} number {call.number}"
        root = tmp_path / str(number)
        shutil.copytree(world.before[case], root)
        environment = world.environment(pod, root)
        status = world.warm.fail(step, environment, call.name, error, str(call.number), world.logs)
        told[f"{error}: exit {status}"] += 1
        if status:
            world.check(case, root, find(f"`{error}`", DISK), status, where)
            world.rerun(case, root, where)
        else:
            assert snapshot(root) == world.after[case], where
        shutil.rmtree(root)
    tell(f"{step} of the {pod} pod, {len(taken)} of {len(every)} system calls: {dict(told)}")


@pytest.mark.parametrize("way", ["none", "in_one_go"])
@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_a_power_cut_takes_nothing_that_a_record_promises(world: World, case: Case, way: str, tmp_path: Path) -> None:
    """Whatever a commit renames is synced before, and all that a record relies on is on the disk before the record."""
    traced = world.calls(case, tmp_path, MUTATION=way)

    assert list(disorder(traced)) == []
    assert ("syncfs" in {call.name for call in traced}) == (way == "in_one_go")


DISORDER = {
    "files_unsynced": "{steps}.prepared is renamed before /.exposer/stage/init-genesis/config/genesis.json is synced",
    "directories_unsynced": "{steps}.json is renamed before /config is synced",
    "file_systems_unsynced": "{steps}.prepared is renamed before /.exposer/stage/init-genesis/config is synced",
    "record_first": "/config/genesis.json is put into place in the phase recorded",
}
"""Mutation -> what it puts out of order, among others."""


@pytest.mark.parametrize("mutation", DISORDER)
def test_a_wrong_order_is_noticed(world: World, mutation: str, tmp_path: Path) -> None:
    """A commit without syncs, or one whose record comes first, is not in order."""
    case = CASES[0]
    told = list(disorder(world.calls(case, tmp_path, MUTATION=mutation)))
    assert DISORDER[mutation].format(steps="/.exposer/steps/init-genesis") in told


@pytest.mark.parametrize("name", ["renameat", "renameat2"])
def test_every_rename_counts(world: World, name: str, tmp_path: Path) -> None:
    """An order is as wrong where the system has another call for a rename."""
    traced = world.calls(CASES[0], tmp_path, MUTATION="directories_unsynced")
    others = [replace(call, name=name) if call.name == "rename" else call for call in traced]
    assert list(disorder(others)) == list(disorder(traced))


def test_a_mutation_of_nothing_is_in_order(world: World, tmp_path: Path) -> None:
    """With the mutation that breaks nothing the order is right, so that a disorder comes from what was broken."""
    assert list(disorder(world.calls(CASES[0], tmp_path, MUTATION="none"))) == []
