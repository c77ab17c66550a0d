"""`exposer status URL` and `exposer serve`, both as processes."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sidecar_process import Sidecar, running
from sidecar_world import commit, commit_all, contents
from tls_world import TOKEN, Authorities

from exposer.progress import Progress, write_progress

STRACE = pytest.mark.skipif(not shutil.which("strace"), reason="strace makes the volume hang; see scripts/")


def status(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, run to its end with its output in a pipe."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "exposer", "status", *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_follows_the_pod(tmp_path: Path) -> None:
    """It is 75 until the pod is ready and then 0, and ``--json`` is what `/status` says."""
    commit(tmp_path, "init-genesis", contents())
    write_progress(tmp_path, Progress("init-config", "running", 1.0))
    with running(tmp_path, steps="init-genesis,init-config") as sidecar:
        before = status(sidecar.url)
        commit_all(tmp_path / "other")
        files = contents()
        commit(tmp_path, "init-config", {name: files[name] for name in ("genesis.json", "node_id.json")})
        after, document = status(sidecar.url), status(sidecar.url, "--json")
        served = json.loads(sidecar.get("/status")[1])
    assert (before.returncode, before.stderr) == (75, "")
    assert before.stdout.splitlines()[0] == f"{sidecar.url}  init-config running"
    assert (after.returncode, after.stderr) == (0, "")
    assert served["artifacts"][1]["sha256"] in after.stdout
    for changing in ("bootstrap", "steps"):
        served.pop(changing)
    assert {name: value for name, value in json.loads(document.stdout).items() if name in served} == served


def test_credentials(tmp_path: Path) -> None:
    """Over TLS it needs the CA, the client certificate and the token that the sidecar asks for."""
    home = tmp_path / "home"
    commit_all(home)
    authorities = Authorities.new(tmp_path)
    with running(home, *authorities.serving(mutual=True, token=TOKEN)) as sidecar:
        shown = authorities.credentials(name="operator", token=TOKEN)
        ca, pair = (
            ["--ca-file", str(shown.ca_file)],
            ["--cert-file", str(shown.cert_file), "--key-file", str(shown.key_file)],
        )
        token = {"EXPOSER_TOKEN_FILE": str(shown.token_file)}
        assert status(sidecar.url, *ca, *pair, **token).returncode == 0
        refused = [
            status(sidecar.url, *ca, *pair),
            status(sidecar.url, *ca, **token),
            status(sidecar.url, *pair, **token),
        ]
    assert [one.returncode for one in refused] == [3, 3, 75]
    for one in refused:
        assert (one.stdout, one.stderr.count("\n")) == ("", 1)
        assert TOKEN not in one.stderr


@STRACE
def test_a_volume_that_hangs(tmp_path: Path) -> None:
    """Where a directory of the volume does not answer, `/status` tells what it knew, and nobody else is held up."""
    commit_all(tmp_path)
    write_progress(tmp_path, Progress("init-config", "done", 1.0, 2.0, 0))
    with running(tmp_path) as sidecar:
        known = json.loads(sidecar.get("/status")[1])["steps"]
        with _hanging(sidecar, tmp_path / ".exposer/progress"), ThreadPoolExecutor(20) as threads:
            answers = [threads.submit(sidecar.get, "/status") for _ in range(20)]
            began = time.monotonic()
            assert sidecar.get("/node_id")[0] == sidecar.get("/genesis")[0] == 200
            for answer in answers:
                status, body = answer.result()
                assert (status, json.loads(body)["steps"]) == (200, known)
            assert time.monotonic() - began < 30


@STRACE
def test_records_that_hang(tmp_path: Path) -> None:
    """Where the records do not answer, every look ends in time, and nobody else is held up."""
    commit_all(tmp_path)
    asked = [*(["/genesis", "/node_id", "/keys", "/readyz"] * 5), "/node_id?wait=1s"]
    with (
        running(tmp_path) as sidecar,
        _hanging(sidecar, tmp_path / ".exposer/steps"),
        ThreadPoolExecutor(21) as threads,
    ):
        began = time.monotonic()
        answers = [threads.submit(sidecar.get, path) for path in asked]
        assert [sidecar.get(path)[0] for path in ("/livez", "/status", "/metrics")] == [200] * 3
        for answer in answers:
            status, body = answer.result()
            assert (status, json.loads(body)["reason"]) == (503, "being checked")
        assert time.monotonic() - began < 30


@contextlib.contextmanager
def _hanging(sidecar: Sidecar, directory: Path) -> Iterator[None]:
    """For the context's time nobody opens ``directory``."""
    slow = ("--follow-forks", "--trace=openat", "--inject=openat:delay_enter=60s", "--output=/dev/null")
    command = ["strace", "--attach", str(sidecar.process.pid), "--trace-path", str(directory), *slow]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        assert "attached" in tracer.stderr.readline()
        try:
            yield
        finally:
            tracer.send_signal(signal.SIGINT)
