"""Running in the background: followed by the foreground until it is ready, then on its own."""

import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

from exposer.errors import ExitCode, ExposerError

Run = Callable[[Callable[[], None]], int]
"""A program; it calls its argument when it is ready, and returns its exit code."""
_PAUSE = 0.1


def in_background(log: Path, run: Run) -> int:
    """Run ``run`` in a session of its own with its output in ``log``.

    Returns 0 once it is ready, or its exit code once it has ended. Meanwhile what is written to the log is copied to
    stderr, and Ctrl-C is handed on. To be called without threads.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os._exit(_run(log, run, writer))
    os.close(writer)
    try:
        return _follow(log, reader, child)
    except KeyboardInterrupt:
        os.kill(child, signal.SIGINT)
        return _exit_code(child)
    finally:
        os.close(reader)


def _run(log: Path, run: Run, writer: int) -> int:
    """The background's half."""
    os.setsid()
    with log.open("wb", buffering=0) as output, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    try:
        code = run(partial(_say_ready, writer))
    except ExposerError as error:
        sys.stderr.write(f"exposer: {error}\n")
        code = error.exit_code
    except BaseException:  # noqa: BLE001 - the end of the process: nobody above could report it
        traceback.print_exc()
        code = ExitCode.FAULT
    sys.stdout.flush()
    sys.stderr.flush()
    return int(code)


def _say_ready(writer: int) -> None:
    os.write(writer, b"\n")


def _follow(log: Path, reader: int, child: int) -> int:
    """Copy the log until the pipe says that it is ready, or ends with the background."""
    with log.open("a+b") as source:
        source.seek(0)
        while True:
            said, _, _ = select.select([reader], [], [], _PAUSE)
            sys.stderr.write(source.read().decode(errors="replace"))
            sys.stderr.flush()
            if said:
                return ExitCode.DONE if os.read(reader, 1) else _exit_code(child)


def _exit_code(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
