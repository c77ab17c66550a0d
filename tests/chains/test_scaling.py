"""A network that grows by a new rendering: the pods that are there start again, told of more validators."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from networks import write_keys

from exposer.records import read_record, record_path

pytestmark = pytest.mark.simd


def again(pod: Mapping[str, str], **more: str) -> subprocess.CompletedProcess[str]:
    """One start of init-genesis."""
    return subprocess.run(
        [sys.executable, "-m", "init_scripts.init_genesis"],
        env={"PATH": os.environ["PATH"], **pod, **more},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.mark.parametrize(("faucet", "code"), [("true", 0), ("false", 5)])
def test_a_genesis_pod_is_told_of_more_validators(tmp_path: Path, simd: str, faucet: str, code: int) -> None:
    """Where a faucet funds them it is complete, by the record of an earlier version too; else its genesis differs."""
    keys = json.loads(write_keys(tmp_path / "keys.json", validators=5, accounts=1).read_text())
    (tmp_path / "keys.json").write_text(json.dumps({**keys, "faucet": keys["keys"], "keys": []}))
    pod = {
        "CHAIN_ID": "scale-1",
        "CHAIN_BIN": simd,
        "CHAIN_DIR": str(tmp_path / "home"),
        "KEYS_CONFIG": str(tmp_path / "keys.json"),
        "HOSTNAME": "scale-genesis-0",
        "FAUCET_ENABLED": faucet,
    }
    assert again(pod, NUM_VALIDATORS="3").returncode == 0
    scaled = again(pod, NUM_VALIDATORS="5")
    record = read_record(tmp_path / "home", "init-genesis")
    assert record
    former = {**json.loads(record.to_bytes()), "inputs": {**record.inputs, "NUM_VALIDATORS": "0" * 64}}
    record_path(tmp_path / "home", "init-genesis").write_text(json.dumps(former))
    upgraded = again(pod, NUM_VALIDATORS="5")

    assert [scaled.returncode, upgraded.returncode] == [code, code], scaled.stderr
    told = "already complete" if code == 0 else "different now: KEYS_CONFIG, NUM_VALIDATORS"
    assert told in scaled.stderr
