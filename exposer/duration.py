"""Durations as people write them in Go programs, Kubernetes and gates: ``500ms``, ``30s``, ``1m30s``, ``2h``."""

import re

from exposer.errors import BadInputError

_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)")


def parse_duration(text: str) -> float:
    """Seconds in ``text``: Go's duration format without a sign; a bare number is seconds.

    Raises:
        BadInputError: ``text`` is not a duration.

    Source: https://pkg.go.dev/time#ParseDuration.
    """
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not re.fullmatch(rf"({_PART.pattern})+", text):
        raise BadInputError(f"{text!r} is not a duration; write for example 500ms, 30s, 1m30s or 2h")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
