"""The keys file and what is derived from its mnemonics: accounts, addresses, and a pod's CometBFT identity.

``KEYS_CONFIG`` is JSON: the roles ``genesis validators faucet keys relayers relayers_cli``, each a list of
``{"name", "mnemonic"}``. Sources: BIP-39 (mnemonic to seed), BIP-32 and BIP-44 (seed to key), BIP-173 (bech32),
the SDK's ``crypto/keys/secp256k1`` (key to address) and ``genutil.InitializeNodeValidatorFilesFromMnemonic``.
"""

import hashlib
import hmac
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import bech32
from coincurve import PrivateKey
from mnemonic import Mnemonic as WordList

from exposer.errors import BadInputError

ROLES = ("genesis", "validators", "faucet", "keys", "relayers", "relayers_cli")
_HARDENED = 1 << 31
_CURVE_ORDER = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141


@cache
def _word_list(language: str) -> WordList:
    return WordList(language)


class Mnemonic:
    """A BIP-39 sentence that cannot be printed by accident."""

    __slots__ = ("_words",)

    def __init__(self, words: str) -> None:
        self._words = " ".join(unicodedata.normalize("NFKD", words).split())

    def __repr__(self) -> str:
        return "Mnemonic(***)"

    def reveal(self) -> str:
        """The sentence itself, for a binary's standard input or a derivation."""
        return self._words

    def is_valid(self) -> bool:
        """Whether the words are of a BIP-39 list and their checksum holds."""
        try:
            if _word_list("english").check(self._words):  # first: finding the language out loads every list there is
                return True
            return _word_list(WordList.detect_language(self._words)).check(self._words)
        except Exception:  # noqa: BLE001 - the library raises its own types; their texts quote the words
            return False

    def seed(self) -> bytes:
        """The 64 bytes of BIP-39, without a passphrase."""
        return hashlib.pbkdf2_hmac("sha512", self._words.encode(), b"mnemonic", 2048)


@dataclass(frozen=True)
class Key:
    """One entry of the keys file at one HD address index."""

    name: str
    mnemonic: Mnemonic
    index: int = 0

    def address(self, prefix: str, hd_path: str) -> str:
        """The account's bech32 address below ``prefix``."""
        private = derive_secp256k1(self.mnemonic.seed(), at_index(hd_path, self.index))
        public = PrivateKey(private).public_key.format(compressed=True)
        digest = hashlib.new("ripemd160", hashlib.sha256(public).digest(), usedforsecurity=False).digest()
        return encode_address(prefix, digest)

    def input(self) -> list[object]:
        """What a step's outcome depends on, for `exposer.records.digest_input` alone."""
        return [self.name, self.mnemonic.reveal(), self.index]

    def consensus_seed(self) -> bytes:
        """The 32-byte ed25519 seed of the pod's consensus key.

        At index 0 it is what a chain binary's ``init --recover`` makes of the same mnemonic (GenPrivKeyFromSecret).
        """
        return hashlib.sha256((self.mnemonic.reveal() + self._suffix).encode()).digest()

    def node_seed(self) -> bytes:
        """The 32-byte ed25519 seed of the pod's p2p key."""
        return hashlib.sha256(b"exposer node key\x00" + (self.mnemonic.reveal() + self._suffix).encode()).digest()

    @property
    def _suffix(self) -> str:
        return f"/{self.index}" if self.index else ""


class Keys:
    """The keys file, checked."""

    def __init__(self, roles: Mapping[str, list[Key]]) -> None:
        self._roles = roles

    def role(self, role: str) -> list[Key]:
        """All entries of a role."""
        return self._roles.get(role, [])

    def at(self, role: str, ordinal: int) -> Key:
        """The key of the pod with this ordinal.

        A role with a single entry serves every ordinal, by HD address index: one mnemonic, any number of pods.

        Raises:
            BadInputError: the role has several entries, and not this many.
        """
        entries = self.role(role)
        if len(entries) == 1:
            return Key(
                entries[0].name if ordinal == 0 else f"{entries[0].name}-{ordinal}",
                entries[0].mnemonic,
                ordinal,
            )
        if ordinal >= len(entries):
            raise BadInputError(
                f"KEYS_CONFIG: role {role!r} has {len(entries)} entries and ordinal {ordinal} needs one more; "
                f"add {{name, mnemonic}} entries, or leave exactly one to derive all pods from it"
            )
        return entries[ordinal]


def load_keys(path: Path) -> Keys:
    """The keys file at ``path``; raises `BadInputError` naming role and entry, never a word of a mnemonic."""
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise BadInputError(f"KEYS_CONFIG: {path}: {error.strerror}; mount the keys file there") from error
    except ValueError:
        raise BadInputError(f"KEYS_CONFIG: {path} is not JSON") from None
    if not isinstance(document, dict):
        raise BadInputError(f"KEYS_CONFIG: {path} is not a JSON object of roles ({', '.join(ROLES)})")
    return Keys({role: _entries(role, document.get(role, [])) for role in ROLES})


def _entries(role: str, entries: object) -> list[Key]:
    if not isinstance(entries, list):
        raise BadInputError(f"KEYS_CONFIG: {role} is not a list of {{name, mnemonic}}")
    return [_entry(f"{role}[{position}]", entry) for position, entry in enumerate(entries)]


def _entry(where: str, entry: object) -> Key:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not entry["name"]:
        raise BadInputError(f"KEYS_CONFIG: {where}.name is missing")
    if not isinstance(entry.get("mnemonic"), str):
        raise BadInputError(f"KEYS_CONFIG: {where}.mnemonic is missing")
    mnemonic = Mnemonic(entry["mnemonic"])
    if not mnemonic.is_valid():
        raise BadInputError(f"KEYS_CONFIG: {where}.mnemonic is not a BIP-39 sentence (a word or the checksum is wrong)")
    return Key(entry["name"], mnemonic)


def standard_path(coin_type: int) -> str:
    """The first address of the first account of a coin (BIP-44, SLIP-44)."""
    return f"m/44'/{coin_type}'/0'/0/0"


def at_index(hd_path: str, index: int) -> str:
    """``hd_path`` moved on by ``index`` addresses."""
    head, _, last = hd_path.rpartition("/")
    return f"{head}/{int(last) + index}" if index else hd_path


def derive_secp256k1(seed: bytes, hd_path: str) -> bytes:
    """The 32-byte private key at ``hd_path`` below a BIP-39 seed (BIP-32)."""
    node = hmac.digest(b"Bitcoin seed", seed, "sha512")
    for step in hd_path.split("/")[1:]:
        number = int(step.rstrip("'")) + (_HARDENED if step.endswith("'") else 0)
        key, chain_code = node[:32], node[32:]
        data = b"\x00" + key if number >= _HARDENED else PrivateKey(key).public_key.format(compressed=True)
        node = hmac.digest(chain_code, data + number.to_bytes(4, "big"), "sha512")
        child = (int.from_bytes(node[:32], "big") + int.from_bytes(key, "big")) % _CURVE_ORDER
        node = child.to_bytes(32, "big") + node[32:]
    return node[:32]


def encode_address(prefix: str, raw: bytes) -> str:
    """A bech32 address (BIP-173)."""
    return str(bech32.bech32_encode(prefix, bech32.convertbits(raw, 8, 5) or []))


def decode_address(address: str) -> tuple[str, bytes]:
    """Prefix and bytes of a bech32 address; raises `BadInputError`."""
    prefix, words = bech32.bech32_decode(address)
    raw = bech32.convertbits(words, 5, 8, False) if words is not None else None
    if prefix is None or raw is None:
        raise BadInputError(f"{address!r} is not a bech32 address")
    return prefix, bytes(raw)
