"""``exposer status``: what the pods of a network say about themselves, from outside."""

import asyncio
import json

from exposer.errors import BadInputError
from exposer.network.local.state import Record, State
from exposer.network.local.summary import pods_table
from exposer.network.local.survey import PodStatus, Survey, genesis_first


def status(state: State, *, as_json: bool) -> str:
    """The pods, genesis pods first: a table, or JSON ``{"pods": [...]}``.

    Raises:
        BadInputError: there is no network in the directory.
    """
    record = state.read()
    if record is None:
        raise BadInputError(
            f"there is no network in {state.root}; start one with exposer up, or name its directory with --state"
        )
    pods = genesis_first(asyncio.run(_ask(record)))
    return json.dumps({"pods": [pod.to_json() for pod in pods]}, indent=2) + "\n" if as_json else pods_table(pods)


async def _ask(record: Record) -> list[PodStatus]:
    async with Survey() as survey:
        return await survey.statuses(record.pods)
