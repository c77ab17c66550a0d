"""What a network file may say: the chain part of a Starship configuration, and what is exposer's own.

Field names in the file are those of the peer's schema (camel case), and the text below each field is its description in
ours (`exposer.network.file.schema`). Each fault's text says what is expected; where it stands is added by
`exposer.network.document`. Source of the peer's: Starship's ``charts/devnet/values.schema.json``.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from exposer.network.file.containers import Exposer, Images, Kubernetes, PodResources, Probe, Resources
from exposer.network.file.fields import (
    ChainId,
    Coins,
    Denom,
    Duration,
    HdPath,
    Origin,
    Prices,
    Section,
    Word,
    listed,
    matching,
    named,
    text,
)
from exposer.network.file.parts import (
    Balance,
    Build,
    Commission,
    Config,
    EnvironmentEntry,
    Faucet,
    Genesis,
    Ports,
    Scripts,
    Upgrade,
)

MAX_VALIDATORS = 100


class Chain(Section):
    """One chain; what is absent comes from the defaults of its name."""

    id: ChainId
    """The chain id; it begins the names of the pods."""
    name: str
    """A known chain, whose defaults are taken, or custom with binary, prefix, denom and coins."""
    num_validators: Annotated[int, Field(ge=1, le=MAX_VALIDATORS)]
    """Validators in total, the genesis pod's included."""
    image: Word | None = None
    """The container image that has the chain's binary."""
    home: Word | None = None
    """Accepted, without effect: a node's home is its pod's volume."""
    binary: Word | None = None
    """A name on PATH, or a path: from the network file on this machine, absolute in an image."""
    prefix: Annotated[str, matching(r"[a-z][a-z0-9]{0,82}", "lower-case letters and digits, like cosmos")] | None = None
    """What addresses begin with."""
    denom: Denom | None = None
    """The denomination that is bonded."""
    coins: Coins | None = None
    """What every funded account gets."""
    hd_path: HdPath | None = None
    """The HD path of the accounts."""
    coin_type: Annotated[int, Field(ge=0, lt=1 << 31)] | None = None
    """The coin type of the accounts; alone it means that coin's standard path."""
    repo: Word | None = None
    """The git repository that build and upgrade take versions from."""
    metrics: bool = False
    """Whether the nodes serve Prometheus metrics."""
    identities: Literal["random", "derived"] | None = None
    """Where node and consensus keys come from: random, or derived from the keys file and the pod's ordinal."""
    validators: Literal["join", "genesis"] | None = None
    """Whether validators join by a transaction, or are all in the genesis."""
    commission: Commission = Commission()
    """The commission of the validators, at least what the genesis asks for (min_commission_rate)."""
    gas_prices: Prices | None = None
    """What gentxs, create-validator and the faucet pay for gas."""
    minimum_gas_prices: Prices | None = None
    """What the nodes ask for gas."""
    cors_allowed_origins: tuple[Origin, ...] = Field((), strict=False)
    """Origins whose pages may ask the RPC."""
    build: Build | None = None
    """Builds the binary from source."""
    upgrade: Upgrade | None = None
    """Builds the binaries of an upgrade and those before it."""
    faucet: Faucet = Faucet()
    """This chain's faucet, over what the file says for all."""
    ports: Ports = Ports()
    """Ports of the genesis pod on the machine of the user."""
    genesis: Genesis = Genesis()
    """Where the genesis starts from, and what is merged into it."""
    balances: tuple[Balance, ...] = Field((), strict=False)
    """Further accounts that the genesis funds."""
    env: tuple[EnvironmentEntry, ...] = Field((), strict=False)
    """Variables of all steps, the node and the faucet."""
    config: Config = Config()
    """Keys of the nodes' files that win over everything."""
    resources: Resources | None = None
    """Of the container of this chain's nodes."""
    readiness_probe: Probe | None = None
    """Of the node's container."""
    scripts: Scripts = Scripts()
    """Programs that run in place of steps' own work."""


class Timeouts(Section):
    """CometBFT's consensus timeouts for all chains, by the names of its own configuration."""

    model_config = ConfigDict(alias_generator=None)

    time_iota_ms: int | None = None
    """Of CometBFT before 0.35; accepted, without effect."""
    timeout_propose: Duration | None = None
    """How long a proposal is waited for."""
    timeout_propose_delta: Duration | None = None
    """How much longer with each round."""
    timeout_prevote: Duration | None = None
    """How long prevotes are waited for once there are two thirds of any."""
    timeout_prevote_delta: Duration | None = None
    """How much longer with each round."""
    timeout_precommit: Duration | None = None
    """How long precommits are waited for once there are two thirds of any."""
    timeout_precommit_delta: Duration | None = None
    """How much longer with each round."""
    timeout_commit: Duration | None = None
    """The pause after a block: the pace of blocks."""


class Include(Section):
    """Another network file, whose chains stand before this one's (docker compose's include)."""

    model_config = ConfigDict(alias_generator=None)

    path: Word
    """Its path from this file."""
    project_directory: Word | None = None
    """Where its own relative paths start; default its directory."""
    env_file: Annotated[tuple[Word, ...], listed] = Field((), strict=False)
    """Files of its variables; default .env where its paths start."""


Includes = Annotated[tuple[Annotated[Include, named("path")], ...], Field(strict=False)]


class Network(Section):
    """A network: its chains, and what holds for all of them."""

    include: Includes = ()
    """Other network files whose chains belong to this network."""
    name: Annotated[
        str,
        matching(
            r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?",
            "1 to 63 letters, digits, dots, dashes or underscores, a letter or digit at both ends",
        ),
    ] = "network"
    """The network's name."""
    version: Annotated[str, text(int, float)] | None = None
    """Accepted, without effect."""
    chains: Annotated[tuple[Chain, ...], Field(strict=False, min_length=1)]
    """The chains."""
    keys: str | None = None
    """A keys file, from the network file's directory; default fresh keys."""
    throwaway: bool = False
    """Keys that anybody can make, from the network's name: for a network that is thrown away, never for another."""
    timeouts: Timeouts = Timeouts()
    """CometBFT's consensus timeouts for all chains."""
    faucet: Faucet = Faucet()
    """The default of the faucet of every chain that has accounts."""
    exposer: Exposer = Exposer()
    """The sidecar in containers."""
    images: Images = Images()
    """How images are pulled, and how a chain's binary gets to its steps."""
    relayers: tuple[str, ...] = Field((), strict=False)
    """Another tool's, but for their accounts: so many are funded on every chain with accounts."""
    resources: PodResources = PodResources()
    """Of the containers of all chains."""
    kubernetes: Kubernetes = Kubernetes()
    """What only Kubernetes manifests have."""
