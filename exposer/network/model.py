"""What a network file may say: the chain part of a Starship configuration, and ``keys``.

Field names in the file are those of the peer's schema (camel case). Each fault's text says what is expected; where
it stands is added by `exposer.network.document`. Source of the schema: Starship's ``charts/devnet/values.schema.json``.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from exposer.duration import parse_duration
from exposer.errors import BadInputError

MAX_VALIDATORS = 100


def _matching(pattern: str, expected: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"must be {expected}")
        return value

    return AfterValidator(check)


def _text(*kinds: type) -> BeforeValidator:
    """Lets YAML's bare ``5`` or ``true`` stand for text where nobody would put quotes."""

    def spell(value: object) -> object:
        if isinstance(value, bool):
            return str(value).lower() if bool in kinds else value
        return str(value) if isinstance(value, kinds) else value

    return BeforeValidator(spell)


def _duration(value: str) -> str:
    try:
        parse_duration(value)
    except BadInputError:
        raise ValueError("must be a duration; write for example 500ms, 1s or 1m30s") from None
    return value


_DENOM = r"[a-zA-Z][a-zA-Z0-9/:._-]{2,127}"
_COINS = rf"\d+{_DENOM}(,\d+{_DENOM})*"

ChainId = Annotated[
    str,
    _text(int),
    _matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}", "1 to 50 letters, digits, dots, dashes or underscores"),
]
Coins = Annotated[str, _matching(_COINS, "coins like 100stake,5uatom")]
Denom = Annotated[str, _matching(_DENOM, "a denomination of 3 to 128 characters, like uatom")]
Duration = Annotated[str, AfterValidator(_duration)]
HdPath = Annotated[str, _matching(r"m(/\d+'?)+/\d+", "a path like m/44'/118'/0'/0/0")]
Port = Annotated[int, Field(ge=1, le=65535)]
Quantity = Annotated[str, _text(int, float)]
Word = Annotated[str, _matching(r"\S+", "a name or a path without blanks")]


class Section(BaseModel):
    """A mapping of the file: unknown names are faults, and values are not converted."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
    )


class Amounts(Section):
    """CPU and memory as Kubernetes writes them."""

    cpu: Quantity | None = None
    memory: Quantity | None = None


class Resources(Amounts):
    """Of one container: amounts that are both request and limit, or the two apart."""

    limits: Amounts | None = None
    requests: Amounts | None = None


class Build(Section):
    """Builds the binary from source (a tag, branch or commit) before anything else."""

    enabled: bool
    source: str = ""


class UpgradeVersion(Section):
    """One upgrade: the plan's name on the chain and the version to build."""

    name: str
    version: str


class Upgrade(Section):
    """Builds several versions for cosmovisor."""

    enabled: bool
    type: Literal["build"] = "build"
    genesis: str = ""
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
    ports: FaucetPorts | None = None
    resources: Resources | None = None


class Ports(Section):
    """Ports of the genesis pod on the machine of the user."""

    exposer: Port | None = None
    p2p: Port | None = None
    rpc: Port | None = None
    rest: Port | None = None
    grpc: Port | None = None
    metrics: Port | None = None
    faucet: Port | None = None
    grpc_web: Port | None = Field(None, alias="grpc-web")
    ws: Port | None = None


class Balance(Section):
    """One account that the genesis funds."""

    address: Annotated[str, _matching(r"[a-z0-9]+1[a-z0-9]+|0x[0-9a-fA-F]{40}", "an address like cosmos1...")]
    amount: Coins


class EnvironmentEntry(Section):
    """One variable of every step and of the node."""

    name: Annotated[str, _matching(r"[A-Za-z_][A-Za-z0-9_]*", "letters, digits and underscores")]
    value: Annotated[str, _text(bool, int, float)]


class Config(Section):
    """Keys of the node's files that win over everything else: ``{table: {key: value}}``."""

    config_toml: dict[str, JsonValue] = Field({}, alias="config.toml")
    app_toml: dict[str, JsonValue] = Field({}, alias="app.toml")
    client_toml: dict[str, JsonValue] = Field({}, alias="client.toml")


class Chain(Section):
    """One chain; what is absent comes from the defaults of its name."""

    id: ChainId
    name: str
    num_validators: Annotated[int, Field(ge=1, le=MAX_VALIDATORS)]
    image: Word | None = None
    home: Word | None = None
    binary: Word | None = None
    prefix: Annotated[str, _matching(r"[a-z][a-z0-9]{0,82}", "lower-case letters and digits, like cosmos")] | None = (
        None
    )
    denom: Denom | None = None
    coins: Coins | None = None
    hd_path: HdPath | None = None
    coin_type: Annotated[int, Field(ge=0, lt=1 << 31)] | None = None
    repo: Word | None = None
    metrics: bool = False
    build: Build | None = None
    upgrade: Upgrade | None = None
    faucet: Faucet = Faucet()
    ports: Ports = Ports()
    genesis: dict[str, JsonValue] = {}
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


class ExposerPorts(Section):
    """The sidecar's one port in a container."""

    rest: Port | None = None


class Exposer(Section):
    """The sidecar's container."""

    image: Word | None = None
    ports: ExposerPorts | None = None
    resources: Resources | None = None


class Images(Section):
    """How container images are pulled."""

    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None


class PodResources(Section):
    """Resources of the node's containers and of the gates."""

    node: Resources | None = None
    wait: Resources | None = None


class Network(Section):
    """The whole file."""

    name: Annotated[str, _matching(r"[A-Za-z0-9][A-Za-z0-9._-]*", "letters, digits, dots, dashes or underscores")] = (
        "network"
    )
    version: Annotated[str, _text(int, float)] | None = None
    chains: Annotated[tuple[Chain, ...], Field(strict=False, min_length=1)]
    keys: str | None = None
    timeouts: Timeouts = Timeouts()
    exposer: Exposer = Exposer()
    images: Images = Images()
    resources: PodResources = PodResources()
    faucet: Faucet = Faucet()
