"""The driver that needs no binary: keys, genesis and configuration as ``cometbft init`` and ``testnet`` write them.

Formats: CometBFT v0.38 ``p2p/key.go``, ``privval/file.go``, ``types/genesis.go``, ``config/toml.go``.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from exposer.accounts.keyfile import Key
from exposer.genesis.document import render
from init_scripts.identity_files import write_identity
from init_scripts.settings import PodSettings

_POWER = "10"
_CONSENSUS_PARAMS = {
    "block": {"max_bytes": "22020096", "max_gas": "-1"},
    "evidence": {
        "max_age_num_blocks": "100000",
        "max_age_duration": "172800000000000",  # nanoseconds: 48 h
        "max_bytes": "1048576",
    },
    "validator": {"pub_key_types": ["ed25519"]},
    "version": {"app": "0"},
    "abci": {"vote_extensions_enable_height": "0"},
}


def make_genesis(settings: PodSettings, stage: Path, *, members: Sequence[Key], genesis_time: str) -> Mapping[str, Any]:
    """The genesis pod's home: a genesis that names the validators of all pods, this one's first, and its identity."""
    write_home(settings, stage, members[0])
    genesis = {
        "genesis_time": genesis_time or _now(),
        "chain_id": settings.chain_id,
        "initial_height": "0",
        "consensus_params": _CONSENSUS_PARAMS,
        "validators": [_genesis_validator(member) for member in members],
        "app_hash": "",
    }
    (stage / "config/genesis.json").write_bytes(render(genesis))
    return {}


def make_validator(settings: PodSettings, stage: Path, key: Key) -> Mapping[str, Any]:
    """A validator pod's home: the identity of its ``key``; the genesis comes from the genesis pod."""
    write_home(settings, stage, key)
    return {}


def write_home(settings: PodSettings, stage: Path, key: Key) -> None:
    """``node_key.json``, ``priv_validator_key.json``, ``priv_validator_state.json`` and ``config.toml`` of one node."""
    write_identity(stage, key)
    template = resources.files("init_scripts").joinpath("cometbft.toml").read_text(encoding="utf-8")
    (stage / "config/config.toml").write_text(
        template.replace('moniker = ""', f"moniker = {json.dumps(settings.node_name)}", 1), encoding="utf-8"
    )


def _genesis_validator(key: Key) -> dict[str, Any]:
    public = key.consensus_key
    return {
        "address": public.address.hex().upper(),
        "pub_key": public.to_json(),
        "power": _POWER,
        "name": key.name,
    }


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
