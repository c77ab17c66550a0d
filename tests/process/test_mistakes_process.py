import subprocess
import sys
from pathlib import Path

import pytest
from network_mistakes import COMMANDS, MISTAKES, expected, there, write

from exposer.errors import ExitCode


@pytest.mark.parametrize("name", ["wrong case", "a variable that is not set", "a mistake in an included file"])
@pytest.mark.parametrize("command", COMMANDS)
def test_processes_of_their_own_say_the_same(
    name: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The console script exits with 3, with the line on stderr and nothing on stdout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    files = write(MISTAKES[name])
    exposer = Path(sys.executable).with_name("exposer")

    ended = subprocess.run([exposer, *COMMANDS[command]], capture_output=True, text=True, timeout=60, check=False)

    assert (ended.returncode, ended.stdout) == (ExitCode.BAD_INPUT, "")
    assert ended.stderr.startswith(expected(MISTAKES[name]))
    assert there() == files
