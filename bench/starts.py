"""CPU until the first useful act: a gate's whole run against an open leader, a sidecar's start to its first answer."""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx

from bench.profiled import command
from bench.table import Row, bounded

_ROUNDS = 7
# As installed: with compiled bytecode, which the first, uncounted round writes.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def rows() -> list[Row]:
    """The gate and the sidecar beside a bare interpreter, in turns; CPU seconds, medians."""
    with tempfile.TemporaryDirectory() as directory:
        gate, serve, bare = [], [], []
        _gate()
        _serve(Path(directory))
        for _ in range(_ROUNDS):
            bare.append(_cpu(lambda: _run([sys.executable, "-c", "pass"])))
            gate.append(_cpu(_gate))
            serve.append(_cpu(lambda: _serve(Path(directory))))
    floor = f"a bare interpreter: {statistics.median(bare):.3f} s"
    return [
        bounded("CPU of a gate's whole run", gate, "s", 0.12, floor, digits=3),
        bounded("CPU until the sidecar answers", serve, "s", 0.4, floor, digits=3),
    ]


def _cpu(run: Callable[[], None]) -> float:
    """CPU seconds of the children that ``run`` starts and waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _run(program: list[str]) -> None:
    subprocess.run(program, env=_ENVIRONMENT, check=True, capture_output=True)


def _gate() -> None:
    server = HTTPServer(("127.0.0.1", 0), _OpenLeader)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    _run(command("init_scripts.wait_for_chains", f"127.0.0.1:{server.server_port}"))
    thread.join()
    server.server_close()


class _OpenLeader(BaseHTTPRequestHandler):
    """A leader that is ready."""

    def do_GET(self) -> None:
        """Answer with a node id."""
        body = b'{"node_id":"%s"}' % (b"0" * 40)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Nothing."""


def _serve(home: Path) -> None:
    environment = {**_ENVIRONMENT, "EXPOSER_HOME": str(home), "EXPOSER_HOST": "127.0.0.1", "EXPOSER_HTTP_PORT": "0"}
    with subprocess.Popen(command("exposer", "serve"), env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None  # noqa: S101 - it is a pipe
        line = process.stderr.readline()
        httpx.get(line.split("listening on ")[1].strip() + "/livez").raise_for_status()
        process.terminate()
        process.stderr.read()
