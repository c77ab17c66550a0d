"""``exposer up`` on a network that ran before, of which a volume is damaged or holds another genesis."""

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from live_network import LiveNetwork
from waiting import eventually

pytestmark = pytest.mark.ports

NAMES = ["cometbft-1-genesis-0", *(f"cometbft-1-validator-{number}" for number in range(3))]
UP = ("--validators", "4")


@pytest.fixture
def network(tmp_path: Path) -> Iterator[LiveNetwork]:
    """Four pods without nodes that were up once, and are stopped."""
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


def test_a_damaged_volume_stops_its_pod_alone(network: LiveNetwork) -> None:
    """The others come up, and `up` names the pod that failed, its exit code and its log; without any pod it ends."""
    lost = NAMES[2:]
    for name, damage in zip(lost, (damage_record, lose_key), strict=True):
        damage(network.home(name))
    network.up(*UP)
    told, pods = network.output(), {pod["name"]: pod for pod in network.pods()}

    assert [pods[name]["phase"] for name in NAMES[:2]] == ["ready", "ready"]
    for name in lost:
        assert f"{name}: failed: {name}: init-validator ended with exit code 4 (mismatch)" in told
        assert f"The other pods go on without {name}; exposer up exits with 4 in the end" in told
    digest = pods[NAMES[0]]["genesis_sha256"]
    assert f"2 of 4 pods hold the same genesis, sha256 {digest}; not up: {', '.join(lost)}" in told
    assert network.end() == 4

    damage_genesis(network.home(NAMES[1]))
    background = network.command("up", *UP, "--detach")
    assert background.returncode == 4
    assert f"{NAMES[1]}: failed: {NAMES[1]}: init-validator ended with exit code 4 (mismatch)" in background.stderr
    assert network.pods()[0]["phase"] == "ready"
    assert network.command("down").returncode == 0

    damage_genesis(network.home(NAMES[0]))
    ended = network.command("up", *UP)
    assert ended.returncode == 4
    assert "All processes are stopped" in ended.stderr
    assert network.processes() == []


def test_a_network_that_has_the_ports_of_one_that_is_stopped(network: LiveNetwork, tmp_path: Path) -> None:
    """`status` shows nobody else's pods, and the next `up` takes other ports; the genesis is what it was."""
    before = network.pods()
    (tmp_path / "other").mkdir()
    with LiveNetwork(tmp_path / "other") as other:
        others = other.up(*UP)
        assert [pod["exposer_url"] for pod in others] == [pod["exposer_url"] for pod in before]
        assert {pod["phase"] for pod in network.pods()} == {"stopped"}

        after = network.up(*UP)
        assert not {pod["exposer_url"] for pod in after} & {pod["exposer_url"] for pod in others}
        assert {pod["phase"] for pod in (*after, *other.pods())} == {"ready"}
        moved = [line for line in network.output().splitlines() if "others have taken ports that it had" in line]
        for pod, told in zip(before, moved, strict=True):
            assert f"exposer {urlsplit(pod['exposer_url']).port} -> " in told
        assert network.end() == 0
        assert other.end() == 0
    digests = {hashlib.sha256((network.home(name) / "config/genesis.json").read_bytes()).hexdigest() for name in NAMES}
    assert digests == {after[0]["genesis_sha256"]}


def test_two_networks_are_one_again(network: LiveNetwork) -> None:
    """Complete volumes of two networks start nothing; a volume that was lost takes the genesis of the others."""
    other = give_another_genesis(network.home(NAMES[2]))
    ended = network.command("up", *UP)

    assert ended.returncode == 4
    assert f"{NAMES[0]}, {NAMES[1]}, {NAMES[3]}; {other} in {NAMES[2]}" in ended.stderr
    assert f"restore the volume of {NAMES[2]} from a backup" in ended.stderr
    assert "init-config: running" not in ended.stderr

    kept = (network.home(NAMES[1]) / "config/genesis.json").read_bytes()
    for name in (NAMES[0], NAMES[2]):
        shutil.rmtree(network.home(name))
    record = network.state / "network.json"  # the genesis cannot be made again
    record.write_text(json.dumps(json.loads(record.read_text()) | {"genesis_time": "2030-01-01T00:00:00Z"}))
    after = network.up(*UP)

    assert {pod["genesis_sha256"] for pod in after} == {hashlib.sha256(kept).hexdigest()}
    assert network.command("status").returncode == 0
    assert network.end() == 0


def test_what_happens_to_a_volume_while_it_is_served_is_told(tmp_path: Path) -> None:
    """A damaged one is not ready, and the others go on; another genesis ends `up` and `status` with 4 at once."""
    with LiveNetwork(tmp_path) as network:
        network.up(*UP)
        damage_genesis(network.home(NAMES[3]))
        eventually("it is said", lambda: f"{NAMES[3]}: unready: genesis: not the file" in network.output())
        assert [pod["phase"] for pod in network.pods()] == [*["ready"] * 3, "waiting"]

        (running,) = (process.pid for process in network.processes() if process.program == "up")
        os.kill(running, signal.SIGSTOP)
        other = give_another_genesis(network.home(NAMES[1]))
        eventually("its exposer says so", lambda: network.pods()[1]["genesis_sha256"] == other, pause=1.0)
        status = network.command("status", "--json")
        os.kill(running, signal.SIGCONT)
        eventually("exposer up ends", lambda: "do not hold the same genesis" in network.output())
        assert network.wait() == 4

    (split,) = json.loads(status.stdout)["disagreements"]
    assert status.returncode == 4
    assert f"{other} in {NAMES[1]}" in status.stderr
    assert split["genesis_sha256"][other] == [NAMES[1]]
    assert f"{other} in {NAMES[1]}" in network.output()
