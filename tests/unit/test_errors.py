import errno
import os

import pytest

from exposer.errors import BadInputError, ExitCode, TemporaryError, exit_codes, from_input_error, tells_passing


@pytest.mark.parametrize("code", list(ExitCode))
def test_every_code_is_told(code: ExitCode) -> None:
    """The list for ``--help`` has each code with its meaning, and says of which a retry is no use."""
    (line,) = (line for line in exit_codes().splitlines() if line.split()[0] == str(code.value))

    assert code.meaning in line
    assert line.endswith("(do not retry)") is not code.retryable


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.EIO, TemporaryError), (errno.ENOENT, BadInputError), (errno.EACCES, BadInputError)],
)
def test_an_input_file_that_cannot_be_read(number: int, kind: type[Exception]) -> None:
    """A disk that fails may work again; a file that is not there, or not ours, has to be put there by somebody."""
    told = from_input_error(OSError(number, os.strerror(number)), "KEYS_CONFIG: /configs/keys.json")

    assert type(told) is kind
    assert "KEYS_CONFIG" in str(told)


@pytest.mark.parametrize(
    ("words", "passing"),
    [
        ("panic: write x: no space left on device", True),
        ("Error: disk quota exceeded", True),
        ("open x: permission denied", False),
        ("Error: unknown command", False),
    ],
)
def test_what_another_program_says_of_the_system(words: str, passing: bool) -> None:
    """A full disk is told from a wrong command by the system's own words, in Go's spelling too."""
    assert tells_passing(words) is passing
