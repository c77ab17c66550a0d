"""How far apart the blocks of a node may be, from the files in its home. Everything here blocks: call it in a thread.

CometBFT waits ``timeout_commit`` after a block, and in each round for the proposal and twice for votes, longer from
round to round; a round whose proposer is away passes without a block. Without ``create_empty_blocks``, or with an
interval, it then waits for a transaction, at most for ``create_empty_blocks_interval`` where that is not 0, but never
with its first block (``config/config.go``: WaitForTxs; ``consensus/state.go``: enterNewRound, needProofBlock). An SDK
application stops at ``halt-height`` and ``halt-time`` (``baseapp/abci.go``: checkHalt).
"""

import contextlib
import math
import time
import tomllib
from pathlib import Path
from typing import Any

from exposer.duration import parse_duration
from exposer.errors import BadInputError
from exposer.stamps import UnfitError, read_regular

_BLOCKS = 3
"""A node that has made no block in the time of so many, and of as many rounds, stands still."""
_WAITS = ("timeout_propose", "timeout_prevote", "timeout_precommit", *("timeout_vote",) * 2)
"""Those of a round; CometBFT 1.0 has one name for the two of the votes."""

_LARGEST = 1 << 20  # bytes of a file


def longest_pause(root: Path | None, height: int) -> float:
    """Seconds that may pass before a node at ``height`` has its next block, infinite where none has to come.

    0 where the files say nothing that takes long.
    """
    if root is None:
        return 0.0
    application = _read(root / "config/app.toml")
    if height and _halted(application, height):
        return math.inf
    told = node_settings(root, "consensus")
    commit, interval = (_seconds(told.get(name)) for name in ("timeout_commit", "create_empty_blocks_interval"))
    if height and told.get("create_empty_blocks") is False and not interval:
        return math.inf
    waits = [_seconds(told.get(name)) + _BLOCKS * _seconds(told.get(f"{name}_delta")) for name in _WAITS]
    return _BLOCKS * (commit + (interval if height else 0.0) + sum(waits))


def node_settings(home: Path, table: str) -> dict[str, Any]:
    """A table of the node's config.toml; nothing where it cannot be read."""
    found = _read(home / "config/config.toml").get(table)
    return found if isinstance(found, dict) else {}


def _halted(application: dict[str, Any], height: int) -> bool:
    """Whether the application was told to stop where it is; some versions stop one block before that height."""
    at, when = (application.get(name) for name in ("halt-height", "halt-time"))
    return (isinstance(at, int) and 0 < at <= height + 1) or (isinstance(when, int) and 0 < when <= time.time())


def _seconds(value: object) -> float:
    with contextlib.suppress(BadInputError):
        return parse_duration(value) if isinstance(value, str) else 0.0
    return 0.0


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(read_regular(path, _LARGEST).decode())
    except (OSError, ValueError, UnfitError):  # what cannot be read asks for no patience
        return {}
