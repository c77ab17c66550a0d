"""What tests need of a network: keys that nobody else has, and the environment of its pods."""

import json
from pathlib import Path

from mnemonic import Mnemonic

_WORDS = Mnemonic("english")


def fresh_mnemonic() -> str:
    """A new BIP-39 sentence of 24 words."""
    return str(_WORDS.generate(256))


def write_keys(path: Path, *, validators: int, accounts: int = 0) -> Path:
    """A keys file for a genesis pod and ``validators - 1`` others, with ``accounts`` further funded keys."""
    document = {
        "genesis": [{"name": "genesis", "mnemonic": fresh_mnemonic()}],
        "validators": [{"name": f"validator-{n}", "mnemonic": fresh_mnemonic()} for n in range(validators - 1)],
        "keys": [{"name": f"account-{n}", "mnemonic": fresh_mnemonic()} for n in range(accounts)],
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
