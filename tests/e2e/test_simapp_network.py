"""A network of a real SDK chain: one validator from the genesis, the others through create-validator."""

import subprocess
import sys
from pathlib import Path

import pytest
from live_network import LiveNetwork, Process, get_json, query
from waiting import LIMIT, eventually

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
