"""``init-validator`` against leaders that lie, break off or do not answer: it exits as documented and keeps nothing."""

import base64
import hashlib
import itertools
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from live_network import LIMIT, eventually
from networks import write_keys
from scripted_server import Script, ScriptedServer, answer, file, raw, reset, stall

GENESIS = json.dumps(
    {
        "genesis_time": "2026-01-01T00:00:00Z",
        "chain_id": "hostile-1",
        "initial_height": "1",
        "validators": [],
        "app_hash": "",
        "app_state": {"padding": "x" * 5000},
    }
).encode()
MISMATCH, TEMPORARY = 4, 75
GIVEN = 2.0
"""Seconds of DOWNLOAD_TIMEOUT."""
_SLACK = 8.0  # seconds for a Python process to start and end, on a slow machine
_ERROR_PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


def promising(data: bytes) -> dict[str, str]:
    """The header that promises ``data`` (RFC 9530)."""
    return {"Repr-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"}


@dataclass(frozen=True)
class Fault:
    """How a leader is wrong, what ``init-validator`` makes of it, and what it says."""

    name: str
    exit_code: int
    told: str
    script: Script = field(default_factory=lambda: file(GENESIS))
    environment: dict[str, str] = field(default_factory=dict)
    listening: bool = True


FAULTS = [
    Fault("error page with 200", MISMATCH, "no complete genesis", answer(200, _ERROR_PAGE)),
    Fault("whole JSON, no genesis", MISMATCH, "no complete genesis", answer(200, b'{"error": "no"}')),
    Fault("500 for ever", TEMPORARY, "it answers 500", answer(500, _ERROR_PAGE)),
    Fault("503 for ever", TEMPORARY, "it answers 503", answer(503, b"{}", {"Retry-After": 1})),
    Fault("half a file for ever", TEMPORARY, "bytes", file(GENESIS, cuts=itertools.repeat(len(GENESIS) // 2))),
    Fault(
        "half a file without a length",
        TEMPORARY,
        "no complete genesis",
        raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + GENESIS[: len(GENESIS) // 2]),
    ),
    Fault("reset for ever", TEMPORARY, "gave up", reset),
    Fault("no answer", TEMPORARY, "gave up", stall),
    Fault("connection refused", TEMPORARY, "refused the connection", listening=False),
    Fault("wrong chain", MISMATCH, "of chain 'hostile-1', not 'other-1'", environment={"CHAIN_ID": "other-1"}),
    Fault("wrong Repr-Digest", MISMATCH, "Repr-Digest", file(GENESIS, extra=promising(b"another genesis"))),
    Fault("wrong GENESIS_SHA256", MISMATCH, "check GENESIS_SHA256", environment={"GENESIS_SHA256": "0" * 64}),
]


class Pod:
    """A validator pod with an empty volume and keys of its own; its driver needs no binary."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "home"
        self._keys = write_keys(directory / "keys.json", validators=2)

    def init_validator(self, leader: str, **more: str) -> tuple[int, str]:
        """Exit code and log of ``init-validator`` with the leader at the URL ``leader``."""
        environment = {
            "CHAIN_DRIVER": "cometbft",
            "CHAIN_ID": "hostile-1",
            "CHAIN_DIR": str(self.home),
            "KEYS_CONFIG": str(self._keys),
            "HOSTNAME": "hostile-validator-0",
            "GENESIS_HOST": leader,
            "DOWNLOAD_TIMEOUT": f"{GIVEN:g}s",
            **more,
        }
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "init_scripts.init_validator"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        return done.returncode, done.stderr

    def final_files(self) -> list[str]:
        """The files that others could take for finished, and the records that say so."""
        paths = (path.relative_to(self.home) for path in self.home.rglob("*") if path.is_file())
        return [str(path) for path in paths if path.parts[0] != ".exposer" or "steps" in path.parts]

    @property
    def genesis(self) -> bytes:
        """The committed genesis."""
        return (self.home / "config/genesis.json").read_bytes()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_nothing_wrong_is_kept(fault: Fault, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The step ends in its time with 4 or 75 and the cause, leaves no final file, and succeeds with a good leader."""
    pod = Pod(tmp_path)
    with ScriptedServer(fault.script, listening=fault.listening) as leader:
        began = time.monotonic()
        exit_code, told = pod.init_validator(leader.url, **fault.environment)
        spent = time.monotonic() - began
    with capsys.disabled():
        print(f"\n{fault.name}: exit {exit_code} after {spent:.1f} s and {len(leader.asked)} requests", end=" ")

    assert exit_code == fault.exit_code, told
    assert fault.told in told
    assert pod.final_files() == []
    assert spent < GIVEN + _SLACK
    if fault.exit_code == MISMATCH:
        assert len(leader.asked) == 1
    with ScriptedServer(file(GENESIS, extra=promising(GENESIS))) as leader:
        assert pod.init_validator(leader.url, GENESIS_SHA256=hashlib.sha256(GENESIS).hexdigest())[0] == 0
    assert pod.genesis == GENESIS


@contextmanager
def sidecar(genesis: Path, log: Path) -> Iterator[str]:
    """The URL of a real sidecar that serves ``genesis``."""
    environment = {"EXPOSER_GENESIS_FILE": str(genesis), "EXPOSER_HOST": "127.0.0.1", "EXPOSER_HTTP_PORT": "0"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "exposer", "serve"], env=environment, stderr=output
        )
    with process:
        try:
            found = eventually(
                "the sidecar listens", lambda: re.search(r"listening on (http://\S+)", log.read_text("utf-8"))
            )
            yield found[1]
        finally:
            process.terminate()


def test_a_main_networks_genesis_comes_byte_for_byte(tmp_path: Path, shared_genesis: Path) -> None:
    """A real old genesis of a main network goes through a real sidecar and a real ``init-validator`` unchanged."""
    pod = Pod(tmp_path)
    with sidecar(shared_genesis, tmp_path / "sidecar.log") as leader:
        refused, told = pod.init_validator(leader, CHAIN_ID="cosmoshub-4")
        assert pod.final_files() == []
        exit_code, _ = pod.init_validator(leader, CHAIN_ID="cosmoshub-2", DOWNLOAD_TIMEOUT="1m")

    assert refused == MISMATCH
    assert "of chain 'cosmoshub-2', not 'cosmoshub-4'" in told
    assert exit_code == 0
    assert pod.genesis == shared_genesis.read_bytes()
