"""A network whose validators are all in the genesis, with identities that were known before any pod existed."""

import json
from pathlib import Path
from typing import Any

import pytest
from live_network import LiveNetwork, get_json
from project import real_binary
from real_chains import CHAINS, RealChain
from waiting import eventually

from exposer.accounts.keyfile import Key, load_keys

VALIDATORS = 4
COMMIT = 2  # BlockIDFlagCommit (CometBFT types/block.go): it signed this very block


@pytest.mark.parametrize("chain", [chain.param for chain in CHAINS if chain.binary in {"simd-0.46", "simd", "evmosd"}])
def test_all_validators_are_there_from_the_first_block(chain: RealChain, tmp_path: Path) -> None:
    """Four validators with equal power at height 1, with the keys that the keys file tells, and all of them sign."""
    with LiveNetwork(tmp_path, real_binary(chain.binary)) as network:
        file = chain.network_file(tmp_path / "network.yaml", validators=VALIDATORS, more=", validators: genesis")
        pods = network.up(file)
        keys = members(network.state / "keys.json")
        rpc = pods[0]["node"]["rpc_url"]
        height, signed = eventually("a block that all have signed", lambda: first_full(rpc))
        print(f"\n{chain.binary}: of {VALIDATORS} validators {signed} signed the blocks from 1 to {height}")

        first = get_json(f"{rpc}/validators?height=1")["result"]["validators"]
        assert {entry["pub_key"]["value"] for entry in first} == {key.consensus_key.value for key in keys}
        assert len({entry["voting_power"] for entry in first}) == 1
        told = [get_json(f"{pod['exposer_url']}/node_id")["node_id"] for pod in pods]
        assert told == [key.node_id for key in keys]
        genesis = get_json(f"{pods[0]['exposer_url']}/genesis")
        described = [
            gentx["body"]["messages"][0]["description"] for gentx in genesis["app_state"]["genutil"]["gen_txs"]
        ]
        assert sorted(entry["moniker"] for entry in described) == sorted(pod["name"] for pod in pods)
        for pod in pods:
            assert [path.stem for path in (network.home(pod["name"]) / "keyring-test").glob("*.info")] == [
                keys[pods.index(pod)].name
            ]
            assert not list((network.state / pod["name"]).rglob("create-validator*"))
        assert network.end() == 0


def members(path: Path) -> list[Key]:
    """The keys of the pods, the genesis pod's first."""
    keys = load_keys(path)
    return [keys.at("genesis", 0), *(keys.at("validators", ordinal) for ordinal in range(VALIDATORS - 1))]


def first_full(rpc: str) -> tuple[int, list[int]] | None:
    """The first height whose block all have signed, and by how many each up to it is; None before there is one."""
    heights = int(get_json(f"{rpc}/status")["result"]["sync_info"]["latest_block_height"])
    signed: list[int] = []
    for height in range(1, heights):
        commit: dict[str, Any] = get_json(f"{rpc}/commit?height={height}")["result"]["signed_header"]["commit"]
        signed.append(sum(entry["block_id_flag"] == COMMIT for entry in commit["signatures"]))
        if signed[-1] == VALIDATORS:
            return height, signed
    return None


def test_the_keys_of_a_network_are_shown_before_it_is_up(tmp_path: Path) -> None:
    """What ``exposer keys derive`` says of a pod is what a network with derived identities has, later, anywhere."""
    with LiveNetwork(tmp_path) as network:
        assert network.command("keys", "new", str(tmp_path / "keys.json"), "--validators", "2").returncode == 0
        shown = network.command("keys", "derive", str(tmp_path / "keys.json"), "--role", "validators", "--json")
        (tmp_path / "network.yaml").write_text(
            "keys: keys.json\nchains: [{id: c-1, name: cometbft, numValidators: 2}]\n"
        )
        pods = network.up()

        assert get_json(f"{pods[1]['exposer_url']}/node_id") == {"node_id": json.loads(shown.stdout)["node_id"]}
        assert network.end() == 0
