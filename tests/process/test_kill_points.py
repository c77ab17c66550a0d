"""SIGKILL before every system call that can change the volume: a rerun always ends where an undisturbed run ends."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from networks import write_keys
from sample import sample
from traced_calls import Call, calls
from trees import Tree, snapshot
from zygote import Zygote, zygote

STEPS = ("init-genesis", "init-config")
FORCED = ("init-genesis --force", "init-config --force")
"""Each takes finished steps back and starts over with other inputs; the second brings back what a patch replaced."""
ANEW = "init-config anew"
"""It is complete, and how the node runs has changed: its files and its record are replaced."""
RUNS = {**dict.fromkeys((*STEPS, FORCED[0]), STEPS), **dict.fromkeys((FORCED[1], ANEW), STEPS[1:])}
"""Run that is killed -> the steps that run after it."""
NOTICED = {
    "record_first": (STEPS[0], "the rerun of init-genesis exits 4"),
    "leftovers_stay": (STEPS[0], "the rerun of init-genesis exits 3"),
    "no_undo": (FORCED[0], "the rerun leaves another tree"),
    "files_not_undone": (FORCED[1], "the rerun of init-config exits 4"),
}
"""Mutation -> the run whose kills show it, and what they show."""

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed; see scripts/")


@pytest.fixture(scope="module")
def warm() -> Iterator[Zygote]:
    """One warm process for all runs."""
    with zygote() as process:
        yield process


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keys of a network of four."""
    return write_keys(tmp_path_factory.mktemp("keys") / "keys.json", validators=4)


def environment(run: str, root: Path, keys: Path, patch: Path) -> dict[str, str]:
    """The genesis pod's environment; a patch makes init-config replace what init-genesis committed."""
    other = {"EXPOSER_FORCE": "true", "GENESIS_TIME": "2027-01-01T00:00:00Z"}
    return {
        "CHAIN_DRIVER": "cometbft",
        "CHAIN_ID": "kill-1",
        "CHAIN_DIR": str(root),
        "KEYS_CONFIG": str(keys),
        "NUM_VALIDATORS": "4",
        "HOSTNAME": "kill-genesis-0",
        "GENESIS_TIME": "2026-01-01T00:00:00Z",
        **(other if run in FORCED else {"GENESIS_PATCH": str(patch)}),
        **({"METRICS": "true"} if run == ANEW else {}),
    }


@dataclass(frozen=True)
class Undisturbed:
    """What the runs leave that nobody kills, and where they can be killed."""

    keys: Path
    patch: Path
    before: dict[str, Path]
    points: dict[str, list[Call]]
    whole: dict[str, set[bytes]]
    expected: dict[str, Tree]


@pytest.fixture(scope="module")
def undisturbed(warm: Zygote, keys: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """All runs, traced: both steps, and then each run with other settings."""
    directory = tmp_path_factory.mktemp("undisturbed")
    patch = directory / "patch.json"
    patch.write_text(json.dumps({"consensus_params": {"block": {"max_gas": "5000000"}}}))
    done = directory / "empty"
    done.mkdir()
    found = Undisturbed(keys, patch, {}, {}, {}, {})
    for run, later in RUNS.items():
        found.before[run] = done
        root = directory / run
        shutil.copytree(done, root)
        undisturbed = environment(run, root, keys, patch)
        traced = calls(warm.trace(run.split(maxsplit=1)[0], undisturbed, directory / "trace"), str(root))
        found.points[run] = [call for call in traced if call.changes]
        for path, (data, _) in snapshot(root, below_state=False).items():
            found.whole.setdefault(path, set()).add(data)
        if run in STEPS:
            done = directory / f"after-{run}"
            shutil.copytree(root, done)
        assert [warm.run(step, undisturbed) for step in later] == [0] * len(later)
        found.expected[run] = snapshot(root)
    return found


def check(warm: Zygote, undisturbed: Undisturbed, run: str, call: Call, root: Path, **more: str) -> None:
    """Kill the run before the call: no final path holds part of a file, and a rerun ends as if nothing had been."""
    where = f"{run} killed before {call.name} number {call.number}"
    shutil.copytree(undisturbed.before[run], root)
    disturbed = {**environment(run, root, undisturbed.keys, undisturbed.patch), **more}
    assert warm.kill(run.split(maxsplit=1)[0], disturbed, call.name, call.number) == -9, f"{where}: it was not killed"
    for path, (data, _) in snapshot(root, below_state=False).items():
        assert data in undisturbed.whole.get(path, set()), f"{where}: {path} is neither the old nor the new file"
    for step in RUNS[run]:
        status = warm.run(step, disturbed)
        assert status == 0, f"{where}: the rerun of {step} exits {status}"
    assert snapshot(root) == undisturbed.expected[run], f"{where}: the rerun leaves another tree"
    shutil.rmtree(root)


def kill_all(warm: Zygote, undisturbed: Undisturbed, run: str, directory: Path, **more: str) -> None:
    """Kill the run before each call of the sample, with ``more`` in its environment."""
    what = f"`{run}` is killed before a system call"
    for number, call in enumerate(sample(undisturbed.points[run], what, kind=lambda call: call.kind)):
        check(warm, undisturbed, run, call, directory / str(number), **more)


@pytest.mark.sampled
def test_a_kill_between_any_two_system_calls_converges(warm: Zygote, undisturbed: Undisturbed, tmp_path: Path) -> None:
    """Wherever a step of the genesis pod is killed, no final path holds part of a file, and a rerun ends the same.

    The same is: every file of the volume has the bytes and the mode that a run has left which nobody disturbed.
    """
    for step in STEPS:
        assert len(undisturbed.points[step]) > 30  # or there are not enough of them to mean something
        assert {"rename", "fsync", "mkdir", "write"} <= {call.name for call in undisturbed.points[step]}
        kill_all(warm, undisturbed, step, tmp_path / step)


@pytest.mark.sampled
@pytest.mark.parametrize("run", FORCED)
def test_a_kill_while_steps_are_taken_back_converges(
    warm: Zygote, undisturbed: Undisturbed, run: str, tmp_path: Path
) -> None:
    """Wherever a forced run with other inputs is killed, a rerun leaves what an undisturbed forced run leaves."""
    assert {call.name for call in undisturbed.points[run] if call.phase == "undoing"} >= {"rename", "unlink", "fsync"}
    kill_all(warm, undisturbed, run, tmp_path)


@pytest.mark.sampled
def test_a_kill_while_a_step_is_made_anew_converges(warm: Zygote, undisturbed: Undisturbed, tmp_path: Path) -> None:
    """Wherever a complete step is killed that is made with other settings, it is still the former one, or the new."""
    assert {"rename", "fsync", "link"} <= {call.name for call in undisturbed.points[ANEW]}
    kill_all(warm, undisturbed, ANEW, tmp_path)


@pytest.mark.parametrize("mutation", NOTICED)
def test_a_broken_transaction_is_noticed(warm: Zygote, undisturbed: Undisturbed, mutation: str, tmp_path: Path) -> None:
    """The sample of kills shows each mutation by what the rerun does."""
    run, shown = NOTICED[mutation]
    with pytest.raises(AssertionError, match=shown):
        kill_all(warm, undisturbed, run, tmp_path, MUTATION=mutation)


@pytest.mark.parametrize("run", [STEPS[0], FORCED[1]])
def test_a_whole_transaction_passes(warm: Zygote, undisturbed: Undisturbed, run: str, tmp_path: Path) -> None:
    """With the mutation that breaks nothing the same sample passes, so that a failure comes from what was broken."""
    kill_all(warm, undisturbed, run, tmp_path, MUTATION="none")
