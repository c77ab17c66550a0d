"""Coins as the SDK writes them: ``100stake,5uatom`` (``types/coin.go``); amounts are integers of up to 256 bits."""

import re

from exposer.errors import BadInputError

_BITS = 256  # cosmossdk.io/math: MaxBitLen
_COIN = re.compile(r"([0-9]{1,80})([a-zA-Z][a-zA-Z0-9/:._-]{2,127})")
STAKE_SHARE = 20
"""A validator bonds a twentieth of what its account has, unless it is told how much."""
CREDIT_SHARE = 1000
"""One credit of a faucet is a thousandth of what its account has, unless an amount is stated: enough to bond with."""
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
        if coins[found[2]].bit_length() > _BITS:
            raise BadInputError(f"{field}: {part.strip()!r} is more than the SDK's {_BITS} bits")
    return coins


def parse_coin(text: str, field: str) -> dict[str, int]:
    """The same of exactly one coin, as a validator bonds; raises `BadInputError` naming ``field``."""
    coins = parse_coins(text, field)
    if len(coins) > 1:
        raise BadInputError(f"{field}: {text!r} is {len(coins)} coins, and a validator bonds one; keep that one")
    return coins


def one_credit(coins: dict[str, int]) -> dict[str, int]:
    """What a faucet that has ``coins`` gives at once, where nobody says how much."""
    return {denom: max(amount // CREDIT_SHARE, 1) for denom, amount in coins.items()}


def render_coins(coins: dict[str, int]) -> str:
    """The text form, sorted by denomination as the SDK wants it."""
    return ",".join(f"{coins[denom]}{denom}" for denom in sorted(coins))


def to_json(coins: dict[str, int]) -> list[Coin]:
    """The JSON form, sorted by denomination."""
    return [{"denom": denom, "amount": str(coins[denom])} for denom in sorted(coins)]
