"""``init-config``: the pod's configuration, the patched genesis, and last ``node_id.json``, the sign of readiness."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from exposer.client import Client
from exposer.documents import DocumentError, render_node_id
from exposer.errors import BadInputError, MismatchError
from exposer.genesis import document as genesis
from exposer.genesis.lint import refuse_unrunnable
from exposer.identity import node_id, node_public_key
from exposer.records import newest_artifacts, read_records
from exposer.volume import Transaction
from init_scripts import cosmos, toml
from init_scripts.binary import ChainBinary, Dialect
from init_scripts.leader import fetch_node_id
from init_scripts.settings import GoDuration, JoiningSettings, Port
from init_scripts.step import run_step

STEP = "init-config"
GENESIS = "config/genesis.json"
NODE_ID = "config/node_id.json"
_FILES = ("config.toml", "app.toml", "client.toml")
_TIMEOUTS = ("propose", "propose_delta", "prevote", "prevote_delta", "precommit", "precommit_delta", "commit")


class ConfigSettings(JoiningSettings):
    """The environment of ``init-config``."""

    genesis_patch: Path | None = Field(None, description="JSON that is merged into the genesis, in the genesis pod")
    config_overrides: Path | None = Field(
        None, description="JSON {file: {table: {key: value}}}; wins over everything here"
    )
    bind_host: str = Field("0.0.0.0", description="the address that the node listens on")  # noqa: S104 - pods listen on all
    external_address: str = Field("", description="host:port that peers dial, where it differs")
    p2p_port: Port = Field(26656, description="p2p")
    rpc_port: Port = Field(26657, description="RPC")
    rest_port: Port = Field(1317, description="the SDK's REST API")
    grpc_port: Port = Field(9090, description="the SDK's gRPC")
    metrics_port: Port = Field(26660, description="Prometheus")
    metrics: bool = Field(False, description="whether the node serves Prometheus metrics")
    timeout_propose: GoDuration = Field("", description="of a consensus round, like 3s")
    timeout_propose_delta: GoDuration = Field("", description="likewise")
    timeout_prevote: GoDuration = Field("", description="likewise")
    timeout_prevote_delta: GoDuration = Field("", description="likewise")
    timeout_precommit: GoDuration = Field("", description="likewise")
    timeout_precommit_delta: GoDuration = Field("", description="likewise")
    timeout_commit: GoDuration = Field("", description="likewise; the pace of blocks")

    INPUTS: ClassVar[tuple[str, ...]] = (
        *JoiningSettings.INPUTS,
        *(
            "leader_host",
            "genesis_p2p_port",
            "genesis_patch",
            "config_overrides",
            "bind_host",
            "external_address",
        ),
        *("p2p_port", "rpc_port", "rest_port", "grpc_port", "metrics_port", "metrics", "node_name"),
        *(f"timeout_{name}" for name in _TIMEOUTS),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the step; returns its exit code."""
    return run_step(STEP, ConfigSettings, make, argv, "Configure the node, patch the genesis, publish the node id.")


def make(settings: ConfigSettings, transaction: Transaction) -> None:
    """Stage the configuration, the patched genesis and the node id, and commit them, the node id last."""
    stage, home = transaction.stage, transaction.root
    if GENESIS not in newest_artifacts(read_records(home)):
        raise BadInputError(f"no step has made {GENESIS} on this volume; run init-genesis or init-validator first")
    (stage / "config").mkdir()
    if settings.genesis_patch:
        _patch_genesis(settings, home, stage)
    overrides = _overrides(settings.config_overrides)
    defaults = {
        "config.toml": config_edits(settings, _peers(settings)),
        "app.toml": app_edits(settings),
        "client.toml": client_edits(settings),
    }
    for name in _FILES:
        if (home / "config" / name).is_file():
            text = (home / "config" / name).read_text(encoding="utf-8")
            text = toml.edit(text, defaults[name], existing_only=True, field=name)
            text = toml.edit(text, overrides.get(name, {}), field=f"CONFIG_OVERRIDES: {name}")
            (stage / "config" / name).write_text(text, encoding="utf-8")
    (stage / NODE_ID).write_bytes(render_node_id(_own_node_id(home)))
    transaction.commit(last=[NODE_ID])


def config_edits(settings: ConfigSettings, peers: str) -> toml.Edits:
    """What a pod's node needs in ``config.toml``; pods have private addresses, so the address book is lax."""
    timeouts = {f"timeout_{name}": getattr(settings, f"timeout_{name}") for name in _TIMEOUTS}
    return {
        "moniker": settings.node_name,
        "rpc": {"laddr": f"tcp://{settings.bind_host}:{settings.rpc_port}", "pprof_laddr": ""},
        "p2p": {
            "laddr": f"tcp://{settings.bind_host}:{settings.p2p_port}",
            "external_address": settings.external_address,
            "persistent_peers": peers,
            "addr_book_strict": False,
            "allow_duplicate_ip": True,
        },
        "consensus": {name: value for name, value in timeouts.items() if value},
        "instrumentation": {
            "prometheus": settings.metrics,
            "prometheus_listen_addr": f"{settings.bind_host}:{settings.metrics_port}",
        },
    }


def app_edits(settings: ConfigSettings) -> toml.Edits:
    """What an SDK node needs in ``app.toml``; services that are not named here keep what the binary wrote."""
    telemetry = {"telemetry": {"enabled": True, "prometheus-retention-time": 3600}} if settings.metrics else {}
    return {
        "minimum-gas-prices": f"0{settings.denom}",
        "api": {"enable": True, "address": f"tcp://{settings.bind_host}:{settings.rest_port}"},
        "grpc": {"enable": True, "address": f"{settings.bind_host}:{settings.grpc_port}"},
        **telemetry,
    }


def client_edits(settings: ConfigSettings) -> toml.Edits:
    """What the chain's own command line needs in ``client.toml`` to work in the pod without flags."""
    node = "127.0.0.1" if settings.bind_host == "0.0.0.0" else settings.bind_host  # noqa: S104 - a comparison
    return {
        "chain-id": settings.chain_id,
        "keyring-backend": "test",
        "output": "json",
        "node": f"tcp://{node}:{settings.rpc_port}",
    }


def _peers(settings: ConfigSettings) -> str:
    """The genesis pod's node as ``id@host:port``; nothing in the genesis pod itself."""
    if not settings.genesis_host:
        return ""
    with Client(settings.leader_url, credentials=settings.credentials) as client:
        leader = fetch_node_id(client, within=settings.download_timeout)
    return f"{leader}@{settings.leader_host}:{settings.genesis_p2p_port}"


def _patch_genesis(settings: ConfigSettings, home: Path, stage: Path) -> None:
    if settings.genesis_host:
        raise BadInputError("GENESIS_PATCH: a validator pod takes the genesis as it is; patch it in the genesis pod")
    patch = genesis.load(settings.genesis_patch or Path(), "GENESIS_PATCH")
    if not isinstance(patch, dict):
        raise BadInputError("GENESIS_PATCH: not a JSON object")
    document = genesis.load(home / GENESIS)
    genesis.merge_patch(document, patch)
    staged = stage / GENESIS
    staged.write_bytes(genesis.render(document))
    facts = _facts(home)
    if "dialect" in facts:
        binary = ChainBinary(settings.chain_bin, stage)
        cosmos.validate(binary, Dialect.from_facts(facts), staged)
    refuse_unrunnable(document, settings.chain_id)


def _facts(home: Path) -> Mapping[str, Any]:
    return {name: value for record in read_records(home) for name, value in record.facts.items()}


def _overrides(path: Path | None) -> Mapping[str, toml.Edits]:
    overrides = genesis.load(path, "CONFIG_OVERRIDES") if path else {}
    if not isinstance(overrides, dict) or not all(isinstance(edits, dict) for edits in overrides.values()):
        raise BadInputError("CONFIG_OVERRIDES: not a JSON object of {file: {table: {key: value}}}")
    if unknown := sorted(set(overrides) - set(_FILES)):
        raise BadInputError(
            f"CONFIG_OVERRIDES: {', '.join(unknown)} is not a file of a node; there are {', '.join(_FILES)}"
        )
    return overrides


def _own_node_id(home: Path) -> str:
    try:
        return node_id(node_public_key((home / "config/node_key.json").read_bytes()))
    except DocumentError as error:
        raise MismatchError(f"config/node_key.json: {error}; restore it, or use an empty volume") from error


if __name__ == "__main__":
    sys.exit(main())
