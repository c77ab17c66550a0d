"""``init-validator`` against leaders that lie, break off or do not answer: it exits as documented and keeps nothing."""

import base64
import hashlib
import itertools
import json
import re
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from networks import write_keys
from scripted_server import Exchange, Script, ScriptedServer, answer, dripping, endless, file, head, raw, reset, stall
from step_faults import LEADER, Fault, find
from trees import final_files
from waiting import eventually

from exposer.errors import ExitCode

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
GIVEN = 1.0
"""Seconds of DOWNLOAD_TIMEOUT."""
_LIMIT = 200.0  # seconds in which a step ends that has GIVEN, on the busiest machine: else it would not end at all
BOUNDED = ("prlimit", f"--data={256 << 20}")
"""Starts a program that may have this many bytes of memory, the stacks of its threads included."""
_ERROR_PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


def promising(data: bytes) -> dict[str, str]:
    """The header that promises ``data`` (RFC 9530)."""
    return {"Repr-Digest": f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"}


@dataclass(frozen=True)
class Hostile:
    """How a leader is wrong in a row of the table, and what ``init-validator`` says of it."""

    name: str
    told: str
    script: Script = field(default_factory=lambda: file(GENESIS))
    environment: dict[str, str] = field(default_factory=dict)
    listening: bool = True

    @property
    def fault(self) -> Fault:
        """The row."""
        return find(self.name, LEADER)


def bomb() -> bytes:
    """A gigabyte of zeros, in a megabyte of gzip."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()


def redirecting(exchange: Exchange) -> bool:
    """Sends whoever asks back to where he asked."""
    return answer(302, b"", {"Location": exchange.asked.path})(exchange)


def rest_of_many_digits(exchange: Exchange) -> bool:
    """Half a file, and a rest whose place no program should compute."""
    if "range" not in exchange.asked.headers:
        return file(GENESIS, cuts=[100])(exchange)
    many = "9" * 5000
    return raw(head(206, {"Content-Range": f"bytes {many}-{many}/{many}", "Content-Length": 1}) + b"x")(exchange)


HALF = GENESIS[: len(GENESIS) // 2]
HOSTILE = [
    Hostile("no leader: connection refused", "refused the connection", listening=False),
    Hostile("a leader that never answers", "gave up", stall),
    Hostile("reset at every request", "gave up", reset),
    Hostile("half a file at every request", "bytes", file(GENESIS, cuts=itertools.repeat(len(HALF)))),
    Hostile("half a file without a length", "no complete genesis", raw(head(200, {"Connection": "close"}) + HALF)),
    Hostile("headers that come byte by byte", "gave up", dripping(head(200, {"X": "x" * 9999}))),
    Hostile("headers without end", "does not speak HTTP", endless(b"X: x\r\n", first=b"HTTP/1.1 200 OK\r\n")),
    Hostile("a body without end", "gave up", endless(bytes(1000), first=head(200, {}), pause=0.001)),
    Hostile("a body that comes byte by byte", "gave up", dripping(head(200, {}) + bytes(9999))),
    Hostile("500 at every request", "it answers 500", answer(500, _ERROR_PAGE)),
    Hostile("503 at every request", "it answers 503", answer(503, b"{}", {"Retry-After": 1})),
    Hostile("a redirect", "it answers 302", answer(302, b"", {"Location": "http://127.0.0.1:9/genesis"})),
    Hostile("a redirect loop", "it answers 302", redirecting),
    Hostile("a gzip bomb", "not asked for", answer(200, bomb(), {"Content-Encoding": "gzip"})),
    Hostile("a length that is too long", "cut the connection", raw(head(200, {"Content-Length": 99999}) + GENESIS)),
    Hostile("a length that is too short", "no complete genesis", raw(head(200, {"Content-Length": 999}) + GENESIS)),
    Hostile("a length that is no number", "does not speak HTTP", raw(head(200, {"Content-Length": "?"}) + GENESIS)),
    Hostile("a rest with numbers", "the rest of another file", rest_of_many_digits),
    Hostile("not HTTP", "does not speak HTTP", raw(b"220 mail.example ESMTP\r\n\r\n")),
    Hostile("401 or 403", "answers 401", answer(401)),
    Hostile("an error page under 200", "no complete genesis", answer(200, _ERROR_PAGE)),
    Hostile("whole JSON that is no genesis", "no complete genesis", answer(200, b'{"error": "no"}')),
    Hostile("bytes that its", "Repr-Digest", file(GENESIS, extra=promising(b"another genesis"))),
    Hostile("bytes that `GENESIS_SHA256`", "check GENESIS_SHA256", environment={"GENESIS_SHA256": "0" * 64}),
    Hostile("another chain's genesis", "of chain 'hostile-1', not 'other-1'", environment={"CHAIN_ID": "other-1"}),
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
            [*BOUNDED, sys.executable, "-W", "error", "-m", "init_scripts.init_validator"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_LIMIT,
            check=False,
        )
        return done.returncode, done.stderr

    @property
    def genesis(self) -> bytes:
        """The committed genesis."""
        return (self.home / "config/genesis.json").read_bytes()


def test_every_row_has_its_leader() -> None:
    """The table has no row that is not tested here."""
    assert [hostile.fault for hostile in HOSTILE] == LEADER


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_nothing_wrong_is_kept(hostile: Hostile, tmp_path: Path, tell: Callable[[str], None]) -> None:
    """The step ends in its time, as its row says, leaves no final file, and succeeds with a good leader.

    Its memory is bounded all the time: no answer is gathered.
    """
    pod = Pod(tmp_path)
    (code,) = hostile.fault.codes
    with ScriptedServer(hostile.script, listening=hostile.listening) as leader:
        began = time.monotonic()
        exit_code, told = pod.init_validator(leader.url, **hostile.environment)
        spent = time.monotonic() - began
    tell(f"{hostile.fault.name}: exit {exit_code} after {spent:.1f} s, {len(leader.asked)} requests")

    assert exit_code == code, told
    assert hostile.told in told
    assert "Traceback" not in told
    assert final_files(pod.home) == []
    if code == ExitCode.MISMATCH:
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
        refused, told = pod.init_validator(leader, CHAIN_ID="cosmoshub-4", DOWNLOAD_TIMEOUT="1m")
        assert final_files(pod.home) == []
        exit_code, _ = pod.init_validator(leader, CHAIN_ID="cosmoshub-2", DOWNLOAD_TIMEOUT="1m")

    assert refused == ExitCode.MISMATCH
    assert "of chain 'cosmoshub-2', not 'cosmoshub-4'" in told
    assert exit_code == 0
    assert pod.genesis == shared_genesis.read_bytes()
