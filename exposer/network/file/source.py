"""A network file as plain data that remembers in which file and on which line each value is written."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from exposer.errors import BadInputError

Location = tuple[str | int, ...]
"""Where a value is: names and list positions from the top of the data."""
Fault = tuple[Location, str]
"""What is wrong with the value at a location."""
Clash = tuple[Location, str, Location]
"""Likewise with two; ``{other}`` in the text stands for where the second is."""
_TELLING = 4
"""Values of variables that are shorter could stand in a message by chance, and are no secrets."""


class Place(NamedTuple):
    """A line of a file, counted from 1; ``asks`` is what stands there where that asks for variables."""

    file: str
    line: int
    asks: str = ""


@dataclass(frozen=True)
class Source:
    """The data (JSON's types only) of a file and of those that it includes, and the place of every location in it.

    ``faults`` are those of the text itself, and ``broken`` the locations that have no value for them. ``own`` holds
    for each chain its position in the file that it is written in, where that is another. ``written`` has, for what
    came from variables, how the file writes it: a message shows that, for the value may be a secret.
    """

    name: str
    data: Any
    places: Mapping[Location, Place] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    broken: frozenset[Location] = frozenset()
    own: tuple[int, ...] | None = None
    written: Mapping[str, str] = field(default_factory=dict)

    def fault(self, location: Location, text: str, other: Location | None = None) -> str:
        """``FILE:LINE: field.path: text``; a value that is not there is sought on the line of what surrounds it."""
        place = self._place(location)
        if other is not None:
            there = self._place(other)
            elsewhere = f" ({there.file}:{there.line})" if there.file != place.file else ""
            text = text.replace("{other}", self._spell(other) + elsewhere)
        if location in self.places and place.asks:  # quotes are not what is wrong with it
            text = f"{text.replace(', without quotes', '')} (of {place.asks})"
        where = f"{place.file}:{place.line}" if place.line else place.file
        field = f"{self._spell(location)}: " if location else ""
        return f"{where}: {field}{conceal(text, self.written)}"

    def only(self, chains: Iterable[int]) -> "Source":
        """The same with these chains alone; faults still name the places that they have in their files."""
        kept = tuple(chains)
        others = {at: place for at, place in self.places.items() if not _of_chain(at)}
        places = others | {
            ("chains", new, *at[2:]): place
            for new, old in enumerate(kept)
            for at, place in self.places.items()
            if at[:2] == ("chains", old)
        }
        return replace(self, places=places, own=tuple(self.own[old] if self.own else old for old in kept))

    def _place(self, location: Location) -> Place:
        around = (location[:end] for end in range(len(location), -1, -1))
        return next((self.places[at] for at in around if at in self.places), Place(self.name, 0))

    def _spell(self, location: Location) -> str:
        if self.own is not None and _of_chain(location):
            location = ("chains", self.own[int(location[1])], *location[2:])
        return spell(location)


def conceal(text: str, written: Mapping[str, str]) -> str:
    """``text`` with variables in place of their values."""
    for value in sorted(written, key=len, reverse=True):
        if len(value) >= _TELLING:
            whole = rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])"
            text = re.sub(whole, written[value].replace("\\", r"\\"), text)
    return text


def refusal(faults: Iterable[str]) -> BadInputError:
    """The one error that has all of them, each file's in its order."""
    ordered = sorted(dict.fromkeys(faults), key=_order)
    several = f"{len(ordered)} faults:"
    return BadInputError("\n".join([several, *ordered] if len(ordered) > 1 else ordered))


def spell(location: Location) -> str:
    """A location as people write it: ``chains[0].ports.rpc``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def _of_chain(location: Location) -> bool:
    return len(location) > 1 and location[0] == "chains" and isinstance(location[1], int)


def _order(fault: str) -> tuple[str, int]:
    """File and line in ``FILE:LINE: ...``."""
    file, _, line = fault.split(": ", 1)[0].rpartition(":")
    return (file, int(line)) if line.isdecimal() else ("", 0)
