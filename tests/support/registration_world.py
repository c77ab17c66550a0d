"""What tests of ``create-validator`` need: a pod, a binary that says what is wanted of it, and a node."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from networks import write_keys
from scripted_server import Exchange, head

from exposer.protobuf import message, number, string

BINARY = """#!/bin/sh
case "$*" in
  *--help*) echo "[path/to/validator.json]" ;;
  *"keys show"*) echo cosmos1address ;;
  *create-validator*)
    echo sent >> "$COUNT"; echo "$*" > "$COUNT.arguments"
    {then} echo '{{"code": 0, "txhash": "AB"}}' ;;
esac
"""
COIN = base64.b64encode(b"\n\x10\n\x05stake\x12\x071000000").decode()
"""A bank balance of 1000000stake, as protobuf."""


def respond(exchange: Exchange, document: object) -> bool:
    """Answer with JSON."""
    body = json.dumps(document).encode()
    exchange.send(head(200, {"Content-Length": len(body)}) + body)
    return True


ABSENT = {"code": 30, "log": "validator not found"}


def validator_with(
    consensus_key: bytes, *, jailed: bool = False, status: int = 3, tokens: int = 10**6
) -> dict[str, object]:
    """What a node answers of a validator with this key; status 3 is bonded."""
    public = string(1, "/cosmos.crypto.ed25519.PubKey") + message(2, message(1, consensus_key))
    described = string(1, "cosmosvaloper1") + message(2, public) + number(3, int(jailed)) + number(4, status)
    return response(message(1, described + string(5, str(tokens))))


def response(value: bytes) -> dict[str, object]:
    """What the application answers."""
    return {"code": 0, "value": base64.b64encode(value).decode()}


def staking(*, least: str = "", most: int = 100) -> dict[str, object]:
    """What a node answers of a chain with these parameters, where ten million tokens of one validator are ten units."""
    genesis = {"pub_key": {"value": base64.b64encode(b"g" * 32).decode()}, "voting_power": "10"}
    return {
        "Query/Params": {"response": response(message(1, number(2, most) + string(6, least)))},
        "Query/Validators": {"response": validator_with(b"g" * 32, tokens=10_999_999)},
        "/validators?": {"validators": [genesis]},
    }


def node(
    transaction: Callable[[], object],
    validator: Callable[[], object] = lambda: ABSENT,
    others: Mapping[str, object] = MappingProxyType({}),
) -> Callable[[Exchange], bool]:
    """A node at the tip with a funded account, where /tx and the staking module answer what they are told to.

    ``others`` are further answers: part of a path -> result.
    """

    def script(exchange: Exchange) -> bool:
        path = exchange.asked.path
        if result := next((result for part, result in others.items() if part in path), None):
            return respond(exchange, {"result": result})
        if path == "/status":
            return respond(exchange, {"result": {"sync_info": {"latest_block_height": "5", "catching_up": False}}})
        if "Query/Balance" in path:
            return respond(exchange, {"result": {"response": {"code": 0, "value": COIN}}})
        if "Query/Validator" in path:
            return respond(exchange, {"result": {"response": validator()}})
        return respond(exchange, transaction() if path.startswith("/tx") else {"error": "not here"})

    return script


def validator_pod(tmp_path: Path) -> dict[str, str]:
    """The environment of a validator pod whose keys are there."""
    home = tmp_path / "home"
    (home / "config").mkdir(parents=True)
    key = {"type": "tendermint/PubKeyEd25519", "value": base64.b64encode(bytes(32)).decode()}
    (home / "config/priv_validator_key.json").write_text(json.dumps({"pub_key": key}))
    return {
        "PATH": os.environ["PATH"],
        "COUNT": str(tmp_path / "count"),
        "CHAIN_ID": "c-1",
        "CHAIN_BIN": str(tmp_path / "binary"),
        "CHAIN_DIR": str(home),
        "KEYS_CONFIG": str(write_keys(tmp_path / "keys.json", validators=2)),
        "HOSTNAME": "c-validator-0",
    }


def command(pod: dict[str, str], *, then: str = "", limit: str = "20s") -> list[str]:
    """The step; ``then`` is what the binary, which is made here, does before it tells the transaction's hash."""
    binary = Path(pod["CHAIN_BIN"])
    binary.write_text(BINARY.format(then=then))
    binary.chmod(0o755)
    return [sys.executable, "-m", "init_scripts.create_validator", "--timeout", limit]


def run(pod: dict[str, str], *, then: str = "", limit: str = "20s") -> subprocess.CompletedProcess[str]:
    """Run the step to its end."""
    return subprocess.run(
        command(pod, then=then, limit=limit), env=pod, capture_output=True, text=True, timeout=60, check=False
    )
