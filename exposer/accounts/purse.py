"""What ``init-faucet`` leaves for the faucet on its volume: one account's private key, and what it may give away.

Two files, committed together: ``faucet.json`` for everybody to read, ``faucet_key.json`` (0600) with the key of this
one account. The mnemonic that it comes from, which may be that of other accounts too, stays where it is.
"""

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from coincurve import PrivateKey

from exposer.accounts.address import Algorithm, account_address, encode_address
from exposer.accounts.secret import Secret
from exposer.errors import BadInputError, MismatchError, from_os_error
from exposer.records import digest_file, read_record

STEP = "init-faucet"
FACTS, KEY = "faucet.json", "faucet_key.json"


@dataclass(frozen=True)
class Purse:
    """The account of a faucet on one chain; ``amounts`` is what one credit is, by denomination."""

    chain_id: str
    prefix: str
    algorithm: Algorithm
    key_type: str
    """The type URL of the public key in a transaction."""
    amounts: Mapping[str, int]
    private_key: Secret

    @property
    def public_key(self) -> bytes:
        """The compressed public key, 33 bytes."""
        return bytes(PrivateKey(self.private_key.reveal()).public_key.format(compressed=True))

    @property
    def address(self) -> str:
        """The account's bech32 address."""
        return encode_address(self.prefix, account_address(self.public_key, self.algorithm))

    def sign(self, document: bytes) -> bytes:
        """The 64 bytes (r, s; low s, nonce of RFC 6979) that a chain takes as the account's signature of a document.

        Sources: the SDK's ``crypto/keys/secp256k1`` (of the SHA-256), ethermint's ``crypto/ethsecp256k1`` (Keccak-256).
        """
        digest = hashlib.sha256(document).digest()
        if self.algorithm == "eth_secp256k1":
            from Crypto.Hash import keccak  # noqa: PLC0415 - most chains have none of these keys

            digest = keccak.new(data=document, digest_bits=256).digest()
        return bytes(PrivateKey(self.private_key.reveal()).sign_recoverable(digest, hasher=None)[:64])

    def write(self, directory: Path) -> None:
        """Write both files into a stage."""
        facts = {
            "chain_id": self.chain_id,
            "address": self.address,
            "prefix": self.prefix,
            "algorithm": self.algorithm,
            "key_type": self.key_type,
            "amounts": {denom: str(amount) for denom, amount in self.amounts.items()},
        }
        (directory / FACTS).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        key = {"priv_key": {"type": self.algorithm, "value": base64.b64encode(self.private_key.reveal()).decode()}}
        with open(directory / KEY, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
            stream.write(json.dumps(key) + "\n")

    @classmethod
    def read(cls, directory: Path) -> "Purse":
        """What a complete ``init-faucet`` left in ``directory``.

        Raises:
            BadInputError: the step is not complete there, or a file cannot be read.
            MismatchError: a file is not the one that the step committed.
        """
        try:
            record = read_record(directory, STEP)
            if record is None:
                raise BadInputError(f"FAUCET_DIR: {directory} has no faucet in it yet; run {STEP} first")
            for artifact in record.artifacts:
                if digest_file(directory / artifact.path) != (artifact.size, artifact.sha256):
                    raise MismatchError(f"{artifact.path} is not the file that {STEP} committed; run it with --force")
            return cls.load(directory)
        except OSError as error:
            raise from_os_error(error) from error

    @classmethod
    def load(cls, directory: Path) -> "Purse":
        """What the two files in ``directory`` say; raises what reading something else raises."""
        facts = json.loads((directory / FACTS).read_bytes())
        key = json.loads((directory / KEY).read_bytes())["priv_key"]["value"]
        amounts = {denom: int(amount) for denom, amount in facts["amounts"].items()}
        taken = {name: facts[name] for name in ("chain_id", "prefix", "algorithm", "key_type")}
        return cls(**taken, amounts=amounts, private_key=Secret(base64.b64decode(key)))
