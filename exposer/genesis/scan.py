"""JSON (RFC 8259) in a file, walked in flat memory: where each value begins and ends, and nothing of it kept.

What is small or shallow is eaten by one regular expression in C; only deeper nesting costs a step in Python. All of it
is strict: what this module passes is JSON.
"""

import codecs
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from exposer.errors import BadInputError

DEEPEST = 10_000
"""Levels of nesting; Go's encoding/json, which every chain reads its genesis with, takes no more."""
_PIECE = 1 << 20  # bytes read at a time; a longer string is held whole
_LEVELS = 4  # of containers that one expression eats: an account of a genesis has no more

# What is repeated possessively is an atomic group: without, Python before 3.11.5 goes on from where the last, failed
# repetition got to (https://github.com/python/cpython/issues/106052).
_STRING = rb'"[ !#-\[\]-\xff]*+(?:"|(?>\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[ !#-\[\]-\xff]*+)++")'  # no control characters
_NUMBER = rb"-?(?:0|[1-9][0-9]*+)(?>\.[0-9]++)?+(?>[eE][+-]?[0-9]++)?+"
_SPACE = rb"[ \t\n\r]*+"


def _value(levels: int) -> bytes:
    """The expression of a value with at most so many levels of containers in it."""
    scalar = _STRING + rb"|" + _NUMBER + rb"|true|false|null"
    if levels == 0:
        return rb"(?:" + scalar + rb")"
    inner = _SPACE + _value(levels - 1) + _SPACE
    member = _SPACE + _STRING + _SPACE + rb":" + inner + rb"(?:,(?!" + _SPACE + rb"\})|(?=\}))"
    element = inner + rb"(?:,(?!" + _SPACE + rb"\])|(?=\]))"
    of_members, of_elements = rb"(?>" + member + rb")*+", rb"(?>" + element + rb")*+"
    return rb"(?:%b|\{%b%b\}|\[%b%b\])" % (scalar, of_members, _SPACE, of_elements, _SPACE)


_KEY = re.compile(_STRING)
_BLANK = re.compile(_SPACE)
_OPEN_STRING = re.compile(rb'"(?>[^"\\]++|\\.)*+\\?', re.DOTALL)
_CLOSERS = {ord("{"): ord("}"), ord("["): ord("]")}


# Compiled when they are needed first: that takes longer than many a step that reads no genesis.
@cache
def _one_value() -> re.Pattern[bytes]:
    return re.compile(_value(_LEVELS))


@cache
def _many_elements() -> re.Pattern[bytes]:
    return re.compile(rb"(?>" + _value(_LEVELS) + _SPACE + rb"," + _SPACE + rb")++")


@cache
def _many_members() -> re.Pattern[bytes]:
    member = _STRING + _SPACE + rb":" + _SPACE + _value(_LEVELS)
    return re.compile(rb"(?>" + member + _SPACE + rb"," + _SPACE + rb")++")


class Span(NamedTuple):
    """Where a value stands in the file: the offset of its first byte, and that behind its last."""

    start: int
    end: int


class Scanner:
    """A place in the JSON of an open file that is moved on; every method raises `BadInputError` where it is no JSON.

    Args:
        descriptor: of the file; its own offset is neither used nor changed.
        start: the offset to begin at.
        field: what errors call the file.
    """

    def __init__(self, descriptor: int, start: int, field: str) -> None:
        self._descriptor = descriptor
        self._field = field
        self._base = start  # the offset of the window's first byte
        self._window = b""
        self._at = 0
        self._ended = False
        self._utf8 = codecs.getincrementaldecoder("utf-8")()

    @property
    def position(self) -> int:
        """The offset in the file."""
        return self._base + self._at

    def kind(self) -> int:
        """The first byte of what comes next, behind white space."""
        self._blank()
        if self._at == len(self._window):
            raise BadInputError(f"{self._field}: empty or cut off: it ends at byte {self.position}")
        return self._window[self._at]

    def enter(self) -> bool:
        """Step into the container that comes next; returns whether anything is in it, and out of it where not."""
        closer = _CLOSERS.get(self.kind())
        if closer is None:
            raise self._wrong()
        self._at += 1
        if self.kind() != closer:
            return True
        self._at += 1
        return False

    def proceed(self, closer: int) -> bool:
        """Step over the comma behind a value and return True, or over the end of its container and return False."""
        found = self.kind()
        if found not in {ord(","), closer}:
            raise self._wrong()
        self._at += 1
        if found == ord(",") and self.kind() == closer:
            raise self._wrong()
        return found != closer

    def key(self) -> bytes:
        """Step over a member's name and its colon; returns the name with its quotes."""
        self.kind()
        found = self._take(_KEY)
        if found is None:
            raise self._wrong()
        if self.kind() != ord(":"):
            raise self._wrong()
        self._at += 1
        return found

    def run(self) -> bytes | None:
        """Step over many elements of an array, each with its comma; None where the next is the last, or a deep one."""
        self._blank()
        return self._take(_many_elements())

    def skip(self) -> Span:
        """Step over one value, of any size and any depth."""
        self.kind()
        start = self.position
        closers = bytearray()
        while True:
            if not self._step(_one_value()):
                closers.append(_CLOSERS.get(self.kind(), 0))
                if len(closers) > DEEPEST:
                    raise BadInputError(f"{self._field}: nested too deeply at byte {self.position}")
                self.enter()  # never empty: that one the expression takes
                self._begin(closers[-1])
                continue
            end = self.position
            while closers and not self.proceed(closers[-1]):
                closers.pop()
                end = self.position
            if not closers:
                return Span(start, end)
            self._begin(closers[-1])

    def _begin(self, closer: int) -> None:
        """Step over as many members or elements as go at once, and the name of the next."""
        self._blank()
        if closer == ord("}"):
            self._step(_many_members())
            self.key()
            self._blank()
        else:
            self._step(_many_elements())

    def _step(self, pattern: re.Pattern[bytes]) -> bool:
        return self._take(pattern) is not None

    def _take(self, pattern: re.Pattern[bytes]) -> bytes | None:
        """What the pattern finds here; a failure counts only when the window holds enough to tell."""
        while True:
            found = pattern.match(self._window, self._at)
            if found and (found.end() < len(self._window) or self._ended):
                self._at = found.end()
                return found[0]
            left = len(self._window) - self._at
            unclear = found or left < _PIECE or _OPEN_STRING.fullmatch(self._window, self._at)
            if self._ended or not unclear:
                return None
            self._read(max(_PIECE, left))

    def _blank(self) -> None:
        while True:
            found = _BLANK.match(self._window, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._window) or self._ended:
                return
            self._read(_PIECE)

    def _read(self, count: int) -> None:
        piece = os.pread(self._descriptor, count, self._base + len(self._window))
        try:
            self._utf8.decode(piece, final=not piece)
        except UnicodeDecodeError as error:
            raise BadInputError(f"{self._field}: not UTF-8 near byte {self.position + error.start}") from None
        self._ended = not piece
        self._window = self._window[self._at :] + piece
        self._base += self._at
        self._at = 0

    def _wrong(self) -> BadInputError:
        if self._ended and _OPEN_STRING.fullmatch(self._window, self._at):
            end = self._base + len(self._window)
            return BadInputError(f"{self._field}: cut off: it ends at byte {end}, in the middle of a string")
        return BadInputError(f"{self._field}: not JSON at byte {self.position}")


def elements(scanner: Scanner) -> Iterator[Span]:
    """The place of every element of the array that comes next."""
    more = scanner.enter()
    while more:
        yield scanner.skip()
        more = scanner.proceed(ord("]"))
