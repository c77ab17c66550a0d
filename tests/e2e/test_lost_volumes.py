"""Pods that lose their volume while their network runs: one genesis, no vote twice, and blocks go on."""

import os
import random
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from live_network import LiveNetwork, get_json
from lone_pods import LonePod, lone_pods
from networks import write_keys
from waiting import eventually

pytestmark = [pytest.mark.ports, pytest.mark.timeout(900)]

LOSSES = int(os.environ.get("LOSSES", "0"))
"""How many volumes are lost, where the variable says so; else each pod's once."""

_TWICE = re.compile(r"conflicting vote|double sign|byzantine|verified new evidence", re.IGNORECASE)


def settings(directory: Path, validators: int) -> dict[str, str]:
    """A chain that needs no application, with fast blocks."""
    return {
        "CHAIN_DRIVER": "cometbft",
        "CHAIN_ID": "lone-1",
        "KEYS_CONFIG": str(write_keys(directory / "keys.json", validators=validators)),
        "TIMEOUT_COMMIT": "200ms",
        "TIMEOUT_PROPOSE": "1s",
    }


def grows(pods: list[LonePod], by: int = 2) -> None:
    """Return when each node is ``by`` blocks above where the highest of them is now."""
    goal = max(pod.height for pod in pods) + by
    eventually(f"height {goal} everywhere", lambda: all(pod.height >= goal for pod in pods))


def signs(pod: LonePod, witness: LonePod) -> None:
    """Return when a block that ``witness`` gets from now on has the signature of the pod's validator."""
    address, first = pod.rpc("status")["validator_info"]["address"], witness.height

    def signed() -> bool:
        """Whether one of these blocks has it."""
        commits = (witness.rpc(f"commit?height={height}") for height in range(first, witness.height + 1))
        found = (one for commit in commits for one in commit["signed_header"]["commit"]["signatures"])
        return any(one["validator_address"] == address and one["block_id_flag"] == 2 for one in found)

    eventually(f"pod {pod.number} signs", signed)


def assert_nobody_signed_twice(pods: list[LonePod]) -> None:
    """No node's log, and no block, has a vote that contradicts another of the same validator."""
    for pod in pods:
        lines = pod.log.read_text(errors="replace").splitlines()
        assert [line for line in lines if _TWICE.search(line)] == []
    for height in range(1, pods[0].height + 1):
        assert not pods[0].rpc(f"block?height={height}")["block"]["evidence"]["evidence"]


@pytest.mark.cometbft
@pytest.mark.parametrize("validators", [2, 3, 4])
def test_a_derived_key_never_signs_twice(
    validators: int, tmp_path: Path, cometbft: str, tell: Callable[[str], None]
) -> None:
    """Each pod in turn loses its volume at a moment of its own; it comes back with its key, and the network goes on."""
    draw = random.Random(validators)
    command = (cometbft, "start", "--proxy_app=kvstore")
    with lone_pods(validators, tmp_path, command, settings(tmp_path, validators)) as pods:
        for pod in pods:
            pod.start()
        grows(pods)
        spent = []
        for turn in range(LOSSES or validators):
            lost = pods[turn % validators]
            time.sleep(draw.random())  # the moment in which it is lost is what is drawn
            lost.lose()
            began = time.monotonic()
            lost.start()
            grows(pods)
            spent.append(time.monotonic() - began)
            signs(lost, pods[(turn + 1) % validators])

        assert len({pod.identity()["genesis_sha256"] for pod in pods}) == 1
        assert_nobody_signed_twice(pods)
    tell(f"{validators} validators: {len(spent)} volumes lost, blocks again after at most {max(spent):.1f} s")


def wait_for_peers(pods: list[LonePod], validator: str) -> None:
    """Return when none of the nodes takes part in the consensus, and each one's exposer has read its log."""

    def recorded(pod: LonePod) -> bool:
        """Whether it has."""
        consensus = get_json(f"http://{pod.exposer}/identity?validator={validator}")["consensus"]
        return bool(consensus and consensus["recorded"])

    eventually("all wait, and their logs are known", lambda: all(map(recorded, pods)))


@pytest.mark.cometbft
def test_a_volume_that_is_lost_while_no_node_runs(tmp_path: Path, cometbft: str, tell: Callable[[str], None]) -> None:
    """Nodes that know no peer but the genesis pod's wait for it, and their logs tell what its validator has signed.

    A node with a third of the power does not wait (CometBFT 0.38.11, ``localNodeBlocksTheChain``), so there are four.
    """
    draw = random.Random(4)
    command = (cometbft, "start", "--proxy_app=kvstore")
    with lone_pods(4, tmp_path, command, settings(tmp_path, 4)) as pods:
        leader, *others = pods
        for pod in pods:
            pod.start()
        grows(pods)
        validator = leader.rpc("status")["validator_info"]["address"]
        spent = []
        for _ in range(LOSSES or 2):
            time.sleep(draw.random())  # the moment in which all are killed is what is drawn
            for pod in pods:
                pod.kill()
                (pod.home / "config/addrbook.json").unlink(missing_ok=True)  # that of a young network is empty
            leader.lose()
            for pod in others:
                pod.start()
            wait_for_peers(others, validator)
            others[0].kill()  # one of them may be further than the others, or have more of the lost one's votes
            assert "could sign twice" in leader.refused(DOWNLOAD_TIMEOUT="2s")
            others[0].start()
            began = time.monotonic()
            leader.start()
            grows(pods)
            spent.append(time.monotonic() - began)
            signs(leader, others[0])

        assert_nobody_signed_twice(pods)
    tell(f"{len(spent)} volumes lost while all were down: blocks again after {max(spent):.1f} s at most")


def sdk(directory: Path, binary: str, validators: int, **more: str) -> dict[str, str]:
    """A chain with accounts."""
    chain = {"CHAIN_DRIVER": "cosmos", "CHAIN_BIN": binary, "DENOM": "stake", "COINS": "100000000000stake"}
    return {**settings(directory, validators), **chain, **more}


@pytest.mark.simd
def test_a_genesis_pod_with_derived_keys_joins_again(tmp_path: Path, simd: str, tell: Callable[[str], None]) -> None:
    """An SDK chain's genesis cannot be made twice: the pod takes that of the others, and its validator signs again."""
    shared = sdk(tmp_path, simd, 3, IDENTITIES="derived", VALIDATOR_SET="genesis")
    with lone_pods(3, tmp_path, (simd, "start"), shared) as pods:
        for pod in pods:
            pod.start()
        grows(pods)
        before = pods[0].identity()["genesis_sha256"]
        pods[0].lose()
        began = time.monotonic()
        pods[0].start()
        grows(pods)
        tell(f"simd, derived keys: the genesis pod's volume lost, blocks again after {time.monotonic() - began:.1f} s")
        signs(pods[0], pods[1])

        assert {pod.identity()["genesis_sha256"] for pod in pods} == {before}
        assert_nobody_signed_twice(pods)


@pytest.mark.simd
def test_a_genesis_pod_with_random_keys_stops(tmp_path: Path, simd: str) -> None:
    """Its keys are gone with the volume: it founds nothing, and says which genesis the others have, and the cures."""
    with lone_pods(2, tmp_path, (simd, "start"), sdk(tmp_path, simd, 2)) as (leader, validator):
        leader.start()
        validator.start()
        digest = validator.identity()["genesis_sha256"]
        leader.lose()
        leader.sidecar()
        done = leader.init()

        assert done.returncode == 4
        assert digest in done.stderr
        assert "--force" in done.stderr
        assert not (leader.home / "config").exists()


@pytest.mark.cometbft
def test_up_gives_a_lost_genesis_pod_its_network_again(tmp_path: Path, cometbft: str) -> None:
    """A network of processes whose genesis pod's directory was deleted comes up again, on the genesis that it had."""
    with LiveNetwork(tmp_path, cometbft) as network:
        before = network.up("--validators", "3")
        assert network.end() == 0
        shutil.rmtree(network.home(before[0]["name"]).parent)
        after = network.up("--validators", "3")

        assert {pod["genesis_sha256"] for pod in after} == {before[0]["genesis_sha256"]}
        assert network.end() == 0


@pytest.mark.cometbft
def test_those_that_wait_for_a_lost_pod_are_up(tmp_path: Path, cometbft: str) -> None:
    """Nodes that find no peer do not keep `up` from going on without the pod that they wait for."""
    with LiveNetwork(tmp_path, cometbft) as network:
        leader, *others = (pod["name"] for pod in network.up("--validators", "4"))
        assert network.end() == 0
        for name in others:
            (network.home(name) / "config/addrbook.json").unlink(missing_ok=True)
        (network.home(leader) / ".exposer/steps/init-config.json").write_bytes(b"{")
        background = network.command("up", "--validators", "4", "--detach")

        assert background.returncode == 4
        assert "3 of 4 pods hold the same genesis, sha256 " in background.stderr + background.stdout
        assert [pod["phase"] for pod in network.pods()[1:]] == ["ready"] * 3
        assert network.command("down").returncode == 0


@pytest.mark.simd
def test_up_founds_no_second_network(tmp_path: Path, simd: str) -> None:
    """Where the lost keys were random, `up` goes on without that pod, exits with 4, and names the others' genesis."""
    (tmp_path / "network.yaml").write_text("chains: [{id: lone-1, name: simapp, binary: simd, numValidators: 2}]")
    with LiveNetwork(tmp_path, simd) as network:
        before = network.up(str(tmp_path / "network.yaml"))
        assert network.end() == 0
        shutil.rmtree(network.home(before[0]["name"]).parent)
        network.start(str(tmp_path / "network.yaml"))
        failed = f"{before[0]['name']}: failed: "
        eventually("it fails", lambda: failed in network.output())
        eventually("the others are up", lambda: "exposer up exits with 4 in the end" in network.output())
        assert before[0]["genesis_sha256"] in network.output()

        assert network.end() == 4
        assert (network.home(before[1]["name"]) / "config/genesis.json").exists()
