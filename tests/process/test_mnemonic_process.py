"""BIP-39 sentences."""

import subprocess
import sys

UNREADABLE = """
import resource
from exposer.accounts.mnemonic import Mnemonic
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
try:
    Mnemonic("abandon " * 11 + "about").is_valid()
except OSError as error:
    print(error.strerror)
"""


def test_a_word_list_that_cannot_be_read_says_nothing_of_the_words() -> None:
    """Where the list cannot be opened that is the error, and no sentence is called wrong for it."""
    done = subprocess.run([sys.executable, "-c", UNREADABLE], capture_output=True, text=True, timeout=20, check=False)

    assert done.stdout == "Too many open files\n", done.stderr
