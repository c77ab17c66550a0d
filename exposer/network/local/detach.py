"""Running in the background: followed by the foreground until it is ready, then on its own."""

import contextlib
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from exposer.ending import exit_code_of
from exposer.errors import ExitCode

Run = Callable[[Callable[[int], None]], int]
"""A program; it calls its argument with its exit code so far when it is ready, and returns its exit code."""
_PAUSE = 0.1
_HANDED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def in_background(log: Path, run: Run) -> int:
    """Run ``run`` in a session of its own with its output in ``log``.

    Returns its exit code so far once it is ready, or its exit code once it has ended. Meanwhile what is written to the
    log is copied to stderr, and SIGINT, SIGTERM and SIGHUP are handed on. To be called without threads.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDED_ON)  # none is lost before there is a handler for it
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(reader)
        os._exit(_run(log, run, writer))
    os.close(writer)
    try:
        with _handing_on(child):
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            return _follow(log, reader, child)
    finally:
        os.close(reader)


@contextlib.contextmanager
def _handing_on(child: int) -> Iterator[None]:
    """Every signal that would end this process goes to ``child`` instead."""
    descriptor = os.pidfd_open(child)

    def hand_on(number: int, _frame: object) -> None:
        with contextlib.suppress(ProcessLookupError):  # it has ended
            signal.pidfd_send_signal(descriptor, number)

    former = {number: signal.signal(number, hand_on) for number in _HANDED_ON}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        os.close(descriptor)


def _run(log: Path, run: Run, writer: int) -> int:
    """The background's half."""
    os.setsid()
    with log.open("wb", buffering=0) as output, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    try:
        code = exit_code_of(lambda: run(partial(_say_ready, writer)))
    except BaseException:  # noqa: BLE001 - the end of the process: nobody above could report it
        traceback.print_exc()
        code = int(ExitCode.FAULT)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


def _say_ready(writer: int, code: int) -> None:
    os.write(writer, bytes([code]))


def _follow(log: Path, reader: int, child: int) -> int:
    """Copy the log until the pipe says that it is ready, or ends with the background."""
    with log.open("a+b") as source:
        source.seek(0)
        while True:
            said, _, _ = select.select([reader], [], [], _PAUSE)
            sys.stderr.write(source.read().decode(errors="replace"))
            sys.stderr.flush()
            if said:
                code = os.read(reader, 1)
                return code[0] if code else _exit_code(child)


def _exit_code(child: int) -> int:
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return 128 - code if code < 0 else code
