"""The witness reads what our programs write."""

import secrets

from sidecar_process import failing
from witness import WITNESS


def test_output_of_a_process() -> None:
    """A secret in the output of a program of ours is seen."""
    secret = secrets.token_hex(32)
    with WITNESS.planted(bytes.fromhex(secret)) as hits:
        failing(f"--no-such-flag-{secret}")
    assert hits == ["a log has a secret of planted"]
