"""Whether the pods of a chain hold one genesis. Two digests are two networks under one name."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

_DIGITS = 8
"""Of a SHA-256, where a row has little room."""


class Holder(NamedTuple):
    """A pod, the chain that it is of, and the SHA-256 of its genesis; None while nobody knows it."""

    chain: str
    pod: str
    sha256: str | None


@dataclass(frozen=True)
class Split:
    """The pods of one chain that hold different genesis files: digest -> pods, the one with most pods first."""

    chain: str
    holders: dict[str, tuple[str, ...]]

    def __str__(self) -> str:
        listed = "; ".join(f"{digest} in {', '.join(pods)}" for digest, pods in self.holders.items())
        most, *others = self.holders.values()
        if len(most) > len(others[0]):
            strays = ", ".join(pod for pods in others for pod in pods)
            keep = f"keep the genesis that most pods hold: restore the volume of {strays}"
        else:
            keep = "keep the genesis of the pods whose volumes were not lost: restore the volume of every other pod"
        return (
            f"the pods of {self.chain} do not hold the same genesis: {listed}; these are different networks; "
            f"{keep} from a backup, or delete it and start the pod again, so that it joins"
        )

    def of(self, pod: str) -> str:
        """What is wrong from the view of ``pod``; empty where it has no genesis yet."""
        own = next((digest for digest, pods in self.holders.items() if pod in pods), None)
        if own is None:
            return ""
        rest = [f"{digest[:_DIGITS]} in {', '.join(pods)}" for digest, pods in self.holders.items() if digest != own]
        return f"another genesis than other pods: {own[:_DIGITS]} here, {'; '.join(rest)}"

    def to_json(self) -> dict[str, object]:
        """The split in ``status --json``."""
        return {"chain": self.chain, "genesis_sha256": self.holders, "reason": str(self)}


def splits(holders: Iterable[Holder]) -> list[Split]:
    """The chains whose pods do not hold the same genesis, as far as digests are known."""
    chains: dict[str, dict[str, list[str]]] = {}
    for chain, pod, sha256 in holders:
        if sha256:
            chains.setdefault(chain, {}).setdefault(sha256, []).append(pod)
    return [Split(chain, _most_first(found)) for chain, found in chains.items() if len(found) > 1]


def _most_first(found: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    ordered = sorted(found.items(), key=lambda entry: -len(entry[1]))
    return {digest: tuple(pods) for digest, pods in ordered}
