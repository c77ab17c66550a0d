"""Settings of the faucet: one class, from which flags, environment names, help and the table in the docs are made."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from re import fullmatch
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import SettingsConfigDict

from exposer.accounts.coins import parse_coins
from exposer.client import base_url
from exposer.duration import parse_duration
from exposer.errors import ExposerError
from exposer.log import LogFormat, LogLevel
from exposer.settings import Settings

_PRICE = r"([0-9]+(?:\.[0-9]+)?)([a-zA-Z][a-zA-Z0-9/:._-]{2,127})"


def _coins(text: str) -> str:
    try:
        parse_coins(text, "this") if text else {}
    except ExposerError as error:
        raise ValueError("write coins like 5stake,7atom") from error
    return text


def _duration(text: str) -> str:
    try:
        parse_duration(text)
    except ExposerError as error:
        raise ValueError(str(error)) from error
    return text


def _prices(text: str) -> str:
    if text and not all(fullmatch(_PRICE, part.strip()) for part in text.split(",")):
        raise ValueError("write prices of a unit of gas, like 0.025stake or 1000000000aevmos")
    return text


def _url(text: str) -> str:
    try:
        return base_url(text)
    except ExposerError as error:
        raise ValueError(str(error)) from error


def _port(value: object) -> object:
    """Kubernetes sets FAUCET_PORT=tcp://… in every pod of a namespace with a Service named "faucet" (service links)."""
    return _PORT if isinstance(value, str) and value.startswith("tcp://") else value


_PORT = 8000
Coins = Annotated[str, AfterValidator(_coins)]
Duration = Annotated[str, AfterValidator(_duration)]


class FaucetSettings(Settings):
    """What ``exposer faucet`` can be told."""

    model_config = SettingsConfigDict(env_prefix="FAUCET_")

    dir: Path = Field(default=Path("/faucet"), description="the faucet's volume, which `init-faucet` has filled")
    host: str = Field(default="0.0.0.0", description="address to listen on")  # noqa: S104 - who asks is in other pods
    port: Annotated[int, BeforeValidator(_port)] = Field(
        default=_PORT, ge=0, le=65535, description="port to listen on; 0 takes a free one"
    )
    fd: int | None = Field(
        default=None, ge=0, description="a bound TCP socket inherited from the parent, instead of host and port"
    )
    node_url: Annotated[str, AfterValidator(_url)] = Field(
        default="http://127.0.0.1:26657", validation_alias="NODE_URL", description="the RPC of the node to pay through"
    )
    amount: Coins = Field(
        default="", description="what one credit is, like `5stake,7atom`; default what `init-faucet` was told"
    )
    cooldown: Duration = Field(
        default="1m", description="how long an address waits for its next credit of the same denomination"
    )
    patience: Duration = Field(
        default="30s", description="how long a request waits for its block; then it is answered with 202"
    )
    request_timeout: Duration = Field(default="10s", description="how long a client may take to send a request")
    max_queue: int = Field(default=1000, ge=1, description="credits that may be under way at the same time")
    max_batch: int = Field(default=100, ge=1, description="credits in one transaction")
    gas_prices: Annotated[str, AfterValidator(_prices)] = Field(
        default="",
        validation_alias="GAS_PRICES",
        description="what a unit of gas costs, like `0.025stake`; default nothing",
    )
    gas_adjustment: float = Field(default=1.5, ge=1, le=10, description="gas to ask for, as a multiple of the estimate")
    drain: Duration = Field(default="25s", description="how long open requests may go on after SIGTERM")
    log_format: LogFormat = Field(default="text", validation_alias="EXPOSER_LOG_FORMAT", description="`text` or `json`")
    log_level: LogLevel = Field(
        default="info", validation_alias="EXPOSER_LOG_LEVEL", description="`debug`, `info`, `warning` or `error`"
    )

    @property
    def prices(self) -> Mapping[str, Fraction]:
        """Denomination -> the price of a unit of gas."""
        found = (fullmatch(_PRICE, part.strip()) for part in self.gas_prices.split(","))
        return {match[2]: Fraction(match[1]) for match in found if match}
