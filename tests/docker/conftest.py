"""What tests with containers share: the images of this version."""

import subprocess

import pytest
from project import ROOT


@pytest.fixture(scope="session")
def images() -> None:
    """An engine answers, and has the images of this version, without a chain and with two."""
    subprocess.run([ROOT / "scripts/images", "cometbft", "simd"], check=True, timeout=1800)
