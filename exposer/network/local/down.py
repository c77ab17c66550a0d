"""``exposer down``: ends a running ``exposer up`` and what one that was killed left behind."""

import logging
import os
import select
import signal
from pathlib import Path

from exposer.errors import BadInputError, TemporaryError, TimedOutError
from exposer.network.local.leftovers import kill_leftovers
from exposer.network.local.state import State

log = logging.getLogger("exposer down")
_LIMIT = 120.0
"""Seconds; ``exposer up`` itself kills what does not stop well before that."""


def down(state: State, *, volumes: bool) -> None:
    """Stop the network and wait until it has stopped; with ``volumes`` delete its directory too.

    Raises:
        BadInputError: there is no network in the directory.
        TimedOutError: ``exposer up`` did not end.
    """
    if not state.exists():
        raise BadInputError(f"there is no network in {state.root}; name its directory with --state")
    if (holder := state.holder()) is not None:
        _end(holder, state)
    with state.hold():
        if killed := kill_leftovers(state.root):
            log.warning("killed %d processes that exposer up left running", killed)
        if volumes:
            state.delete()
            log.info("deleted %s", state.root)


def _end(pid: int, state: State) -> None:
    """SIGTERM to the holder, told apart from a process that has its number by now, and wait for its end."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if not _has_open(pid, state.lock):
            raise TemporaryError(f"{state.root} is held by a process that cannot be told; try again")
        log.info("stopping exposer up (process %d)", pid)
        signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        if not select.select([descriptor], [], [], _LIMIT)[0]:
            raise TimedOutError(
                f"exposer up (process {pid}) did not end within {_LIMIT:g} s; kill it, then run exposer down again"
            )
    finally:
        os.close(descriptor)


def _has_open(pid: int, path: Path) -> bool:
    """Whether the process has ``path`` open."""
    return any(link.exists() and link.samefile(path) for link in Path(f"/proc/{pid}/fd").iterdir())
