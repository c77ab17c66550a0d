"""The keys file and what is derived from its mnemonics: accounts, addresses, and a pod's CometBFT identity.

``KEYS_CONFIG`` is JSON: the roles ``genesis validators faucet keys relayers relayers_cli``, each a list of
``{"name", "mnemonic"}``. Sources: the SDK's ``crypto/hd`` and ``crypto/keys`` (`exposer.accounts.hd`, ``address``),
and ``genutil.InitializeNodeValidatorFilesFromMnemonic`` for the consensus key.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from coincurve import PrivateKey

from exposer.accounts.address import Algorithm, account_address, encode_address
from exposer.accounts.hd import at_index, derive_secp256k1
from exposer.accounts.mnemonic import Mnemonic
from exposer.accounts.secret import Secret
from exposer.errors import BadInputError, from_input_error
from exposer.identity import PublicKey, ed25519_public, node_id

ROLES = ("genesis", "validators", "faucet", "keys", "relayers", "relayers_cli")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@+-]{0,63}")  # binaries take it as an argument and name a file by it


@dataclass(frozen=True)
class Key:
    """One entry of the keys file at one HD address index."""

    name: str
    mnemonic: Mnemonic
    index: int = 0

    def private_key(self, hd_path: str) -> Secret:
        """The 32-byte secp256k1 key of the account."""
        return derive_secp256k1(self.mnemonic.seed(), at_index(hd_path, self.index))

    def public_key(self, hd_path: str) -> bytes:
        """The compressed secp256k1 public key of the account, 33 bytes."""
        return bytes(PrivateKey(self.private_key(hd_path).reveal()).public_key.format(compressed=True))

    def address(self, prefix: str, hd_path: str, algorithm: Algorithm = "secp256k1") -> str:
        """The account's bech32 address below ``prefix``."""
        return encode_address(prefix, account_address(self.public_key(hd_path), algorithm))

    def input(self) -> list[object]:
        """What a step's outcome depends on, for `exposer.records.digest_input` alone."""
        return [self.name, self.mnemonic.reveal(), self.index]

    def consensus_seed(self) -> Secret:
        """The 32-byte ed25519 seed of the pod's consensus key.

        At index 0 it is what a chain binary's ``init --recover`` makes of the same mnemonic (GenPrivKeyFromSecret).
        """
        return Secret(hashlib.sha256(self._entropy.reveal()).digest())

    def node_seed(self) -> Secret:
        """The 32-byte ed25519 seed of the pod's p2p key."""
        return Secret(hashlib.sha256(b"exposer node key\x00" + self._entropy.reveal()).digest())

    @property
    def consensus_key(self) -> PublicKey:
        """The public half of the pod's derived consensus key."""
        return ed25519_key(self.consensus_seed())

    @property
    def node_id(self) -> str:
        """The id of the pod's node with its derived p2p key: 40 hex digits."""
        return node_id(ed25519_key(self.node_seed()))

    @property
    def _entropy(self) -> Secret:
        """The mnemonic, told apart by the index where one serves several pods."""
        return Secret((self.mnemonic.reveal() + (f"/{self.index}" if self.index else "")).encode())


def ed25519_key(seed: Secret) -> PublicKey:
    """The public half of an ed25519 seed, as CometBFT writes it."""
    return PublicKey("tendermint/PubKeyEd25519", base64.b64encode(ed25519_public(seed.reveal())).decode())


class Keys:
    """The keys file, checked; ``label`` is what errors call it."""

    def __init__(self, roles: Mapping[str, list[Key]], label: str = "the keys file") -> None:
        self._roles = roles
        self._label = label

    def role(self, role: str) -> list[Key]:
        """All entries of a role."""
        return self._roles.get(role, [])

    def at(self, role: str, ordinal: int) -> Key:
        """The key of the pod with this ordinal.

        A role with a single entry serves every ordinal, by HD address index: one mnemonic, any number of pods.

        Raises:
            BadInputError: the role has no entry, or several and not this many.
        """
        entries = self.role(role)
        if len(entries) == 1:
            name = entries[0].name if ordinal == 0 else f"{entries[0].name}-{ordinal}"
            return Key(name, entries[0].mnemonic, ordinal)
        if ordinal >= len(entries):
            raise BadInputError(
                f"{self._label}: role {role!r} has {len(entries)} entries and ordinal {ordinal} needs one more; "
                f"add {{name, mnemonic}} entries, or leave exactly one to derive all pods from it"
            )
        return entries[ordinal]

    def refuse_shared_identities(self, pods: Iterable[Key]) -> None:
        """Compare the derived consensus keys of ``pods`` with those of all genesis and validators entries of the file.

        Raises:
            BadInputError: two have the same one: both would sign each height, and be slashed for it.
        """
        entries = [(key.consensus_key, key) for key in (*self.role("genesis"), *self.role("validators"))]
        for pod in pods:
            own = pod.consensus_key
            for consensus_key, key in entries:
                if consensus_key == own and key.mnemonic is not pod.mnemonic:  # its own entry has that very object
                    raise BadInputError(
                        f"{self._label}: the validators {pod.name!r} and {key.name!r} have the same mnemonic, so one "
                        f"consensus key; give each entry its own"
                    )


def load_keys(path: Path, field: str = "KEYS_CONFIG") -> Keys:
    """The keys file at ``path``, which the setting ``field`` names.

    Raises:
        BadInputError: it is none; the text names role and entry, never a word of a mnemonic.
    """
    label = f"{field}: {path}" if field else str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise from_input_error(error, label, "mount the keys file there, or make it (exposer keys new)") from error
    return parse_keys(data, field or str(path))


def parse_keys(data: bytes, label: str) -> Keys:
    """The keys in ``data``, which errors call ``label``; raises `BadInputError` like `load_keys`."""
    try:
        document = json.loads(data, object_pairs_hook=lambda fields: _each_once(label, fields))
    except (ValueError, RecursionError):
        raise BadInputError(f"{label} is not JSON of roles, each a list of {{name, mnemonic}}") from None  # it quotes
    if not isinstance(document, dict):
        raise BadInputError(f"{label} is not a JSON object of roles ({', '.join(ROLES)})")
    return Keys({role: _entries(f"{label}: {role}", document.get(role, [])) for role in ROLES}, label)


def _each_once(label: str, fields: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object, whose fields JSON lets be there twice: the last would count, and the other mnemonics be lost."""
    names = [name for name, _ in fields]
    for name in (*ROLES, "name", "mnemonic"):
        if names.count(name) > 1:
            raise BadInputError(f"{label}: {name!r} is there twice in one object; put all of it into one")
    return dict(fields)


def _entries(where: str, entries: object) -> list[Key]:
    if not isinstance(entries, list):
        raise BadInputError(f"{where} is not a list of {{name, mnemonic}}")
    return [_entry(f"{where}[{position}]", entry) for position, entry in enumerate(entries)]


def _entry(where: str, entry: object) -> Key:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str) or not entry["name"]:
        raise BadInputError(f"{where}.name is missing; give it a name and a mnemonic, as text")
    if not _NAME.fullmatch(entry["name"]):
        raise BadInputError(f"{where}.name: write 1 to 64 letters, digits, blanks, . _ @ + -; a letter or digit first")
    if not isinstance(entry.get("mnemonic"), str):
        raise BadInputError(f"{where}.mnemonic is missing; give it a name and a mnemonic, as text")
    mnemonic = Mnemonic(entry["mnemonic"])
    if not mnemonic.is_valid():
        raise BadInputError(f"{where}.mnemonic is not a BIP-39 sentence (a word or the checksum is wrong)")
    return Key(entry["name"], mnemonic)
