"""Vesting accounts: tokens that are there from the start and can be spent later.

Sources: ``proto/cosmos/vesting/v1beta1/vesting.proto``, the same from SDK 0.43 to 0.53; ``x/auth/vesting/types`` for
what is valid.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from exposer.accounts.coins import parse_coins, to_json
from exposer.duration import parse_duration
from exposer.errors import BadInputError

Kind = Literal["continuous", "delayed", "periodic", "permanent-locked"]
_TYPES: dict[Kind, str] = {
    "continuous": "ContinuousVestingAccount",
    "delayed": "DelayedVestingAccount",
    "periodic": "PeriodicVestingAccount",
    "permanent-locked": "PermanentLockedAccount",
}
_FIELDS: dict[Kind, set[str]] = {
    "continuous": {"start", "end"},
    "delayed": {"end"},
    "periodic": {"start", "periods"},
    "permanent-locked": set(),
}

_TIMES = 1 << 63  # seconds: times and lengths are int64


@dataclass(frozen=True)
class Vesting:
    """How an account vests: ``coins`` from ``start`` to ``end``, in Unix seconds; ``periods`` are seconds and coins."""

    kind: Kind
    coins: Mapping[str, int]
    start: int = 0
    end: int = 0
    periods: tuple[tuple[int, Mapping[str, int]], ...] = ()

    def account(self, base: Mapping[str, Any]) -> dict[str, Any]:
        """The account's JSON around its base account."""
        start = {"start_time": str(self.start)} if "start" in _FIELDS[self.kind] else {}
        periods = [{"length": str(length), "amount": to_json(dict(coins))} for length, coins in self.periods]
        return {
            "@type": f"/cosmos.vesting.v1beta1.{_TYPES[self.kind]}",
            "base_vesting_account": {
                "base_account": base,
                "original_vesting": to_json(dict(self.coins)),
                "delegated_free": [],
                "delegated_vesting": [],
                "end_time": str(self.end),
            },
            **start,
            **({"vesting_periods": periods} if self.periods else {}),
        }


def parse_vesting(entry: object, funds: Mapping[str, int], start: int, where: str) -> Vesting:
    """The vesting of a balance entry.

    Args:
        entry: ``{"type", "amount", "start", "end", "periods": [{"length", "amount"}]}``; the amount is all of ``funds``
            unless it is given, the times are RFC 3339, the lengths durations.
        funds: what the account has.
        start: Unix seconds, where the entry has no start: the genesis time.
        where: what errors name.

    Raises:
        BadInputError: a field is missing, is not this type's, or does not fit the others.
    """
    if not isinstance(entry, Mapping) or entry.get("type") not in get_args(Kind):
        raise BadInputError(f"{where}.type is none of {', '.join(get_args(Kind))}")
    kind: Kind = entry["type"]
    if unknown := sorted(entry.keys() - {"type", "amount"} - _FIELDS[kind]):
        raise BadInputError(f"{where}.{unknown[0]} is nothing that {kind} vesting has")
    start = _time(entry["start"], f"{where}.start") if "start" in entry else start
    if kind == "periodic":
        return _periodic(entry, funds, start, where)
    coins = _amount(entry.get("amount"), funds, f"{where}.amount")
    if kind == "permanent-locked":
        return Vesting(kind, coins)
    end = _time(entry.get("end"), f"{where}.end")
    if end <= start and kind == "continuous":
        raise BadInputError(f"{where}.end is not behind its start")
    return Vesting(kind, coins, start, end)


def _periodic(entry: Mapping[str, Any], funds: Mapping[str, int], start: int, where: str) -> Vesting:
    periods: list[tuple[int, Mapping[str, int]]] = []
    total: dict[str, int] = {}
    for number, period in enumerate(_list(entry.get("periods"), f"{where}.periods")):
        at = f"{where}.periods[{number}]"
        if not isinstance(period, Mapping) or period.keys() != {"length", "amount"}:
            raise BadInputError(f"{at} is no {{length, amount}}")
        coins = _coins(period["amount"], f"{at}.amount")
        for denom, amount in coins.items():
            total[denom] = total.get(denom, 0) + amount
        periods.append((_seconds(period["length"], f"{at}.length"), coins))
    stated = _within(total, funds, f"{where}.periods")
    if "amount" in entry and stated != _amount(entry["amount"], funds, f"{where}.amount"):
        raise BadInputError(f"{where}.amount is not the sum of its periods; leave it out")
    end = start + sum(length for length, _ in periods)
    if end >= _TIMES:
        raise BadInputError(f"{where}.periods end beyond what a chain's time can say; make them shorter")
    return Vesting("periodic", stated, start, end, tuple(periods))


def _list(value: object, where: str) -> list[object]:
    if not isinstance(value, list) or not value:
        raise BadInputError(f"{where} is no list of {{length, amount}}")
    return value


def _amount(amount: object, funds: Mapping[str, int], where: str) -> Mapping[str, int]:
    return _within(_coins(amount, where) if amount else funds, funds, where)


def _coins(text: object, where: str) -> Mapping[str, int]:
    coins = parse_coins(str(text), where)
    if not all(coins.values()):
        raise BadInputError(f"{where}: a coin of nothing cannot vest; leave it out")
    return coins


def _within(coins: Mapping[str, int], funds: Mapping[str, int], where: str) -> Mapping[str, int]:
    if not coins:
        raise BadInputError(f"{where}: nothing vests; leave the vesting out")
    for denom in coins:
        if coins[denom] > funds.get(denom, 0):
            raise BadInputError(
                f"{where}: {coins[denom]}{denom} vest, and the account has {funds.get(denom, 0)}{denom}"
            )
    return coins


def _seconds(text: object, where: str) -> int:
    try:
        seconds = parse_duration(str(text))
    except (BadInputError, OverflowError) as error:
        raise BadInputError(f"{where}: {error}") from error
    if not 1 <= seconds < _TIMES or seconds != int(seconds):
        raise BadInputError(f"{where}: {text!r} is not a number of whole seconds; blocks know no others")
    return int(seconds)


def unix_seconds(text: str) -> int:
    """Unix seconds, cut to whole ones, of a time in RFC 3339; raises `ValueError`."""
    moment = dt.datetime.fromisoformat(_beyond_micros(text))
    if moment.tzinfo is None:
        raise ValueError("it has no zone")
    return int(moment.timestamp())


def _beyond_micros(text: str) -> str:
    """Go writes nanoseconds; Python reads no more than microseconds, and here whole seconds count."""
    head, dot, tail = text.partition(".")
    return head + tail.lstrip("0123456789") if dot else text


def _time(text: object, where: str) -> int:
    try:
        seconds = unix_seconds(str(text))
    except (ValueError, OverflowError) as error:
        raise BadInputError(f"{where}: {text!r} is not a time; write 2030-01-31T00:00:00Z") from error
    if seconds < 0:
        raise BadInputError(f"{where}: {text!r} is before 1970, where a chain's time begins")
    return seconds
