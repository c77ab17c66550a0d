"""Presets: what tests want of a chain, written to where this genesis keeps it.

The layouts: governance has ``voting_params`` and its like up to SDK 0.46, ``params`` from 0.47 on, and expedited
proposals from 0.50 on, whose voting period must stay below the other; evidence must not outlive the unbonding time, and
is in ``consensus_params`` up to 0.47, then in ``consensus.params``.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from exposer.errors import BadInputError
from exposer.genesis.source import Source

PRESETS: dict[str, dict[str, Any]] = {
    "fast-governance": {
        "app_state.gov.deposit_params.max_deposit_period": "20s",
        "app_state.gov.voting_params.voting_period": "20s",
        "app_state.gov.params.max_deposit_period": "20s",
        "app_state.gov.params.voting_period": "20s",
        "app_state.gov.params.expedited_voting_period": "10s",
    },
    "short-unbonding": {
        "app_state.staking.params.unbonding_time": "60s",
        "consensus_params.evidence.max_age_duration": "60000000000",
        "consensus.params.evidence.max_age_duration": "60000000000",
    },
}


def wishes(source: Source, names: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """What the presets set in this genesis, as dotted paths that it has.

    Raises:
        BadInputError: there is no such preset, or nothing of what it sets is in this genesis.
    """
    for name in names:
        if name not in PRESETS:
            raise BadInputError(f"GENESIS_PRESETS: no preset {name!r}; there are {', '.join(PRESETS)}")
        there = {path: value for path, value in PRESETS[name].items() if source.find(*path.split("."))}
        if not any(path.startswith("app_state.") for path in there):
            raise BadInputError(f"GENESIS_PRESETS: nothing of what {name} sets is in this genesis; leave it out")
        yield from there.items()
