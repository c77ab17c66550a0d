"""SIGKILL around the commit of a real SDK chain's genesis: keys that were committed are those that stay."""

import json
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from networks import write_keys
from sample import sample
from traced_calls import Call, calls
from zygote import Zygote, zygote

pytestmark = [
    pytest.mark.simd,
    pytest.mark.sampled,
    pytest.mark.timeout(3600),
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


def commit_points(lines: list[tuple[str, str]], root: str) -> list[Call]:
    """The calls on the volume that change something, from the first sync of the commit on."""
    changing = [call for call in calls(lines, root) if call.changes]
    first = next(number for number, call in enumerate(changing) if call.kind == ("fsync", "staging", "stage"))
    return changing[first:]


def promised_key(root: Path) -> str | None:
    """The digest of the consensus key that a record on the volume names, of a commit that is complete or certain."""
    for path in (root / ".exposer/steps").glob("*[nd]"):
        artifacts = json.loads(path.read_bytes())["artifacts"]
        return str(next(artifact["sha256"] for artifact in artifacts if artifact["path"] == KEY))
    return None


def test_a_kill_during_the_commit_keeps_the_promised_keys(
    warm: Zygote, tmp_path: Path, simd: str, tell: Callable[[str], None]
) -> None:
    """From the moment a record names the random keys, no kill changes them; before it, the step starts over."""
    keys = write_keys(tmp_path / "keys.json", validators=1)
    first = tmp_path / "undisturbed"
    every = commit_points(warm.trace(STEP, pod(first, keys, simd), tmp_path / "trace"), str(first))
    assert {"rename", "fsync"} <= {call.name for call in every}
    points = sample(
        every,
        "the commit of a real genesis is killed before a system call",
        kind=lambda call: call.kind[1:],  # a run takes seconds; without a binary a step is killed before every kind
    )

    promised = 0
    for number, call in enumerate(points):
        where = f"killed before {call.name} number {call.number}"
        root = tmp_path / str(number)
        status = warm.kill(STEP, pod(root, keys, simd), call.name, call.number)
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
    tell(f"keys promised at {promised} of {len(points)} kill points")
