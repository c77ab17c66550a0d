"""Coins as the SDK writes them: ``100stake,5uatom`` (``types/coin.go``); amounts are integers of any size."""

import re
from collections.abc import Iterable

from exposer.errors import BadInputError

_COIN = re.compile(r"(\d+)([a-zA-Z][a-zA-Z0-9/:._-]{2,127})")
Coin = dict[str, str]
"""``{"denom", "amount"}``, the SDK's JSON form: both strings."""


def parse_coins(text: str, field: str) -> dict[str, int]:
    """Denomination -> amount; raises `BadInputError` naming ``field``."""
    coins: dict[str, int] = {}
    for part in text.split(","):
        found = _COIN.fullmatch(part.strip())
        if not found or found[2] in coins:
            raise BadInputError(f"{field}: {part.strip()!r} is not a coin, or is there twice; write 100stake,5uatom")
        coins[found[2]] = int(found[1])
    return coins


def render_coins(coins: dict[str, int]) -> str:
    """The text form, sorted by denomination as the SDK wants it."""
    return ",".join(f"{coins[denom]}{denom}" for denom in sorted(coins))


def to_json(coins: dict[str, int]) -> list[Coin]:
    """The JSON form, sorted by denomination."""
    return [{"denom": denom, "amount": str(coins[denom])} for denom in sorted(coins)]


def total(lists: Iterable[Iterable[Coin]]) -> dict[str, int]:
    """The sum of many lists of coins, per denomination."""
    sums: dict[str, int] = {}
    for coins in lists:
        for coin in coins:
            sums[coin["denom"]] = sums.get(coin["denom"], 0) + int(coin["amount"])
    return sums
