"""The real SDK chains that whole networks are tested with: one for each dialect that is known."""

from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class RealChain:
    """A chain of the network file and its real binary, which ``scripts/binaries/<binary>`` builds."""

    binary: str
    what: str
    entry: str
    """The chain's part of the network file, in YAML's flow form, but for its binary and number of validators."""
    id: str
    denom: str

    def network_file(self, path: Path, *, validators: int, more: str = "") -> str:
        """A network of this chain alone, two blocks a second; ``more`` fields begin with a comma. Returns the path."""
        chain = f"{{id: {self.id}, {self.entry}, binary: {self.binary}, numValidators: {validators}{more}}}"
        path.write_text(f"chains: [{chain}]\ntimeouts: {{timeout_commit: 500ms}}\n", encoding="utf-8")
        return str(path)

    @property
    def marker(self) -> str:
        """The pytest marker, and the fixture, of its binary."""
        return self.binary.replace("-", "_").replace(".", "")

    @property
    def param(self) -> "pytest.ParameterSet":
        """The chain as a parameter of a test."""
        return pytest.param(self, id=self.binary, marks=getattr(pytest.mark, self.marker))


def _custom(prefix: str, denom: str) -> str:
    return f"name: custom, prefix: {prefix}, denom: {denom}, coins: 100000000000000{denom}"


CHAINS = [
    RealChain("simd-0.46", "SDK 0.46", _custom("cosmos", "usix"), "forty-six-1", "usix"),
    RealChain("simd-0.47", "SDK 0.47", _custom("cosmos", "useven"), "forty-seven-1", "useven"),
    RealChain("simd", "SDK 0.50", "name: simapp", "fifty-1", "stake"),
    RealChain("wasmd", "SDK 0.53", _custom("wasm", "ucosm"), "wasm-1", "ucosm"),
    RealChain("evmosd", "SDK 0.50, EVM", "name: evmos", "evmos_9000-1", "aevmos"),
]
