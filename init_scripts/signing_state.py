"""A validator's signing state (``data/priv_validator_state.json``): what stands between a restart and a double sign."""

import json
from pathlib import Path
from typing import NamedTuple

from exposer.errors import ConflictError, MismatchError
from exposer.genesis.document import render
from exposer.records import newest_artifacts, read_records

PATH = "data/priv_validator_state.json"


class Position(NamedTuple):
    """A place in the order in which a validator signs: height, round, and step (0 nothing yet, 3 a precommit)."""

    height: int
    round: int
    step: int


def resume(home: Path, latest: Position) -> None:
    """Let a new validator in ``home`` sign only what comes after ``latest`` (CometBFT, ``privval/file.go``).

    Without the bytes of a signature, CometBFT refuses the very place too.
    """
    state = {"height": str(latest.height), "round": latest.round, "step": latest.step}
    (home / PATH).write_bytes(render(state))


def refuse_foreign(root: Path, *, force: bool) -> None:
    """Stop where a node has signed on this volume under keys that no record of ours describes.

    New keys beside an old signing state, or the old keys set aside, would silence or slash that validator.

    Raises:
        ConflictError: a foreign node has signed here, and ``force`` is not set.
        MismatchError: the signing state cannot be read.
    """
    if force or PATH in newest_artifacts(read_records(root)):
        return
    try:
        height = int(json.loads((root / PATH).read_bytes())["height"])
    except FileNotFoundError:
        return
    except (ValueError, TypeError, KeyError) as error:
        raise MismatchError(f"{PATH} is damaged; restore it, or use an empty volume") from error
    if height > 0:
        raise ConflictError(
            f"{PATH}: a validator that this program did not set up has signed up to height {height} on this volume; "
            f"use an empty volume, or --force to set its keys aside (the signing state is kept)"
        )
