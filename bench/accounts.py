"""Funded accounts in init-genesis, beside one process per account on the same binary in the same run."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mnemonic import Mnemonic

from bench.table import Row
from init_scripts.keys import encode_address

SIMD = Path(__file__).parent.parent / ".cache/bin/simd"
_ONE_BY_ONE = 20
_MANY = 10_000


def rows() -> list[Row]:
    """Seconds for one and for 10,000 accounts, accounts per second both ways, and starts of the binary."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        one, starts_of_one = _init_genesis(root / "one", 1)
        many, starts_of_many = _init_genesis(root / "many", _MANY)
        slow = _one_process_per_account(root / "slow")
    ours, theirs = _MANY / max(many - one, 1e-9), _ONE_BY_ONE / slow
    against = f"one process per account: {theirs:.0f} accounts/s (over {_ONE_BY_ONE})"
    return [
        Row(
            f"{_MANY:,} accounts, above the time with one",
            f"{many - one:.2f} s; {ours / theirs:,.0f} x",
            against,
            "<= 2 s",
            many - one <= 2,
            (many - one) / 2,
        ),
        Row(
            f"starts of the binary with {_MANY:,} accounts",
            str(starts_of_many),
            f"with one: {starts_of_one}; one process per account: {_MANY:,}",
            "equal",
            starts_of_many == starts_of_one,
        ),
    ]


def _addresses(count: int) -> list[str]:
    return [encode_address("cosmos", number.to_bytes(20, "big")) for number in range(1, count + 1)]


def _init_genesis(root: Path, accounts: int) -> tuple[float, int]:
    """Seconds of one run with this many address-only accounts, and the starts that its record counts."""
    root.mkdir()
    key = {"name": "genesis", "mnemonic": Mnemonic("english").generate(256)}
    (root / "keys.json").write_text(json.dumps({"genesis": [key]}))
    balances = [{"address": address, "amount": "1000stake"} for address in _addresses(accounts)]
    (root / "balances.json").write_text(json.dumps(balances))
    environment = {
        **os.environ,
        "CHAIN_ID": "bench-1",
        "CHAIN_BIN": str(SIMD),
        "CHAIN_DIR": str(root / "home"),
        "KEYS_CONFIG": str(root / "keys.json"),
        "GENESIS_BALANCES": str(root / "balances.json"),
    }
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "init_scripts.init_genesis"], env=environment, check=True, capture_output=True
    )
    seconds = time.monotonic() - began
    record = json.loads((root / "home/.exposer/steps/init-genesis.json").read_text())
    return seconds, record["facts"]["binary_starts"]


def _one_process_per_account(home: Path) -> float:
    """Seconds in which the binary adds accounts one by one."""
    run = [str(SIMD), "--home", str(home)]
    subprocess.run([*run, "init", "bench", "--chain-id", "bench-1"], check=True, capture_output=True)
    began = time.monotonic()
    for address in _addresses(_ONE_BY_ONE):
        subprocess.run([*run, "genesis", "add-genesis-account", address, "1000stake"], check=True, capture_output=True)
    return time.monotonic() - began
