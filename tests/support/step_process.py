"""A step as a process, as a container runs it."""

import os
import subprocess
import sys
from collections.abc import Mapping


def run(step: str, environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a step to its end."""
    return subprocess.run(
        [sys.executable, "-m", f"init_scripts.{step}", *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
