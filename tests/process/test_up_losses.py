"""``exposer up`` on a network that ran before, of which a volume is damaged or holds another genesis."""

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from live_network import LiveNetwork
from waiting import eventually

pytestmark = pytest.mark.ports

NAMES = ["cometbft-1-genesis-0", "cometbft-1-validator-0", "cometbft-1-validator-1"]
UP = ("--validators", "3")


@pytest.fixture
def network(tmp_path: Path) -> Iterator[LiveNetwork]:
    """Three pods without nodes that were up once, and are stopped."""
    with LiveNetwork(tmp_path) as network:
        network.up(*UP)
        assert network.end() == 0
        yield network


def give_another_genesis(home: Path) -> str:
    """Let the volume hold another genesis, complete with records; its SHA-256."""
    path = home / "config/genesis.json"
    path.write_bytes(path.read_bytes() + b"\n")
    size, digest = path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()
    for record in (home / ".exposer/steps").glob("*.json"):
        document = json.loads(record.read_bytes())
        for artifact in document["artifacts"]:
            if artifact["path"] == "config/genesis.json":
                artifact |= {"size": size, "sha256": digest}
        (changed := record.with_suffix(".changed")).write_text(json.dumps(document), encoding="utf-8")
        changed.replace(record)
    return digest


def damage_genesis(home: Path) -> None:
    """Another byte in a committed file."""
    (home / "config/genesis.json").write_bytes(b"{}")


def damage_record(home: Path) -> None:
    """A record that is none."""
    (home / ".exposer/steps/init-config.json").write_bytes(b"{")


def lose_key(home: Path) -> None:
    """A committed file that is gone."""
    (home / "config/priv_validator_key.json").unlink()


@pytest.mark.parametrize("damage", [damage_genesis, damage_record, lose_key], ids=lambda damage: damage.__name__)
def test_a_damaged_volume_stops_its_pod_alone(network: LiveNetwork, damage: Callable[[Path], None]) -> None:
    """The others come up; the pod, its exit code and its log are told, and are the exit code in the end."""
    damage(network.home(NAMES[1]))
    network.up(*UP)
    told, pods = network.output(), {pod["name"]: pod for pod in network.pods()}

    assert [pods[name]["phase"] for name in (NAMES[0], NAMES[2])] == ["ready", "ready"]
    assert f"{NAMES[1]}: failed: {NAMES[1]}: init-validator ended with exit code 4 (mismatch)" in told
    assert f"The other pods go on without {NAMES[1]}; exposer up exits with 4 in the end" in told
    assert f"2 of 3 pods hold the same genesis, sha256 {pods[NAMES[0]]['genesis_sha256']}; not up: {NAMES[1]}" in told
    assert network.end() == 4


def test_a_background_says_that_a_pod_is_lost(network: LiveNetwork) -> None:
    """``--detach`` returns once the others are up, with the exit code that the network has so far."""
    damage_genesis(network.home(NAMES[2]))

    assert network.command("up", *UP, "--detach").returncode == 4
    assert [pod["phase"] for pod in network.pods()][:2] == ["ready", "ready"]
    assert network.command("down").returncode == 0


def test_a_network_whose_volumes_are_all_damaged_ends(network: LiveNetwork) -> None:
    """There is nobody to go on: exit 4, and no process is left."""
    for name in NAMES:
        damage_genesis(network.home(name))
    ended = network.command("up", *UP)

    assert ended.returncode == 4
    assert "All processes are stopped" in ended.stderr
    assert network.processes() == []


def test_two_networks_are_told_before_anything_starts(network: LiveNetwork) -> None:
    """Complete volumes with different genesis files: exit 4 at once, with both digests, their pods and the cure."""
    other = give_another_genesis(network.home(NAMES[2]))
    ended = network.command("up", *UP)

    assert ended.returncode == 4
    assert f"{NAMES[0]}, {NAMES[1]}; {other} in {NAMES[2]}" in ended.stderr
    assert f"restore the volume of {NAMES[2]} from a backup" in ended.stderr
    assert "init-config: running" not in ended.stderr


def test_a_genesis_pod_that_would_found_another_network_joins_again(network: LiveNetwork) -> None:
    """Its volume was lost and its genesis cannot be made again: it takes that of the others, and all is well."""
    kept = (network.home(NAMES[1]) / "config/genesis.json").read_bytes()
    shutil.rmtree(network.home(NAMES[0]))
    record = network.state / "network.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"genesis_time": "2030-01-01T00:00:00Z"}))
    after = network.up(*UP)

    assert {pod["genesis_sha256"] for pod in after} == {hashlib.sha256(kept).hexdigest()}
    assert network.command("status").returncode == 0
    assert network.end() == 0


def test_pods_that_disagree_while_they_run_are_told_at_once(tmp_path: Path) -> None:
    """``status`` and ``up`` see it: exit 4, with digests, pods and cure; ``--json`` has it as data."""
    with LiveNetwork(tmp_path) as network:
        network.up(*UP)
        (running,) = (process.pid for process in network.processes() if process.program == "up")
        os.kill(running, signal.SIGSTOP)
        other = give_another_genesis(network.home(NAMES[1]))
        eventually("its exposer says so", lambda: network.pods()[1]["genesis_sha256"] == other)
        status = network.command("status", "--json")
        os.kill(running, signal.SIGCONT)
        eventually("exposer up ends", lambda: "do not hold the same genesis" in network.output())
        assert network.wait() == 4

    (split,) = json.loads(status.stdout)["disagreements"]
    assert status.returncode == 4
    assert f"{other} in {NAMES[1]}" in status.stderr
    assert split["genesis_sha256"][other] == [NAMES[1]]
    assert f"{other} in {NAMES[1]}" in network.output()


def test_a_volume_that_is_damaged_while_it_is_served_is_told(tmp_path: Path) -> None:
    """The pod is not ready, why is said once, and the others go on."""
    with LiveNetwork(tmp_path) as network:
        network.up(*UP)
        damage_genesis(network.home(NAMES[1]))
        eventually("it is said", lambda: f"{NAMES[1]}: unready: genesis: not the file" in network.output())

        assert [pod["phase"] for pod in network.pods()] == ["ready", "waiting", "ready"]
        assert network.end() == 0
