"""A validator without a genesis balance joins by asking a faucet."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from live_network import LIMIT, LiveNetwork, query
from networks import write_keys
from scripted_server import Exchange, ScriptedServer, answer, head

from exposer.accounts.hd import standard_path
from exposer.accounts.keyfile import load_keys

pytestmark = pytest.mark.simd

FUNDS = "1000000000stake"


def run(step: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a step to its end."""
    command = [sys.executable, "-m", f"init_scripts.{step}"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False)


@contextmanager
def held_ports(count: int) -> Iterator[list[str]]:
    """Ports of loopback that nobody else gets meanwhile: bound, not listening, and open to a Go node's own bind."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for held in sockets:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(("127.0.0.1", 0))
        yield [str(held.getsockname()[1]) for held in sockets]


def joining(network: LiveNetwork, directory: Path, simd: str, ports: list[str]) -> dict[str, str]:
    """The environment of a validator pod whose account the genesis does not know, and whose node indexes nothing."""
    (pod,) = network.pods()
    config = (network.home(pod["name"]) / "config/config.toml").read_text()
    p2p = config.partition("[p2p]")[2].partition('laddr = "tcp://')[2].partition('"')[0].rpartition(":")[2]
    overrides = directory / "overrides.json"
    overrides.write_text(json.dumps({"config.toml": {"tx_index": {"indexer": "null"}}}))
    names = ("P2P_PORT", "RPC_PORT", "REST_PORT", "GRPC_PORT", "METRICS_PORT")
    return {
        "PATH": os.environ["PATH"],
        "CHAIN_ID": "simapp-1",
        "CHAIN_BIN": simd,
        "CHAIN_DIR": str(directory / "joining"),
        "KEYS_CONFIG": str(write_keys(directory / "joining-keys.json", validators=2)),
        "HOSTNAME": "joining-validator-0",
        "GENESIS_HOST": "127.0.0.1",
        "GENESIS_PORT": str(urlsplit(pod["exposer_url"]).port),
        "GENESIS_P2P_PORT": p2p,
        "BIND_HOST": "127.0.0.1",
        "CONFIG_OVERRIDES": str(overrides),
        "EXTERNAL_ADDRESS": f"127.0.0.1:{ports[0]}",
        **dict(zip(names, ports, strict=True)),
        "NODE_URL": f"http://127.0.0.1:{ports[1]}",
    }


class Faucet(ScriptedServer):
    """A faucet of one network: refuses once, then sends from the genesis account what it is asked for."""

    def __init__(self, network: LiveNetwork, simd: str, address: str) -> None:
        (pod,) = network.pods()
        self.credits = 0
        home, node = str(network.home(pod["name"])), pod["node"]["rpc_url"].replace("http", "tcp")
        flags = ("--home", home, "--node", node, "--chain-id", "simapp-1", "--keyring-backend", "test", "--yes")

        def credit(exchange: Exchange) -> bool:
            sent = ("tx", "bank", "send", "genesis0", address, FUNDS, "--output", "json", *flags)
            done = subprocess.run([simd, *sent], capture_output=True, text=True, timeout=LIMIT, check=False)
            assert done.returncode == 0, done.stderr
            self.credits += 1
            exchange.send(head(200, {"Content-Length": 2}) + b"ok")
            return True

        super().__init__(answer(503, b"busy"), credit)


def test_an_unfunded_validator_is_funded_by_the_faucet_and_bonds(tmp_path: Path, simd: str) -> None:
    """An empty account is credited once, though the faucet refuses first and would give again; the validator bonds.

    Its own node cannot tell it of its transaction.
    Without a faucet the same pod is told that its account has nothing, with exit code 3.
    """
    with LiveNetwork(tmp_path, simd) as network, held_ports(5) as ports:
        network.up("--chain", "simapp", "--validators", "1")
        pod = joining(network, tmp_path, simd, ports)
        for step in ("wait_for_chains", "init_validator", "init_config"):
            done = run(step, pod)
            assert done.returncode == 0, done.stderr
        key = load_keys(Path(pod["KEYS_CONFIG"])).at("validators", 0)
        address = key.address("cosmos", standard_path(118))
        with (
            (tmp_path / "node.log").open("wb") as log,
            subprocess.Popen([simd, "start", "--home", pod["CHAIN_DIR"]], stdout=log, stderr=log) as node,
        ):
            try:
                refused = run("create_validator", pod)
                with Faucet(network, simd, address) as faucet:
                    done = run("create_validator", {**pod, "FAUCET_URL": faucet.url})
                    asked = [(request.method, request.path) for request in faucet.asked]
                    credited = faucet.credits
            finally:
                node.kill()
        validators = query(network, simd, "staking", "validators")["validators"]

        assert refused.returncode == 3
        assert f"{address} has no stake" in refused.stderr
        assert done.returncode == 0, done.stderr
        assert asked == [("POST", "/credit")] * 2
        assert credited == 1
        assert {validator["description"]["moniker"] for validator in validators} == {
            "simapp-1-genesis-0",
            pod["HOSTNAME"],
        }
        assert json.dumps(validators).count("BOND_STATUS_BONDED") == 2
        assert network.end() == 0
