"""A node's identity as files, derived from its key: for both drivers, byte for byte as CometBFT writes them.

Formats: CometBFT v0.38 ``p2p/key.go`` and ``privval/file.go`` (the same since Tendermint v0.34).
"""

import base64
import json
import os
from pathlib import Path

from exposer.accounts.keyfile import Key, ed25519_key
from exposer.accounts.secret import Secret
from exposer.genesis.document import render
from init_scripts.signing_state import PATH as SIGNING_STATE

NODE_KEY = "config/node_key.json"
VALIDATOR_KEY = "config/priv_validator_key.json"


def write_identity(home: Path, key: Key) -> None:
    """``key``'s node key and consensus key below ``home``, in place of those that a binary's ``init`` made there.

    A signing state is put where there is none, and never touched where there is one.
    """
    for directory, mode in (("config", 0o755), ("data", 0o700)):
        (home / directory).mkdir(mode, exist_ok=True)
    private = {"priv_key": _private_key(key.node_seed())}
    _write(home / NODE_KEY, Secret(json.dumps(private, separators=(",", ":")).encode()))
    public = key.consensus_key
    validator = {
        "address": public.address.hex().upper(),
        "pub_key": public.to_json(),
        "priv_key": _private_key(key.consensus_seed()),
    }
    _write(home / VALIDATOR_KEY, Secret(render(validator)))
    if not (home / SIGNING_STATE).exists():
        _write(home / SIGNING_STATE, Secret(render({"height": "0", "round": 0, "step": 0})))


def _private_key(seed: Secret) -> dict[str, str]:
    """CometBFT's form of an ed25519 private key: the seed followed by the public key (RFC 8032 section 5.1.5)."""
    whole = seed.reveal() + ed25519_key(seed).raw
    return {"type": "tendermint/PrivKeyEd25519", "value": base64.b64encode(whole).decode()}


def _write(path: Path, data: Secret) -> None:
    path.unlink(missing_ok=True)  # a file that is there keeps its mode, whoever could read it
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data.reveal())
