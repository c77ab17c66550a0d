"""Secrets in every form that they can show in: what a test looks for in all that programs say, write and start."""

import base64
import functools
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote_to_bytes

from exposer.accounts.keyfile import ROLES, load_keys

WINDOW = 4
"""Words of a mnemonic in a row that count as a leak of it."""
PATHS = ("m/44'/118'/0'/0/{}", "m/44'/60'/0'/0/{}")
_STANDARD = bytes.maketrans(b"-_", b"+/")
_BETWEEN = re.compile(rb"[^0-9A-Za-z\x80-\xff]+")


class _Forms:
    """How private bytes can show; what is url-encoded is decoded before it is compared."""

    def __init__(self, secret: bytes) -> None:
        self.plain = (secret, repr(secret)[2:-1].encode(), secret.replace(b" ", b"+"))
        self.hexadecimal = (secret.hex().encode(),)
        self.sixty_four = tuple(_inner_base64(secret, shift) for shift in range(3))


@functools.cache
def _forms(secret: bytes) -> _Forms:
    return _Forms(secret)


def _inner_base64(secret: bytes, shift: int) -> bytes:
    """The characters of base64 that depend on nothing else, where it stands ``shift`` bytes behind a group's start."""
    bits = 8 * (shift + len(secret))
    return base64.b64encode(bytes(shift) + secret)[-(-8 * shift // 6) : bits // 6]


class Searched:
    """Bytes in which secrets are looked for: as they are, escaped, url-encoded, in hex, in either base64."""

    def __init__(self, data: bytes) -> None:
        texts = (data, unquote_to_bytes(data)) if b"%" in data else (data,)
        self._views = [(text, text.lower(), text.translate(_STANDARD, b"\r\n")) for text in texts]

    def has(self, secret: bytes) -> bool:
        """Whether the secret is there, in any form."""
        forms = _forms(secret)
        return any(
            any(form in plain for form in forms.plain)
            or any(form in hexadecimal for form in forms.hexadecimal)
            or any(form in sixty_four for form in forms.sixty_four)
            for plain, hexadecimal, sixty_four in self._views
        )


class Secrets:
    """All secrets of some volumes: private bytes, and mnemonics, of which a few words in a row are too many."""

    def __init__(self) -> None:
        self.private: dict[bytes, str] = {}
        self.words: dict[bytes, str] = {}

    def __len__(self) -> int:
        return len(self.private) + len(self.words)

    def learn_keys(self, path: Path, ordinals: int = 4) -> None:
        """The mnemonics of a keys file, and what is derived of them for this many pods."""
        keys = load_keys(path)
        entries = {role: len(keys.role(role)) for role in ROLES}
        pods = {role: ordinals if count == 1 else count for role, count in entries.items()}
        for role, number in [(one, number) for one, count in pods.items() for number in range(count)]:
            key, name = keys.at(role, number), f"{role}[{number}]"
            self.learn_mnemonic(key.mnemonic.reveal(), name)
            for path_ in PATHS:
                self.private[key.private_key(path_.format(0)).reveal()] = f"the account of {name}"
            self.private[key.mnemonic.seed().reveal()] = f"the BIP-39 seed of {name}"
            self.private[key.consensus_seed().reveal()] = f"the consensus key of {name}"
            self.private[key.node_seed().reveal()] = f"the node key of {name}"

    def learn_mnemonic(self, words: str, name: str) -> None:
        """All parts of a mnemonic, and the whole as it may be encoded."""
        parts = words.encode().split()
        self.private[words.encode()] = f"the mnemonic of {name}"
        for begin in range(len(parts) - WINDOW + 1):
            self.words[b" ".join(parts[begin : begin + WINDOW])] = f"a part of the mnemonic of {name}"

    def learn_node(self, home: Path) -> None:
        """The private keys of a node's home."""
        for path in home.rglob("*_key.json"):
            document = json.loads(path.read_bytes())
            if "priv_key" in document:
                self.private[base64.b64decode(document["priv_key"]["value"])[:32]] = f"{path.name} of {home.name}"

    def seen_in(self, data: bytes) -> list[str]:
        """Whose secrets are in ``data``."""
        searched = Searched(data)
        collapsed = _BETWEEN.sub(b" ", data) + b" " + _BETWEEN.sub(b" ", unquote_to_bytes(data))
        found = [name for secret, name in self.private.items() if searched.has(secret)]
        return sorted({*found, *(name for words, name in self.words.items() if words in collapsed)})

    def hits(self, sources: Iterable[tuple[str, bytes]]) -> Iterator[str]:
        """Where whose secrets are, of named bytes."""
        for name, data in sources:
            for secret in self.seen_in(data):
                yield f"{name} has {secret}"
