"""What the real cosmovisor takes in its variables, and what a network file is refused for."""

import subprocess
from pathlib import Path

import pytest
from cosmovisor_texts import FAILS_LATER, REFUSED, TAKEN

pytestmark = pytest.mark.cosmovisor


@pytest.mark.parametrize(
    ("variable", "value", "code"),
    [*((*one, 0) for one in (*TAKEN, *FAILS_LATER)), *((*one, 1) for one in REFUSED)],
)
def test_cosmovisor_takes_what_a_network_file_may_say(
    cosmovisor: str, tmp_path: Path, variable: str, value: str, code: int
) -> None:
    """And refuses what the file is refused for."""
    (tmp_path / "cosmovisor").mkdir()
    own = {"HOME": str(tmp_path), "DAEMON_HOME": str(tmp_path), "DAEMON_NAME": "daemon"}
    done = subprocess.run(
        [cosmovisor, "config"], env={**own, variable: value}, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == code, done.stdout + done.stderr
