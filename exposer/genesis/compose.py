"""A genesis put together: a base, its accounts, and the transactions by which its validators bond."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exposer.errors import BadInputError
from exposer.genesis import edit
from exposer.genesis.accounts import Shape, add_accounts
from exposer.genesis.exported import set_validators_aside
from exposer.genesis.grants import Grants
from exposer.genesis.source import Source


@dataclass(frozen=True)
class Parts:
    """What a base genesis is made a chain's genesis with.

    ``genesis_time`` is RFC 3339. ``gentxs`` are the only ones that stay: those of a base are signed for another chain.
    """

    chain_id: str
    genesis_time: str
    prefix: str
    grants: Grants
    shape: Shape
    gentxs: Sequence[Any]


def compose(source: Source, target: Path, parts: Parts) -> None:
    """Write the genesis to ``target``, in one pass; all that is not changed is copied to the byte.

    Raises:
        BadInputError: the base is no genesis of an SDK chain.
    """
    with source.expected_form():
        aside = set_validators_aside(source, parts.prefix)
        changes = [*aside.changes, *add_accounts(source, parts.grants, parts.shape, aside.moved)]
    for path, value in (
        (("chain_id",), parts.chain_id),
        (("genesis_time",), parts.genesis_time),
        (("app_state", "genutil", "gen_txs"), parts.gentxs),
    ):
        span = source.find(*path)
        if span is None:
            raise BadInputError(f"{source.field}: it has no {'.'.join(path)}, which every SDK chain's genesis has")
        changes.append(edit.replace(source, span, value, len(path)))
    with target.open("wb") as stream, source.expected_form():
        source.rewrite(stream, changes)
    target.chmod(0o644)  # public: a sidecar may be another user
