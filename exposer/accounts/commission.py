"""A validator's commission: its rates, and what a chain asks of them (``x/staking/types/commission.go``)."""

from decimal import Decimal, InvalidOperation
from typing import NamedTuple

RATE = r"(0(\.[0-9]{1,18})?|1(\.0{1,18})?)"
"""A rate as a user writes it: from 0 to 1, with the 18 decimals of the SDK."""
DEFAULT_RATE, DEFAULT_MAX_RATE, DEFAULT_MAX_CHANGE_RATE = "0.1", "0.2", "0.01"
"""The rates of ``gentx`` where none is given (``x/staking/client/cli/utils.go``)."""


class Commission(NamedTuple):
    """What a validator keeps of the rewards, the most that it may ever keep, and how much more per day."""

    rate: Decimal
    max_rate: Decimal
    max_change_rate: Decimal

    @classmethod
    def of(cls, rate: object, max_rate: object, max_change_rate: object) -> "Commission":
        """From decimals as text; raises `ValueError`."""
        try:
            return cls(*(Decimal(str(one)) for one in (rate, max_rate, max_change_rate)))
        except InvalidOperation:
            raise ValueError(f"commission {rate}, {max_rate}, {max_change_rate}: not three decimals") from None

    def problem(self, least: Decimal = Decimal(0)) -> str:
        """Why a chain with this ``min_commission_rate`` refuses it; empty where it does not."""
        if not 0 <= self.max_rate <= 1:
            return f"the commission's max rate, {self.max_rate}, is not from 0 to 1"
        for name, rate in (("rate", self.rate), ("max change rate", self.max_change_rate)):
            if not 0 <= rate <= self.max_rate:
                return f"the commission's {name}, {rate}, is not from 0 to its max rate, {self.max_rate}"
        if self.rate < least:
            return f"the commission's rate, {self.rate}, is below the chain's min_commission_rate, {least}"
        return ""
