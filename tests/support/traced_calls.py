"""The system calls of one traced run of a step, each with the situation in which it comes."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from zygote import READING

from exposer.landing import LANDING

RENAMES = {"rename", "renameat", "renameat2"}
_PHASES = {".prepared": "renaming", ".json": "recorded", ".undo": "undoing"}
"""What a record is renamed to -> the phase that begins with it."""
_IN_DIRECTORY = re.compile("at2?$")
"""The names of the calls that may name a file by the open directory it is in."""
_STATE = re.compile(r"/\.exposer(?:/(\w+))?")


@dataclass(frozen=True)
class Call:
    """One call that concerns the volume.

    ``number`` counts the calls of its name, as strace does. ``paths`` are those that it names, below the volume.
    ``phase`` is where the commit is: ``staging``, ``renaming`` from the prepared record on, ``recorded`` at last. While
    a finished step is taken back it is ``undoing``.
    """

    name: str
    number: int
    line: str
    paths: tuple[str, ...]
    phase: str

    @property
    def makes(self) -> bool:
        """Whether it opens a file that is made, or emptied, by that."""
        return self.name == "openat" and ("O_CREAT" in self.line or "O_TRUNC" in self.line)

    @property
    def changes(self) -> bool:
        """Whether it creates or changes something on the volume."""
        return self.makes or self.name not in {"openat", *READING.split(",")}

    @property
    def kind(self) -> tuple[str, str, str]:
        """What makes it another situation than others: its name, the phase, and what it is done to."""
        return self.name, self.phase, place(self.paths[-1])


def calls(lines: Iterable[tuple[str, str]], root: str) -> list[Call]:
    """The calls that concern the volume at ``root``, of all that the tracer has seen."""
    seen: Counter[str] = Counter()
    found = []
    phase = "staging"
    for name, line in lines:
        seen[name] += 1  # the tracer counts them all
        whole = re.sub(r'>, "([^"/][^"]*)"', r'/\1"', line) if _IN_DIRECTORY.search(name) else line
        paths = tuple(path or "/" for path in re.findall(re.escape(root) + r'([^">]*)', whole))
        if not paths:
            continue
        found.append(Call(name, seen[name], line, paths, phase))
        if name in RENAMES and paths[-1].startswith("/.exposer/steps/"):
            phase = _PHASES[PurePosixPath(paths[-1]).suffix]
        elif phase == "undoing" and name == "unlink" and paths[-1].endswith(".undo"):
            phase = "staging"
    return found


def place(path: str) -> str:
    """The part of the volume that a path is in: one of the steps' own, or ``volume`` where others read."""
    if LANDING in path:
        return "landing"
    state = _STATE.match(path)
    return state[1] or "state" if state else "volume"
