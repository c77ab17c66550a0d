"""What a node has of a validator, in forms that CometBFT answers ``/consensus_state`` with."""

from typing import Any

import pytest

from exposer.server.consensus import Consensus, Signed, read_consensus

ME, OTHER = "000001E443FD237E4B616E2FA69DF4EE3D49A94F", "B00BA5ED69DF4EE3D49A94F000001E443FD237E4"
NEWER = "Vote{0:%s 12/%02d/SIGNED_MSG_TYPE_%s(%s) 634ADAF1F402 7BB974E1BA40 000000000000 @ 2026-01-01T00:00:00Z}"
OLDER = "Vote{0:%s 12/%02d/1(%s) 634ADAF1F402 7BB974E1BA40 @ 2026-01-01T00:00:00Z}"


def votes(round_: int, *, prevotes: list[str], precommits: list[str]) -> dict[str, Any]:
    """One round of the height's votes."""
    return {"round": round_, "prevotes": prevotes, "precommits": precommits}


def answer(position: str, *rounds: dict[str, Any], proposer: str = OTHER) -> dict[str, Any]:
    """The answer of a node."""
    state = {"height/round/step": position, "height_vote_set": list(rounds), "proposer": {"address": proposer}}
    return {"jsonrpc": "2.0", "id": -1, "result": {"round_state": state}}


def test_nothing_of_it() -> None:
    """Votes of others, and places without one, are not the validator's."""
    prevotes = ["nil-Vote", NEWER % (OTHER[:12], 0, "PREVOTE", "Prevote")]
    document = answer("12/0/4", votes(0, prevotes=prevotes, precommits=["nil-Vote", "nil-Vote"]))

    assert read_consensus(document, ME) == Consensus(height=12, round=0)


@pytest.mark.parametrize(
    ("prevotes", "precommits", "expected"),
    [
        ([NEWER % (ME[:12], 1, "PREVOTE", "Prevote")], ["nil-Vote"], Signed(round=1, step=2)),
        (["nil-Vote"], [NEWER % (ME[:12], 1, "PRECOMMIT", "Precommit")], Signed(round=1, step=3)),
        ([OLDER % (ME[:12], 1, "Prevote")], ["nil-Vote"], Signed(round=1, step=2)),
    ],
)
def test_the_latest_vote(prevotes: list[str], precommits: list[str], expected: Signed) -> None:
    """The vote of the highest round is the latest, and there the precommit."""
    first = votes(0, prevotes=["nil-Vote"], precommits=[NEWER % (ME[:12], 0, "PRECOMMIT", "Precommit")])
    document = answer("12/1/6", first, votes(1, prevotes=prevotes, precommits=precommits))

    assert read_consensus(document, ME).signed == expected


def test_its_turn_to_propose() -> None:
    """A validator may have proposed in a round that is its turn, whether or not a whole proposal has arrived."""
    document = answer("12/3/3", votes(3, prevotes=["nil-Vote"], precommits=["nil-Vote"]), proposer=ME)

    assert read_consensus(document, ME).signed == Signed(round=3, step=1)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"error": {"code": -32601}},
        answer("12/0"),
        answer("a/b/c"),
        answer("12/0/1", {"round": 0}),
        answer("12/0/1", {"round": 0, "prevotes": None, "precommits": []}),
        {"result": {"round_state": {"height/round/step": "12/0/1", "height_vote_set": None}}},
    ],
)
def test_something_else(document: object) -> None:
    """What is no consensus state is a ValueError."""
    with pytest.raises(ValueError, match=r"consensus state|not enough values|invalid literal"):
        read_consensus(document, ME)
