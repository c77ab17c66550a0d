"""What a validator that a step makes bonds, and its commission."""

import re
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from exposer.accounts.coins import STAKE_SHARE
from exposer.accounts.commission import DEFAULT_MAX_CHANGE_RATE, DEFAULT_MAX_RATE, DEFAULT_RATE, RATE, Commission
from exposer.errors import BadInputError
from init_scripts.settings import PodSettings


def _rate(text: str) -> str:
    if not re.fullmatch(RATE, text):
        raise ValueError("write a decimal from 0 to 1, like 0.05")
    return text


Rate = Annotated[str, AfterValidator(_rate)]
COMMISSION = ("commission_rate", "commission_max_rate", "commission_max_change_rate")
"""The settings that are it."""


class CommissionSettings(PodSettings):
    """What a validator keeps of the rewards of those who delegate to it."""

    commission_rate: Rate = Field(DEFAULT_RATE, description="the validator's commission, a decimal from 0 to 1")
    commission_max_rate: Rate = Field(DEFAULT_MAX_RATE, description="the highest commission that it may ever have")
    commission_max_change_rate: Rate = Field(
        DEFAULT_MAX_CHANGE_RATE, description="the most by which its commission may grow in a day"
    )

    @model_validator(mode="after")
    def _rates_fit(self) -> Self:
        if problem := self.commission.problem():
            raise ValueError(f"COMMISSION_RATE, COMMISSION_MAX_RATE, COMMISSION_MAX_CHANGE_RATE: {problem}")
        return self

    @property
    def commission(self) -> Commission:
        """The three of them, as numbers."""
        return Commission.of(*self.rates.values())

    @property
    def rates(self) -> Mapping[str, str]:
        """Their names in the SDK's commands -> their values."""
        return {name.replace("_", "-"): getattr(self, name) for name in COMMISSION}


def default_stake(coins: Mapping[str, int], denom: str) -> dict[str, int]:
    """What a validator bonds of its ``coins``; raises `BadInputError` where it has none of the bond denomination."""
    if coins.get(denom, 0) < STAKE_SHARE:
        raise BadInputError(
            f"COINS: no {denom} to bond; give at least {STAKE_SHARE}{denom}, or set DENOM to what is funded"
        )
    return {denom: coins[denom] // STAKE_SHARE}


def refuse_no_power(stake: Mapping[str, int], unit: int) -> None:
    """Raises `BadInputError` where what a validator bonds is less than one ``unit`` of power."""
    for denom, amount in stake.items():
        if amount < unit:
            raise BadInputError(
                f"VALIDATOR_STAKE: {amount}{denom} is no voting power: one unit is {unit}{denom}; bond more, or raise "
                f"COINS, of which a {STAKE_SHARE}th is bonded by default"
            )
