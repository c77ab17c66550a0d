"""The environment of the steps. The names are those that users of such scripts know."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from exposer.accounts.hd import parse_path, standard_path
from exposer.client import base_url
from exposer.comet_config import check_dialled, check_moniker
from exposer.credentials import DESCRIPTIONS, VARIABLES, Credentials
from exposer.duration import parse_duration
from exposer.errors import BadInputError, ExposerError, UsageError, from_input_error
from exposer.hosts import check_host
from exposer.log import LogFormat, LogLevel
from exposer.records import digest_file, digest_input
from exposer.settings import Settings, environment_name
from init_scripts.genesis_host import host_of, target_of

TIME_PATTERN = r"^([0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}(\.[0-9]{1,9})?Z)?$"


def _seconds(value: object) -> object:
    try:
        return parse_duration(value) if isinstance(value, str) else value
    except ExposerError as error:
        raise ValueError(str(error)) from error


def parse_url(value: object) -> object:
    """The URL of a target, for pydantic; what is empty or no text is left as it is."""
    try:
        return base_url(value) if isinstance(value, str) and value else value
    except UsageError as error:
        raise ValueError(str(error)) from error


def _go_duration(text: str) -> str:
    """A duration as Go programs read it, who know no bare numbers."""
    _seconds(text or "0")
    return f"{text}s" if text.replace(".", "", 1).isdecimal() else text


def _gas_prices(text: str) -> str:
    """The SDK's DecCoins; empty where nothing is to be paid."""
    coin = r"[0-9]+(\.[0-9]{1,18})?[a-zA-Z][a-zA-Z0-9/:._-]{2,127}"
    if text and not re.fullmatch(rf"{coin}(,{coin})*", text):
        raise ValueError("write a price per unit of gas, like 0.025uatom")
    return text


def _hd_path(text: str) -> str:
    try:
        return text if not text or parse_path(text) else ""
    except BadInputError as error:
        raise ValueError(str(error)) from error


def _unless_empty(check: Callable[[str], str]) -> AfterValidator:
    return AfterValidator(lambda text: check(text) if text else text)


def _place(value: object) -> object:
    return Path(value) if isinstance(value, str) and value and "://" not in value else value


def _sha256(text: str) -> str:
    if text and not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise ValueError("write the 64 hex digits that sha256sum prints")
    return text.lower()


Address = Annotated[str, _unless_empty(check_dialled)]
Host = Annotated[str, _unless_empty(check_host)]
"""As it stands before a port: an IPv6 address in brackets, whether it is written with them or not."""
Moniker = Annotated[str, _unless_empty(check_moniker)]
GoDuration = Annotated[str, AfterValidator(_go_duration)]
GasPrices = Annotated[str, AfterValidator(_gas_prices)]
GAS_PRICES = "what a transaction pays per unit of gas, like 0.025uatom; default nothing"
HdPath = Annotated[str, AfterValidator(_hd_path)]
Sha256 = Annotated[str, AfterValidator(_sha256)]
Place = Annotated[Path | str, BeforeValidator(_place)]
"""A file, or where a server has it; of a file the content is the input."""
Url = Annotated[str, BeforeValidator(parse_url)]
Seconds = Annotated[float, BeforeValidator(_seconds)]
Port = Annotated[int, Field(ge=1, le=65535)]
Driver = Literal["cosmos", "cometbft"]
Identities = Literal["", "random", "derived"]
ValidatorSet = Literal["join", "genesis"]


class PodSettings(Settings):
    """What every step knows: the chain, the pod, and the volume that they share."""

    chain_driver: Driver = Field("cosmos", description="cosmos drives an SDK binary, cometbft needs none")
    chain_id: str = Field(min_length=1, max_length=50, description="the chain's id")
    chain_bin: str = Field("", description="the chain's binary: a name on PATH or a path")
    chain_dir: Path = Field(description="the node's home, the root of the pod's volume")
    denom: str = Field("stake", description="the bond denomination")
    keys_config: Path = Field(Path("/configs/keys.json"), description="the keys file")
    hostname: str = Field("genesis-0", description="the pod's name; its ordinal follows the last dash")
    pod_index: int | None = Field(None, ge=0, description="the pod's ordinal where the name does not tell it")
    moniker: Moniker = Field("", max_length=70, description="the node's name among its peers; default the pod's name")
    hd_path: HdPath = Field("", description="the HD path of the accounts (BIP-32)")
    coin_type: int = Field(118, ge=0, description="the coin type of the accounts (SLIP-44), unless HD_PATH is set")
    step_script: Path | None = Field(None, description="a script that runs in place of this step's own work")
    log_format: LogFormat = Field("text", description="text or json", validation_alias="EXPOSER_LOG_FORMAT")
    log_level: LogLevel = Field("info", description="debug, info, warning, error", validation_alias="EXPOSER_LOG_LEVEL")
    force: bool = Field(
        False,
        description="take back this step and all later ones, then run it",
        validation_alias="EXPOSER_FORCE",
    )

    INPUTS: ClassVar[tuple[str, ...]] = ("chain_driver", "chain_id", "denom")
    SCRIPTS: ClassVar[tuple[str, ...]] = ("step_script",)
    FOUNDS: ClassVar[bool] = False

    @model_validator(mode="after")
    def _binary_is_named(self) -> Self:
        if self.chain_driver == "cosmos" and not self.chain_bin:
            raise ValueError("CHAIN_BIN (--chain-bin) is required with CHAIN_DRIVER=cosmos: name the chain's binary")
        return self

    @property
    def root(self) -> Path:
        """The volume that the step fills."""
        return self.chain_dir

    @property
    def ordinal(self) -> int:
        """The validator pod's number: ``POD_INDEX``, or what follows the last dash of ``HOSTNAME``.

        Raises:
            BadInputError: neither tells it, and pods that guess the same would have one key.
        """
        if self.pod_index is not None:
            return self.pod_index
        found = re.search(r"-([0-9]{1,9})$", self.hostname) if "hostname" in self.model_fields_set else None
        if not found:
            raise BadInputError(
                "HOSTNAME (--hostname), POD_INDEX (--pod-index): neither tells which validator this pod is; set "
                "POD_INDEX to its ordinal from 0, each pod its own, or give it a name with that behind the last dash"
            )
        return int(found[1])

    @property
    def node_name(self) -> str:
        """The moniker, of at most 70 characters; raises `BadInputError` where the pod's name cannot be one."""
        try:
            return self.moniker or check_moniker(self.hostname[:70])
        except ValueError as error:
            raise BadInputError(f"HOSTNAME (--hostname), which is the moniker: {error}, or set MONIKER") from error

    @property
    def path(self) -> str:
        """The HD path of the accounts."""
        return self.hd_path or standard_path(self.coin_type)

    def inputs(self) -> dict[str, str]:
        """Variable -> SHA-256 of all that this step's outcome depends on; of a file it is the content that counts.

        Raises:
            BadInputError: a file that a variable names is not there.
        """
        scripts = [name for name in self.SCRIPTS if getattr(self, name)]  # only where there is one: so do old records
        return {self._input_name(name): self._digest(name) for name in (*self.INPUTS, *scripts)}

    @property
    def negligible(self) -> frozenset[str]:
        """The inputs that may be missing in a record, or in these settings, without a conflict.

        An input at its default: an earlier version did not have the setting, so its records lack it. A setting that is
        no longer an input: records of an earlier version still have it.
        """
        fields = {name: field for name, field in type(self).model_fields.items() if name in self.INPUTS}
        return frozenset(
            self._input_name(name) for name, field in fields.items() if getattr(self, name) == field.default
        )

    @property
    def changeable(self) -> frozenset[str]:
        """The inputs that may change on a complete volume: the step is then made anew."""
        return frozenset()

    @classmethod
    def _input_name(cls, name: str) -> str:
        return environment_name(cls, name) if name in cls.model_fields else name

    def _digest(self, name: str) -> str:
        value = getattr(self, name)
        if not isinstance(value, Path):
            return digest_input(value)
        try:
            return digest_input(digest_file(value))
        except OSError as error:
            raise from_input_error(error, f"{self._input_name(name)}: {value}") from error


class IdentitySettings(PodSettings):
    """What the steps know that give a pod its node key and its consensus key."""

    identities: Identities = Field(
        "",
        description="node and consensus keys: random, or derived from the keys file and the pod's ordinal; "
        "default derived with CHAIN_DRIVER=cometbft, random with cosmos",
    )

    @model_validator(mode="after")
    def _identities_fit(self) -> Self:
        if self.chain_driver == "cometbft" and self.identities == "random":
            raise ValueError(
                "IDENTITIES (--identities): CHAIN_DRIVER=cometbft has a genesis that names all validators before their "
                "pods start, so their keys are derived; leave it out"
            )
        return self

    @property
    def derived(self) -> bool:
        """Whether identities come from the keys file."""
        return self.chain_driver == "cometbft" or self.identities == "derived"

    def inputs(self) -> dict[str, str]:
        """The inputs, with where identities come from: as it is, not as it is said."""
        return {**super().inputs(), "IDENTITIES": digest_input(self.derived)}

    @property
    def negligible(self) -> frozenset[str]:
        """Likewise; each driver has its own default."""
        said = self.derived != (self.chain_driver == "cometbft")
        return super().negligible | ({"IDENTITIES"} if not said else set())


class AskingSettings(PodSettings):
    """How the exposers of other pods are asked."""

    download_timeout: Seconds = Field(
        300.0, description="how long to try the genesis pod's exposer, in seconds or like 5m"
    )
    ca_file: Path | None = Field(None, description=DESCRIPTIONS["ca_file"], validation_alias=VARIABLES["ca_file"])
    cert_file: Path | None = Field(None, description=DESCRIPTIONS["cert_file"], validation_alias=VARIABLES["cert_file"])
    key_file: Path | None = Field(None, description=DESCRIPTIONS["key_file"], validation_alias=VARIABLES["key_file"])
    token_file: Path | None = Field(
        None, description=DESCRIPTIONS["token_file"], validation_alias=VARIABLES["token_file"]
    )

    @property
    def credentials(self) -> Credentials:
        """What the genesis pod's exposer is shown; raises `BadInputError` where it is not complete."""
        return Credentials.of(self)


class JoiningSettings(AskingSettings):
    """Where a validator pod finds the genesis pod; without ``GENESIS_HOST`` this is the genesis pod."""

    genesis_host: str = Field("", description="the genesis pod's host, or the URL of its exposer")
    genesis_port: Port = Field(8081, description="the port of the genesis pod's exposer")
    genesis_p2p_host: Host = Field("", description="the host of the genesis pod's node, where it is not GENESIS_HOST's")
    genesis_p2p_port: Port = Field(26656, description="the p2p port of the genesis pod's node")
    namespace: str = Field("", description="the Kubernetes namespace of a GENESIS_HOST without a dot")

    @property
    def leader_node(self) -> str:
        """The host name of the genesis pod's node, as peers dial it."""
        return self.genesis_p2p_host or self.leader_host

    @property
    def leader_host(self) -> str:
        """The host name of the genesis pod's exposer."""
        return host_of(self.genesis_host, self.namespace)

    @property
    def leader_url(self) -> str:
        """The URL of the genesis pod's exposer; raises `BadInputError` where there can be none."""
        try:
            target = target_of(self.genesis_host, self.genesis_port, self.namespace)
            return base_url(target, scheme=self.credentials.scheme)
        except UsageError as error:
            raise BadInputError(f"GENESIS_HOST, GENESIS_PORT, NAMESPACE: {error}") from error
