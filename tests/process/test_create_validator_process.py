"""``create-validator`` against faults that a real chain does not make on demand; e2e has the real chain."""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from networks import write_keys
from scripted_server import Exchange, ScriptedServer, head

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


def node(transaction: Callable[[], object]) -> Callable[[Exchange], bool]:
    """A node at the tip with a funded account and no validator, where /tx answers what ``transaction`` says."""

    def script(exchange: Exchange) -> bool:
        path = exchange.asked.path
        if path == "/status":
            return respond(exchange, {"result": {"sync_info": {"latest_block_height": "5", "catching_up": False}}})
        if "Query/Balance" in path:
            return respond(exchange, {"result": {"response": {"code": 0, "value": COIN}}})
        if "Query/Validator" in path:
            return respond(exchange, {"result": {"response": {"code": 30, "log": "validator not found"}}})
        return respond(exchange, transaction())

    return script


@pytest.fixture
def pod(tmp_path: Path) -> dict[str, str]:
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


def run(pod: dict[str, str], *, then: str = "", limit: str = "20s") -> subprocess.CompletedProcess[str]:
    """Run the step to its end; ``then`` is what the binary does before it tells the transaction's hash."""
    binary = Path(pod["CHAIN_BIN"])
    binary.write_text(BINARY.format(then=then))
    binary.chmod(0o755)
    return subprocess.run(
        [sys.executable, "-m", "init_scripts.create_validator", "--timeout", limit],
        env=pod,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_same_refusal_twice_ends_the_step(pod: dict[str, str]) -> None:
    """A block that refuses the transaction for the same cause again is not asked a third time: each costs fees."""
    refused = {"result": {"height": "6", "tx_result": {"code": 13, "log": "insufficient fee"}}}
    with ScriptedServer(node(lambda: refused)) as server:
        done = run({**pod, "NODE_URL": server.url})

    assert done.returncode == 3
    assert "code 13" in done.stderr
    assert "insufficient fee" in done.stderr
    assert Path(pod["COUNT"]).read_text().split() == ["sent", "sent"]


def test_different_refusals_are_tried_again(pod: dict[str, str]) -> None:
    """Refusals for other causes may be accidents; the step goes on until one comes twice in a row."""
    codes = iter([11, 13, 11, 11])
    with ScriptedServer(
        node(lambda: {"result": {"height": "6", "tx_result": {"code": next(codes), "log": "no"}}})
    ) as server:
        done = run({**pod, "NODE_URL": server.url})

    assert done.returncode == 3
    assert len(Path(pod["COUNT"]).read_text().split()) == 4


def test_a_binary_that_hangs_keeps_the_time_limit(pod: dict[str, str]) -> None:
    """The step's limit is a limit for what it starts, too."""
    began = time.monotonic()
    with ScriptedServer(node(lambda: {"error": "none"})) as server:
        done = run({**pod, "NODE_URL": server.url}, then="exec sleep 50;", limit="2s")

    assert done.returncode == 75
    assert time.monotonic() - began < 20


def test_a_node_that_never_answers_is_temporary(pod: dict[str, str]) -> None:
    """Without a node there is an end, with the last cause."""
    with ScriptedServer(node(dict), listening=False) as server:
        done = run({**pod, "NODE_URL": server.url}, limit="1s")

    assert done.returncode == 75
    assert "refused the connection" in done.stderr


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ({}, []),
        ({"GAS_PRICES": "0.025stake"}, ["--gas-prices", "0.025stake"]),
        ({"GAS_PRICES": "0.025stake", "FEES": "7stake"}, ["--fees", "7stake"]),
    ],
)
def test_a_transaction_pays_fees_or_gas_prices(pod: dict[str, str], given: dict[str, str], flags: list[str]) -> None:
    """The SDK refuses a transaction that states both; the sum that is to be paid wins over the price."""
    refused = {"result": {"height": "6", "tx_result": {"code": 13, "log": "insufficient fee"}}}
    with ScriptedServer(node(lambda: refused)) as server:
        run({**pod, **given, "NODE_URL": server.url})
    words = Path(f"{pod['COUNT']}.arguments").read_text().split()

    assert [word for word in words if word in {"--gas-prices", "--fees", "0.025stake", "7stake"}] == flags


@pytest.mark.parametrize(
    ("given", "code", "told"), [({}, 3, "set GAS_PRICES"), ({"GAS_PRICES": "1stake"}, 75, "too low")]
)
def test_a_chain_that_wants_fees_is_told_from_one_that_wants_more(
    pod: dict[str, str], given: dict[str, str], code: int, told: str
) -> None:
    """Paying nothing where something is wanted cannot heal; a price that is too low now may be enough a block later."""
    with ScriptedServer(node(dict)) as server:
        refusal = {"code": 13, "codespace": "sdk", "raw_log": "gas prices too low: insufficient fee"}
        then = f"echo '{json.dumps(refusal)}'; exit;"
        done = run({**pod, **given, "NODE_URL": server.url}, then=then, limit="2s")

    assert done.returncode == code
    assert told in done.stderr
