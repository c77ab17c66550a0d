"""``scripts/build-binaries`` as far as it goes without building anything."""

import os
import shutil
import subprocess

import pytest
from project import ROOT

pytestmark = pytest.mark.skipif(not (shutil.which("go") and shutil.which("gcc")), reason="Go and gcc build here")


@pytest.mark.parametrize(
    ("compiler", "code", "told"),
    [("gcc -m64", 2, "no binary 'nosuch'; there are: cometbft cosmovisor docker-compose "), ("none", 3, "install gcc")],
)
def test_what_cannot_be_built_is_told_first(compiler: str, code: int, told: str) -> None:
    """An unknown name is answered with those there are; a compiler may have flags, and one that is missing is told."""
    done = subprocess.run(
        [ROOT / "scripts/build-binaries", "nosuch"],
        env={**os.environ, "CC": compiler},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, told in done.stderr) == (code, True), done.stderr
