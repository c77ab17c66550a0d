"""What can go wrong while a step runs, how it ends then, what it leaves, and what running it again does.

One row per fault: the tests of the faults are held to these rows, and docs/recovery.md is made of them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

GENESIS, CONFIG, VALIDATOR, GATE, CREATE = (
    "init-genesis",
    "init-config",
    "init-validator",
    "wait-for-chains",
    "create-validator",
)
ON_DISK = (GENESIS, VALIDATOR, CONFIG)

UNTOUCHED = "as before"
STAGED = "as before, or a certain commit"
DONE = "complete, in the same run"
NOTHING = "nothing"
ON_CHAIN = "the chain decides; at most one transaction on its way"


@dataclass(frozen=True)
class Fault:
    """A row: the exit codes are all that there may be; ``after`` is the volume; ``tested`` in which file of tests/."""

    name: str
    steps: tuple[str, ...]
    codes: tuple[int, ...]
    after: str
    tested: str
    note: str = ""

    def row(self) -> str:
        """As a line of a Markdown table; every rerun without the fault ends where an undisturbed run ends."""
        codes = " or ".join(map(str, self.codes))
        steps = ", ".join(f"`{step}`" for step in self.steps)
        again = "nothing to do" if self.codes == (0,) else "yes"
        return f"| {self.name} | {steps} | {codes} | {self.after} | {again}{self.note and f': {self.note}'} |"


_CALLS = "process/test_every_system_call.py"
_FULL = "process/test_disk_faults.py"
_REAL = "e2e/test_disk_faults_cosmos.py"
DISK = [
    Fault("`ENOSPC`, at each system call that changes the volume", ON_DISK, (75,), STAGED, _CALLS),
    Fault("`EDQUOT`, likewise", ON_DISK, (75,), STAGED, _CALLS),
    Fault("`EIO`, likewise, and at each one that reads", ON_DISK, (75,), STAGED, _CALLS),
    Fault("a file system that is full: each size that is too small, page by page", ON_DISK, (75,), STAGED, _FULL,
          "it needs no more room than a first run"),
    Fault("a file system without inodes: each number that is too small", ON_DISK, (75,), STAGED, _FULL),
    Fault("a file system that is full, under a real chain binary", (GENESIS, VALIDATOR), (75,), STAGED, _REAL),
    Fault("`ENOSPC` or `EIO` in all processes of a step, a real chain binary's too", (GENESIS, VALIDATOR), (75,),
          STAGED, _REAL),
    Fault("a read-only file system", ON_DISK, (3,), UNTOUCHED, _FULL),
    Fault("a directory that this user may not write", ON_DISK, (3,), UNTOUCHED, _FULL),
]  # fmt: skip

_CLOCK = "process/test_clock_jumps.py"
CLOCK = [
    Fault("the wall clock jumps ten years to and fro, no exposer answers, a limit is given",
          (GATE,), (124,), NOTHING, _CLOCK, "limits are of the monotonic clock"),
    Fault("likewise", (VALIDATOR,), (75,), UNTOUCHED, _CLOCK),
    Fault("the wall clock jumps, the exposer answers", (GATE, GENESIS, VALIDATOR), (0,), DONE, _CLOCK),
]  # fmt: skip

_DNS = "process/test_name_servers.py"
DNS = [
    Fault("the name does not exist yet, is refused, fails, or nobody answers; then it resolves",
          (GATE, VALIDATOR), (0,), DONE, _DNS),
    Fault("likewise, for longer than the limit", (GATE,), (124,), NOTHING, _DNS),
    Fault("likewise", (VALIDATOR,), (75,), UNTOUCHED, _DNS),
]  # fmt: skip

_LEADER = "e2e/test_hostile_leader.py"
_PIECES = "process/test_cut_downloads.py"
PIECES = [
    Fault("the connection is closed, reset or stalls at each 64 KiB", (VALIDATOR,), (0,), DONE, _PIECES,
          "it goes on from where it was"),
    Fault("a pause at each 64 KiB", (VALIDATOR,), (0,), DONE, _PIECES),
    Fault("another genesis from the n-th 64 KiB on, with a new `ETag`", (VALIDATOR,), (0,), DONE, _PIECES,
          "from its start"),
    Fault("another genesis under the same `ETag`", (VALIDATOR,), (0,), DONE, _PIECES, "likewise"),
]  # fmt: skip


def leader(name: str, code: int, note: str = "") -> Fault:
    """A fault of the genesis pod's exposer that lasts as long as `DOWNLOAD_TIMEOUT`."""
    return Fault(name, (VALIDATOR,), (code,), UNTOUCHED, _LEADER, note)


LEADER = [
    leader("no leader: connection refused", 75),
    leader("a leader that never answers", 75),
    leader("reset at every request", 75),
    leader("half a file at every request", 75),
    leader("half a file without a length", 75),
    leader("headers that come byte by byte", 75),
    leader("headers without end", 75),
    leader("a body without end", 75),
    leader("a body that comes byte by byte", 75),
    leader("500 at every request", 75),
    leader("503 at every request", 75),
    leader("a redirect", 75, "it is not followed: an exposer sends none"),
    leader("a redirect loop", 75, "likewise"),
    leader("a gzip bomb, encoded without being asked for", 75, "it is not decoded"),
    leader("a length that is too long", 75),
    leader("a length that is too short", 4),
    leader("a length that is no number", 75),
    leader("a rest with numbers of 5,000 digits", 75),
    leader("not HTTP", 75),
    leader("401 or 403", 3),
    leader("an error page under 200", 4),
    leader("whole JSON that is no genesis", 4),
    leader("bytes that its `Repr-Digest` does not promise", 4),
    leader("bytes that `GENESIS_SHA256` does not name", 4),
    leader("another chain's genesis", 4),
]

_NODE = "process/test_node_faults.py"
NODE = [
    Fault("a node that refuses, resets, stalls, drips, or answers with errors or with garbage", (CREATE,), (75,),
          ON_CHAIN, _NODE),
    Fault("a faucet that does any of it", (CREATE,), (75,), ON_CHAIN, _NODE),
    Fault("a chain binary that never ends", (CREATE,), (75,), ON_CHAIN, "process/test_create_validator_process.py"),
    Fault("an exposer that refuses, resets, stalls, drips, or answers with errors, garbage or without end", (GATE,),
          (124,), NOTHING, "process/test_gate_faults.py"),
]  # fmt: skip

TABLES = {
    "The disk": DISK,
    "The clock": CLOCK,
    "The names": DNS,
    "The download": [*PIECES, *LEADER],
    "The node and its neighbours": NODE,
}


def rows(faults: Iterable[Fault]) -> Iterator[str]:
    """A Markdown table."""
    yield "| fault | step | exit code | the volume then | recovered by a rerun |"
    yield "|---|---|---|---|---|"
    for fault in faults:
        yield fault.row()


def find(name: str, faults: Iterable[Fault]) -> Fault:
    """The fault with this name, or, of those whose name begins so, the first."""
    named = [fault for fault in faults if fault.name == name]
    return (named or [fault for fault in faults if fault.name.startswith(name)])[0]
