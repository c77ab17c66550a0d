"""A node's configuration: its settings, and what they are in the TOML files that its binary wrote.

Of each file there are two sets of edits. Those of `joining` are what other pods and the sidecar rely on: who the node
is, where it listens, whom it dials. Those of `running` are how it runs.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from init_scripts.overrides import load_overrides
from init_scripts.settings import Address, GoDuration, Host, JoiningSettings, Port
from init_scripts.toml import Edits

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
    bind_host: Host = Field("0.0.0.0", description="the address that the node listens on")  # noqa: S104 - pods listen on all
    external_address: Address = Field(
        "", description="host:port that peers dial, where it differs; an IPv6 address as [IPv6]:port"
    )
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

    FIXED: ClassVar[tuple[str, ...]] = (*JoiningSettings.INPUTS, "genesis_presets", "genesis_patch", "leader_node")
    INPUTS: ClassVar[tuple[str, ...]] = (
        *FIXED,
        *(
            "genesis_p2p_port",
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
    def overrides(self) -> Mapping[str, list[Edits]]:
        """File -> what to set in it, in this order; those of other pods are no input of this one."""
        return load_overrides(self.config_overrides, self.pod) if self.config_overrides else {}

    @property
    def changeable(self) -> frozenset[str]:
        """How the node runs, but not whose network it is in; nothing where a script may have read it all."""
        names = () if self.step_script else self.INPUTS
        return frozenset(self._input_name(name) for name in names if name not in self.FIXED)

    @classmethod
    def _input_name(cls, name: str) -> str:
        return super()._input_name({"overrides": "config_overrides", "leader_node": "leader_host"}.get(name, name))


def joining(settings: ConfigSettings, peers: str) -> Mapping[str, Edits]:
    """File -> what joins the node to its network; pods have private addresses, so the address book is lax."""
    host = settings.bind_host
    local = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - a comparison
    return {
        "config.toml": {
            "moniker": settings.node_name,
            "rpc": {"laddr": f"tcp://{host}:{settings.rpc_port}", "pprof_laddr": ""},
            "p2p": {
                "laddr": f"tcp://{host}:{settings.p2p_port}",
                "external_address": settings.external_address,
                "persistent_peers": peers,
                "addr_book_strict": False,
                "allow_duplicate_ip": True,
            },
            "instrumentation": {"prometheus_listen_addr": f"{host}:{settings.metrics_port}"},
        },
        # Where gRPC-web and an EVM chain's JSON-RPC listen is said in any case: the nodes of one machine would meet.
        "app.toml": {
            "api": {"address": f"tcp://{host}:{settings.rest_port}"},
            "grpc": {"address": f"{host}:{settings.grpc_port}"},
            "grpc-web": {"address": f"{host}:{settings.grpc_web_port}"},
            "json-rpc": {
                "address": f"{host}:{settings.json_rpc_port}",
                "ws-address": f"{host}:{settings.ws_port}",
                "metrics-address": f"{host}:{settings.json_rpc_metrics_port}",
            },
        },
        # With it the chain's own command line works in the pod without flags.
        "client.toml": {
            "chain-id": settings.chain_id,
            "keyring-backend": "test",
            "output": "json",
            "node": f"tcp://{local}:{settings.rpc_port}",
        },
    }


def running(settings: ConfigSettings) -> Mapping[str, Edits]:
    """File -> how the node runs by default; but for API and gRPC, whether a service is on is the binary's word.

    Of those that are off, some cannot run beside the others (rosetta, memiavl, versiondb).
    """
    timeouts = {f"timeout_{name}": getattr(settings, f"timeout_{name}") for name in _TIMEOUTS}
    telemetry = {"telemetry": {"enabled": True, "prometheus-retention-time": 3600}} if settings.metrics else {}
    anybody = "*" in settings.origins  # API and gRPC-web have a switch for all origins, and no list
    web = {"grpc-web": {"enable-unsafe-cors": True}} if anybody else {}
    return {
        "config.toml": {
            **({"rpc": {"cors_allowed_origins": settings.origins}} if settings.origins else {}),
            "consensus": {name: value for name, value in timeouts.items() if value},
            "instrumentation": {"prometheus": settings.metrics},
        },
        "app.toml": {
            "minimum-gas-prices": settings.minimum_gas_prices or f"0{settings.denom}",
            "api": {"enable": True, **({"enabled-unsafe-cors": True} if anybody else {})},
            "grpc": {"enable": True},
            **web,
            **({"json-rpc": {"enable": True}} if settings.json_rpc else {}),
            **telemetry,
        },
    }
