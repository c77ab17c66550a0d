"""The network of ``k8s/simd`` on a real cluster: an SDK chain whose validators join by create-validator."""

import json
import time
from collections.abc import Callable
from urllib.request import Request, urlopen

import pytest
from live_cluster import LiveCluster, statuses
from live_network import get_json
from project import ROOT

GENESIS = "simapp-1-genesis-0"
VALIDATORS = [f"simapp-1-validator-{ordinal}" for ordinal in range(3)]
PODS = [GENESIS, *VALIDATORS]
MANIFESTS = ROOT / "k8s/simd"


@pytest.fixture(scope="module")
def network(namespace: LiveCluster, tell: Callable[[str], None]) -> LiveCluster:
    """The four pods, ready."""
    began = namespace.apply(MANIFESTS)
    pods = namespace.ready(PODS)
    spent = time.monotonic() - began
    gates = namespace.gates(pods)
    tell(f"k8s/simd: {len(pods)} pods ready in {spent:.1f} s; their gates took {sorted(gates.values())} s of it")
    assert sorted(gates) == VALIDATORS
    return namespace


def test_four_validators_are_bonded(network: LiveCluster, tell: Callable[[str], None]) -> None:
    """Where all pods are ready, the chain has four bonded validators, three of which joined; all are at the tip."""
    assert network.bonded(GENESIS) == set(PODS)
    digest, height = network.agree(PODS)
    tell(f"k8s/simd: 4 validators bonded, all at height {height}, genesis {digest}")

    validators = network.query(GENESIS, "staking", "validators")["validators"]
    assert len({validator["tokens"] for validator in validators}) == 1  # or a budget of pods would be none of power
    with network.forwarded(GENESIS, 8081) as (exposer,):
        assert len(get_json(f"{exposer}/genesis")["app_state"]["genutil"]["gen_txs"]) == 1


def test_the_faucet_pays(network: LiveCluster) -> None:
    """The faucet beside the genesis pod's node, which paid for the validators' bonds, pays whoever asks."""
    assert "faucet" in statuses(network.pods()[GENESIS])
    account = "cosmos1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqnrql8a"
    wanted = json.dumps({"address": account, "denom": "stake"})
    with network.forwarded(GENESIS, 8000) as (faucet,):
        request = Request(f"{faucet}/credit", wanted.encode(), {"Content-Type": "application/json"})
        with urlopen(request, timeout=60) as answer:
            assert answer.status == 200

    held = network.query(GENESIS, "bank", "balances", account)["balances"]
    assert [coin["denom"] for coin in held] == ["stake"]
