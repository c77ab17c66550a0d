"""What the linter says of a genesis beside what a real node does with it: it makes blocks, or it does not start."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from genesis_layouts import consumer
from networks import write_keys
from waiting import eventually

from exposer.genesis.addresses import module_address
from exposer.genesis.lint import lint

Change = Callable[[dict[str, Any]], None]
LIMIT = 120  # seconds, for one command
ID = "rules-1"


@pytest.fixture(scope="module")
def home(simd: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A genesis pod's home, with a commission of its own, and a genesis that runs."""
    directory = tmp_path_factory.mktemp("rules")
    pod = {"CHAIN_ID": ID, "CHAIN_BIN": simd, "CHAIN_DIR": str(directory / "home"), "HOSTNAME": "rules-genesis-0"}
    keys = write_keys(directory / "keys.json", validators=1)
    rates = {"COMMISSION_RATE": "0.25", "COMMISSION_MAX_RATE": "0.5", "COMMISSION_MAX_CHANGE_RATE": "0.05"}
    done = subprocess.run(
        [sys.executable, "-m", "init_scripts.init_genesis"],
        env={"PATH": os.defpath, **pod, **rates, "KEYS_CONFIG": str(keys), "COINS": "40000000stake,5uatom"},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return directory / "home"


def staking(name: str, value: object) -> Change:
    """A change of a parameter of the staking module."""
    return lambda genesis: genesis["app_state"]["staking"]["params"].update({name: value})


def consensus(part: str, value: object) -> Change:
    """A change of consensus parameters."""
    return lambda genesis: genesis["consensus"]["params"][part].update(value)


def poorer(genesis: dict[str, Any]) -> None:
    """The validator has one token less than it bonds."""
    genesis["app_state"]["bank"]["balances"][0]["coins"] = [{"denom": "stake", "amount": "1999999"}]
    genesis["app_state"]["bank"]["supply"] = []


def twice(genesis: dict[str, Any]) -> None:
    """The same gentx two times."""
    genesis["app_state"]["genutil"]["gen_txs"] *= 2


def document(power: str) -> Change:
    """The document names the gentx's validator too."""

    def made(genesis: dict[str, Any]) -> None:
        key = genesis["app_state"]["genutil"]["gen_txs"][0]["body"]["messages"][0]["pubkey"]["key"]
        public = {"type": "tendermint/PubKeyEd25519", "value": key}
        genesis["consensus"]["validators"] = [{"pub_key": public, "power": power, "name": ""}]

    return made


def state(status: str, tokens: int, **more: object) -> Change:
    """The validator is in the state and not in a gentx, with so many of its tokens."""

    def made(genesis: dict[str, Any]) -> None:
        app = genesis["app_state"]
        message = app["genutil"]["gen_txs"].pop()["body"]["messages"][0]
        account = app["bank"]["balances"][0]
        time, shares = "1970-01-01T00:00:00Z", f"{tokens}.000000000000000000"
        validator = {
            **{name: message[name] for name in ("description", "min_self_delegation")},
            "operator_address": message["validator_address"],
            "consensus_pubkey": message["pubkey"],
            "jailed": False,
            "status": f"BOND_STATUS_{status}",
            "tokens": str(tokens),
            "delegator_shares": shares,
            "unbonding_height": "0",
            "unbonding_time": time,
            "commission": {"commission_rates": message["commission"], "update_time": time},
        }
        delegation = {"delegator_address": account["address"], "validator_address": message["validator_address"]}
        app["staking"].update(validators=[validator], delegations=[{**delegation, "shares": shares}], **more)
        pool = module_address("cosmos", "bonded_tokens_pool" if status == "BONDED" else "not_bonded_tokens_pool")
        app["bank"]["balances"] += [{"address": pool, "coins": [{"denom": "stake", "amount": str(tokens)}]}]
        app["bank"]["supply"] = []

    return made


CASES: dict[str, tuple[Change, str]] = {
    "as it is": (lambda _: None, ""),
    "the least commission that it has": (staking("min_commission_rate", "0.250000000000000000"), ""),
    "a higher one": (staking("min_commission_rate", "0.250000000000000001"), "below the chain's min_commission_rate"),
    "another denomination": (staking("bond_denom", "uatom"), "bond_denom is uatom"),
    "less than it bonds": (poorer, "has 1999999stake"),
    "its gas": (consensus("block", {"max_gas": "200000"}), ""),
    "less than its gas": (consensus("block", {"max_gas": "199999"}), "above the block's max_gas"),
    "another type of key": (
        consensus("validator", {"pub_key_types": ["secp256k1"]}),
        "the chain allows only secp256k1",
    ),
    "an operator twice": (twice, "another validator's operator"),
    "a validator in the state": (state("BONDED", 10**6), ""),
    "one that is not bonded yet": (state("UNBONDED", 10**6), ""),
    "one without a unit of power": (state("BONDED", 10**6 - 1), "no validator with voting power"),
    "one that had no power when the state was exported": (state("BONDED", 10**6, exported=True), "no validator"),
    "its power in the document": (document("2"), ""),
    "no power in the document": (document("0"), "consensus.validators.0: a validator without voting power"),
    "nobody": (lambda genesis: genesis["app_state"]["genutil"].update(gen_txs=[]), "no validator with voting power"),
}


@pytest.mark.simd
@pytest.mark.parametrize("case", CASES)
def test_the_node_starts_where_the_linter_is_silent(home: Path, simd: str, tmp_path: Path, case: str) -> None:
    """For each change of a sound genesis the real node makes a block exactly where there is no finding."""
    change, problem = CASES[case]
    genesis = json.loads((home / "config/genesis.json").read_bytes())
    change(genesis)
    subprocess.run(["cp", "-r", str(home), str(tmp_path / "home")], check=True)
    path = tmp_path / "home/config/genesis.json"
    path.write_text(json.dumps(genesis))
    found = list(map(str, lint(path, ID)))

    assert any(problem in line for line in found) if problem else not found, found
    assert makes_a_block(simd, tmp_path) is not bool(problem)


def makes_a_block(simd: str, directory: Path) -> bool:
    """Whether a node of this home does, before it ends."""
    ports = ["--rpc.laddr", "tcp://127.0.0.1:0", "--p2p.laddr", "tcp://127.0.0.1:0", "--grpc.enable=false"]
    command = [simd, "start", "--home", str(directory / "home"), *ports, "--minimum-gas-prices", "0stake"]
    log = directory / "log"
    with log.open("wb") as stream, subprocess.Popen(command, stdout=stream, stderr=stream, cwd=directory) as node:
        eventually("a block, or an end", lambda: b"committed state" in log.read_bytes() or node.poll() is not None)
        node.send_signal(signal.SIGKILL)
    return b"committed state" in log.read_bytes()


@pytest.mark.simd
def test_a_gentx_has_the_commission_that_was_asked_for(home: Path) -> None:
    """The three rates of the settings are in the transaction that the binary signed."""
    (gentx,) = json.loads((home / "config/genesis.json").read_bytes())["app_state"]["genutil"]["gen_txs"]
    commission = gentx["body"]["messages"][0]["commission"]

    assert [float(commission[name]) for name in ("rate", "max_rate", "max_change_rate")] == [0.25, 0.5, 0.05]


@pytest.mark.simd
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"COINS": "19999999stake"}, "VALIDATOR_STAKE: 999999stake is no voting power: one unit is 1000000stake"),
        ({"VALIDATOR_STAKE": "5stake"}, "VALIDATOR_STAKE: 5stake is no voting power"),
        ({"COMMISSION_RATE": "0.21"}, "the commission's rate, 0.21, is not from 0 to its max rate, 0.2"),
    ],
)
def test_a_validator_that_would_take_no_part_is_refused(
    simd: str, tmp_path: Path, given: dict[str, str], told: str
) -> None:
    """``init-genesis`` refuses before it makes anything, with exit code 3 and the cure."""
    keys = write_keys(tmp_path / "keys.json", validators=1)
    pod = {"CHAIN_ID": ID, "CHAIN_BIN": simd, "CHAIN_DIR": str(tmp_path / "home"), "KEYS_CONFIG": str(keys), **given}
    command = [sys.executable, "-m", "init_scripts.init_genesis"]
    done = subprocess.run(
        command, env={"PATH": os.defpath, **pod}, capture_output=True, text=True, timeout=LIMIT, check=False
    )

    assert (done.returncode, told in done.stderr) == (3, True), done.stderr
    assert not (tmp_path / "home/config").exists()


@pytest.mark.simd
def test_a_consumers_genesis_that_a_script_makes_passes(simd: str, tmp_path: Path) -> None:
    """``UPDATE_SCRIPT`` puts a provider's answer in the place of gentxs: the chain's validators are the provider's."""
    state = tmp_path / "ccv.json"
    state.write_text(json.dumps(consumer()["app_state"]["ccvconsumer"]))
    script = tmp_path / "update.py"
    script.write_text(
        f"#!{sys.executable}\nimport json, os, pathlib\n"
        'path = pathlib.Path(os.environ["CHAIN_DIR"], "config/genesis.json")\n'
        "genesis = json.loads(path.read_bytes())\n"
        'genesis["app_state"]["genutil"]["gen_txs"] = []\n'
        f'genesis["app_state"]["ccvconsumer"] = json.loads(pathlib.Path("{state}").read_bytes())\n'
        "path.write_text(json.dumps(genesis))\n"
    )
    keys = write_keys(tmp_path / "keys.json", validators=1)
    pod = {"CHAIN_ID": ID, "CHAIN_BIN": simd, "CHAIN_DIR": str(tmp_path / "home"), "KEYS_CONFIG": str(keys)}
    done = subprocess.run(
        [sys.executable, "-m", "init_scripts.init_genesis"],
        env={"PATH": os.defpath, **pod, "UPDATE_SCRIPT": str(script)},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert lint(tmp_path / "home/config/genesis.json", ID) == []
