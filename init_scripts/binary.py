"""A chain's binary: found and run, each time in an environment of its own."""

import logging
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from exposer.accounts.mnemonic import Mnemonic
from exposer.errors import BadInputError, TemporaryError, tells_passing
from exposer.orphans import dying_with_parent

log = logging.getLogger(__name__)
KEYRING = ("--keyring-backend", "test")
_LIMIT = 600.0  # seconds; the slowest known command, on a genesis of gigabytes, needs minutes
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_STACK = re.compile(r"\n(?:runtime stack:|goroutine [0-9]+ )")
_LACKING = re.compile(
    r"out of memory|newosproc|failed to (?:reserve|allocate)|^fatal error: fault\b"
    r"|memory allocation of [0-9]+ bytes failed",
    re.MULTILINE,
)
"""What the runtimes of Go, and of Rust in libraries, say where they get no memory, thread or page of a mapped file."""
KILLED = {130, 137, 143}
"""What a shell exits with for a program of its own that was ended by somebody: SIGINT, SIGKILL, SIGTERM."""
_HELP = re.compile(r"(?:Usage|Aliases|Examples|Flags|Global Flags):")
_TAIL_LINES = 12


class BinaryFailedError(BadInputError):
    """A command of the chain binary failed: it refuses what it was given; the text has its last lines."""


class ChainBinary:
    """Runs the chain's binary on one home; counts its ``starts``. No command may take more than ``limit`` seconds.

    What one start needs for itself lies in ``scratch``, an existing directory; that is the home where none is given.
    """

    def __init__(self, name: str, home: Path, scratch: Path | None = None) -> None:
        found = shutil.which(name)
        if found is None:
            raise BadInputError(
                f"CHAIN_BIN: no executable {name!r} on PATH; use an image that has the chain's binary, or give its path"
            )
        self.path = found
        self.home = home
        self.scratch = scratch or home
        self.starts = 0
        self.limit = _LIMIT
        self.memory = 0  # bytes that Go's runtime should do with (GOMEMLIMIT); 0 is its own default

    def run(self, *arguments: str, secret: Mnemonic | None = None) -> str:
        """Standard output of ``<binary> <arguments> --home <home>``; ``secret`` goes to its standard input.

        Raises:
            BinaryFailedError: it exited non-zero.
            TemporaryError: as `start`.
        """
        done = self.start([*arguments, "--home", str(self.home)], secret=secret)
        if done.returncode != 0:
            raise BinaryFailedError(self._failure(arguments, done, secret))
        return done.stdout

    def start(self, arguments: Sequence[str], *, secret: Mnemonic | None = None) -> subprocess.CompletedProcess[str]:
        """One start of the binary to its end, whatever it exits with.

        Its ``HOME`` is a directory for this start alone: binaries of SDK 0.50 write to their default home even when
        another is named, panic where they cannot, and read what a user of the machine has in it.

        Raises:
            TemporaryError: it did not end in time, was killed, or says that the disk or the memory is full.
        """
        self.starts += 1
        log.debug("%s %s", self.path, _shown(arguments))
        try:
            with tempfile.TemporaryDirectory(prefix="home-", dir=self.scratch) as elsewhere:
                done = subprocess.run(
                    [self.path, *arguments],
                    input=f"{secret.reveal()}\n" if secret else "",
                    capture_output=True,
                    text=True,
                    errors="replace",
                    timeout=self.limit,
                    check=False,
                    env={**self._go(), **os.environ, "HOME": elsewhere},
                    preexec_fn=dying_with_parent(),  # a step has no threads
                )
        except subprocess.TimeoutExpired as error:
            raise TemporaryError(
                f"`{Path(self.path).name} {_shown(arguments)}` did not end in {self.limit:.0f} s"
            ) from error
        if done.returncode < 0:  # out of memory, say: not an answer, least of all to what it can do
            raise TemporaryError(f"`{Path(self.path).name} {_shown(arguments)}` was ended by signal {-done.returncode}")
        said = done.stdout + done.stderr
        if done.returncode and (tells_passing(said) or _LACKING.search(said) or done.returncode in KILLED):
            raise TemporaryError(self._failure(arguments, done, secret))  # no answer either
        return done

    def _failure(
        self, arguments: Sequence[str], done: subprocess.CompletedProcess[str], secret: Mnemonic | None
    ) -> str:
        return f"`{Path(self.path).name} {_shown(arguments)}` failed:\n{_last_lines(done, secret)}"

    def _go(self) -> dict[str, str]:
        return {"GOMEMLIMIT": str(self.memory)} if self.memory else {}


def _shown(arguments: Sequence[str]) -> str:
    return " ".join(arguments)


def _without_help(text: str) -> str:
    """``text`` without cobra's help, which stands before the cause in some binaries and behind it in others."""
    kept, helps = [], False
    for line in text.splitlines():
        helps = bool(_HELP.match(line)) or (helps and (not line.strip() or line[0].isspace()))
        if not helps:
            kept.append(line)
    return "\n".join(kept) or text


def _last_lines(done: subprocess.CompletedProcess[str], secret: Mnemonic | None) -> str:
    text = done.stderr.strip() or done.stdout.strip() or f"no output, exit code {done.returncode}"
    text = _without_help(_STACK.split(_COLOURS.sub("", text))[0])
    if secret:
        word = rf"\b(?:{'|'.join(secret.reveal().split())})\b"
        text = re.sub(rf"{word}(?:\W+{word})+", "***", text)  # the parts of a mnemonic too, however they are written
    return "\n".join(text.splitlines()[-_TAIL_LINES:])
