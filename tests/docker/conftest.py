"""What tests with containers share: the images of this version."""

import subprocess

import pytest
from compose_project import docker
from project import ROOT


@pytest.fixture(scope="session")
def images() -> None:
    """An engine answers, and has the images of this version, without a chain and with two."""
    docker("version")  # one that a worker starts would be in the worker's own network: scripts/docker-lab starts one
    subprocess.run([ROOT / "scripts/images", "cometbft", "simd"], check=True, timeout=1800)
