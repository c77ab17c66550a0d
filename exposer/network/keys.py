"""The keys file of a network: given by the user, or made fresh; its mnemonics are never printed."""

import json
import secrets
from pathlib import Path
from typing import Any

from mnemonic import Mnemonic

from exposer.durable import write_durably
from exposer.errors import BadInputError

_BITS = 256  # 24 words
_USERS = 3
"""How many funded accounts there are for the people who use the network."""


def ensure_keys(path: Path, *, validators: int) -> None:
    """Leave a keys file for ``validators`` validator pods at ``path``; keys that are there already stay.

    Further keys are only ever appended, so that those of a chain never change. The file can be read by its owner alone.

    Raises:
        BadInputError: the file that is there is damaged; the text quotes nothing of it.
    """
    counts = {"genesis": 1, "validators": max(validators, 1), "faucet": 1, "keys": _USERS}
    try:
        roles: dict[str, list[dict[str, str]]] = json.loads(path.read_bytes()) if path.exists() else {}
        for role in counts:
            _count(path, roles, role)
    except (ValueError, BadInputError):
        raise BadInputError(
            f"{path} is damaged; put a copy of it back, or delete it and start over with exposer up --force"
        ) from None
    before = json.dumps(roles)
    for role, count in counts.items():
        entries = roles.setdefault(role, [])
        entries.extend(_fresh(f"{_label(role)}{number}") for number in range(len(entries), count))
    if json.dumps(roles) != before:
        write_durably(path, json.dumps(roles, indent=2).encode() + b"\n", mode=0o600)


def _label(role: str) -> str:
    return {"validators": "validator", "keys": "test"}.get(role, role)


def _fresh(name: str) -> dict[str, str]:
    return {"name": name, "mnemonic": Mnemonic("english").to_mnemonic(secrets.token_bytes(_BITS // 8))}


def check_keys(path: Path, *, validators: int) -> None:
    """Whether a keys file serves a genesis pod and ``validators`` validator pods.

    Raises:
        BadInputError: it does not; the text quotes nothing of the file.
    """
    try:
        roles: Any = json.loads(path.read_bytes())
    except OSError as error:
        raise BadInputError(f"{path}: {error.strerror}; name a keys file, or leave keys out for fresh ones") from error
    except ValueError:
        raise BadInputError(
            f"{path} is not JSON; write the roles genesis, validators, ... as lists of name and mnemonic"
        ) from None
    count = {role: _count(path, roles, role) for role in ("genesis", "validators")}
    if not count["genesis"]:
        raise BadInputError(f"{path} has no genesis key; add one entry to the role genesis")
    if count["validators"] < validators and count["validators"] != 1:
        raise BadInputError(
            f"{path} has {count['validators']} validators keys for {validators} validator pods; add the others, "
            f"or leave exactly one to derive all from it"
        )


def _count(path: Path, roles: Any, role: str) -> int:
    """How many well-formed entries ``role`` has."""
    entries = roles.get(role, []) if isinstance(roles, dict) else None
    if not isinstance(entries, list):
        raise BadInputError(f'{path} is not an object of roles; write {{"genesis": [{{"name", "mnemonic"}}], ...}}')
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in ("name", "mnemonic")):
            raise BadInputError(f"{path}: {role}[{place}] is not a name and a mnemonic; give it both, as text")
    return len(entries)
