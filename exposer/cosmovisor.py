"""What cosmovisor reads in its variables, and where it looks for the binary of an upgrade plan.

Source: cosmovisor's ``args.go`` (``BooleanOption``, ``UpgradeDir``), and ``scanner.go``, which puts a plan's name in
lower case.
"""

from urllib.parse import quote

DISABLE_RECASE = "COSMOVISOR_DISABLE_RECASE"
"""The variable that, where it is ``true`` in any case, makes cosmovisor keep the capitals of a plan's name."""


def is_boolean(value: str) -> bool:
    """Whether cosmovisor reads ``value`` as a boolean; it refuses ``1`` and ``t``, and an empty one is its default."""
    return value.lower() in {"", "true", "false"}


def plan_directory(name: str, disable_recase: str) -> str:
    """The directory of the plan ``name`` below ``cosmovisor``, with the value of `DISABLE_RECASE`."""
    recased = name if disable_recase.lower() == "true" else name.lower()
    return f"upgrades/{quote(recased, safe='$&+=:@')}"
