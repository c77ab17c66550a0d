"""``exposer status``: what the pods of a network say about themselves, from outside."""

import asyncio
import json
from typing import TextIO

from exposer.errors import BadInputError
from exposer.network.local.pods_table import pods_table
from exposer.network.local.state import Record, State
from exposer.network.local.survey import PodStatus, Survey, agree, genesis_first, report


def status(state: State, out: TextIO, *, as_json: bool) -> None:
    """Write the pods, genesis pods first: a table, or JSON ``{"pods": [...], "disagreements": [...]}``.

    Raises:
        BadInputError: there is no network in the directory.
        MismatchError: pods of a chain hold different genesis files, after all is written.
    """
    record = state.read()
    if record is None:
        raise BadInputError(
            f"there is no network in {state.root}; start one with exposer up, or name its directory with --state"
        )
    pods = genesis_first(asyncio.run(_ask(record)))
    out.write(json.dumps(report(pods), indent=2) + "\n" if as_json else pods_table(pods))
    out.flush()
    agree(pods)


async def _ask(record: Record) -> list[PodStatus]:
    async with Survey() as survey:
        return await survey.statuses(record.pods)
