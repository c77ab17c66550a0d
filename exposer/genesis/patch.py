"""A patch of a genesis: objects are merged key by key, keys may be dotted paths, and a path must exist."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from exposer.errors import BadInputError
from exposer.genesis import edit
from exposer.genesis.scan import Span
from exposer.genesis.source import Change, Source

_FIELD = "GENESIS_PATCH"
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")  # each element has one name
_CONSENSUS = (("consensus", "params"), ("consensus_params",))
"""Where consensus parameters are: from SDK 0.50 on, and before."""
_MODULE = ("app_state", "consensus")
_FORMER = {"deposit_params", "voting_params", "tally_params"}
"""What SDK 0.47 and later leave null in ``gov``: they read ``gov.params``."""
Path = tuple[str, ...]
Wish = tuple[str, Any]
"""A key or a dotted path, and what to merge there."""


class _Place(NamedTuple):
    path: Path
    span: Span


def patch(source: Source, wishes: Iterable[Wish]) -> list[Change]:
    """The changes that ``wishes`` make in a genesis; of two for the same place the later one wins.

    An object is merged into an object that has members; anything else replaces what is there. A key that exists as it
    is written is that key; else its dots part names, and numbers of array elements. All else stays, to the byte.

    Raises:
        BadInputError: a path that the genesis has not, where a typing error would pass silently, with the nearest name;
            or a value where it has null and the SDK reads another path, with that path.
    """
    merge = _Merge(source)
    for key, value in wishes:
        merge.resolve(_Place((), source.root), key, value)
    return [edit.replace(source, span, value, len(path)) for path, (span, value) in merge.found.items()]


class _Merge:
    """Finds the places of wishes, and which wish each place gets."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.found: dict[Path, tuple[Span, Any]] = {}

    def resolve(self, at: _Place, key: str, value: Any) -> None:
        """Note what becomes of the value that ``key`` names in the container ``at``."""
        place, rest = self._child(at, key)
        if rest:
            self.resolve(place, rest, value)
        elif isinstance(value, Mapping) and self._source.members(place.span):
            for name, inner in value.items():
                self.resolve(place, name, inner)
        elif value is not None and (read := self._twin(place, value if isinstance(value, Mapping) else ())):
            raise BadInputError(f"{_FIELD}: {_unread(place.path, read)}")
        else:
            self._settle(place, value)

    def _settle(self, place: _Place, value: Any) -> None:
        for other in list(self.found):
            if other[: len(place.path)] == place.path:
                del self.found[other]  # a former wish for the same place, or for something inside
            elif place.path[: len(other)] == other:
                outer, inner = ".".join(other), ".".join(place.path)
                raise BadInputError(f"{_FIELD}: {outer} is replaced, and {inner} in it as well")
        self.found[place.path] = (place.span, value)

    def _child(self, at: _Place, key: str) -> tuple[_Place, str]:
        """The value that a key, or the longest beginning of a dotted path, names; and what is left of the path."""
        names = key.split(".")
        if self._source.kind(at.span) == "[" and _INDEX.fullmatch(names[0]):
            element = next(islice(self._source.elements(at.span), int(names[0]), None), None)
            if element:
                return _Place((*at.path, names[0]), element), ".".join(names[1:])
        members = self._source.members(at.span)
        for count in range(len(names), 0, -1):
            if (name := ".".join(names[:count])) in members:
                return _Place((*at.path, name), members[name]), ".".join(names[count:])
        hint = self._hint(at, names, members)
        raise BadInputError(f"{_FIELD}: this genesis has no {'.'.join((*at.path, key))}; {hint}")

    def _hint(self, at: _Place, names: Sequence[str], members: Mapping[str, Span]) -> str:
        asked = (*at.path, *names)
        for former, latter in (_CONSENSUS, _CONSENSUS[::-1]):
            if asked[: len(former)] == former and self._source.find(*latter):
                return f"it is read from {'.'.join((*latter, *asked[len(former) :]))}"
        if read := self._twin(at, names):
            rest = names[1:] if at.path == _MODULE and names[0] == "params" else names
            found = (*read, *rest)
            return f"it is read from {'.'.join(found)}" if self._source.find(*found) else _unread(at.path, read)
        if near := difflib.get_close_matches(names[0], members, n=1):
            return f"did you mean {near[0]!r}?"
        return f"there is: {', '.join(sorted(members)[:12]) or 'nothing'}"

    def _twin(self, place: _Place, names: Iterable[str]) -> Path:
        """The path that the SDK reads instead of ``place``, which is null; empty where there is none.

        Such a place is one that a later SDK no longer reads: one of `_FORMER`, or one beside an object that has
        ``names``, which are to be written. ``app_state.consensus`` has no genesis of its own at all. The other modules
        of ``app_state`` do not replace each other.
        """
        if self._source.kind(place.span) != "n" or not place.path:
            return ()
        if place.path == _MODULE:
            return next((path for path in _CONSENSUS if self._source.find(*path)), ())
        *parents, own = place.path
        beside = self._source.find(*parents)
        if parents == ["app_state"] or beside is None:
            return ()
        wanted = {name.partition(".")[0] for name in names}
        for name, span in self._source.members(beside).items():
            inner = self._source.members(span) if name != own else {}
            if wanted & inner.keys() or (inner and name == "params" and own in _FORMER):
                return (*parents, name)
        return ()


def _unread(path: Path, read: Path) -> str:
    return f"{'.'.join(path)} is null, and nobody reads it; write to {'.'.join(read)}"
