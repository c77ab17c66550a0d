"""Ids beside those of the real binary."""

import json
import subprocess
from pathlib import Path

import pytest

from exposer.identity import node_id, node_public_key, validator_public_key


@pytest.mark.cometbft
def test_ids_are_those_that_the_real_binary_tells(cometbft: str, tmp_path: Path) -> None:
    """Node id and validator address of files that ``cometbft init`` wrote are what it says they are."""
    subprocess.run([cometbft, "init", "--home", tmp_path], check=True, capture_output=True)
    told = subprocess.run([cometbft, "show-node-id", "--home", tmp_path], check=True, capture_output=True, text=True)
    key_file = tmp_path / "config/priv_validator_key.json"

    assert node_id(node_public_key((tmp_path / "config/node_key.json").read_bytes())) == told.stdout.strip()
    key = validator_public_key(key_file.read_bytes())
    assert key.address.hex().upper() == json.loads(key_file.read_bytes())["address"]
