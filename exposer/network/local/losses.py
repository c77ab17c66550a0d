"""Pods that a bring-up has lost for good, and whether the others can go on without them.

Where no pod was complete before, a failure ends the bring-up: nothing runs yet, and somebody's input is wrong. On a
network that ran before, it is most often one damaged volume, and the other pods go on. Other inputs (exit code 5) end
it always: they were meant for the network, not for one pod.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from exposer.errors import ExitCode, ExposerError, MismatchError
from exposer.network.agreement import Holder, splits
from exposer.network.local.processes import ProgramFailedError
from exposer.network.local.state import State
from exposer.network.plan import Plan, Pod
from exposer.records import newest_artifacts, read_records, record_path

LAST_STEP = "init-config"
_GENESIS = "config/genesis.json"


@dataclass
class Losses:
    """The failures of one bring-up: pod -> its error, in the order in which they came."""

    plan: Plan
    state: State
    errors: dict[str, ExposerError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Look at the volumes as the last run left them.

        Raises:
            MismatchError: complete pods of a chain hold different genesis files.
        """
        homes = {pod.name: self.state.home(pod.name) for pod in self.plan.pods}
        self._complete = {pod for pod, home in homes.items() if record_path(home, LAST_STEP).exists()}
        self._compare(pod for pod in self.plan.pods if pod.name in self._complete)

    @property
    def exit_code(self) -> int:
        """Of the first failure; 0 where there was none."""
        return next((exit_code(error) for error in self.errors.values()), int(ExitCode.DONE))

    def has_lost(self, chain: str) -> bool:
        """Whether a pod of this chain is lost."""
        return any(pod.name in self.errors for pod in self.plan.pods if pod.chain == chain)

    def refuse_another_genesis(self, pod: Pod) -> None:
        """Raises `MismatchError` where the steps of ``pod`` ended with another genesis than complete pods hold."""
        others = (one for one in self.plan.pods if one.name in self._complete and one.name not in self.errors)
        self._compare([pod, *others])

    def add(self, lost: Pod, error: ExposerError) -> Iterator[Pod]:
        """Take note of a pod's failure; yields the pods that wait for it in vain.

        Raises ``error`` where the others cannot go on.
        """
        if exit_code(error) in {ExitCode.USAGE, ExitCode.CONFLICT} or not self._complete - {*self.errors, lost.name}:
            raise error
        self.errors[lost.name] = error
        if lost.role == "genesis":
            known = {*self._complete, *self.errors}
            yield from (pod for pod in self.plan.pods if pod.chain == lost.chain and pod.name not in known)

    def _compare(self, pods: Iterable[Pod]) -> None:
        found = splits(Holder(pod.chain, pod.name, _genesis_of(self.state.home(pod.name))) for pod in pods)
        if found:
            raise MismatchError("\n".join(map(str, found)))


def exit_code(error: ExposerError) -> int:
    """What ``exposer up`` exits with for it: a chain binary's own codes are not ours."""
    if isinstance(error, ProgramFailedError):
        return error.code if error.program.documented else ExitCode.FAULT
    return error.exit_code


def _genesis_of(home: Path) -> str | None:
    """SHA-256 of the genesis that the volume's records name; None where there is none, or the records are damaged."""
    try:
        genesis = newest_artifacts(read_records(home)).get(_GENESIS)
    except (MismatchError, OSError):
        return None
    return genesis.sha256 if genesis else None
