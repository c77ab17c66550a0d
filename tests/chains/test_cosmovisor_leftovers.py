"""What becomes of a node under a real cosmovisor when ``exposer up`` is killed."""

import os
import select
import signal
from pathlib import Path

import pytest
from waiting import eventually

from exposer.network.local.child import Child, Program
from exposer.network.local.leftovers import MARK, kill_leftovers, leftovers

pytestmark = pytest.mark.cosmovisor


def test_a_node_under_cosmovisor_is_found_by_the_next_run(tmp_path: Path, cosmovisor: str) -> None:
    """The kernel ends cosmovisor with its parent, not the node below it; the next ``up`` or ``down`` ends the node."""
    daemon, started = tmp_path / "cosmovisor/genesis/bin/chaind", tmp_path / "started"
    daemon.parent.mkdir(parents=True)
    daemon.write_text(f"#!/bin/sh\necho $$ > {started}\nexec sleep 300\n")
    daemon.chmod(0o755)
    log = tmp_path / "logs/node.log"
    for directory in (log.parent, tmp_path / "data"):  # cosmovisor wants that of the chain
        directory.mkdir()
    names = {"DAEMON_HOME": str(tmp_path), "DAEMON_NAME": "chaind", "PATH": "/usr/bin:/bin", MARK: str(tmp_path)}
    program = Program("pod", "node", (cosmovisor, "run", "start"), {**names, "HOME": str(tmp_path)}, log)
    parent = os.fork()
    if not parent:  # ``exposer up``
        Child.start(program)
        signal.pause()
    try:
        node = int(eventually("the node runs", lambda: started.read_text() if started.exists() else ""))
    finally:
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
    with os.fdopen(os.pidfd_open(node)) as end:
        assert node in leftovers(tmp_path)
        assert not select.select([end], [], [], 0)[0]
        kill_leftovers(tmp_path)
        assert select.select([end], [], [], 10)[0]
        assert list(leftovers(tmp_path)) == []
