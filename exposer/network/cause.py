"""Why a program ended: what its exit code means, and what it said among the last lines that it wrote."""

import contextlib
import json
import re
import signal
from collections.abc import Sequence

from exposer.errors import ExitCode

_GO_CAUSES = ("panic:", "Error:")
"""How the line begins that says why a Go program ended (a panic, cobra): a stack or its whole help is below it."""
_OF_SERVER = " ERR failure when running app "
"""What it has in it where chains of SDK 0.50 log it (``main.go`` of simapp, which they copy), below their help."""
_LOGGED = re.compile(r"\S+ (?P<level>[A-Z]+) [\w. -]+: (?P<message>.+)")
"""A line as `exposer.log` writes it; what a chain binary said may follow."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_LONGEST = 1000  # characters of a cause within a longer line


def describe_code(code: int, *, documented: bool) -> str:
    """An exit code with what it means."""
    known = {member.value: member.name.lower().replace("_", " ") for member in ExitCode}
    with contextlib.suppress(ValueError):
        return f"exit code {code} ({signal.Signals(code - 128).name})"
    return f"exit code {code} ({known[code]})" if documented and code in known else f"exit code {code}"


def plain(line: str) -> str:
    """A line without the colours of a terminal."""
    return _COLOURS.sub("", line)


def tells_cause(line: str) -> bool:
    """Whether a plain line says why a Go program ended."""
    return line.startswith(_GO_CAUSES) or _OF_SERVER in line


def cause_of(lines: Sequence[str]) -> str:
    """The line that says why, without what stands before it in every line of a log; empty where there is none."""
    written = [told for line in lines if (told := plain(line).strip())]
    for line in reversed(written):
        if tells_cause(line):
            return line.partition(_OF_SERVER)[2] or line
        if message := _logged(line):
            return message
    last = written[-1] if written else ""
    found = _LOGGED.fullmatch(last)
    return found["message"] if found else last


def briefly(cause: str) -> str:
    """A cause for a line that tells other things, too."""
    return cause if len(cause) <= _LONGEST else f"{cause[:_LONGEST]}..."


def _logged(line: str) -> str:
    """The message of an error that was logged as text or as JSON, empty where the line is none."""
    found = _LOGGED.fullmatch(line)
    if found and found["level"] in {"ERROR", "CRITICAL"}:
        return found["message"]
    try:
        entry = json.loads(line) if line.startswith("{") else {}
        return str(entry["message"]) if entry.get("level") == "error" else ""
    except (ValueError, LookupError, RecursionError):
        return ""
