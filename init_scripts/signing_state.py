"""A validator's signing state (``data/priv_validator_state.json``): what stands between a restart and a double sign."""

import json
from pathlib import Path

from exposer.errors import ConflictError, MismatchError
from exposer.records import newest_artifacts, read_records

PATH = "data/priv_validator_state.json"


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
