"""What tests with containers share: the images of this version."""

import subprocess

import pytest
from compose_project import docker
from project import ROOT


@pytest.fixture(scope="session")
def images() -> None:
    """An engine answers, and has the images of this version, without a chain and with two."""
    docker("version")  # in a worker's own network scripts/images can neither start one nor fetch
    subprocess.run([ROOT / "scripts/images", "cometbft", "simd"], check=True, timeout=1800)
