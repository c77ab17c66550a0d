"""What a request for a file asks for: preconditions (RFC 9110 section 13) and one byte range (section 14)."""

import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from enum import Enum

_ENTITY_TAG = re.compile(r'(W/)?("[^"]*")')
_RANGE = re.compile(r"bytes=[ \t]*([0-9]*)-([0-9]*)[ \t]*", re.IGNORECASE)
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
        """The HTTP date; a clock that was set back must not put it into the future (RFC 9110, 8.8.2.1)."""
        return formatdate(min(self.modified, time.time()), usegmt=True)


@dataclass(frozen=True)
class Decision:
    """The outcome and, for a part, its first byte and the one behind its last."""

    outcome: Outcome
    start: int = 0
    stop: int = 0


def decide(method: str, headers: Mapping[str, str], file: Representation) -> Decision:
    """How to answer a GET or HEAD, with the conditions in the order of RFC 9110, 13.2.2."""
    if _must_not(headers, file):
        return Decision(Outcome.PRECONDITION_FAILED)
    if _has_it(headers, file):
        return Decision(Outcome.NOT_MODIFIED)
    text = headers.get("range")
    if method != "GET" or text is None or not _range_applies(headers.get("if-range"), file):
        return Decision(Outcome.WHOLE, 0, file.size)
    return _range(text, file.size)


def _must_not(headers: Mapping[str, str], file: Representation) -> bool:
    if (tags := headers.get("if-match")) is not None:
        return tags.strip() != "*" and ("", file.etag) not in _ENTITY_TAG.findall(tags)
    since = _date(headers.get("if-unmodified-since"))
    return since is not None and file.modified > since


def _has_it(headers: Mapping[str, str], file: Representation) -> bool:
    if (tags := headers.get("if-none-match")) is not None:
        return tags.strip() == "*" or any(tag == file.etag for _, tag in _ENTITY_TAG.findall(tags))
    since = _date(headers.get("if-modified-since"))
    return since is not None and file.modified <= since


def _range_applies(condition: str | None, file: Representation) -> bool:
    if condition is None:
        return True
    if '"' in condition:
        return condition.strip() == file.etag
    # A date is a strong validator only once its second is over (RFC 9110, 8.8.2.2).
    return _date(condition) == file.modified and int(time.time()) > file.modified


def _range(text: str, size: int) -> Decision:
    """One range; several, another unit or nonsense are answered with the whole file, which is always right."""
    match = _RANGE.fullmatch(text)
    if match is None or match.groups() == ("", ""):
        return Decision(Outcome.WHOLE, 0, size)
    first, last = match.groups()
    if not first:
        start, stop = max(size - _number(last), 0), size
    else:
        start, stop = _number(first), min(_number(last) + 1, size) if last else size
        if last and _number(last) < start:
            return Decision(Outcome.WHOLE, 0, size)  # not a valid range (14.1.1), so not one to satisfy
    if start >= size:
        return Decision(Outcome.RANGE_NOT_SATISFIABLE)
    return Decision(Outcome.PART, start, stop)


def _number(digits: str) -> int:
    return int(digits) if len(digits) <= _LONGEST else sys.maxsize


def _date(text: str | None) -> int | None:
    """Seconds since the epoch; None for no date or not a date, which is to be ignored."""
    try:
        return int(parsedate_to_datetime(text).timestamp()) if text else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
