"""The keys file and what is derived from its mnemonics: accounts, addresses, and a pod's CometBFT identity.

``KEYS_CONFIG`` is JSON: the roles ``genesis validators faucet keys relayers relayers_cli``, each a list of
``{"name", "mnemonic"}``. Sources: the SDK's ``crypto/keys/secp256k1`` (key to address) and
``genutil.InitializeNodeValidatorFilesFromMnemonic``.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from coincurve import PrivateKey

from exposer.accounts.address import encode_address
from exposer.accounts.hd import at_index, derive_secp256k1
from exposer.accounts.mnemonic import Mnemonic
from exposer.errors import BadInputError

ROLES = ("genesis", "validators", "faucet", "keys", "relayers", "relayers_cli")


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
