"""The network that comes up with nothing but Python: one genesis pod and three validators, without any chain binary."""

import hashlib
import re
import time
from collections.abc import Callable
from pathlib import Path

from live_network import LiveNetwork, get, get_json


def test_four_pods_agree(tmp_path: Path, tell: Callable[[str], None]) -> None:
    """Four pods hold one genesis, their exposers serve it byte for byte, and Ctrl-C ends everything."""
    with LiveNetwork(tmp_path) as network:
        began = time.monotonic()
        pods = network.up()
        tell(f"four pods without a binary: up in {time.monotonic() - began:.1f} s")

        assert [pod["role"] for pod in pods] == ["genesis", "validator", "validator", "validator"]
        assert len({pod["genesis_sha256"] for pod in pods}) == 1
        assert len({get(f"{pod['exposer_url']}/node_id") for pod in pods}) == 4
        for pod in pods:
            served = get(f"{pod['exposer_url']}/genesis")
            assert served == (network.home(pod["name"]) / "config/genesis.json").read_bytes()
            assert hashlib.sha256(served).hexdigest() == pod["genesis_sha256"]
        assert "To start the nodes: go install github.com/cometbft/cometbft/cmd/cometbft@" in network.output()
        assert network.end() == 0
        assert [pod["phase"] for pod in network.pods()] == ["stopped"] * 4


def test_identities_have_their_shapes(tmp_path: Path) -> None:
    """``/node_id`` is exactly one object with 40 hex digits; ``/keys`` has the public halves that the genesis names."""
    with LiveNetwork(tmp_path) as network:
        pods = network.up()
        named = {validator["address"] for validator in get_json(f"{pods[0]['exposer_url']}/genesis")["validators"]}
        for pod in pods:
            node_id = get(f"{pod['exposer_url']}/node_id").decode()
            keys = get_json(f"{pod['exposer_url']}/keys")

            assert re.fullmatch(r'\{"node_id":"[0-9a-f]{40}"\}', node_id)
            assert list(keys) == ["node_id", "node_pub_key", "validator_address", "validator_pub_key"]
            assert f'{{"node_id":"{keys["node_id"]}"}}' == node_id
            assert list(keys["node_pub_key"]) == list(keys["validator_pub_key"]) == ["type", "value"]
            named.remove(keys["validator_address"])
        assert named == set()
        assert network.end() == 0


def test_a_second_up_keeps_everything(tmp_path: Path) -> None:
    """The same state comes up again with the genesis, the node ids and the addresses that it had."""
    with LiveNetwork(tmp_path) as network:
        seen = []
        for _ in range(2):
            pods = network.up()
            seen.append((pods, [get(f"{pod['exposer_url']}/{name}") for pod in pods for name in ("genesis", "keys")]))
            assert network.end() == 0

        assert seen[0] == seen[1]


def test_down_ends_it_from_outside(tmp_path: Path) -> None:
    """``exposer down`` in another terminal ends every process of ``exposer up``; ``--volumes`` leaves nothing."""
    with LiveNetwork(tmp_path) as network:
        network.up("--validators", "2")

        assert network.command("down").returncode == 0
        assert network.processes() == []
        assert network.state.is_dir()
        assert network.command("down", "--volumes").returncode == 0
        assert not network.state.exists()
