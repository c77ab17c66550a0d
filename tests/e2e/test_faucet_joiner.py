"""A validator without a genesis balance gets its stake from the faucet, and bonds."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from faucet_world import PORTS, FaucetWorld, held_ports, run
from networks import write_keys
from sidecar_process import running
from waiting import LIMIT

from exposer.accounts.hd import standard_path
from exposer.accounts.keyfile import load_keys

pytestmark = pytest.mark.simd


@pytest.fixture
def world(tmp_path: Path, simd: str) -> Iterator[FaucetWorld]:
    """A real chain that runs, with its faucet in position."""
    with FaucetWorld(tmp_path, simd) as made:
        made.start_node()
        yield made


def joining(world: FaucetWorld, exposer: int, ports: list[str]) -> dict[str, str]:
    """The environment of a validator pod whose account the genesis does not know, and whose node indexes nothing."""
    directory = world.directory
    overrides = directory / "overrides.json"
    overrides.write_text(json.dumps({"config.toml": {"tx_index": {"indexer": "null"}}}))
    return {
        "PATH": os.environ["PATH"],
        "CHAIN_ID": "simapp-1",
        "CHAIN_BIN": world.binary,
        "CHAIN_DIR": str(directory / "joining"),
        "KEYS_CONFIG": str(write_keys(directory / "joining-keys.json", validators=2)),
        "HOSTNAME": "joining-validator-0",
        "GENESIS_HOST": "127.0.0.1",
        "GENESIS_PORT": str(exposer),
        "GENESIS_P2P_PORT": world.environment["P2P_PORT"],
        "BIND_HOST": "127.0.0.1",
        "CONFIG_OVERRIDES": str(overrides),
        "EXTERNAL_ADDRESS": f"127.0.0.1:{ports[0]}",
        **dict(zip(PORTS, ports, strict=True)),
        "NODE_URL": f"http://127.0.0.1:{ports[1]}",
    }


def test_an_unfunded_validator_is_funded_by_the_faucet_and_bonds(world: FaucetWorld) -> None:
    """An empty account is credited once, by a faucet that starts later than it is asked; the validator bonds.

    Its own node cannot tell it of its transaction.
    Without a faucet the same pod is told that its account has nothing, with exit code 3.
    """
    with running(world.home) as sidecar, held_ports(len(PORTS)) as ports:
        pod = joining(world, sidecar.address[1], ports)
        for step in ("wait_for_chains", "init_validator", "init_config"):
            done = run(step, pod)
            assert done.returncode == 0, done.stderr
        key = load_keys(Path(pod["KEYS_CONFIG"])).at("validators", 0)
        address = key.address("cosmos", standard_path(118))
        with (
            (world.directory / "joining.log").open("wb") as log,
            subprocess.Popen([world.binary, "start", "--home", pod["CHAIN_DIR"]], stdout=log, stderr=log) as node,
        ):
            try:
                refused = run("create_validator", pod)
                with subprocess.Popen(
                    [sys.executable, "-m", "init_scripts.create_validator"],
                    env={**pod, "FAUCET_URL": world.url},
                    stderr=subprocess.PIPE,
                    text=True,
                ) as creating:
                    world.start_faucet(ready=False)
                    told = creating.communicate(timeout=LIMIT)[1]
            finally:
                node.kill()
        validators = world.query("staking", "validators")["validators"]
        joiner = next(entry for entry in validators if entry["description"]["moniker"] == pod["HOSTNAME"])

        assert refused.returncode == 3
        assert f"{address} has no stake" in refused.stderr
        assert creating.returncode == 0, told
        assert int(joiner["tokens"]) == world.coin.amount // 20
        assert world.held(address) == [world.coin.amount - world.coin.amount // 20]
        assert json.dumps(validators).count("BOND_STATUS_BONDED") == 2
        assert world.status()["transactions"] == 1
