"""Volumes to serve: a node's home with a genesis of any size, committed as the steps commit it."""

import base64
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exposer.documents import render_node_id
from exposer.identity import ed25519_public, node_id, node_public_key
from exposer.records import record_path
from exposer.volume import Volume, open_volume

NODE_ID = "config/node_id.json"
_LARGE_WRITE = 8 << 20


def make_volume(home: Path, genesis_size: int) -> Path:
    """A home on which all steps are complete; its genesis has about ``genesis_size`` bytes. Returns ``home``."""
    home.mkdir()
    node_key = json.dumps({"priv_key": _private("node")}).encode()
    node = render_node_id(node_id(node_public_key(node_key)))
    with open_volume(home) as volume:
        with _step(volume, "init-genesis") as config:
            _write_genesis(config / "genesis.json", genesis_size)
            (config / "node_key.json").write_bytes(node_key)
            (config / "priv_validator_key.json").write_text(json.dumps(_validator()), encoding="ascii")
        with _step(volume, "init-config") as config:
            (config / "node_id.json").write_bytes(node)
    return home


def last_record(home: Path) -> Path:
    """The record without which nothing on the volume counts."""
    return record_path(home, "init-config")


@contextmanager
def _step(volume: Volume, name: str) -> Iterator[Path]:
    """The ``config/`` of a stage, which is committed at the end."""
    transaction = volume.begin(name, {})
    if transaction is None:
        raise RuntimeError("a new volume has a step that is complete")
    config = transaction.stage / "config"
    config.mkdir()
    yield config
    transaction.commit()


def _write_genesis(path: Path, size: int) -> None:
    """A genesis that consists of balances, as large ones do."""
    entry = '{"address":"cosmos1%038d","coins":[{"denom":"stake","amount":"1000000"}]}'
    block = ",".join(entry % number for number in range(_LARGE_WRITE // len(entry % 0))).encode() + b","
    end = b'{}]}},"chain_id":"bench-1","genesis_time":"2024-01-01T00:00:00Z"}'
    with path.open("wb") as file:
        file.write(b'{"app_state":{"bank":{"balances":[')
        while (left := size - file.tell() - len(end)) > len(entry) * 2:
            file.write(block[: block.rfind(b'{"address', 0, left + 1)] if left < len(block) else block)
        file.write(end)


def _validator() -> dict[str, object]:
    public = ed25519_public(_seed("validator"))
    return {
        "address": hashlib.sha256(public).hexdigest()[:40].upper(),
        "pub_key": {"type": "tendermint/PubKeyEd25519", "value": base64.b64encode(public).decode()},
        "priv_key": _private("validator"),
    }


def _private(role: str) -> dict[str, str]:
    value = _seed(role) + ed25519_public(_seed(role))
    return {"type": "tendermint/PrivKeyEd25519", "value": base64.b64encode(value).decode()}


def _seed(role: str) -> bytes:
    return hashlib.sha256(role.encode()).digest()
