"""Where a real cosmovisor looks for the binary of a plan, and where ``init-build-images`` puts it."""

import subprocess
from pathlib import Path

import pytest

from exposer.cosmovisor import DISABLE_RECASE
from init_scripts.init_build_images import upgrade_directory

pytestmark = pytest.mark.cosmovisor
FIRST = """#!/bin/sh
[ "$1" = status ] && { echo '{"sync_info":{"latest_block_height":"9"}}'; exit 0; }
echo '{"name":"%s","height":5}' >$DAEMON_HOME/data/upgrade-info.json
exec sleep 30
"""


@pytest.mark.parametrize("told", [{}, {DISABLE_RECASE: "true"}, {DISABLE_RECASE: "False"}])
@pytest.mark.parametrize("name", ["strangeBuddheads", "v2.0_RC-1"])
def test_cosmovisor_takes_the_binary_of_a_plan(
    cosmovisor: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, told: dict[str, str]
) -> None:
    """Whatever capitals its name has, and whether cosmovisor has the switch that keeps them."""
    for variable, value in told.items():
        monkeypatch.setenv(variable, value)
    second = f"#!/bin/sh\n[ $1 = run ] || [ $1 = start ] && echo upgraded >{tmp_path}/told\n"
    (tmp_path / "data").mkdir()
    for directory, text in (("genesis", FIRST % name), (upgrade_directory(name), second)):
        daemon = tmp_path / "cosmovisor" / directory / "bin/daemon"
        daemon.parent.mkdir(parents=True)
        daemon.write_text(text)
        daemon.chmod(0o755)
    own = {"DAEMON_HOME": str(tmp_path), "DAEMON_NAME": "daemon", "UNSAFE_SKIP_BACKUP": "true"}
    done = subprocess.run(
        [cosmovisor, "run", "start"],
        env={**own, **told, "DAEMON_POLL_INTERVAL": "100ms", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (tmp_path / "told").exists(), done.stdout
