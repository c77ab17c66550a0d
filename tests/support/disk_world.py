"""The two pods of a network without a binary, ready to have each of their steps disturbed by a failing disk."""

import itertools
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from networks import write_keys
from scripted_server import ScriptedServer, answer, by_path, file
from step_faults import Fault
from traced_calls import Call, calls
from trees import Tree, snapshot, torn
from zygote import MUTATING, READING, Zygote, zygote

STEPS = {
    "genesis": ("init-genesis", "init-config"),
    "validator": ("init-validator", "init-config"),
}
Case = tuple[str, str]
CASES: list[Case] = [(pod, step) for pod, steps in STEPS.items() for step in steps]
ERRORS = ("ENOSPC", "EDQUOT", "EIO")
NODE_ID = answer(200, b'{"node_id":"%s"}' % (b"0a" * 20))


@dataclass(frozen=True)
class World:
    """A warm process, the environments of two pods, and the volume before and after each of their steps."""

    warm: Zygote
    environments: Mapping[str, Mapping[str, str]]
    before: dict[Case, Path]
    after: dict[Case, Tree]
    logs: Path

    def environment(self, pod: str, root: Path) -> dict[str, str]:
        """What a pod's steps have in their environment on the volume ``root``."""
        return {**self.environments[pod], "CHAIN_DIR": str(root)}

    def run(self, case: Case, root: Path) -> tuple[int, str]:
        """Exit code and log of a step."""
        pod, step = case
        return self.warm.run(step, self.environment(pod, root), self.logs), self.logs.read_text()

    def calls(self, case: Case, directory: Path, **more: str) -> list[Call]:
        """The system calls on the volume of a step that nobody disturbs, with ``more`` in its environment."""
        pod, step = case
        root = directory / "traced"
        shutil.copytree(self.before[case], root)
        environment = {**self.environment(pod, root), **more}
        lines = self.warm.trace(step, environment, directory / "trace", f"{MUTATING},{READING}")
        return calls(lines, str(root))

    def check(self, case: Case, root: Path, fault: Fault, status: int, where: str) -> None:
        """What a failed step must leave, and that the next run ends where one ends that nobody disturbed."""
        told = self.logs.read_text()
        assert status in fault.codes, f"{where}: {status}\n{told}"
        assert "Traceback" not in told, where
        assert len(told.splitlines()) <= 8, told
        assert torn(root, snapshot(self.before[case]), self.after[case]) == [], where

    def rerun(self, case: Case, root: Path, where: str) -> None:
        """The next run, without the fault."""
        status, told = self.run(case, root)
        assert status == 0, f"{where}: the rerun\n{told}"
        assert snapshot(root) == self.after[case], where


@contextmanager
def disk_world(directory: Path, prefix: Sequence[str] = ()) -> Iterator[World]:
    """Both pods, undisturbed, in ``directory``; the genesis pod's exposer is a scripted one.

    ``prefix`` is the command that starts the process which runs the steps.
    """
    directory.mkdir(exist_ok=True)
    (directory / "patch.json").write_text(json.dumps({"consensus_params": {"block": {"max_gas": "5000000"}}}))
    common = {
        "CHAIN_DRIVER": "cometbft",
        "CHAIN_ID": "disk-1",
        "KEYS_CONFIG": str(write_keys(directory / "keys.json", validators=2)),
        "NUM_VALIDATORS": "2",
        "GENESIS_TIME": "2026-01-01T00:00:00Z",
    }
    environments = {
        "genesis": {**common, "HOSTNAME": "disk-genesis-0", "GENESIS_PATCH": str(directory / "patch.json")},
        "validator": {**common, "HOSTNAME": "disk-validator-0", "DOWNLOAD_TIMEOUT": "10s"},
    }
    with zygote(prefix) as warm:
        made = World(warm, environments, {}, {}, directory / "log")
        genesis = _undisturbed(made, "genesis", directory)
        served = file((genesis / "config/genesis.json").read_bytes())
        leader = by_path({"/genesis": served, "/identity": served, "/node_id": NODE_ID})
        with ScriptedServer(leader) as server:
            environments["validator"]["GENESIS_HOST"] = server.url
            _undisturbed(made, "validator", directory)
            yield made


def _undisturbed(world: World, pod: str, directory: Path) -> Path:
    root = directory / pod
    root.mkdir()
    for step in STEPS[pod]:
        before = directory / f"{pod}-before-{step}"
        shutil.copytree(root, before)
        status, told = world.run((pod, step), root)
        assert status == 0, told
        world.before[pod, step], world.after[pod, step] = before, snapshot(root)
    return root


def faults(traced: Iterable[Call]) -> Iterator[tuple[Call, str]]:
    """Each traced call with the error that it is to fail with."""
    turn = itertools.cycle(ERRORS)
    for call in traced:
        yield call, next(turn) if call.changes else "EIO"
