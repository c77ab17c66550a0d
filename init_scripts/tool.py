"""``git`` and ``go`` as a step uses them: within a time limit, ended with the step, failing in their own last words."""

import logging
import re
import shutil
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path

from exposer.errors import BadInputError, ExposerError, TemporaryError
from init_scripts.backoff import Patience
from init_scripts.running import Process, run_whole

log = logging.getLogger(__name__)
_TAIL_LINES = 12
_LONGEST = 1e6  # seconds; poll(2) knows none that are much longer, and infinity least of all
_NETWORK = re.compile(
    r"could not resolve|no such host|name resolution|server misbehaving|connection (refused|reset|timed out)"
    r"|failed to connect|(network|host) (is )?unreachable|no route to host|i/o timeout|timed out|timeout was reached"
    r"|too slow|handshake (timeout|failure)|unexpected (eof|disconnect)|early eof|: eof$|empty reply|recv failure"
    r"|hung up unexpectedly|(returned error|rpc failed; http): (429|5[0-9]{2})|: (429|5[0-9]{2}) [a-z]",
    re.IGNORECASE | re.MULTILINE,
)
_MACHINE = re.compile(
    r"no space left on device|disk quota exceeded|input/output error|cannot allocate memory|signal: killed"
    r"|too many open files",
    re.IGNORECASE,
)
"""What git and go say when the network, the disk or the memory failed them, and not what they were given."""


class Tool:
    """A program found on PATH, run in ``environment``; its words go to logs and errors without the ``secrets``."""

    def __init__(
        self, name: str, patience: Patience, environment: Mapping[str, str], secrets: Collection[str] = ()
    ) -> None:
        found = shutil.which(name)
        if found is None:
            raise BadInputError(f"no {name} on PATH; run this step in an image that has it (git, Go, and gcc for cgo)")
        self.name = name
        self.environment = environment
        self._path = found
        self._patience = patience
        self._secrets = secrets

    def beside(self, name: str) -> "Tool":
        """Another tool under the same conditions."""
        return Tool(name, self._patience, self.environment, self._secrets)

    def run(self, *arguments: str, cwd: Path, offline: bool = False, **environment: str) -> str:
        """Standard output of ``<tool> <arguments>``; as `talk`."""
        return self.talk(*arguments, cwd=cwd, offline=offline, **environment)[0]

    def talk(self, *arguments: str, cwd: Path, offline: bool = False, **environment: str) -> tuple[str, str]:
        """What ``<tool> <arguments>`` in ``cwd`` says: output and errors; ``offline`` it cannot fail by the network.

        Raises:
            TemporaryError: the time is up, it was killed, or the network, the disk or the memory failed it.
            BadInputError: it failed for another cause; the message ends with its last lines.
        """
        log.debug("%s %s", self.name, self._masked(" ".join(arguments)))
        left = self._patience.left

        def listen(process: Process) -> tuple[str, str, int]:
            try:
                output, words = process.communicate(timeout=left if left < _LONGEST else None)
            except subprocess.TimeoutExpired as error:
                raise TemporaryError(
                    f"`{self.name} {arguments[0]}` was not done when the time was up after {self._patience.spent:.0f} s"
                    f" (BUILD_TIMEOUT)"
                ) from error
            return output, words, process.returncode

        output, words, code = run_whole(
            [self._path, *arguments],
            listen,
            cwd=cwd,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        if code != 0:
            raise self._failure(arguments[0], code, words or output, offline=offline)
        return output, words

    def _failure(self, command: str, code: int, words: str, *, offline: bool) -> ExposerError:
        lines = self._masked(words).strip().splitlines() or [f"no output, exit code {code}"]
        text = f"`{self.name} {command}` failed:\n" + "\n".join(lines[-_TAIL_LINES:])
        passing = code < 0 or _MACHINE.search(words) or (not offline and _NETWORK.search(words))
        return TemporaryError(text) if passing else BadInputError(text)

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text
