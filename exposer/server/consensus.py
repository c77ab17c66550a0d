"""Where a node's consensus is, and what it has of one validator there, in the answer to ``/consensus_state``.

Format: CometBFT v0.34 to v0.38, ``consensus/types/round_state.go`` (``RoundStateSimple``), ``height_vote_set.go`` and
``types/vote.go`` (``Vote.String``): a vote names the first six bytes of its validator's address.
"""

import re
from collections.abc import Iterator

from pydantic import BaseModel, Field

PROPOSAL, PREVOTE, PRECOMMIT = 1, 2, 3  # ``privval/file.go``
_VOTE = re.compile(r"Vote\{[0-9]+:([0-9A-F]{12}) ")


class Signed(BaseModel):
    """The latest message of a validator that a node has: of which round, and which step of it."""

    round: int
    step: int = Field(description="1 a proposal, 2 a prevote, 3 a precommit")


class Consensus(BaseModel):
    """What a node's consensus works on, or will when it runs again."""

    height: int
    round: int
    signed: Signed | None = Field(
        default=None, description="the latest message of the validator that was asked for, at this height"
    )
    recorded: bool = Field(
        default=False,
        description="whether it does not run, and this is what its write-ahead log has; the round is then not known",
    )


def latest(*signed: Signed | None) -> Signed | None:
    """The latest of those that there are."""
    return max(filter(None, signed), key=lambda one: (one.round, one.step), default=None)


def read_consensus(document: object, validator: str) -> Consensus:
    """The state in a node's answer, with what it has of the validator with this address (40 hex digits, upper case).

    A validator whose turn it is to propose counts as having proposed: a node that got a part of it does not say so.

    Raises:
        ValueError: it is something else.
    """
    try:
        match document:
            case {"result": {"round_state": {"height/round/step": str(position), "height_vote_set": votes} as state}}:
                height, current, _ = map(int, position.split("/"))
                found = [(round_, step) for round_, step, address in _votes(votes) if validator.startswith(address)]
                if state.get("proposer", {}).get("address") == validator:
                    found.append((current, PROPOSAL))
                signed = latest(*(Signed(round=round_, step=step) for round_, step in found))
                return Consensus(height=height, round=current, signed=signed)
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError("another form of consensus state") from error
    raise ValueError("no consensus state in it")


def _votes(vote_sets: list[dict[str, object]]) -> Iterator[tuple[int, int, str]]:
    """Round, step and the beginning of the validator's address, of every vote."""
    for of_round in vote_sets:
        for name, step in (("prevotes", PREVOTE), ("precommits", PRECOMMIT)):
            for text in of_round[name]:  # type: ignore[attr-defined]  # a TypeError is caught
                if found := _VOTE.match(text):
                    yield int(str(of_round["round"])), step, found[1]
