"""A wall clock that jumps ten years each time that somebody looks at it: no wait is longer or shorter for it."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from networks import write_keys
from project import ROOT
from scripted_server import Script, ScriptedServer, answer, by_path, file, stall
from step_faults import CLOCK, GATE, GENESIS, VALIDATOR
from trees import final_files

SOURCE = ROOT / "tests/support/wall_clock.c"
GIVEN = 2.0
_SLACK = 30.0  # seconds for a Python process to start and end, on a machine with more to do
CONTENT = json.dumps(
    {"genesis_time": "2026-01-01T00:00:00Z", "chain_id": "clock-1", "validators": [], "app_hash": ""}
).encode()
LEADER = by_path(
    {
        "/genesis": file(CONTENT),
        "/identity": file(CONTENT),
        "/node_id": answer(200, b'{"node_id":"%s"}' % (b"0a" * 20)),
    }
)


@pytest.fixture(scope="module")
def jumping(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a program with such a clock."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler for the clock; see scripts/")
    library = tmp_path_factory.mktemp("clock") / "wall_clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE], check=True)
    environment = {"PATH": os.environ["PATH"], "LD_PRELOAD": str(library)}
    look = "import time; print(time.time() - time.time())"
    seen = subprocess.run(
        [sys.executable, "-c", look], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert abs(float(seen)) > 600_000_000
    return environment


def run(step: str, jumping: dict[str, str], home: Path, leader: str) -> tuple[int, float, str]:
    """Exit code, seconds and log of a step under the clock that jumps."""
    keys = home.parent / "keys.json"
    if not keys.exists():
        write_keys(keys, validators=2)
    environment = {
        **jumping,
        "PYTHONPATH": str(ROOT),
        "CHAIN_DRIVER": "cometbft",
        "CHAIN_ID": "clock-1",
        "CHAIN_DIR": str(home),
        "KEYS_CONFIG": str(keys),
        "HOSTNAME": "clock-validator-0",
        "DOWNLOAD_TIMEOUT": f"{GIVEN:g}s",
        **({} if step == GENESIS else {"GENESIS_HOST": leader}),
    }
    flags = ["-t", f"{GIVEN:g}s"] if step == GATE else []
    module = f"init_scripts.{step.replace('-', '_')}"
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", module, *flags], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, time.monotonic() - began, done.stderr


@pytest.mark.parametrize("step", [GATE, VALIDATOR])
@pytest.mark.parametrize("script", [stall, answer(503)], ids=["a held request", "a pause"])
def test_a_limit_is_kept(script: Script, step: str, jumping: dict[str, str], tmp_path: Path) -> None:
    """Whatever the wall clock shows, a wait ends when the time that was given is over, and not before."""
    with ScriptedServer(script) as leader:
        code, spent, told = run(step, jumping, tmp_path / "home", leader.url)

    assert (code,) == (CLOCK[0] if step == GATE else CLOCK[1]).codes, told
    assert GIVEN <= spent < GIVEN + _SLACK
    assert not (tmp_path / "home").exists() or final_files(tmp_path / "home") == []
    with ScriptedServer(LEADER) as leader:
        assert run(step, jumping, tmp_path / "home", leader.url)[0] == 0


@pytest.mark.parametrize("step", [GATE, GENESIS, VALIDATOR])
def test_a_step_goes_through(step: str, jumping: dict[str, str], tmp_path: Path) -> None:
    """A step that has nothing to wait for is not kept by the wall clock, and not hurried."""
    with ScriptedServer(LEADER) as leader:
        code, spent, told = run(step, jumping, tmp_path / "home", leader.url)

    assert (code,) == CLOCK[2].codes, told
    assert spent < _SLACK
