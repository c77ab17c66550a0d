"""What a network file may say: the chain part of a Starship configuration, and ``keys``.

Field names in the file are those of the peer's schema (camel case). Each fault's text says what is expected; where
it stands is added by `exposer.network.document`. Source of the schema: Starship's ``charts/devnet/values.schema.json``.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue

from exposer.network.containers import Exposer, Images, PodResources, Resources
from exposer.network.fields import (
    ChainId,
    Coins,
    Denom,
    Duration,
    HdPath,
    Origin,
    Port,
    Prices,
    Section,
    Time,
    Version,
    Word,
    matching,
    text,
)

MAX_VALIDATORS = 100


class Build(Section):
    """Builds the binary from source (a tag, branch or commit, or a Go module's version) before anything else."""

    enabled: bool
    source: Version = ""


class UpgradeVersion(Section):
    """One upgrade: the plan's name on the chain and the version to build."""

    name: Annotated[str, text(int), matching(r"[A-Za-z0-9][A-Za-z0-9._-]*", "letters, digits, dots or dashes")]
    version: Version


class Upgrade(Section):
    """Builds several versions for cosmovisor."""

    enabled: bool
    type: Literal["build"] = "build"
    genesis: Version = ""
    upgrades: tuple[UpgradeVersion, ...] = Field((), strict=False)


class FaucetPorts(Section):
    """The faucet's one port."""

    rest: Port | None = None


class Faucet(Section):
    """Hands out coins; ``enabled`` absent means no."""

    enabled: bool | None = None
    type: Literal["cosmjs", "starship"] | None = None
    image: str | None = None
    concurrency: Annotated[int, Field(ge=1)] | None = None
    amount: Coins | None = None
    cooldown: Duration | None = None
    ports: FaucetPorts | None = None
    resources: Resources | None = None


class Ports(Section):
    """Ports of the genesis pod on the machine of the user; ``ws`` is the WebSocket of an EVM chain's JSON-RPC."""

    exposer: Port | None = None
    p2p: Port | None = None
    rpc: Port | None = None
    rest: Port | None = None
    grpc: Port | None = None
    metrics: Port | None = None
    faucet: Port | None = None
    grpc_web: Port | None = Field(None, alias="grpc-web")
    json_rpc: Port | None = Field(None, alias="json-rpc")
    ws: Port | None = None


class Period(Section):
    """A part of what vests, and how long after the part before it."""

    length: Duration
    amount: Coins


class Vesting(Section):
    """What an account may not spend yet: all of it, unless ``amount`` says less."""

    type: Literal["continuous", "delayed", "periodic", "permanent-locked"]
    amount: Coins | None = None
    start: Time | None = None
    end: Time | None = None
    periods: tuple[Period, ...] | None = Field(None, strict=False)


class Balance(Section):
    """One account that the genesis funds."""

    address: Annotated[str, matching(r"[a-z0-9]+1[a-z0-9]+|0x[0-9a-fA-F]{40}", "an address like cosmos1...")]
    amount: Coins
    vesting: Vesting | None = None


class EnvironmentEntry(Section):
    """One variable of every step and of the node."""

    name: Annotated[str, matching(r"[A-Za-z_][A-Za-z0-9_]*", "letters, digits and underscores")]
    value: Annotated[str, text(bool, int, float)]


class Files(Section):
    """Keys of the node's files that win over everything else: ``{table: {key: value}}``."""

    config_toml: dict[str, JsonValue] = Field({}, alias="config.toml")
    app_toml: dict[str, JsonValue] = Field({}, alias="app.toml")
    client_toml: dict[str, JsonValue] = Field({}, alias="client.toml")


class Config(Files):
    """Those of all pods, and those of single ones (``genesis-0``, ``validator-1``), which win over them."""

    pods: dict[str, Files] = Field({})


class Genesis(Section):
    """Where the genesis starts from, and what is changed in it: all names but these three are its own."""

    model_config = ConfigDict(extra="allow")

    source: Annotated[str, matching(r"\S.*", "a path or a URL")] | None = Field(None, alias="from")
    sha256: Annotated[str, matching("[0-9a-fA-F]{64}", "the 64 hex digits that sha256sum prints")] | None = None
    presets: tuple[Literal["fast-governance", "short-unbonding"], ...] = Field((), strict=False)

    __pydantic_extra__: dict[str, JsonValue] = Field(init=False)

    @property
    def patch(self) -> dict[str, JsonValue]:
        """What is merged into the genesis; its names may be dotted paths."""
        return self.__pydantic_extra__


class Chain(Section):
    """One chain; what is absent comes from the defaults of its name."""

    id: ChainId
    name: str
    num_validators: Annotated[int, Field(ge=1, le=MAX_VALIDATORS)]
    image: Word | None = None
    home: Word | None = None
    binary: Word | None = None
    prefix: Annotated[str, matching(r"[a-z][a-z0-9]{0,82}", "lower-case letters and digits, like cosmos")] | None = None
    denom: Denom | None = None
    coins: Coins | None = None
    hd_path: HdPath | None = None
    coin_type: Annotated[int, Field(ge=0, lt=1 << 31)] | None = None
    repo: Word | None = None
    metrics: bool = False
    identities: Literal["random", "derived"] | None = None
    validators: Literal["join", "genesis"] | None = None
    gas_prices: Prices | None = None
    minimum_gas_prices: Prices | None = None
    cors_allowed_origins: tuple[Origin, ...] = Field((), strict=False)
    build: Build | None = None
    upgrade: Upgrade | None = None
    faucet: Faucet = Faucet()
    ports: Ports = Ports()
    genesis: Genesis = Genesis()
    balances: tuple[Balance, ...] = Field((), strict=False)
    env: tuple[EnvironmentEntry, ...] = Field((), strict=False)
    config: Config = Config()
    resources: Resources | None = None
    readiness_probe: dict[str, JsonValue] | None = None


class Timeouts(Section):
    """CometBFT's consensus timeouts for all chains, by the names of its own configuration."""

    model_config = ConfigDict(alias_generator=None)

    time_iota_ms: int | None = None  # of CometBFT before 0.35; accepted and without effect
    timeout_propose: Duration | None = None
    timeout_propose_delta: Duration | None = None
    timeout_prevote: Duration | None = None
    timeout_prevote_delta: Duration | None = None
    timeout_precommit: Duration | None = None
    timeout_precommit_delta: Duration | None = None
    timeout_commit: Duration | None = None


class Network(Section):
    """The whole file."""

    name: Annotated[str, matching(r"[A-Za-z0-9][A-Za-z0-9._-]*", "letters, digits, dots, dashes or underscores")] = (
        "network"
    )
    version: Annotated[str, text(int, float)] | None = None
    chains: Annotated[tuple[Chain, ...], Field(strict=False, min_length=1)]
    keys: str | None = None
    timeouts: Timeouts = Timeouts()
    exposer: Exposer = Exposer()
    images: Images = Images()
    resources: PodResources = PodResources()
    faucet: Faucet = Faucet()
