"""Every real chain through the whole flow, and through what may happen to it; the matrix stands below the results.

One network of each chain goes through all of it; the kills are dealt to the chains so that no program is spared.
"""

import json
import os
import random
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from live_network import LiveNetwork, Process, get_json, query
from matrix import MATRIX
from project import real_binary
from real_chains import CHAINS, RealChain
from waiting import eventually

pytestmark = pytest.mark.timeout(600)  # seconds, on a machine that does other things too

SEEDS = [int(seed) for seed in os.environ.get("KILL_SEEDS", "1").split()]
"""Each is a schedule of kills; the variable tries others."""
JOINERS = 3
_ANY = {"init-config": 0.15, "exposer": 1.5, "node": 1.0}
PROGRAMS = {
    "genesis-0": {"init-genesis": 0.6, **_ANY},
    "validator": {"wait-for-chains": 1.0, "init-validator": 0.4, "create-validator": 0.6, **_ANY},
}
"""Role of a pod -> the programs that it starts -> seconds into each that it may be struck, fewer than it takes."""
_KILLED = re.compile(r"(\S+) (\S+): restarting: exit code 137 ")


@dataclass(frozen=True)
class State:
    """What must not change on the volumes and on the chain, however often a network is started."""

    digests: frozenset[str]
    """Of the genesis that each pod serves."""
    files: dict[str, str]
    """Path -> sha256 of every record and every file that is an identity."""
    transactions: tuple[int, int]
    """How many there are in blocks, and how many of them did what they should."""
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
    sent = get_json(f"{pods[0]['node']['rpc_url']}/tx_search?query=%22tx.height%3E0%22")["result"]["txs"]
    return State(
        frozenset(pod["genesis_sha256"] for pod in pods),
        {str(path): sha256(path.read_bytes()).hexdigest() for path in files},
        (len(sent), sum(tx["tx_result"]["code"] == 0 for tx in sent)),
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


@dataclass(frozen=True)
class Strike:
    """SIGKILL to all processes of a pod, once its ``program`` has run for ``delay`` seconds."""

    pod: str
    program: str
    delay: float

    def is_due(self, processes: Sequence[Process], since: Mapping[int, float]) -> bool:
        """Whether its moment has come; ``since`` is when each process was first seen."""
        found = (process.pid for process in processes if (process.pod, process.program) == (self.pod, self.program))
        return any(time.monotonic() - since[pid] >= self.delay for pid in found)


def schedule(seed: int, chain: RealChain) -> list[Strike]:
    """A chain's share of a seed's strikes: every program of every role is struck on one of the chains."""
    programs = [(role, program) for role, delays in PROGRAMS.items() for program in delays]
    random.Random(seed).shuffle(programs)
    draw = random.Random(f"{seed} {chain.binary}")
    return [
        Strike(_pod(chain, role, draw.randrange(JOINERS)), program, draw.uniform(0, PROGRAMS[role][program]))
        for role, program in programs[CHAINS.index(chain) :: len(CHAINS)]
    ]


def _pod(chain: RealChain, role: str, ordinal: int) -> str:
    return f"{chain.id.replace('_', '-')}-{role if role == 'genesis-0' else f'{role}-{ordinal}'}"


def carry_out(strikes: Sequence[Strike], network: LiveNetwork) -> list[str]:
    """Strike while the network comes up; the programs that died of it, each with its pod, as ``exposer up`` tells."""
    left, since = list(strikes), dict[int, float]()

    def all_struck() -> bool:
        assert not network.is_up(), f"up before {left}"
        processes = network.processes()
        since.update({process.pid: time.monotonic() for process in processes if process.pid not in since})
        for strike in [strike for strike in left if strike.is_due(processes, since)]:
            for process in processes:
                if process.pod == strike.pod:
                    process.kill()
            left.remove(strike)
        return not left

    eventually(f"all of {strikes}", all_struck, pause=0.01)
    targets = {(strike.pod, strike.program) for strike in strikes}
    eventually(f"the end of {targets}", lambda: targets <= set(_KILLED.findall(network.output())))
    return [" ".join(victim) for victim in _KILLED.findall(network.output())]


def committed_genesis(network: LiveNetwork) -> str | None:
    """The digest of the genesis, once the genesis pod has completed its steps."""
    record = next(network.state.glob("*-genesis-0/home/.exposer/steps/init-config.json"), None)
    return sha256((record.parents[2] / "config/genesis.json").read_bytes()).hexdigest() if record else None


def come_up_under_fire(network: LiveNetwork, file: str, seed: int, chain: RealChain) -> None:
    """The strikes of a seed, then SIGKILL to everything at once; what was complete of the genesis then, stays."""
    network.start(file)
    victims = carry_out(schedule(seed, chain), network)
    time.sleep(random.Random(f"all {seed} {chain.binary}").uniform(0, 1.5))  # what is random about the moment
    known = {program for programs in PROGRAMS.values() for program in programs}
    last = sorted(f"{found.pod} {found.program}" for found in network.processes() if found.program in known)
    assert last
    network.kill()
    MATRIX.notes.append(f"{chain.binary}, seed {seed}: killed {', '.join(victims)}; then at once {', '.join(last)}")
    promised = committed_genesis(network)
    network.up(file)
    assert promised in {None, committed_genesis(network)}
    for pod in network.pods():
        role = "genesis-0" if pod["name"].endswith("genesis-0") else "validator"
        assert {log.stem for log in (network.state / pod["name"] / "logs").iterdir()} == set(PROGRAMS[role])


def check_genesis(network: LiveNetwork, chain: RealChain) -> None:
    """One genesis, the chain's own, with one validator, is what all pods serve."""
    genesis = json.loads(next(network.state.glob("*-genesis-0/home/config/genesis.json")).read_bytes())
    assert genesis["chain_id"] == chain.id
    assert genesis["app_state"]["staking"]["params"]["bond_denom"] == chain.denom
    assert len(genesis["app_state"]["genutil"]["gen_txs"]) == 1
    assert {pod["genesis_sha256"] for pod in network.pods()} == {committed_genesis(network)}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_network_of_four(seed: int, chain: RealChain, tmp_path: Path) -> None:
    """Whatever is killed while it comes up, all get bonded, once each; restarts and reruns change nothing."""
    row = f"{chain.binary}, seed {seed}"
    with running(chain, tmp_path) as (network, file):
        with MATRIX.cell(row, "SIGKILL while it comes up"):
            come_up_under_fire(network, file, seed, chain)
        with MATRIX.cell(row, "genesis"):
            check_genesis(network, chain)
        with MATRIX.cell(row, f"{JOINERS} joiners bonded"):
            check_bonded(network, chain)
        before = state_of(network, chain)
        assert before.transactions[1] == JOINERS
        with MATRIX.cell(row, "restart of every pod"):
            for pod in network.pods():
                restart(network, pod["name"])
            check_bonded(network, chain)
            assert state_of(network, chain) == before
        with MATRIX.cell(row, "SIGKILL to all, rerun"):
            reached = min(heights(network))
            network.kill()
            network.up(file)
            assert min(heights(network)) >= reached
            check_bonded(network, chain)
            assert state_of(network, chain) == before
            assert network.end() == 0


@pytest.mark.parametrize("seed", range(20))
def test_no_program_is_spared(seed: int) -> None:
    """Over the chains, each program of each role has its strike."""
    struck = {
        (role, strike.program)
        for chain in CHAINS
        for strike in schedule(seed, chain)
        for role in PROGRAMS
        if f"-{role}" in strike.pod
    }

    assert struck == {(role, program) for role, delays in PROGRAMS.items() for program in delays}
