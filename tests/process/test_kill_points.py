"""SIGKILL before every system call that can change the volume: a rerun always ends where an undisturbed run ends."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from networks import write_keys
from trees import snapshot
from zygote import Zygote, zygote

STEPS = ("init-genesis", "init-config")

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


def environment(root: Path, keys: Path, patch: Path) -> dict[str, str]:
    """The genesis pod's environment; a patch makes init-config replace what init-genesis committed."""
    return {
        "CHAIN_DRIVER": "cometbft",
        "CHAIN_ID": "kill-1",
        "CHAIN_DIR": str(root),
        "KEYS_CONFIG": str(keys),
        "NUM_VALIDATORS": "4",
        "HOSTNAME": "kill-genesis-0",
        "GENESIS_TIME": "2026-01-01T00:00:00Z",
        "GENESIS_PATCH": str(patch),
    }


def kill_points(lines: list[tuple[str, str]], root: str) -> list[tuple[str, int]]:
    """(system call, its number among its kind) of every traced call that creates or changes something on the volume."""
    seen: Counter[str] = Counter()
    points = []
    for call, line in lines:
        seen[call] += 1  # the tracer counts them all, those that only read included
        if root in line and (call != "openat" or "O_CREAT" in line or "O_TRUNC" in line):
            points.append((call, seen[call]))
    return points


def test_a_kill_between_any_two_system_calls_converges(
    warm: Zygote, keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever a step of the genesis pod is killed, no final path holds part of a file, and a rerun ends the same.

    The same is: every file of the volume has the bytes and the mode that a run has left which nobody disturbed.
    """
    patch = tmp_path / "patch.json"
    patch.write_text(json.dumps({"consensus_params": {"block": {"max_gas": "5000000"}}}))
    undisturbed = environment(tmp_path / "undisturbed", keys, patch)
    whole: dict[str, set[bytes]] = {}
    points: dict[str, list[tuple[str, int]]] = {}
    before: dict[str, Path] = {}
    for step in STEPS:
        before[step] = tmp_path / f"before-{step}"
        root = Path(undisturbed["CHAIN_DIR"])
        root.mkdir(exist_ok=True)
        shutil.copytree(root, before[step])
        points[step] = all_kill_points(warm, step, undisturbed, tmp_path / "trace")
        for path, (data, _) in snapshot(root, below_state=False).items():
            whole.setdefault(path, set()).add(data)
    expected = snapshot(Path(undisturbed["CHAIN_DIR"]))

    for step in STEPS:
        for number, (call, count) in enumerate(points[step]):
            where = f"{step} killed before {call} number {count}"
            root = tmp_path / f"{step}-{number}"
            shutil.copytree(before[step], root)
            disturbed = environment(root, keys, patch)
            assert warm.kill(step, disturbed, call, count) == -9, where
            for path, (data, _) in snapshot(root, below_state=False).items():
                assert data in whole.get(path, set()), f"{where}: {path} is neither the old nor the new file"
            for later in STEPS:
                assert warm.run(later, disturbed) == 0, where
            assert snapshot(root) == expected, where
            shutil.rmtree(root)
    with capsys.disabled():
        counts = ", ".join(f"{len(points[step])} in {step}" for step in STEPS)
        print(f"\nkill points, all converged: {counts}")


def all_kill_points(warm: Zygote, step: str, where: dict[str, str], log: Path) -> list[tuple[str, int]]:
    """The kill points of one undisturbed, traced run; there must be enough of them to mean something."""
    points = kill_points(warm.trace(step, where, log), where["CHAIN_DIR"])
    assert len(points) > 30
    assert {"rename", "fsync", "mkdir", "write"} <= {call for call, _ in points}
    return points
