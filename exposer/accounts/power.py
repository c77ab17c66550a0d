"""How much of the bond denomination makes one unit of a validator's voting power.

A validator with less than one unit has no power: it signs no block, and a chain of such validators does not start.
Each binary has the number compiled in (``sdk.DefaultPowerReduction``) and reports it nowhere.
"""

_MICRO = 10**6
_ATTO = 10**18
_NOT_ATTO = ("u", "n", "base")
"""How denominations of EVM chains with fewer decimals begin: micro, nano, and the base units of Cronos."""


def unit_of_power(denom: str, *, ethereum: bool) -> int:
    """10^6, or 10^18 where a chain has the keys and the 18 decimals of ``ethereum``."""
    return _ATTO if ethereum and not denom.startswith(_NOT_ATTO) else _MICRO
