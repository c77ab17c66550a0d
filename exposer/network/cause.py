"""Why a program ended: what its exit code means, and what it said among the last lines that it wrote."""

import contextlib
import json
import re
import signal
from collections.abc import Sequence

from exposer.errors import ExitCode

GO_CAUSES = ("panic:", "Error:")
"""How the line begins that says why a Go program ended (a panic, cobra): a stack or its whole help is below it."""
_LOGGED = re.compile(r"\S+ (?:ERROR|CRITICAL) [\w -]+: (?P<message>.+)")
"""A line as `exposer.log` writes it; what a chain binary said may follow."""


def describe_code(code: int, *, documented: bool) -> str:
    """An exit code with what it means."""
    known = {member.value: member.name.lower().replace("_", " ") for member in ExitCode}
    with contextlib.suppress(ValueError):
        return f"exit code {code} ({signal.Signals(code - 128).name})"
    return f"exit code {code} ({known[code]})" if documented and code in known else f"exit code {code}"


def cause_of(lines: Sequence[str]) -> str:
    """The line that says why, without what stands before it in every line of a log; empty where there is none."""
    written = [line.strip() for line in lines if line.strip()]
    for line in reversed(written):
        if line.startswith(GO_CAUSES):
            return line
        if message := _logged(line):
            return message
    return written[-1] if written else ""


def _logged(line: str) -> str:
    """The message of an error that was logged as text or as JSON, empty where the line is none."""
    if found := _LOGGED.fullmatch(line):
        return found["message"]
    try:
        entry = json.loads(line) if line.startswith("{") else {}
        return str(entry["message"]) if entry.get("level") == "error" else ""
    except (ValueError, LookupError, RecursionError):
        return ""
