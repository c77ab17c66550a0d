"""Logs go to stderr, one line per change of state, as text or as JSON lines; data goes to stdout."""

import atexit
import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal, TextIO

LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]


class _JsonFormatter(logging.Formatter):
    """One JSON object a line: time (RFC 3339, UTC), level, logger, message, and ``extra={"fields": ...}``."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class _Handler(logging.StreamHandler[TextIO]):
    """A log that cannot be written, on a full disk say, is no reason to fail, and has no place for a stack about it."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - as the library has it
        """Ignore what the system refuses; a wrong message is a fault of ours, and is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def outlive_stderr() -> None:
    """From here on what stderr does not take changes no exit code; the interpreter's end would make it 120."""
    atexit.unregister(_let_go)
    atexit.register(_let_go)


def _let_go() -> None:
    try:
        sys.stderr.flush()
    except OSError:
        sys.stderr = None


def configure(log_format: LogFormat = "text", level: LogLevel = "info") -> None:
    """Send every logger's lines to stderr; safe to call again."""
    handler = _Handler(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s", datefmt="%Y-%m-%dT%H:%M:%S%z")
    handler.setFormatter(_JsonFormatter() if log_format == "json" else text)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)  # they log a line per request
