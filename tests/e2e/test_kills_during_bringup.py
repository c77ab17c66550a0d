"""SIGKILL at seeded moments of a bring-up with a real SDK chain: it still gets to four bonded validators."""

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from live_network import LiveNetwork, Process, query
from sample import SEED, examples, note
from waiting import eventually

pytestmark = [pytest.mark.simd, pytest.mark.sampled]

UP = ("--chain", "simapp", "--validators", "4")
GENESIS = "simapp-1-genesis-0"
EVERY = 2
"""All schedules: there is no end of them, so that this is a number as well."""
SEEDS = [int(seed) for seed in os.environ.get("KILL_SEEDS", "").split()] or list(range(SEED, SEED + examples(1, EVERY)))
"""Each is a schedule; the variable tries others."""
BINARY = {
    "init-genesis": (
        *("--help", "genesis --help", "init --help", "init node", "keys add", "genesis add-genesis-account"),
        *("genesis gentx", "genesis collect-gentxs", "genesis validate"),
    ),
    "init-validator": ("init node", "keys add"),
    "create-validator": ("keys show", "tx staking create-validator"),
}
"""Step -> how the command lines of the chain's binary begin that it runs."""
MOMENTS = BINARY | {
    "init-config": ("init-config",),
    "wait-for-chains": ("wait-for-chains",),
    "exposer": ("exposer", "init-genesis", "init-validator", "create-validator"),
    "node": ("node", "init-validator", "tx staking create-validator"),
}
"""Program of a pod -> what has to run, in its pod or in a pod that needs it, when it is killed."""
_KILLED = "restarting: exit code 137 (SIGKILL)"


@dataclass(frozen=True)
class Kill:
    """One SIGKILL to ``program`` while ``during`` runs, or to that itself where it is the chain's ``binary``."""

    program: str
    during: str
    binary: bool = False

    def __str__(self) -> str:
        return f"{self.program}{' (its binary)' if self.binary else ''} during {self.during}"

    def victims(self, processes: Sequence[Process]) -> list[Process]:
        """The processes that may be killed now."""
        pods = {process.pod for process in processes if process.program == self.program}
        running = [process for process in processes if process.program.startswith(self.during)]
        if self.program in BINARY:
            running = [process for process in running if process.pod in pods]
        if self.binary:
            return running
        needing = {GENESIS, *(process.pod for process in running)} if running else set()
        return [process for process in processes if process.program == self.program and process.pod in needing]


class Killer:
    """Carries a schedule out: each look at the network is the moment of at most one kill."""

    def __init__(self, network: LiveNetwork, seed: int) -> None:
        self._network = network
        self._random = random.Random(seed)
        self.left = [Kill(program, self._random.choice(moments)) for program, moments in MOMENTS.items()]
        self.left += [Kill(step, self._random.choice(commands), binary=True) for step, commands in BINARY.items()]
        self._random.shuffle(self.left)
        self.done: list[str] = []

    def strike(self) -> bool:
        """Kill what is to be killed now; whether the network is up."""
        processes = self._network.started()
        for kill in self.left:
            if victims := kill.victims(processes):
                victim = self._random.choice(victims)
                victim.kill()
                self.left.remove(kill)
                self.done.append(f"{victim.pod} {kill}")
                return False
        return self._network.is_up()


def check(network: LiveNetwork, simd: str) -> None:
    """Four validators have bonded, on one genesis."""
    pods = network.pods()
    validators = query(network, simd, "staking", "validators")["validators"]

    assert [validator["status"] for validator in validators] == ["BOND_STATUS_BONDED"] * 4
    assert [pod["phase"] for pod in pods] == ["ready"] * 4
    assert len({pod["genesis_sha256"] for pod in pods}) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_every_program_is_killed_once(seed: int, tmp_path: Path, simd: str, tell: Callable[[str], None]) -> None:
    """Every step, an exposer, a node, and the binary under each step are killed, and the network still comes up."""
    with LiveNetwork(tmp_path, simd) as network:
        network.start(*UP)
        killer = Killer(network, seed)
        eventually("the network is up", killer.strike, pause=0.02)
        note(os.environ["PYTEST_CURRENT_TEST"], "a bring-up under kills, by seeds", len(SEEDS), max(EVERY, len(SEEDS)))
        tell(f"seed {seed}: {'; '.join(killer.done)}")

        assert killer.left == []
        assert network.output().count(_KILLED) == len(MOMENTS)
        check(network, simd)
        assert network.end() == 0


def when(network: LiveNetwork, moment: Kill) -> str:
    """How the moment of a kill came: a busy machine can miss one that is a fraction of a second long."""
    if moment.victims(network.started()):
        return str(moment)
    return f"complete, with {moment} missed" if network.is_up() else ""


@pytest.mark.parametrize("seed", SEEDS[:1])
def test_up_itself_is_killed(seed: int, tmp_path: Path, simd: str, tell: Callable[[str], None]) -> None:
    """``exposer up`` is killed in every stage of the bring-up; the last one ends where an undisturbed one does."""
    choose = random.Random(seed).choice
    moments = [Kill("exposer", "exposer"), *(Kill(step, choose(commands)) for step, commands in BINARY.items())]
    with LiveNetwork(tmp_path, simd) as network:
        struck = []
        for moment in moments:
            network.start(*UP)
            struck.append(eventually(str(moment), partial(when, network, moment), pause=0.02))
            network.kill()
        network.up(*UP)
        tell(f"seed {seed}: exposer up killed during {', '.join(struck)}")

        check(network, simd)
        assert network.end() == 0
