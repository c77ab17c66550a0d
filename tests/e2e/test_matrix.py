"""Every real chain through the whole flow, and through what may happen to it; the matrix stands below the results."""

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from conftest import real_binary
from live_network import LiveNetwork, Process, eventually, get_json, query
from matrix import MATRIX
from real_chains import RealChain

pytestmark = pytest.mark.timeout(600)  # seconds, on a machine that does other things too

SEEDS = [int(seed) for seed in os.environ.get("KILL_SEEDS", "1").split()]
"""Each is a schedule of kills; the variable tries others."""
JOINERS = 3
PROGRAMS = {
    "genesis": ("init-genesis", "init-config", "exposer", "node"),
    "validator": ("wait-for-chains", "init-validator", "init-config", "create-validator", "exposer", "node"),
}
"""Role of a pod -> the programs that it starts."""


@dataclass(frozen=True)
class State:
    """What must not change on the volumes and on the chain, however often a network is started."""

    digests: frozenset[str]
    """Of the genesis that each pod serves."""
    files: dict[str, str]
    """Path -> sha256 of every record and every file that is an identity."""
    transactions: int
    operators: frozenset[str]


@contextmanager
def running(chain: RealChain, directory: Path) -> Iterator[tuple[LiveNetwork, str]]:
    """A network of the chain that is not started yet, and its file."""
    with LiveNetwork(directory, real_binary(chain.binary)) as network:
        yield network, chain.network_file(directory / "network.yaml", validators=1 + JOINERS)


def heights(network: LiveNetwork) -> list[int]:
    """Where each pod's node is; nothing while one of them does not answer."""
    nodes = [pod["node"] for pod in network.pods()]
    return [node["height"] for node in nodes] if all(nodes) else []


def makes_blocks(network: LiveNetwork) -> None:
    """Wait until every node has got past where the first of them was."""
    goal = 1 + max(eventually("all nodes answer", lambda: heights(network)))
    eventually(f"all nodes pass height {goal}", lambda: min(heights(network), default=0) > goal)


def validators(network: LiveNetwork, chain: RealChain) -> list[dict[str, Any]]:
    """The validators that the chain knows."""
    found: list[dict[str, Any]] = query(network, real_binary(chain.binary), "staking", "validators")["validators"]
    return found


def check_bonded(network: LiveNetwork, chain: RealChain) -> None:
    """Every pod's validator is bonded, none is jailed, on one genesis, and blocks are made."""
    makes_blocks(network)
    pods, found = network.pods(), validators(network, chain)

    assert {validator["description"]["moniker"] for validator in found} == {pod["name"] for pod in pods}
    assert [validator["status"] for validator in found] == ["BOND_STATUS_BONDED"] * (1 + JOINERS)
    assert not any(validator.get("jailed") for validator in found)
    assert [pod["phase"] for pod in pods] == ["ready"] * (1 + JOINERS)
    assert len({pod["genesis_sha256"] for pod in pods}) == 1


def state_of(network: LiveNetwork, chain: RealChain) -> State:
    """What the volumes and the chain hold now."""
    pods = network.pods()
    names = ("config/genesis.json", "config/*_key.json", "config/node_id.json", ".exposer/steps/*", "keyring-test/*")
    files = (path for pod in pods for name in names for path in network.home(pod["name"]).glob(name))
    sent = get_json(f"{pods[0]['node']['rpc_url']}/tx_search?query=%22tx.height%3E0%22")["result"]["total_count"]
    return State(
        frozenset(pod["genesis_sha256"] for pod in pods),
        {str(path): sha256(path.read_bytes()).hexdigest() for path in files},
        int(sent),
        frozenset(validator["operator_address"] for validator in validators(network, chain)),
    )


def services(network: LiveNetwork, pod: str) -> list[Process]:
    """The pod's exposer and node."""
    return [network.find(pod, program) for program in ("exposer", "node")]


def restart(network: LiveNetwork, pod: str) -> None:
    """End all of a pod, its volume kept, and wait until all of it runs anew."""
    former = services(network, pod)
    for process in former:
        process.kill()
    gone = {process.pid for process in former}
    eventually(f"{pod} runs anew", lambda: gone.isdisjoint(process.pid for process in services(network, pod)))


def test_a_network_of_four(chain: RealChain, tmp_path: Path) -> None:
    """Genesis, three joiners by create-validator, a restart of every pod, and a rerun that changes nothing."""
    with running(chain, tmp_path) as (network, file):
        with MATRIX.cell(chain.binary, "genesis"):
            network.start(file)
            eventually("a genesis", lambda: network.is_up() or committed_genesis(network))
            genesis = json.loads(next(network.state.glob("*-genesis-0/home/config/genesis.json")).read_bytes())
            assert genesis["chain_id"] == chain.id
            assert genesis["app_state"]["staking"]["params"]["bond_denom"] == chain.denom
            assert len(genesis["app_state"]["genutil"]["gen_txs"]) == 1
        with MATRIX.cell(chain.binary, "3 joiners bonded"):
            eventually("the network is up", network.is_up)
            check_bonded(network, chain)
        before = state_of(network, chain)
        assert before.transactions == JOINERS
        with MATRIX.cell(chain.binary, "restart of every pod"):
            for pod in network.pods():
                restart(network, pod["name"])
            check_bonded(network, chain)
            assert state_of(network, chain) == before
        with MATRIX.cell(chain.binary, "rerun"):
            reached = min(heights(network))
            assert network.end() == 0
            network.up(file)
            assert min(heights(network)) >= reached
            check_bonded(network, chain)
            assert state_of(network, chain) == before
            assert network.end() == 0


@dataclass(frozen=True)
class Strike:
    """SIGKILL to all processes of a pod, ``delay`` seconds after it has started ``program`` for the first time."""

    pod: str
    program: str
    delay: float

    def __str__(self) -> str:
        return f"{self.pod} {self.delay:.2f} s into {self.program}"

    def carry_out(self, network: LiveNetwork) -> None:
        """Wait for the moment, and kill."""
        log = network.state / self.pod / "logs" / f"{self.program}.log"
        eventually(f"{self.pod} starts {self.program}", lambda: network.is_up() or log.exists(), pause=0.01)
        time.sleep(self.delay)  # what is random about the moment
        for process in network.processes():
            if process.pod == self.pod and process.program != "up":
                process.kill()


def schedule(seed: int, chain: RealChain, pods: list[str]) -> list[Strike]:
    """The strikes of a seed, in the order of its draws."""
    draw = random.Random(f"{seed} {chain.binary}")
    chosen = [draw.choice(pods) for _ in range(4)]
    programs = [draw.choice(PROGRAMS["genesis" if "genesis" in pod else "validator"]) for pod in chosen]
    return [Strike(pod, program, draw.uniform(0, 1.5)) for pod, program in zip(chosen, programs, strict=True)]


def committed_genesis(network: LiveNetwork) -> str | None:
    """The digest of the genesis, once the genesis pod has completed its steps."""
    record = next(network.state.glob("*-genesis-0/home/.exposer/steps/init-config.json"), None)
    return sha256((record.parents[2] / "config/genesis.json").read_bytes()).hexdigest() if record else None


@pytest.mark.parametrize("seed", SEEDS)
def test_sigkill_at_any_moment(seed: int, chain: RealChain, tmp_path: Path) -> None:
    """Pods die at seeded moments of a bring-up, then all of them at once, and again when all is up: all get bonded.

    A genesis that was complete once is the one that all of them end with.
    """
    prefix = chain.id.replace("_", "-")
    pods = [f"{prefix}-genesis-0", *(f"{prefix}-validator-{ordinal}" for ordinal in range(JOINERS))]
    *early, last, late = schedule(seed, chain, pods)
    told = (
        f"{chain.binary}, seed {seed}: {'; '.join(map(str, early))}; all pods with {last}; when up {late.pod}, all pods"
    )
    MATRIX.notes.append(told)
    print(told)
    with running(chain, tmp_path) as (network, file), MATRIX.cell(chain.binary, f"SIGKILL (seed {seed})"):
        network.start(file)
        for strike in early:
            strike.carry_out(network)
        last.carry_out(network)
        network.kill()
        promised = committed_genesis(network)
        network.up(file)
        check_bonded(network, chain)
        genesis = committed_genesis(network)
        assert genesis == network.pods()[0]["genesis_sha256"]
        assert promised in {None, genesis}
        late.carry_out(network)
        network.kill()
        network.up(file)
        check_bonded(network, chain)
        assert {pod["genesis_sha256"] for pod in network.pods()} == {genesis}
        assert network.end(signal.SIGINT) == 0
