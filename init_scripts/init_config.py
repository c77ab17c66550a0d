"""``init-config``: the pod's configuration, the patched genesis, and last ``node_id.json``, the sign of readiness."""

import sys
import tomllib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from exposer.client import Client
from exposer.documents import DocumentError, render_node_id
from exposer.errors import BadInputError, MismatchError
from exposer.genesis.lint import refuse_unrunnable
from exposer.identity import node_id, node_public_key
from exposer.records import newest_artifacts, read_records
from exposer.volume import Transaction
from init_scripts import cosmos, toml
from init_scripts.binary import ChainBinary
from init_scripts.dialect import Dialect
from init_scripts.leader import fetch_node_id
from init_scripts.overrides import FILES, load_overrides
from init_scripts.patching import Wishes, patch_genesis
from init_scripts.settings import GoDuration, JoiningSettings, Port
from init_scripts.step import run_step

STEP = "init-config"
GENESIS = "config/genesis.json"
NODE_ID = "config/node_id.json"
_TIMEOUTS = ("propose", "propose_delta", "prevote", "prevote_delta", "precommit", "precommit_delta", "commit")


class ConfigSettings(JoiningSettings):
    """The environment of ``init-config``."""

    genesis_presets: str = Field(
        "", description="fast-governance, short-unbonding: what tests want of a chain, with commas between them"
    )
    genesis_patch: Path | None = Field(
        None, description="JSON that is merged into the genesis, in the genesis pod; keys may be dotted paths"
    )
    config_overrides: Path | None = Field(
        None,
        description="JSON {file: {table: {key: value}}, pods: {pod: {file: ...}}}; wins over everything here, "
        "a pod's own (genesis-0, validator-1) over all",
    )
    minimum_gas_prices: str = Field("", description="what the node asks for each unit of gas; default 0 of DENOM")
    cors_allowed_origins: str = Field(
        "",
        description="origins whose pages may ask the RPC, with commas between them; * is any, and opens API and "
        "gRPC-web too, which can name none",
    )
    bind_host: str = Field("0.0.0.0", description="the address that the node listens on")  # noqa: S104 - pods listen on all
    external_address: str = Field("", description="host:port that peers dial, where it differs")
    p2p_port: Port = Field(26656, description="p2p")
    rpc_port: Port = Field(26657, description="RPC")
    rest_port: Port = Field(1317, description="the SDK's REST API")
    grpc_port: Port = Field(9090, description="the SDK's gRPC")
    grpc_web_port: Port = Field(9091, description="gRPC for browsers, where it has a port of its own (before SDK 0.50)")
    json_rpc: bool = Field(False, description="switches on an EVM chain's JSON-RPC; default as the binary has it")
    json_rpc_port: Port = Field(8545, description="an EVM chain's JSON-RPC")
    ws_port: Port = Field(8546, description="an EVM chain's JSON-RPC by WebSocket")
    json_rpc_metrics_port: Port = Field(6065, description="the metrics of an EVM chain's JSON-RPC")
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
            "genesis_presets",
            "genesis_patch",
            "bind_host",
            "external_address",
            "minimum_gas_prices",
            "cors_allowed_origins",
            "overrides",
        ),
        *("p2p_port", "rpc_port", "rest_port", "grpc_port", "grpc_web_port", "json_rpc_port", "ws_port"),
        *("json_rpc", "json_rpc_metrics_port", "metrics_port", "metrics", "node_name"),
        *(f"timeout_{name}" for name in _TIMEOUTS),
    )

    @property
    def pod(self) -> str:
        """The pod's short name, as overrides have it."""
        return f"validator-{self.ordinal}" if self.genesis_host else "genesis-0"

    @property
    def origins(self) -> list[str]:
        """The origins that CORS allows."""
        return [origin.strip() for origin in self.cors_allowed_origins.split(",") if origin.strip()]

    @cached_property
    def overrides(self) -> Mapping[str, list[toml.Edits]]:
        """File -> what to set in it, in this order; those of other pods are no input of this one."""
        return load_overrides(self.config_overrides, self.pod) if self.config_overrides else {}

    @classmethod
    def _input_name(cls, name: str) -> str:
        return super()._input_name("config_overrides" if name == "overrides" else name)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the step; returns its exit code."""
    return run_step(STEP, ConfigSettings, make, argv, "Configure the node, patch the genesis, publish the node id.")


def make(settings: ConfigSettings, transaction: Transaction) -> None:
    """Stage the configuration, the patched genesis and the node id, and commit them, the node id last."""
    stage, home = transaction.stage, transaction.root
    if GENESIS not in newest_artifacts(read_records(home)):
        raise BadInputError(f"no step has made {GENESIS} on this volume; run init-genesis or init-validator first")
    (stage / "config").mkdir()
    if settings.genesis_patch or settings.genesis_presets:
        _patch_genesis(settings, home, stage)
    defaults = {
        "config.toml": config_edits(settings, _peers(settings)),
        "app.toml": app_edits(settings),
        "client.toml": client_edits(settings),
    }
    for name in FILES:
        overrides = settings.overrides.get(name, [])
        if (home / "config" / name).is_file():
            text = (home / "config" / name).read_text(encoding="utf-8")
            text = toml.edit(text, defaults[name], existing_only=True, field=name)
            for edits in overrides:
                text = toml.edit(text, edits, field=f"CONFIG_OVERRIDES: {name}")
            (stage / "config" / name).write_text(text, encoding="utf-8")
            if name == "app.toml" and settings.json_rpc and "json-rpc" not in tomllib.loads(text):
                raise BadInputError(
                    "JSON_RPC: this chain has none; leave it out (ports json-rpc, ws in a network file)"
                )
        elif overrides:
            raise BadInputError(f"CONFIG_OVERRIDES: {name}: this node has no such file; remove it")
    (stage / NODE_ID).write_bytes(render_node_id(_own_node_id(home)))
    transaction.commit(last=[NODE_ID])


def config_edits(settings: ConfigSettings, peers: str) -> toml.Edits:
    """What a pod's node needs in ``config.toml``; pods have private addresses, so the address book is lax."""
    timeouts = {f"timeout_{name}": getattr(settings, f"timeout_{name}") for name in _TIMEOUTS}
    return {
        "moniker": settings.node_name,
        "rpc": {
            "laddr": f"tcp://{settings.bind_host}:{settings.rpc_port}",
            "pprof_laddr": "",
            **({"cors_allowed_origins": settings.origins} if settings.origins else {}),
        },
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
    """What an SDK node needs in ``app.toml``; but for API and gRPC, whether a service is on is the binary's word.

    Of those that are off, some cannot run beside the others (rosetta, memiavl, versiondb). Where gRPC-web and an EVM
    chain's JSON-RPC listen is said in any case: the nodes of one machine would meet there.
    """
    telemetry = {"telemetry": {"enabled": True, "prometheus-retention-time": 3600}} if settings.metrics else {}
    anybody = "*" in settings.origins  # API and gRPC-web have a switch for all origins, and no list
    api, web = ({"enabled-unsafe-cors": True}, {"enable-unsafe-cors": True}) if anybody else ({}, {})
    return {
        "minimum-gas-prices": settings.minimum_gas_prices or f"0{settings.denom}",
        "api": {"enable": True, "address": f"tcp://{settings.bind_host}:{settings.rest_port}", **api},
        "grpc": {"enable": True, "address": f"{settings.bind_host}:{settings.grpc_port}"},
        "grpc-web": {"address": f"{settings.bind_host}:{settings.grpc_web_port}", **web},
        "json-rpc": {
            "address": f"{settings.bind_host}:{settings.json_rpc_port}",
            "ws-address": f"{settings.bind_host}:{settings.ws_port}",
            "metrics-address": f"{settings.bind_host}:{settings.json_rpc_metrics_port}",
            **({"enable": True} if settings.json_rpc else {}),
        },
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
    presets = [name.strip() for name in settings.genesis_presets.split(",") if name.strip()]
    patch_genesis(home / GENESIS, stage / GENESIS, Wishes(presets, settings.genesis_patch))
    facts = _facts(home)
    if "dialect" in facts:
        binary = ChainBinary(settings.chain_bin, stage)
        cosmos.validate(binary, Dialect.from_facts(facts), stage / GENESIS)
    refuse_unrunnable(stage / GENESIS, settings.chain_id)


def _facts(home: Path) -> Mapping[str, Any]:
    return {name: value for record in read_records(home) for name, value in record.facts.items()}


def _own_node_id(home: Path) -> str:
    try:
        return node_id(node_public_key((home / "config/node_key.json").read_bytes()))
    except DocumentError as error:
        raise MismatchError(f"config/node_key.json: {error}; restore it, or use an empty volume") from error


if __name__ == "__main__":
    sys.exit(main())
