"""SIGKILL around the commit of a real SDK chain's genesis: keys that were committed are those that stay."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from networks import write_keys
from zygote import Zygote, zygote

pytestmark = [
    pytest.mark.simd,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed; see scripts/"),
]

KEY = "config/priv_validator_key.json"
STEP = "init-genesis"


@pytest.fixture(scope="module")
def warm() -> Iterator[Zygote]:
    """One warm process for all runs."""
    with zygote() as process:
        yield process


def pod(root: Path, keys: Path, simd: str) -> dict[str, str]:
    """The environment of a genesis pod of a real chain."""
    return {
        "CHAIN_DRIVER": "cosmos",
        "CHAIN_BIN": simd,
        "CHAIN_ID": "kill-1",
        "CHAIN_DIR": str(root),
        "KEYS_CONFIG": str(keys),
        "HOSTNAME": "kill-genesis-0",
    }


def commit_points(lines: list[tuple[str, str]], root: str) -> list[tuple[str, int]]:
    """(system call, its number among its kind) of a dozen calls on the volume, from the first sync of the commit on.

    The driver without a binary is killed at every one (`test_kill_points.py`); here a run takes seconds.
    """
    seen: Counter[str] = Counter()
    points: list[tuple[str, int]] = []
    for call, line in lines:
        seen[call] += 1
        if root in line and (points or (call == "fsync" and "/stage/" in line)):
            points.append((call, seen[call]))
    return [*points[: -2 : -(-len(points) // 10)], *points[-2:]]


def promised_key(root: Path) -> str | None:
    """The digest of the consensus key that a record on the volume names, of a commit that is complete or certain."""
    for path in (root / ".exposer/steps").glob("*[nd]"):
        artifacts = json.loads(path.read_bytes())["artifacts"]
        return str(next(artifact["sha256"] for artifact in artifacts if artifact["path"] == KEY))
    return None


def test_a_kill_during_the_commit_keeps_the_promised_keys(
    warm: Zygote, tmp_path: Path, simd: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the moment a record names the random keys, no kill changes them; before it, the step starts over."""
    keys = write_keys(tmp_path / "keys.json", validators=1)
    first = tmp_path / "undisturbed"
    points = commit_points(warm.trace(STEP, pod(first, keys, simd), tmp_path / "trace"), str(first))
    assert {"rename", "fsync"} <= {call for call, _ in points}

    promised = 0
    for number, (call, count) in enumerate(points):
        where = f"killed before {call} number {count}"
        root = tmp_path / str(number)
        status = warm.kill(STEP, pod(root, keys, simd), call, count)
        assert status == -9, where
        key = promised_key(root)
        promised += key is not None
        for step in (STEP, "init-config"):
            assert warm.run(step, pod(root, keys, simd)) == 0, where
        committed = sha256((root / KEY).read_bytes()).hexdigest()
        assert committed == promised_key(root), where
        assert key in {None, committed}, where
        shutil.rmtree(root)
    assert 0 < promised < len(points)
    with capsys.disabled():
        print(
            f"\nkill points in the commit of a real genesis, all converged: {len(points)}, keys promised at {promised}"
        )
