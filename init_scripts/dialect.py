"""Which dialect of the SDK's commands a chain's binary speaks: probed, never inferred from a version.

Versions do not tell: simd of SDK 0.50 groups the genesis commands below ``genesis``, evmosd of the same SDK does not.
The binary's own help does. What real binaries answer stands in ``docs/dialects.md``.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from exposer.errors import BadInputError
from init_scripts.binary import ChainBinary

_COMMAND = re.compile(r"^  ([a-z][\w-]*)\s", re.MULTILINE)
_FLAG = re.compile(r"(?<!\w)--[a-z][\w-]*")


@dataclass(frozen=True)
class Dialect:
    """Which forms of the SDK's commands a binary knows."""

    genesis_group: bool
    """The genesis commands stand below ``genesis``, and not at the root."""
    validate: str
    """``validate-genesis`` or ``validate``, whichever the binary lists."""
    default_denom: bool
    """``init`` takes ``--default-denom``."""
    account_chain_id: bool
    """``add-genesis-account`` takes ``--chain-id``."""

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

    def add_account(self, chain_id: str) -> list[str]:
        """``add-genesis-account`` with the flags that only some binaries know, and some of those insist on."""
        return [*self.genesis("add-genesis-account"), *(["--chain-id", chain_id] if self.account_chain_id else [])]


def probe(binary: ChainBinary) -> Dialect:
    """Ask the binary, in four starts, what it can do.

    Raises:
        BadInputError: it has no genesis commands.
    """
    root, group = (set(_COMMAND.findall(_help(binary, *command))) for command in ((), ("genesis",)))
    grouped = group != root and "add-genesis-account" in group  # cobra may answer an unknown word with the root's help
    commands, prefix = (group, ["genesis"]) if grouped else (root, [])
    if "add-genesis-account" not in commands:
        raise BadInputError(
            f"CHAIN_BIN: {Path(binary.path).name} lists no add-genesis-account, neither at its root nor below genesis; "
            f"name the chain's own daemon"
        )
    return Dialect(
        genesis_group=grouped,
        validate="validate-genesis" if "validate-genesis" in commands else "validate",
        default_denom="--default-denom" in _flags(binary, "init"),
        account_chain_id="--chain-id" in _flags(binary, *prefix, "add-genesis-account"),
    )


def describes_validator_by_file(binary: ChainBinary) -> bool:
    """Whether ``create-validator`` wants a JSON file, as from SDK 0.50 on, or flags; one start.

    Asked when a transaction is to be sent: between the first step of a pod and that moment the binary may be replaced.
    """
    return "validator.json" in _help(binary, "tx", "staking", "create-validator")


def _help(binary: ChainBinary, *command: str) -> str:
    """A command's help; nothing where the binary does not know the command."""
    done = binary.start([*command, "--help"])
    return done.stdout if done.returncode == 0 else ""


def _flags(binary: ChainBinary, *command: str) -> set[str]:
    return set(_FLAG.findall(_help(binary, *command)))
