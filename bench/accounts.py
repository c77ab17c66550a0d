"""Funded accounts in init-genesis, beside one process per account on the same binary in the same run."""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from mnemonic import Mnemonic

from bench.profiled import command
from bench.table import Row, bounded, spread
from exposer.accounts.address import encode_address

SIMD = Path(__file__).parent.parent / ".cache/bin/simd"
_ONE_BY_ONE = 20
_MANY = 10_000
_ROUNDS = 3


def rows() -> list[Row]:
    """Seconds for 10,000 accounts above those for one, in turns with one by one; and starts of the binary."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        rounds = [_round(root / str(number)) for number in range(_ROUNDS)]
    above, starts, one_by_one = zip(*rounds, strict=True)
    against = f"one process per account: {spread(one_by_one, 'accounts/s', 0)}, over {_ONE_BY_ONE}"
    few, many = starts[0]
    return [
        bounded(f"{_MANY:,} accounts, above the time with one", above, "s", 2, against, digits=2),
        Row(
            f"starts of the binary with {_MANY:,} accounts",
            str(many),
            f"with one: {few}; one process per account: {_MANY:,}",
            "equal",
            all(few == many for few, many in starts),
        ),
    ]


def _round(root: Path) -> tuple[float, tuple[int, int], float]:
    """Seconds above the time with one account, starts of the binary with one and with many, accounts/s one by one."""
    root.mkdir()
    one, few_starts = _init_genesis(root / "one", 1)
    many, many_starts = _init_genesis(root / "many", _MANY)
    return many - one, (few_starts, many_starts), _ONE_BY_ONE / _one_process_per_account(root / "slow")


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
    subprocess.run(command("init_scripts.init_genesis"), env=environment, check=True, capture_output=True)
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
