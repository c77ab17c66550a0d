"""Funded accounts in init-genesis, beside one process per account on the same binary in the same run."""

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from mnemonic import Mnemonic

from bench.profiled import command
from bench.table import Row, bounded, spread
from exposer.accounts.address import encode_address

SIMD = Path(__file__).parent.parent / ".cache/bin/simd"
_ONE_BY_ONE = 20
_MANY, _MILLION = 10_000, 1_000_000
_ROUNDS = 3
_MOST = 4  # times the genesis file


class Run(NamedTuple):
    """One run of init-genesis: seconds, starts of the binary, and bytes: the genesis's, and the peaks of memory."""

    seconds: float
    starts: int
    genesis: int
    own: int
    binary: int


def rows() -> list[Row]:
    """Seconds for 10,000 accounts above those for one, in turns with one by one; a million's memory; starts."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        rounds = [_round(root / str(number)) for number in range(_ROUNDS)]
        million = _init_genesis(root / "million", _MILLION)
    ones, many, slow = zip(*rounds, strict=True)
    above = [big.seconds - one.seconds for one, big in zip(ones, many, strict=True)]
    against = f"one process per account: {spread(slow, 'accounts/s', 0)}, over {_ONE_BY_ONE}"
    starts = {run.starts for run in (*ones, *many, million)}
    own, binary = million.own / million.genesis, million.binary / million.genesis
    size = f"{million.genesis / 1e6:,.0f} MB"
    return [
        bounded(f"{_MANY:,} accounts, above the time with one", above, "s", 2, against, digits=2),
        Row(f"{_MILLION:,} accounts, {size}", f"{million.seconds:,.0f} s", "", "", None),
        bounded("peak memory of init-genesis with them", [own], "x the genesis file", _MOST, digits=2),
        bounded("peak memory of the binary that judges them", [binary], "x the genesis file", _MOST, digits=2),
        Row(
            f"starts of the binary with 1, {_MANY:,} and {_MILLION:,} accounts",
            ", ".join(map(str, sorted(starts))),
            f"one process per account: {_MILLION:,}",
            "equal",
            len(starts) == 1,
        ),
    ]


def _round(root: Path) -> tuple[Run, Run, float]:
    """One account, many, and accounts per second one by one."""
    root.mkdir()
    one, many = _init_genesis(root / "one", 1), _init_genesis(root / "many", _MANY)
    return one, many, _ONE_BY_ONE / _one_process_per_account(root / "slow")


def _address(number: int) -> str:
    return encode_address("cosmos", number.to_bytes(20, "big"))


def _init_genesis(root: Path, accounts: int) -> Run:
    """One run with this many address-only accounts."""
    root.mkdir()
    key = {"name": "genesis", "mnemonic": Mnemonic("english").generate(256)}
    (root / "keys.json").write_text(json.dumps({"genesis": [key]}))
    with (root / "balances.json").open("w") as stream:
        for number in range(1, accounts + 1):
            stream.write("[" if number == 1 else ",")
            json.dump({"address": _address(number), "amount": "1000stake"}, stream)
        stream.write("]")
    environment = {
        **os.environ,
        "CHAIN_ID": "bench-1",
        "CHAIN_BIN": str(SIMD),
        "CHAIN_DIR": str(root / "home"),
        "KEYS_CONFIG": str(root / "keys.json"),
        "GENESIS_BALANCES": str(root / "balances.json"),
    }
    began = time.monotonic()
    with subprocess.Popen(command("bench.measured", "init_scripts.init_genesis"), env=environment, stdout=-1) as run:
        output, _ = run.communicate()
    seconds = time.monotonic() - began
    if run.returncode:
        raise RuntimeError(f"init-genesis ended with {run.returncode}")
    record = json.loads((root / "home/.exposer/steps/init-genesis.json").read_text())
    genesis = (root / "home/config/genesis.json").stat().st_size
    return Run(seconds, record["facts"]["binary_starts"], genesis, **json.loads(output))


def _one_process_per_account(home: Path) -> float:
    """Seconds in which the binary adds accounts one by one."""
    run = [str(SIMD), "--home", str(home)]
    subprocess.run([*run, "init", "bench", "--chain-id", "bench-1"], check=True, capture_output=True)
    began = time.monotonic()
    for number in range(1, _ONE_BY_ONE + 1):
        added = [*run, "genesis", "add-genesis-account", _address(number), "1000stake"]
        subprocess.run(added, check=True, capture_output=True)
    return time.monotonic() - began
