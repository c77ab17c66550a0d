"""A network of a real SDK chain: one validator from the genesis, the others through create-validator."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from live_network import LIMIT, LiveNetwork, Process, eventually, get_json, query

from exposer.accounts.hd import derive_secp256k1
from exposer.accounts.keyfile import load_keys

pytestmark = pytest.mark.simd

UP = ("--chain", "simapp", "--validators", "4")
VALIDATOR_PODS = [f"simapp-1-validator-{ordinal}" for ordinal in range(3)]


def test_four_bonded_validators(tmp_path: Path, simd: str) -> None:
    """All four validators bond, all nodes are at the tip, and creating a validator again changes nothing."""
    with LiveNetwork(tmp_path, simd) as network:
        network.start(*UP)
        steps = [network.find(pod, "create-validator") for pod in VALIDATOR_PODS]
        eventually("the network is up", network.is_up)
        pods = network.pods()
        validators = query(network, simd, "staking", "validators")["validators"]

        assert [validator["status"] for validator in validators] == ["BOND_STATUS_BONDED"] * 4
        assert {validator["description"]["moniker"] for validator in validators} == {pod["name"] for pod in pods}
        assert len(get_json(f"{pods[0]['exposer_url']}/genesis")["app_state"]["genutil"]["gen_txs"]) == 1
        synced = [get_json(f"{pod['node']['rpc_url']}/status")["result"]["sync_info"] for pod in pods]
        heights = [int(sync["latest_block_height"]) for sync in synced]
        assert not any(sync["catching_up"] for sync in synced)
        assert max(heights) - min(heights) <= 2
        spent = sequences(network, simd)
        for step in steps:
            again = run_again(step)
            assert again.returncode == 0, again.stderr
            assert "is a validator (bonded)" in again.stderr
        assert query(network, simd, "staking", "validators")["validators"] == validators
        assert sequences(network, simd) == spent == [1] * 4
        assert network.end() == 0


def run_again(step: Process) -> subprocess.CompletedProcess[str]:
    """The console script of a step, with the environment that the step had in its pod."""
    script = Path(sys.executable).parent / step.program
    return subprocess.run([script], env=step.environment, capture_output=True, text=True, timeout=LIMIT, check=False)


def sequences(network: LiveNetwork, simd: str) -> list[int]:
    """How many transactions each account with any has signed."""
    accounts = (entry.get("value", entry) for entry in query(network, simd, "auth", "accounts")["accounts"])
    counts = [int(account.get("sequence") or 0) for account in accounts]
    return [count for count in counts if count]


def test_no_secret_is_told(tmp_path: Path, simd: str) -> None:
    """No mnemonic and no private key is ever in a command line, an environment, a log, a record or any other file."""
    with LiveNetwork(tmp_path, simd) as network:
        network.start("--chain", "simapp", "--validators", "2")
        commands: set[str] = set()

        def sampled_until_up() -> bool:
            for process in network.processes():
                commands.add(" ".join([*process.command, *process.environment.values()]))
            return network.is_up()

        eventually("the network is up", sampled_until_up, pause=0.01)
        assert network.end() == 0
        texts = {str(path): readable(path) for path in network.state.rglob("*") if path.is_file()}
        told = "\n".join([*commands, network.output()])

        for secret, holders in secrets(network).items():
            assert secret not in told
            assert [path for path, text in texts.items() if secret in text] == holders
        assert any("keys add" in command for command in commands)
        assert len(texts) > 40


def secrets(network: LiveNetwork) -> dict[str, list[str]]:
    """Every secret of a network -> the files that hold it: of a part of a mnemonic and a node's private keys one."""
    file = network.state / "keys.json"
    found: dict[str, list[str]] = {}
    for role, entries in json.loads(file.read_bytes()).items():
        for place, entry in enumerate(entries):
            private = derive_secp256k1(load_keys(file).role(role)[place].mnemonic.seed(), "m/44'/118'/0'/0/0")
            found |= {" ".join(entry["mnemonic"].split()[:6]): [str(file)]}
            found |= {private.hex(): [], base64.b64encode(private).decode(): []}
    for path in network.state.rglob("config/*_key.json"):
        found[json.loads(path.read_bytes())["priv_key"]["value"]] = [str(path)]
    return found


def readable(path: Path) -> str:
    """The bytes of a file as text."""
    return path.read_bytes().decode(errors="replace")
