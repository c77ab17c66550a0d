"""The default network with the real CometBFT: it makes blocks, and goes on whatever is killed."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from live_network import LiveNetwork, get_json
from waiting import eventually

from exposer.network.local.ports import Held

pytestmark = pytest.mark.cometbft

SIGNED = 2
"""``BlockIDFlagCommit`` of a commit's signature (CometBFT ``types/block.go``)."""


@pytest.fixture
def network(tmp_path: Path, cometbft: str) -> Iterator[LiveNetwork]:
    """A network with cometbft on PATH."""
    with LiveNetwork(tmp_path, cometbft) as network:
        yield network


def rpc(pod: dict[str, Any], call: str) -> Any:
    """The result of one call to the RPC of a pod's node."""
    return get_json(f"{pod['node']['rpc_url']}/{call}")["result"]


def height(pod: dict[str, Any]) -> int:
    """The newest block of a pod's node; 0 while it does not answer."""
    try:
        return int(rpc(pod, "status")["sync_info"]["latest_block_height"])
    except OSError:
        return 0


def grow(*pods: dict[str, Any], by: int = 2) -> None:
    """Return when each node is ``by`` blocks above where the highest of them is now."""
    goal = max(map(height, pods)) + by
    eventually(f"height {goal}", lambda: all(height(pod) >= goal for pod in pods))


def test_four_nodes_agree_at_height_5(network: LiveNetwork) -> None:
    """All four nodes report the same hash of block 5, and a block carries the signatures of all four validators."""
    pods = network.up()
    assert all(pod["node"] for pod in pods)
    eventually("height 6 everywhere", lambda: all(height(pod) >= 6 for pod in pods))

    assert len({rpc(pod, "block?height=5")["block_id"]["hash"] for pod in pods}) == 1
    assert rpc(pods[0], "validators?height=5")["total"] == "4"
    eventually("a block that four signed", lambda: signatures(pods[0]) == 4)
    assert all(int(peers["n_peers"]) >= 1 for peers in (rpc(pod, "net_info") for pod in pods))
    assert network.end() == 0


def signatures(pod: dict[str, Any]) -> int:
    """How many validators signed the newest block whose commit is in a block itself."""
    commit = rpc(pod, f"commit?height={height(pod) - 1}")["signed_header"]["commit"]
    return sum(signature["block_id_flag"] == SIGNED for signature in commit["signatures"])


def test_a_killed_process_comes_back(network: LiveNetwork) -> None:
    """A node and an exposer that are killed after the bring-up are replaced, at their addresses, and blocks go on."""
    pods = network.up()
    for pod, program in ((pods[1], "node"), (pods[0], "node"), (pods[2], "exposer")):
        victim = network.find(pod["name"], program)
        victim.kill()
        eventually(f"another {program}", lambda: network.find(pod["name"], program).pid != victim.pid)  # noqa: B023 - called before the next round
        grow(*pods)
    eventually("all exposers answer", lambda: {pod["phase"] for pod in network.pods()} == {"ready"})

    assert [pod["exposer_url"] for pod in network.pods()] == [pod["exposer_url"] for pod in pods]
    assert network.end() == 0


def test_a_killed_up_goes_on_from_the_same_chain(network: LiveNetwork) -> None:
    """SIGKILL of ``exposer up`` leaves no orphan; the next one goes on with the same genesis, above the old height."""
    before = network.up()
    grow(*before)
    reached = height(before[0])
    network.kill()
    after = network.up()

    assert [(pod["name"], pod["genesis_sha256"]) for pod in after] == [
        (pod["name"], pod["genesis_sha256"]) for pod in before
    ]
    assert all(height(pod) >= reached for pod in after)
    grow(*after)
    assert network.end() == 0


def test_nodes_move_to_other_ports(network: LiveNetwork) -> None:
    """Where somebody has the ports of a stopped network its nodes find each other at others, and the chain goes on."""
    before = network.up("--validators", "2")
    assert network.end() == 0
    with Held() as others:
        assert all(others.hold(pod["ports"][name]) for pod in before for name in ("p2p", "rpc"))
        after = network.up("--validators", "2")
        grow(*after)
        assert network.end() == 0

    assert [pod["genesis_sha256"] for pod in after] == [pod["genesis_sha256"] for pod in before]
    assert not {pod["node"]["rpc_url"] for pod in after} & {pod["node"]["rpc_url"] for pod in before}


def test_with_cometbft_on_path_the_network_makes_blocks(tmp_path: Path, cometbft: str) -> None:
    """All nodes report the same hash of the block at height 3, and status has RPC and height of each."""
    with LiveNetwork(tmp_path, cometbft) as network:
        network.up("--validators", "3")
        eventually("height 3", lambda: all(pod["node"] and pod["node"]["height"] >= 3 for pod in network.pods()))
        blocks = [get_json(f"{pod['node']['rpc_url']}/block?height=3") for pod in network.pods()]

        assert network.end() == 0
    assert len({block["result"]["block_id"]["hash"] for block in blocks}) == 1


def test_a_chain_that_stands_still_is_told(network: LiveNetwork) -> None:
    """Two of four nodes are frozen, so no block is made: after a minute the others are not ready, until it moves."""
    pods = network.up()
    frozen = [network.find(pod["name"], "node").pid for pod in pods[2:]]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    told = f"{pods[0]['name']}: unready: no block after "
    eventually("it is said", lambda: told in network.output(), pause=1)
    stalled = network.pods()[0]
    asked = network.command("status", pods[0]["exposer_url"])
    for pid in frozen:
        os.kill(pid, signal.SIGCONT)

    assert stalled["phase"] == "stalled"
    assert "more than two thirds of the voting power" in stalled["reason"]
    assert asked.returncode == 75
    assert stalled["reason"].split(" for ")[0] in asked.stdout
    eventually("it moves again", lambda: network.pods()[0]["phase"] == "ready", pause=1)
    assert network.end() == 0
