"""What a request for a file asks for: preconditions (RFC 9110 section 13) and byte ranges (section 14)."""

import re
import sys
import time
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from enum import Enum

from starlette.datastructures import Headers

_ENTITY_TAG = re.compile(r'(W/)?("[^"]*")')
_RANGES = re.compile(r"bytes=(.*)", re.IGNORECASE)
_RANGE = re.compile(r"([0-9]*)-([0-9]*)")
_MOST = 16  # ranges; who asks for more gets the whole file (14.2 names such requests as attacks)
_GAP = 256  # bytes; two parts that are nearer cost more than one that spans both
_LONGEST = 18  # digits; what is longer lies beyond the end of any file


class Outcome(Enum):
    """How to answer."""

    WHOLE = 200
    PART = 206
    NOT_MODIFIED = 304
    PRECONDITION_FAILED = 412
    RANGE_NOT_SATISFIABLE = 416


@dataclass(frozen=True)
class Representation:
    """The file as validators see it: a strong entity tag (quoted), size in bytes, seconds since the epoch."""

    etag: str
    size: int
    modified: int

    @property
    def last_modified(self) -> str:
        """The HTTP date; not from the future (RFC 9110, 8.8.2.1): the answer's own is renewed each second."""
        now = time.time()
        return formatdate(self.modified if self.modified <= now else now - 1, usegmt=True)


@dataclass(frozen=True)
class Span:
    """Bytes of a file, from ``start`` up to but not including ``stop``."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Decision:
    """The outcome and which bytes to send: one span, or for a ``multipart/byteranges`` several in their order."""

    outcome: Outcome
    spans: tuple[Span, ...] = ()


def decide(method: str, headers: Headers, file: Representation) -> Decision:
    """How to answer a GET or HEAD, with the conditions in the order of RFC 9110, 13.2.2."""
    if _must_not(headers, file):
        return Decision(Outcome.PRECONDITION_FAILED)
    if _has_it(headers, file):
        return Decision(Outcome.NOT_MODIFIED)
    text = headers.get("range")
    if method != "GET" or text is None or not _range_applies(headers.get("if-range"), file):
        return _whole(file.size)
    return _ranges(text, file.size)


def _must_not(headers: Headers, file: Representation) -> bool:
    if (tags := _list(headers, "if-match")) is not None:
        return tags.strip() != "*" and ("", file.etag) not in _ENTITY_TAG.findall(tags)
    since = _date(headers.get("if-unmodified-since"))
    return since is not None and file.modified > since


def _has_it(headers: Headers, file: Representation) -> bool:
    if (tags := _list(headers, "if-none-match")) is not None:
        return tags.strip() == "*" or any(tag == file.etag for _, tag in _ENTITY_TAG.findall(tags))
    since = _date(headers.get("if-modified-since"))
    return since is not None and file.modified <= since


def _list(headers: Headers, name: str) -> str | None:
    """A field that is a list, whose members may come in several lines (RFC 9110, 5.3)."""
    return ",".join(headers.getlist(name)) if name in headers else None


def _range_applies(condition: str | None, file: Representation) -> bool:
    if condition is None:
        return True
    if '"' in condition:
        return condition.strip() == file.etag
    # A date is a strong validator only once its second is over (RFC 9110, 8.8.2.2).
    return _date(condition) == file.modified and int(time.time()) > file.modified


def _whole(size: int) -> Decision:
    return Decision(Outcome.WHOLE, (Span(0, size),))


def _ranges(text: str, size: int) -> Decision:
    """Another unit, nonsense, and more than a client can need are answered with the whole file: always right."""
    match = _RANGES.fullmatch(text)
    parts = [part.strip(" \t") for part in match[1].split(",")] if match else []
    spans = [_span(part, size) for part in parts if part]
    if not spans or None in spans or len(spans) > _MOST:
        return _whole(size)
    wanted = _joined([span for span in spans if span and len(span)])
    if not wanted:
        return Decision(Outcome.RANGE_NOT_SATISFIABLE)
    return Decision(Outcome.PART, wanted)


def _span(text: str, size: int) -> Span | None:
    """One range, empty where it lies behind the end; None where it is not valid (14.1.1)."""
    match = _RANGE.fullmatch(text)
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        return Span(max(size - _number(last), 0), size)
    if last and _number(last) < _number(first):
        return None
    start = min(_number(first), size)
    return Span(start, max(min(_number(last) + 1, size), start) if last else size)


def _joined(spans: list[Span]) -> tuple[Span, ...]:
    """The spans in ascending order; those that overlap or nearly touch are one (15.3.7.2 allows it)."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start):
        if result and span.start <= result[-1].stop + _GAP:
            result[-1] = Span(result[-1].start, max(span.stop, result[-1].stop))
        else:
            result.append(span)
    return tuple(result)


def _number(digits: str) -> int:
    return int(digits) if len(digits) <= _LONGEST else sys.maxsize


def _date(text: str | None) -> int | None:
    """Seconds since the epoch; None for no date or not a date, which is to be ignored."""
    try:
        return int(parsedate_to_datetime(text).timestamp()) if text else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
