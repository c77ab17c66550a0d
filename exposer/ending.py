"""How a command ends: its exit code, and on stderr the one line that says why."""

import logging
import os
import sys
from collections.abc import Callable

from exposer.errors import ExposerError, from_os_error

_INTERRUPTED = 128 + 2
log = logging.getLogger("exposer")


def exit_code_of(command: Callable[[], int]) -> int:
    """What ``command`` returns, or the exit code of what it raises (`exposer.errors`, the README's table)."""
    try:
        return command()
    except KeyboardInterrupt:
        return _INTERRUPTED
    except ExposerError as error:
        return _fail(error)
    except OSError as error:
        return _fail(from_os_error(error))
    except Exception as error:
        if os.environ.get("EXPOSER_LOG_LEVEL", "").lower() == "debug":
            log.exception("the cause")
        hint = "a fault of exposer itself; run with EXPOSER_LOG_LEVEL=debug to see where"
        return _fail(ExposerError(f"{type(error).__name__}: {hint}"))


def _fail(error: ExposerError) -> int:
    sys.stderr.write(f"exposer: {error}\n")
    return error.exit_code
