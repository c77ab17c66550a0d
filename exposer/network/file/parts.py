"""The mappings that a chain of a network file consists of. Its fields are the peer's, in camel case."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue, model_validator

from exposer.network.file.containers import Resources
from exposer.network.file.fields import Coins, Duration, Port, Rate, Section, Time, Version, Word, matching, text


class Build(Section):
    """Builds the binary from source before anything else."""

    enabled: bool
    """Whether it is built."""
    source: Version = ""
    """The version to build: a tag, a branch, a commit, or a Go module's path@version."""


class UpgradeVersion(Section):
    """One upgrade."""

    name: Annotated[str, text(int), matching(r"[A-Za-z0-9][A-Za-z0-9._-]*", "letters, digits, dots or dashes")]
    """The name of the plan on the chain."""
    version: Version
    """The version to build for it."""


class Upgrade(Section):
    """Builds several versions, which cosmovisor goes on to one after the other."""

    enabled: bool
    """Whether they are built."""
    type: Literal["build"] = "build"
    """How binaries are had; they are always built."""
    genesis: Version = ""
    """The version that the chain starts with."""
    upgrades: tuple[UpgradeVersion, ...] = Field((), strict=False)
    """Those that follow, in the order of their heights."""


class FaucetPorts(Section):
    """The faucet's one port."""

    rest: Port | None = None
    """Where it is asked."""


class Faucet(Section):
    """Hands out coins of a chain."""

    enabled: bool | None = None
    """Whether there is one; default yes where anything is said of it, or of its port."""
    type: Literal["cosmjs", "starship"] | None = None
    """Accepted, without effect: exposer has a faucet of its own."""
    image: str | None = None
    """Accepted, without effect: the faucet is in exposer's image."""
    concurrency: Annotated[int, Field(ge=1)] | None = None
    """Accepted, without effect: one account pays for all who ask at the same time."""
    amount: Coins | None = None
    """What one credit is; default a thousandth of coins."""
    cooldown: Duration | None = None
    """How long an address waits for the next credit of the same denomination; default a minute, with throwaway none."""
    ports: FaucetPorts | None = None
    """Where it listens."""
    resources: Resources | None = None
    """Of its container."""


class Commission(Section):
    """What validators keep of the rewards of those who delegate to them."""

    rate: Rate | None = None
    """Their commission, from 0 to 1; default 0.1."""
    max_rate: Rate | None = None
    """The highest that they may ever have; default 0.2."""
    max_change_rate: Rate | None = None
    """The most by which it may grow in a day; default 0.01."""


_EVM_PORTS = {"evm-http-jsonrpc": "json-rpc", "evm-rpc": "json-rpc", "evm-ws": "ws"}
"""Starship's names, and ours."""


def _with_evm_ports(schema: dict[str, Any]) -> None:
    schema["properties"] |= {theirs: schema["properties"][ours] for theirs, ours in _EVM_PORTS.items()}


class Ports(Section):
    """Ports of the genesis pod on the machine of the user."""

    model_config = ConfigDict(json_schema_extra=_with_evm_ports)

    exposer: Port | None = None
    """The sidecar."""
    p2p: Port | None = Field(None, alias="p2p")
    """The node's peers."""
    rpc: Port | None = None
    """The node's RPC."""
    rest: Port | None = None
    """The SDK's REST API."""
    grpc: Port | None = None
    """The SDK's gRPC."""
    metrics: Port | None = None
    """The node's Prometheus metrics."""
    faucet: Port | None = None
    """The faucet."""
    grpc_web: Port | None = Field(None, alias="grpc-web")
    """gRPC for browsers."""
    json_rpc: Port | None = Field(None, alias="json-rpc")
    """The JSON-RPC of an EVM chain, which is switched on by it."""
    ws: Port | None = None
    """The WebSocket of that JSON-RPC."""

    @model_validator(mode="before")
    @classmethod
    def _of_starship(cls, said: object) -> object:
        """As it is but for Starship's names of an EVM chain's ports."""
        if not isinstance(said, dict):
            return said
        ours = [_EVM_PORTS.get(name, name) for name in said]
        if twice := next((name for name in said if ours.count(_EVM_PORTS.get(name)) > 1), None):
            raise ValueError(f"has {twice}, which is {_EVM_PORTS[twice]}, more than once; keep one")
        return dict(zip(ours, said.values(), strict=True))


class Period(Section):
    """A part of what vests."""

    length: Duration
    """How long after the part before it."""
    amount: Coins
    """How much."""


class Vesting(Section):
    """What an account may not spend yet."""

    type: Literal["continuous", "delayed", "periodic", "permanent-locked"]
    """How it becomes free."""
    amount: Coins | None = None
    """How much of the balance; default all of it."""
    start: Time | None = None
    """When it begins."""
    end: Time | None = None
    """When all of it is free."""
    periods: tuple[Period, ...] | None = Field(None, strict=False)
    """The parts of periodic vesting."""


class Balance(Section):
    """One account that the genesis funds."""

    address: Annotated[str, matching(r"[a-z0-9]+1[a-z0-9]+|0x[0-9a-fA-F]{40}", "an address like cosmos1...")]
    """Whose it is: bech32, or hexadecimal on EVM chains."""
    amount: Coins
    """What it has."""
    vesting: Vesting | None = None
    """What of it cannot be spent yet."""


class EnvironmentEntry(Section):
    """One variable of every step, the node and the faucet."""

    name: Annotated[str, matching(r"[A-Za-z_][A-Za-z0-9_]*", "letters, digits and underscores")]
    """Its name; those that exposer sets are refused."""
    value: Annotated[str, text(bool, int, float)]
    """Its value, as it is written."""


class Files(Section):
    """Keys of the node's files that win over everything else: {table: {key: value}}."""

    config_toml: dict[str, JsonValue] = Field({}, alias="config.toml")
    """Of CometBFT's file."""
    app_toml: dict[str, JsonValue] = Field({}, alias="app.toml")
    """Of the SDK application's."""
    client_toml: dict[str, JsonValue] = Field({}, alias="client.toml")
    """Of the binary's own client."""


class Config(Files):
    """Keys of the node's files: of all pods, and of single ones."""

    pods: dict[str, Files] = Field({})
    """Those of single pods (genesis-0, validator-1), which win over the others."""


class Genesis(Section):
    """Where the genesis starts from, and what is changed in it: all names but these three are its own."""

    model_config = ConfigDict(extra="allow")

    source: Annotated[str, matching(r"\S.*", "a path or a URL")] | None = Field(None, alias="from")
    """An existing genesis or an exported state to start from: a path from the network file, or a URL."""
    sha256: (
        Annotated[str, text(int, float), matching("[0-9a-fA-F]{64}", "the 64 hex digits that sha256sum prints")] | None
    ) = None
    """The digest of that file."""
    presets: tuple[Literal["fast-governance", "short-unbonding"], ...] = Field((), strict=False)
    """What tests want of a chain, written where this chain's SDK keeps it."""

    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    @property
    def patch(self) -> dict[str, JsonValue]:
        """What is merged into the genesis; its names may be dotted paths."""
        return self.__pydantic_extra__


class Script(Section):
    """A program that runs in place of a step's own work."""

    file: Word | None = None
    """Its path from the network file."""
    data: str | None = None
    """The program itself, whose dollar signs are its own; it wins over file."""
    name: str | None = None
    """Accepted, without effect."""


class Scripts(Section):
    """Scripts of a chain, by the names of our steps and by Starship's for them (`exposer.network.file.scripts`)."""

    init_build_images: Script | None = Field(None, alias="init-build-images")
    """Instead of building the binary."""
    init_genesis: Script | None = Field(None, alias="init-genesis")
    """Instead of making the genesis."""
    init_validator: Script | None = Field(None, alias="init-validator")
    """Instead of fetching the genesis and recovering the validator's keys."""
    init_config: Script | None = Field(None, alias="init-config")
    """Instead of configuring the node."""
    init_faucet: Script | None = Field(None, alias="init-faucet")
    """Instead of putting the faucet's account in position."""
    create_validator_step: Script | None = Field(None, alias="create-validator")
    """Instead of sending the transaction that makes a validator."""
    build_chain: Script | None = None
    """Starship's name for init-build-images."""
    create_genesis: Script | None = None
    """Starship's name for init-genesis."""
    update_genesis: Script | None = None
    """Runs after createGenesis, in the same step."""
    update_config: Script | None = None
    """Starship's name for init-config."""
    create_validator: Script | None = None
    """Starship's name for create-validator."""
