"""The example of docs/steps.md that is done by hand, done as it stands there."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from project import ROOT

DOCS = ROOT / "docs/steps.md"


def test_the_example_by_hand_serves_a_node_id(tmp_path: Path) -> None:
    """Its lines make a genesis pod whose exposer answers the gate, and then curl."""
    found = re.search(r"```sh\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port = str(held.getsockname()[1])
        script = found[1].replace("8081", port) + "kill $!\nwait $! || true\n"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "EXPOSER_HTTP_PORT": port},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r'\{"node_id":"[0-9a-f]{40}"\}', done.stdout.strip()), done.stderr
