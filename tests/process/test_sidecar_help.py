"""What the program itself says of its settings."""

import os
import subprocess
import sys

from exposer.server.settings import ServerSettings


def test_help() -> None:
    """The help has a line for every setting."""
    command = [sys.executable, "-c", "from exposer.server.serve import main; main(['--help'])"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "200"})
    assert all(f"--{name.replace('_', '-')} " in done.stdout for name in ServerSettings.model_fields)
