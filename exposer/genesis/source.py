"""A JSON document of any size in a file: its values found by path, read in pieces, and some of them written anew."""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

from exposer.errors import BadInputError, ExposerError, from_input_error
from exposer.genesis.document import parse
from exposer.genesis.scan import Scanner, Span, elements

_PIECE = 1 << 20  # bytes copied at a time
_INDENT = re.compile(rb"\s*[{\[]\r?\n([ \t]+)")
FORMS = (KeyError, IndexError, TypeError, AttributeError, ValueError, ArithmeticError)
"""What a reader of a document raises where a value has another form than it expects."""


class Change(NamedTuple):
    """New bytes for a span of a document; an empty span is a place to insert them."""

    span: Span
    content: Iterable[bytes]


class Run(NamedTuple):
    """Some neighbouring elements of an array: where they stand, their bytes, and their values."""

    span: Span
    values: list[Any]


class Source:
    """A document in a file, which must not change meanwhile; a context manager.

    ``field`` is what errors call it; ``unique`` as in `parse`. Every method raises `BadInputError` where it is no JSON,
    with the offset.
    """

    def __init__(self, path: Path, field: str = "genesis", *, unique: bool = False) -> None:
        self.field = field
        self._unique = unique
        self._members: dict[Span, dict[str, Span]] = {}
        try:
            if not stat.S_ISREG(path.stat().st_mode):  # a pipe cannot be read twice, and opening it may wait for ever
                raise BadInputError(f"{field}: {path} is no regular file; write it to one, and name that")
            self._file = path.open("rb", buffering=0)
            self.size = os.fstat(self._file.fileno()).st_size
        except OSError as error:
            raise from_input_error(error, f"{field}: {path}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @contextmanager
    def expected_form(self) -> Iterator[None]:
        """For what reads the document: raises `BadInputError` where it has not the form of an SDK chain's genesis."""
        try:
            yield
        except FORMS as error:
            told = f"it has a form that no SDK chain's genesis has ({type(error).__name__}: {error})"
            raise BadInputError(f"{self.field}: {told}; let its own chain export it") from error

    @property
    def root(self) -> Span:
        """The document's one value."""
        scanner = self._scanner(0)
        scanner.kind()
        return Span(scanner.position, self.size)

    @property
    def head(self) -> Span:
        """The beginning of the document: enough to see what it is."""
        return Span(0, min(self.size, 4096))

    @property
    def indent(self) -> str:
        """What one level is indented by; nothing where the document stands on one line."""
        found = _INDENT.match(self.read(self.head))
        return found[1].decode() if found else ""

    def find(self, *path: str) -> Span | None:
        """The value at a path of names, or None."""
        span: Span | None = self.root
        for name in path:
            span = self.members(span).get(name) if span else None
        return span

    def members(self, span: Span) -> dict[str, Span]:
        """Name -> value of the object at ``span``, in their order; empty where it is something else."""
        if span not in self._members:
            self._members[span] = dict(self._walk(span))
        return self._members[span]

    def _walk(self, span: Span) -> Iterator[tuple[str, Span]]:
        scanner, seen = self._scanner(span.start), set[str]()
        if scanner.kind() != ord("{"):
            return
        more = scanner.enter()
        while more:
            at = scanner.position
            name = str(self._parse(scanner.key()))
            if name in seen:  # programs differ in which of the two they read
                raise BadInputError(f"{self.field}: {name!r} is twice in one object, at byte {at}")
            seen.add(name)
            yield name, scanner.skip()
            more = scanner.proceed(ord("}"))
        self._nothing_behind(span, scanner)

    def _nothing_behind(self, span: Span, scanner: Scanner) -> None:
        if span.end < self.size:  # it is not the root
            return
        end = scanner.position
        while rest := self.read(Span(end, min(end + _PIECE, self.size))):
            if rest.strip(b" \t\r\n"):
                raise BadInputError(f"{self.field}: not JSON at byte {end}: there is more behind its end")
            end += len(rest)

    def kind(self, span: Span) -> str:
        """The first character of a value: ``{``, ``[``, a quote, or that of a number or a word."""
        return os.pread(self._file.fileno(), 1, span.start).decode("latin-1")

    def read(self, span: Span) -> bytes:
        """The bytes of a span, all at once."""
        return os.pread(self._file.fileno(), span.end - span.start, span.start)

    def value(self, span: Span | None) -> Any:
        """A value, all at once, with its numbers exact (`decimal.Decimal` where not an integer); None for None."""
        return None if span is None else self._parse(self.read(span))

    def get(self, *path: str) -> Any:
        """The value at a path, or None."""
        return self.value(self.find(*path))

    def elements(self, span: Span) -> Iterator[Span]:
        """The place of each element of the array at ``span``."""
        return elements(self._scanner(span.start))

    def runs(self, span: Span | None) -> Iterator[Run]:
        """The elements of the array at ``span``, about a mebibyte at a time; nothing where there is no array."""
        if span is None or self.kind(span) != "[":
            return
        scanner = self._scanner(span.start)
        more = scanner.enter()
        while more:
            start = scanner.position
            if text := scanner.run():
                yield Run(
                    Span(start, scanner.position), self._parse(b"[" + text.rstrip(b" \t\r\n").rstrip(b",") + b"]")
                )
            single = scanner.skip()
            yield Run(single, [self.value(single)])
            more = scanner.proceed(ord("]"))
        self._nothing_behind(span, scanner)

    def each(self, run: Run) -> Iterator[tuple[Span, Any]]:
        """The elements of a run one by one, each with its own place."""
        scanner = self._scanner(run.span.start)
        for position, value in enumerate(run.values):
            if position:
                scanner.proceed(ord("]"))
            yield scanner.skip(), value

    def rewrite(self, target: BinaryIO, changes: Iterable[Change]) -> None:
        """Write the document to ``target`` with the changes; all other bytes are copied as they are."""
        ordered = sorted(changes, key=lambda change: change.span)
        for first, second in pairwise(ordered):
            if first.span.end > second.span.start:
                raise ExposerError("two changes of the same part of a document")
        at = 0
        for span, content in ordered:
            self._copy(target, at, span.start)
            target.writelines(content)
            at = span.end
        self._copy(target, at, self.size)

    def _copy(self, target: BinaryIO, start: int, end: int) -> None:
        while start < end:
            piece = self.read(Span(start, min(start + _PIECE, end)))
            if not piece:
                raise BadInputError(f"{self.field}: it became shorter while it was read")
            target.write(piece)
            start += len(piece)

    def _scanner(self, start: int) -> Scanner:
        return Scanner(self._file.fileno(), start, self.field)

    def _parse(self, text: bytes) -> Any:
        try:
            return parse(text, unique=self._unique)
        except (ValueError, RecursionError, ArithmeticError) as error:  # a number, or a nesting, beyond all bounds
            raise BadInputError(f"{self.field}: a value in it cannot be read: {error}") from None
