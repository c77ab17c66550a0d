"""What a power cut would undo, found in the order of a commit's system calls.

SIGKILL cannot show it: what a killed process has written stays in the kernel's memory. So the traced calls are followed
in a model in which only what was synced is on the disk.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from traced_calls import RENAMES, Call, place

_NEEDLESS = {"progress", "lock"}
"""They decide nothing and may be lost."""
_WRITES = {"write", "pwrite64", "ftruncate"}


def disorder(calls: Iterable[Call], mounts: Sequence[str] = ()) -> Iterator[str]:
    """Every rename that comes before what it relies on is on the disk.

    What goes into place, and a record, must be synced itself. The prepared record relies on all of the stage; a file in
    place, on the prepared record and on what it replaces in ``aside``; the final record, on all files in place.
    ``mounts`` are directories on the volume that are file systems of their own: syncfs(2) syncs one of them as a whole.
    """
    unsynced: set[str] = set()
    for call in calls:
        *source, target = call.paths
        if place(target) in _NEEDLESS:
            continue
        if call.name in {"fsync", "fdatasync"}:
            unsynced.discard(target)
        elif call.name == "syncfs":
            unsynced -= {path for path in unsynced if _mount(path, mounts) == _mount(target, mounts)}
        elif call.name in _WRITES:
            unsynced.add(target)
        elif call.makes or call.name in {"mkdir", "link"}:
            unsynced |= {_above(target)} if call.name == "link" else {target, _above(target)}
        elif call.name in RENAMES:
            yield from (f"{target} is renamed before {path} is synced" for path in sorted(_early(call, unsynced)))
            if place(target) == "volume" and call.phase != "renaming":
                yield f"{target} is put into place in the phase {call.phase}"
            unsynced = {target if path == source[0] else path for path in unsynced} | {_above(target)}
        elif call.name in {"unlink", "unlinkat", "rmdir"}:
            unsynced.discard(target)
    yield from (f"{path} is not synced at the end" for path in sorted(unsynced) if place(path) in {"volume", "steps"})


def _early(call: Call, unsynced: set[str]) -> set[str]:
    """What is to be on the disk before this rename, and is not."""
    source, target = call.paths
    if place(target) == "volume":
        relied = {"aside", "steps"}
    elif place(target) == "steps" and place(source) == "steps":
        relied = {"stage", "state", "landing"} if target.endswith(".prepared") else {"volume", "aside"}
    else:
        return set()
    return {path for path in unsynced if path == source or place(path) in relied}


def _mount(path: str, mounts: Sequence[str]) -> str:
    """The mount that it is on."""
    return max((mount for mount in mounts if f"{path}/".startswith(f"{mount}/")), key=len, default="/")


def _above(path: str) -> str:
    return str(PurePosixPath(path).parent)
