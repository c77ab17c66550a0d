"""The errors of every program here, each with the exit code that an orchestrator acts on.

    ExposerError               1  a fault of ours: report it
    +-- UsageError             2  the command line is wrong
    +-- BadInputError          3  configuration or an input file is wrong          do not retry
    +-- MismatchError          4  integrity or identity: a digest, chain, key      do not retry
    +-- ConflictError          5  already initialised with other inputs            do not retry
    +-- TemporaryError        75  (EX_TEMPFAIL of sysexits.h) try again
    +-- TimedOutError        124  (timeout(1)) the limit that was given ran out

A program that is ended by signal *n* exits with 128 + *n*. Subclasses exist where somebody acts on the
difference, and nowhere else. A message names the field or the file and the cure; it never holds a secret,
and its cause is chained.
"""

import errno
import os
from enum import IntEnum


class ExitCode(IntEnum):
    """What every step and command exits with; 3, 4 and 5 mean that a retry cannot help."""

    DONE = 0
    FAULT = 1
    USAGE = 2
    BAD_INPUT = 3
    MISMATCH = 4
    CONFLICT = 5
    TEMPORARY = 75
    TIMED_OUT = 124

    @property
    def retryable(self) -> bool:
        """Whether running the same thing again can help."""
        return self not in {ExitCode.USAGE, ExitCode.BAD_INPUT, ExitCode.MISMATCH, ExitCode.CONFLICT}

    @property
    def meaning(self) -> str:
        """What a person is told of the code."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.DONE: "done, or already done",
    ExitCode.FAULT: "a fault of exposer, or a port that `exposer serve` cannot have",
    ExitCode.USAGE: "the command line is wrong",
    ExitCode.BAD_INPUT: "a setting or an input file is wrong",
    ExitCode.MISMATCH: "integrity or identity: a digest, a chain id or a key does not match",
    ExitCode.CONFLICT: "the volume was initialised with other inputs",
    ExitCode.TEMPORARY: "temporary: the network, a full disk",
    ExitCode.TIMED_OUT: "the time limit ran out",
}


def exit_codes() -> str:
    """All exit codes with their meaning, one a line, for a program's ``--help``."""
    rows = [(str(code.value), code.meaning + ("" if code.retryable else " (do not retry)")) for code in ExitCode]
    rows.append(("128+n", "ended by signal n"))
    return "exit codes:\n" + "".join(f"  {code:<6} {meaning}\n" for code, meaning in rows)


class ExposerError(Exception):
    """A failure that a person is told about in one line."""

    exit_code = ExitCode.FAULT


class UsageError(ExposerError):
    """The command line cannot be understood."""

    exit_code = ExitCode.USAGE


class BadInputError(ExposerError):
    """A setting or an input file is wrong; the message names it and the cure."""

    exit_code = ExitCode.BAD_INPUT


class MismatchError(ExposerError):
    """Bytes or an identity are not those that were promised."""

    exit_code = ExitCode.MISMATCH


class ConflictError(ExposerError):
    """The volume was initialised with other inputs."""

    exit_code = ExitCode.CONFLICT


class TemporaryError(ExposerError):
    """Something outside failed in a way that time can mend."""

    exit_code = ExitCode.TEMPORARY


class TimedOutError(ExposerError):
    """The time limit that the caller gave ran out."""

    exit_code = ExitCode.TIMED_OUT


# What an operator can free or repair while the pod is restarted; everything else that the system refuses
# (read-only volume, wrong owner, path too long) stays refused until somebody changes the configuration.
_PASSING = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.EAGAIN,
    errno.ESTALE,
}
_REFUSED = {
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENAMETOOLONG,
    errno.ENOEXEC,
}
_IN_THE_WAY = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR}


def from_os_error(error: OSError, place: object = "") -> ExposerError:
    """The error that an operating system's refusal means for a step: 75 where time helps, 3 where it cannot.

    ``place`` is where it happened, as far as the error itself does not know.
    """
    where = f"{error.filename or place}: " if error.filename or place else ""
    what = f"{where}{error.strerror or error}"
    if error.errno in _PASSING:
        return TemporaryError(f"{what}; free space or repair the volume, then the step can run again")
    if error.errno in _IN_THE_WAY:
        return BadInputError(f"{what}; something else is there: move it away, or point the setting elsewhere")
    if error.errno in _REFUSED:
        return BadInputError(f"{what}; make the path writable for this user, or point the setting elsewhere")
    return ExposerError(what)


def from_input_error(error: OSError, what: str, cure: str = "mount the file there") -> ExposerError:
    """Why a file that a setting names cannot be read: 75 where a disk fails, 3 where somebody has to mend it."""
    told = f"{what}: {error.strerror or error}; {cure}"
    return TemporaryError(told) if error.errno in _PASSING else BadInputError(told)


def tells_passing(text: str) -> bool:
    """Whether another program's last words name what an operator can free or repair: a full disk, say."""
    return any(os.strerror(number).lower() in text.lower() for number in _PASSING)
