"""``create-validator`` beside a node, and a faucet, that do anything but answer: it keeps its limit and says why."""

import base64
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from networks import write_keys
from project import ROOT
from scripted_server import (
    Exchange,
    Script,
    ScriptedServer,
    answer,
    by_path,
    dripping,
    endless,
    head,
    raw,
    reset,
    stall,
)
from step_faults import NODE, find

from exposer.protobuf import message, number

GIVEN = 2.0
"""Seconds of ``--timeout``."""
_SLACK = 40.0  # seconds for as many Python processes at once as there are faults, on a machine with more to do
BINARY = """#!/bin/sh
case "$*" in
  *"keys show"*) echo cosmos1address ;;
  *create-validator*) echo sent >> "$SENT"; echo '{"code": 0, "txhash": "AB"}' ;;
esac
"""
GARBAGE = [b"", b"[]", b"null", b'{"result": 7}', b'{"result": {}}', b'{"result": {"sync_info": []}}', b"<html>",
           b'{"result": {"sync_info": {"latest_block_height": "x", "catching_up": false}}}', b"[" * 9999,
           b'{"result": {"response": {"value": "!"}}}', b'{"error": "' + b"x" * 100_000 + b'"}']  # fmt: skip


def in_turn(bodies: Sequence[bytes]) -> Script:
    """Answers each request with the next of these."""
    turn = itertools.cycle(bodies)

    def script(exchange: Exchange) -> bool:
        return answer(200, next(turn))(exchange)

    return script


FAULTS: dict[str, Script] = {
    "never answers": stall,
    "resets": reset,
    "closes": raw(b""),
    "headers byte by byte": dripping(head(200, {"X": "x" * 9999})),
    "body byte by byte": dripping(head(200, {"Content-Length": 9999}) + bytes(9999)),
    "headers without end": endless(b"X: x\r\n", first=b"HTTP/1.1 200 OK\r\n"),
    "body without end": endless(bytes(1 << 16), first=head(200, {})),
    "500": answer(500, b"no"),
    "a redirect": answer(301, b"", {"Location": "/"}),
    **{f"garbage from {first} on": in_turn(GARBAGE[first : first + 4]) for first in range(0, len(GARBAGE), 4)},
}


def node(validator: object) -> Script:
    """A node at the tip, whose application answers so to the question for a validator, and knows no balance."""
    known = {
        "/status": {"sync_info": {"latest_block_height": "5", "catching_up": False}},
        '/abci_query?path="/cosmos.bank': {"response": {"code": 0, "value": ""}},
        '/abci_query?path="/cosmos.staking': {"response": validator},
    }
    return by_path({path: answer(200, json.dumps({"result": result}).encode()) for path, result in known.items()})


POOR = node({"code": 22, "log": "validator not found"})
_PUBLIC = {"type": "tendermint/PubKeyEd25519", "value": base64.b64encode(bytes(32)).decode()}
_VALIDATOR = message(2, message(2, message(1, bytes(32)))) + number(4, 3)
BONDED = node({"code": 0, "value": base64.b64encode(message(1, _VALIDATOR)).decode()})
"""The validator's consensus key is this pod's, and its status 3."""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., tuple[int, str]]]:
    """Runs the step in a validator pod with further variables: its exit code and its log."""
    binary = tmp_path / "binary"
    binary.write_text(BINARY)
    binary.chmod(0o755)
    pod = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "SENT": str(tmp_path / "sent"),
        "CHAIN_ID": "node-1",
        "CHAIN_BIN": str(binary),
        "KEYS_CONFIG": str(write_keys(tmp_path / "keys.json", validators=2)),
        "HOSTNAME": "node-validator-0",
        "TIMEOUT": f"{GIVEN:g}s",
    }

    def step(name: str, **more: str) -> tuple[int, str]:
        home = tmp_path / str(abs(hash(name)))
        (home / "config").mkdir(parents=True)
        (home / "config/priv_validator_key.json").write_text(json.dumps({"pub_key": _PUBLIC}))
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "init_scripts.create_validator"],
            env={**pod, "CHAIN_DIR": str(home), **more},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stderr

    yield step
    assert not (tmp_path / "sent").exists()


@pytest.mark.parametrize("who", ["node", "faucet"])
def test_nobody_holds_the_step_beyond_its_limit(
    who: str, run: Callable[..., tuple[int, str]], tell: Callable[[str], None]
) -> None:
    """Whatever the other side does, the step exits 75 when its time is over, says why, and sends no transaction."""
    (code,) = find("a node that refuses" if who == "node" else "a faucet that does", NODE).codes

    def against(name: str) -> tuple[str, int, float, str]:
        began = time.monotonic()
        with ScriptedServer(FAULTS.get(name, stall), listening=name in FAULTS) as bad, ScriptedServer(POOR) as good:
            urls = {"NODE_URL": bad.url} if who == "node" else {"NODE_URL": good.url, "FAUCET_URL": bad.url}
            exit_code, told = run(name, **urls)
        return name, exit_code, time.monotonic() - began, told

    with ThreadPoolExecutor(max_workers=8) as pool:
        ends = list(pool.map(against, [*FAULTS, "refuses"]))
    longest = max(spent for _, _, spent, _ in ends)
    tell(f"{who}: {len(ends)} faults, all exit {code}, the last after {longest:.1f} s of {GIVEN:g}")
    for name, exit_code, spent, told in ends:
        assert exit_code == code, f"{name}\n{told}"
        assert "gave up after 2 s" in told.splitlines()[-1], name
        assert "Traceback" not in told, name
        assert len(told) < 10_000, name
        assert spent < GIVEN + _SLACK, name
    with ScriptedServer(BONDED) as healed:
        assert run("healed", NODE_URL=healed.url)[0] == 0
