"""Durations as people write them in Go programs, Kubernetes and gates: ``500ms``, ``30s``, ``1m30s``, ``2h``."""

import re

from exposer.errors import BadInputError

_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|ms|s|m|h)")
_NANOSECONDS = {"ns": 1, "us": 10**3, "\u00b5s": 10**3, "\u03bcs": 10**3, "ms": 10**6, "s": 10**9}
_NANOSECONDS |= {"m": 60 * 10**9, "h": 3600 * 10**9}
_GO_PART = re.compile(rf"([0-9]*)(?:\.([0-9]*))?({'|'.join(_NANOSECONDS)})(?![^0-9.])")
_GO_DIGITS = 19  # of its 64 bits; what follows them in a fraction changes no nanosecond
_GO_LAST = 2**63 - 1


def parse_duration(text: str) -> float:
    """Seconds in ``text``: Go's duration format without a sign; a bare number is seconds.

    Raises:
        BadInputError: ``text`` is not a duration.

    Source: https://pkg.go.dev/time#ParseDuration.
    """
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return float(text)
    if not re.fullmatch(rf"({_PART.pattern})+", text):
        raise BadInputError(f"{text!r} is not a duration; write for example 500ms, 30s, 1m30s or 2h")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def go_nanoseconds(text: str) -> int:
    """Nanoseconds in ``text`` as Go reads it: with a sign, ``.5s`` and ``1\u00b5s``, and no bare number but zero.

    Raises:
        ValueError: Go refuses ``text``.

    Source: ``ParseDuration`` in Go's ``time/format.go``.
    """
    rest = text[1:] if text[:1] in {"+", "-"} else text
    if rest == "0":
        return 0
    total, at = 0, 0
    while part := _GO_PART.match(rest, at):
        whole, fraction, unit = part[1].lstrip("0"), (part[2] or "")[:_GO_DIGITS], part[3]
        if not (part[1] or part[2]) or len(whole) > _GO_DIGITS:
            break
        total += int(whole or "0") * _NANOSECONDS[unit]
        total += int(fraction or "0") * _NANOSECONDS[unit] // 10 ** len(fraction)
        at = part.end()
    if not at or at < len(rest) or total > _GO_LAST:
        raise ValueError("write a duration with its unit, like 500ms or 1m30s")
    return -total if text.startswith("-") else total
