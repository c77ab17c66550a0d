"""A user's script, which a step runs in place of its own work.

The script gets the step's settings in its environment, and is killed when the step ends.
"""

import logging
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from math import inf
from pathlib import Path

from exposer.errors import BadInputError, ExposerError, TemporaryError, TimedOutError, from_input_error
from exposer.line_ends import foreign_form
from exposer.settings import environment_name, spelled, variables
from init_scripts.binary import KILLED, ChainBinary
from init_scripts.running import Process, run_whole
from init_scripts.scratch import scratch
from init_scripts.settings import PodSettings

log = logging.getLogger(__name__)
_PASSING: dict[int, type[ExposerError]] = {error.exit_code: error for error in (TemporaryError, TimedOutError)}
"""What a script may exit with for its step to end with the same; any other code means that a retry cannot help.

The others of a step are statements about its command line and its volume, which are no script's to make; and programs
that scripts call use them for something else (``jq`` has 2 and 5, ``curl`` 1 to 99).
"""
_LONGEST = 1e6  # seconds; no clock knows infinity
_HOME = re.compile(r"--home .*\(default \"(?:.*/)?([^/\"]+)\"\)")


def run_script(
    settings: PodSettings,
    places: Mapping[str, object],
    *,
    field: str = "step_script",
    lock: int | None = None,
    limit: float = inf,
    workplace: str = "script",
) -> None:
    """Run the script that the setting ``field`` names to its end; what it prints goes to standard error, as it is.

    It is told every setting of the step by its variable, with its default too, and ``places`` over them. Its working
    directory is for this run alone, and so is its ``HOME``, where the default home of the chain's binary leads to
    ``CHAIN_DIR``: a command without ``--home`` works there too. Nothing that it started outlives it.

    Args:
        settings: the step's.
        places: variable -> value: where the script is to work.
        field: the setting's name.
        lock: a descriptor that its processes inherit, so that the next step finds and ends those that are left of a
            step that was killed.
        limit: seconds; nothing shorter than the step itself by default.
        workplace: the name of its working directory in the volume's scratch.

    Raises:
        BadInputError: there is no such file, nothing that runs it, its lines end otherwise than on Linux, or it exited
            with another code.
        TemporaryError: it, or a program that it waited for, was killed, the time was up, or it exited with 75.
        TimedOutError: it exited with 124.
    """
    path, name = getattr(settings, field), environment_name(type(settings), field)
    command = _command(path, name)
    told = {**variables(settings), **{key: spelled(value) for key, value in places.items()}}
    environment = {**os.environ, **told, "CHAIN_BIN": _program(settings.chain_bin)}
    for other in settings.SCRIPTS:  # what it calls is no scripted step again
        environment.pop(environment_name(type(settings), other), None)
    log.info("%s: running %s", name, path)
    with _workplace(settings, workplace, environment["CHAIN_DIR"]) as (directory, home):
        code = _run(command, {**environment, "HOME": str(home)}, directory, lock, limit)
    if code is None:
        raise TemporaryError(f"{name}: {path} was not done when the time was up")
    if code < 0 or code in KILLED:
        raise TemporaryError(f"{name}: {path} was ended by signal {-code if code < 0 else code - 128}")
    if code:
        failure, hint = _PASSING.get(code, BadInputError), "" if code in _PASSING else " (75 would have it tried again)"
        raise failure(f"{name}: {path} ended with exit code {code}{hint}; what it said stands above")


def _command(path: Path, name: str) -> list[str]:
    """How to run the script: by what its first line names, else by a shell. A ConfigMap's files have no x bit."""
    try:
        with path.open("rb") as stream:
            first = stream.readline(4096)
            if first.startswith(b"\x7fELF"):
                return [spelled(path)]
            fault = foreign_form(first + stream.read())
    except OSError as error:
        raise from_input_error(error, f"{name}: {path}") from error
    if fault:
        cure = "save it as UTF-8 with the line ends of Linux (LF), by dos2unix for example"
        raise BadInputError(f"{name}: {path}: {fault}; {cure}")
    words = first[2:].decode(errors="replace").split() if first.startswith(b"#!") else []
    if words and not shutil.which(words[0]):
        raise BadInputError(f"{name}: {path}: there is no {words[0]} here, which its first line names")
    shell = shutil.which("bash") or shutil.which("sh")
    if not words and shell is None:
        raise BadInputError(f"{name}: {path}: there is no shell here to run it; use an image that has one")
    return [*(words or [str(shell)]), spelled(path)]


def _program(name: str) -> str:
    """A binary's name, or its path as it is from another directory too."""
    return str(Path(name).absolute()) if os.sep in name else name


@contextmanager
def _workplace(settings: PodSettings, name: str, chain_dir: str) -> Iterator[tuple[Path, Path]]:
    """A directory that is gone afterwards, and a ``HOME`` in which the binary's default home is ``chain_dir``.

    Before there is a binary, when one is to be built, that is the user's own, for the caches in it.
    """
    with scratch(settings.root, name) as directory:
        try:
            binary = ChainBinary(settings.chain_bin or settings.chain_driver, directory)
        except BadInputError:
            own = os.environ.get("HOME", "")
            yield directory, Path(own) if os.access(own, os.W_OK) else directory
            return
        if found := _HOME.search(binary.start(["init", "--help"]).stdout):
            with suppress(OSError):  # a file system without links
                (directory / found[1]).symlink_to(chain_dir)
        yield directory, directory


def _run(
    command: list[str], environment: Mapping[str, str], directory: Path, lock: int | None, limit: float
) -> int | None:
    """The exit code; None when the time was up. Nothing that it has started is there after it."""

    def wait(process: Process) -> int | None:
        try:
            return int(process.wait(limit if limit < _LONGEST else None))
        except subprocess.TimeoutExpired:
            return None

    return run_whole(
        command,
        wait,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=2,  # a step's own output is data, and this is none
        pass_fds=() if lock is None else (lock,),
    )
