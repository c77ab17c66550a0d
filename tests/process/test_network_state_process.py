"""Who holds a network's state, among several processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from exposer.errors import TemporaryError
from exposer.network.local.state import State

HOLD = """
import sys
from pathlib import Path
from exposer.network.local.state import State
with State(Path(sys.argv[1])).hold():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_process_holds_a_network(tmp_path: Path) -> None:
    """While another process holds it its id is known, and nobody else can; its end frees it, however it ends."""
    state = State(tmp_path / "net")
    command = [sys.executable, "-c", HOLD, str(state.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert state.holder() == holder.pid
        with pytest.raises(TemporaryError, match=rf"another exposer up \(process {holder.pid}\)"), state.hold():
            pass
        holder.kill()

    assert state.holder() is None
    with state.hold():
        assert state.lock.read_text() == str(os.getpid())
