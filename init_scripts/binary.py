"""A chain's binary: found, run, and asked which dialect of the SDK's commands it speaks."""

import logging
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from exposer.accounts.mnemonic import Mnemonic
from exposer.errors import BadInputError, ExposerError, TemporaryError

log = logging.getLogger(__name__)
_LIMIT = 600.0  # seconds; the slowest known command, on a genesis of gigabytes, needs minutes
_TAIL_LINES = 12


class BinaryFailedError(ExposerError):
    """A command of the chain binary failed; the text has its last lines."""


class ChainBinary:
    """Runs the chain's binary on one home; counts its ``starts``. No command may take more than ``limit`` seconds."""

    def __init__(self, name: str, home: Path) -> None:
        found = shutil.which(name)
        if found is None:
            raise BadInputError(
                f"CHAIN_BIN: no executable {name!r} on PATH; use an image that has the chain's binary, or give its path"
            )
        self.path = found
        self.home = home
        self.starts = 0
        self.limit = _LIMIT

    def run(self, *arguments: str, secret: Mnemonic | None = None) -> str:
        """Standard output of ``<binary> <arguments> --home <home>``; ``secret`` goes to its standard input.

        Raises:
            BinaryFailedError: it exited non-zero.
            TemporaryError: it did not end in time, or was killed.
        """
        done = self.start([*arguments, "--home", str(self.home)], secret=secret)
        if done.returncode != 0:
            raise BinaryFailedError(
                f"`{Path(self.path).name} {_shown(arguments)}` failed:\n{_last_lines(done, secret)}"
            )
        return done.stdout

    def start(self, arguments: Sequence[str], *, secret: Mnemonic | None = None) -> subprocess.CompletedProcess[str]:
        """One start of the binary to its end, whatever it exits with.

        Raises:
            TemporaryError: it did not end in time, or was killed.
        """
        self.starts += 1
        log.debug("%s %s", self.path, _shown(arguments))
        try:
            done = subprocess.run(
                [self.path, *arguments],
                input=f"{secret.reveal()}\n" if secret else "",
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self.limit,
                check=False,
                env={"HOME": str(self.home), **os.environ},
            )
        except subprocess.TimeoutExpired as error:
            raise TemporaryError(
                f"`{Path(self.path).name} {_shown(arguments)}` did not end in {self.limit:.0f} s"
            ) from error
        if done.returncode < 0:  # out of memory, say: not an answer, least of all to what it can do
            raise TemporaryError(f"`{Path(self.path).name} {_shown(arguments)}` was ended by signal {-done.returncode}")
        return done


@dataclass(frozen=True)
class Dialect:
    """Which forms of the SDK's commands a binary knows; probed, because versions do not tell."""

    genesis_group: bool
    """The genesis commands stand below ``genesis`` (simd of SDK 0.50) and not at the root (0.46, 0.47, osmosisd)."""
    validate: str
    """``validate`` or ``validate-genesis``."""
    default_denom: bool
    """``init`` takes ``--default-denom``."""

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "Dialect":
        """The dialect that an earlier step kept in its record."""
        return cls(**facts["dialect"])

    def to_facts(self) -> dict[str, Any]:
        """The dialect as a step's record keeps it."""
        return {"dialect": asdict(self)}

    def genesis(self, command: str) -> list[str]:
        """A genesis command in this dialect."""
        return ["genesis", command] if self.genesis_group else [command]


def probe(binary: ChainBinary) -> Dialect:
    """Ask the binary, in two starts, what it can do."""
    group = binary.start(["genesis", "--help"])
    grouped = group.returncode == 0 and "add-genesis-account" in group.stdout
    lines = [line.split()[:1] for line in group.stdout.splitlines()]
    validate = "validate" if grouped and ["validate"] in lines else "validate-genesis"
    return Dialect(grouped, validate, "--default-denom" in binary.start(["init", "--help"]).stdout)


def _shown(arguments: Sequence[str]) -> str:
    return " ".join(arguments)


def _last_lines(done: subprocess.CompletedProcess[str], secret: Mnemonic | None) -> str:
    text = done.stderr.strip() or done.stdout.strip() or f"no output, exit code {done.returncode}"
    text = text.partition("\nUsage:")[0]  # cobra prints its whole help below the error
    if secret:
        text = text.replace(secret.reveal(), "***")
    return "\n".join(text.splitlines()[-_TAIL_LINES:])
