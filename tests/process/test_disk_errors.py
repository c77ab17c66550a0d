"""A disk that fails under a running sidecar: EIO from the kernel, injected by strace."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sidecar_process import SOON, Sidecar, running
from sidecar_world import LARGE, fill
from volume_faults import ARTIFACT, DISK_ERRORS, NEEDED_BY
from waiting import eventually

from exposer.stamps import Identity

pytestmark = pytest.mark.skipif(not shutil.which("strace"), reason="strace injects the errors")

CALLS = {
    "when the file is opened": ("open", "openat"),
    "when it is read": ("read", "pread64"),
    "when it is sent": ("sendfile", "read", "pread64"),
}


@contextlib.contextmanager
def failing_disk(sidecar: Sidecar, path: Path, calls: tuple[str, ...], error: str = "EIO") -> Iterator[None]:
    """Every one of these system calls of the sidecar on ``path`` fails with ``error``."""
    names = ",".join(calls)
    strace = ["strace", "--follow-forks", "--attach", str(sidecar.process.pid), "--trace-path", str(path)]
    inject = [f"--trace={names}", f"--inject={names}:error={error}", "--output=/dev/null"]
    with subprocess.Popen([*strace, *inject], stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        first = tracer.stderr.readline()
        if "attached" not in first:
            tracer.wait(SOON)
            pytest.skip(f"strace may not attach: {first.strip()}")
        try:
            yield
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.communicate(timeout=SOON)


@pytest.mark.parametrize("where", DISK_ERRORS)
@pytest.mark.parametrize("file", ["genesis.json", ARTIFACT])
def test_disk_error(tmp_path: Path, file: str, where: str) -> None:
    """A disk error is a 503 or a cut connection with one line in the log, and it is over when the disk works again."""
    path = fill(tmp_path, LARGE) / file
    path.write_bytes(LARGE)
    endpoint = NEEDED_BY[file][0]
    with running(tmp_path, artifacts=f"data=config/{ARTIFACT}") as sidecar:
        assert sidecar.get(endpoint) == (200, LARGE)
        with failing_disk(sidecar, path, CALLS[where]):
            if "cut" in DISK_ERRORS[where]:
                response = sidecar.ask(endpoint)
                response.begin()
                with pytest.raises(http.client.IncompleteRead) as caught:
                    response.read()
                assert LARGE.startswith(caught.value.partial)
                response.close()
            else:
                path.write_bytes(LARGE)  # or it would not be read again
                # Also when the file is so old that other verdicts are kept: this one must not outlive the error.
                _check(sidecar, endpoint, DISK_ERRORS[where], tmp_path)
                eventually("it is that old", lambda: Identity.of(path.stat()).settled(time.time_ns()))
                for _ in range(2):
                    _check(sidecar, endpoint, DISK_ERRORS[where], tmp_path)
            assert sidecar.get("/livez")[0] == sidecar.get("/status")[0] == sidecar.get("/node_id")[0] == 200
        assert sidecar.get(endpoint) == (200, LARGE)
        sidecar.process.terminate()
        _, log = sidecar.end()
    assert "Traceback" not in log


@pytest.mark.parametrize("error", ["EINVAL", "ENOSYS", "EOPNOTSUPP"])
def test_without_sendfile(tmp_path: Path, error: str) -> None:
    """Where the kernel cannot send a file by itself, it is read and sent, whole."""
    path = fill(tmp_path, LARGE) / "genesis.json"
    with running(tmp_path) as sidecar, failing_disk(sidecar, path, ("sendfile",), error):
        assert sidecar.get("/genesis") == (200, LARGE)


def _check(sidecar: Sidecar, endpoint: str, code: str, home: Path) -> None:
    status, body = sidecar.get(endpoint)
    problem = json.loads(body)
    assert (status, problem["code"]) == (503, code)
    assert problem["reason"] == "it cannot be read"
    assert str(home) not in body.decode()


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("init_scripts.init_genesis", 3),
        ("init_scripts.init_config", 3),
        ("init_scripts.wait_for_chains", 2),
        ("exposer", 2),
    ],
)
def test_a_log_on_a_full_disk_changes_no_exit_code(program: str, code: int, tmp_path: Path) -> None:
    """What cannot be logged is lost, and nothing else: the program ends as it would have ended."""
    environment = {"PATH": os.defpath, "CHAIN_DIR": str(tmp_path), "HOSTNAME": "a-genesis-0", "EXPOSER_DRAIN": "never"}
    command = [sys.executable, "-m", *program.split()]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, env=environment, stderr=full, timeout=SOON, check=False)
    assert done.returncode == code
