"""Changes of a document's values, written in the style that its other values have."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from exposer.genesis.document import render
from exposer.genesis.scan import Span
from exposer.genesis.source import Change, Source

_BLANK = b" \t\r\n"


def replace(source: Source, span: Span, value: Any, level: int) -> Change:
    """``value`` in the place of another; ``level`` is the number of containers that it stands in."""
    return Change(span, [render(value, source.indent, level)])


def append(source: Source, span: Span, items: Iterable[bytes], level: int) -> Change:
    """``items``, each rendered for ``level + 1``, behind the last of the array at ``span``, which may be null."""
    if source.kind(span) != "[":
        return Change(span, chain([b"["], _joined(source.indent, items, level, first=True), [b"]"]))
    inside = Span(span.start + 1, span.end - 1)
    last = _end_of_text(source, inside)
    empty = last == inside.start
    return Change(Span(last, inside.end), _joined(source.indent, items, level, first=empty))


def _joined(indent: str, items: Iterable[bytes], level: int, *, first: bool) -> Iterator[bytes]:
    line = b"\n" + indent.encode() * (level + 1) if indent else b""
    for item in items:
        yield line if first else b"," + line
        yield item
        first = False
    if not first and indent:
        yield b"\n" + indent.encode() * level


def _end_of_text(source: Source, span: Span) -> int:
    """The offset behind the last byte of a span that is not blank; its start where all of it is."""
    end = span.end
    while end > span.start:
        piece = source.read(Span(max(span.start, end - 256), end))
        if text := piece.rstrip(_BLANK):
            return end - len(piece) + len(text)
        end -= len(piece)
    return end
