"""``init-genesis`` with the real simd: accounts cost no starts of the binary, and are those that it would have made."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from networks import fresh_mnemonic, write_keys
from waiting import LIMIT

from exposer.accounts.address import decode_address
from exposer.accounts.keyfile import Key
from exposer.accounts.mnemonic import Mnemonic

pytestmark = pytest.mark.simd

COINS = "100000000000000stake,5000000uatom"


class CountedBinary:
    """A real simd behind a script of the same name, first on PATH, that writes down every start."""

    def __init__(self, directory: Path, simd: str) -> None:
        directory.mkdir()
        self._starts = directory / "starts"
        self._starts.touch()
        script = directory / "simd"
        script.write_text(f'#!/bin/sh\necho "$*" >> {self._starts}\nexec {simd} "$@"\n', encoding="utf-8")
        script.chmod(0o755)
        self.path = f"{directory}:/usr/bin:/bin"

    @property
    def starts(self) -> int:
        """How often it was started."""
        return len(self._starts.read_text(encoding="utf-8").splitlines())


def init_genesis(home: Path, keys: Path, path: str, **more: str) -> dict[str, Any]:
    """The genesis that ``init-genesis`` makes in ``home``, in a process whose PATH is ``path``."""
    environment = {
        "PATH": path,
        "CHAIN_DRIVER": "cosmos",
        "CHAIN_ID": "accounts-1",
        "CHAIN_BIN": "simd",
        "CHAIN_DIR": str(home),
        "KEYS_CONFIG": str(keys),
        "COINS": COINS,
        "HOSTNAME": "accounts-genesis-0",
        **more,
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "init_scripts.init_genesis"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    genesis: dict[str, Any] = json.loads((home / "config/genesis.json").read_bytes())
    return genesis


def run(simd: str, home: Path, *arguments: str, secret: str = "") -> str:
    """What simd itself says."""
    done = subprocess.run(
        [simd, *arguments, "--home", str(home)],
        input=f"{secret}\n",
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_starts_do_not_grow_with_accounts(tmp_path: Path, simd: str, tell: Callable[[str], None]) -> None:
    """1,000 keys and 1,000 further balances take as many starts as one account, and the genesis is valid."""
    extra = [Key(str(n), Mnemonic(fresh_mnemonic())).address("cosmos", "m/44'/118'/0'/0/0") for n in range(1000)]
    balances = tmp_path / "balances.json"
    balances.write_text(json.dumps([{"address": address, "amount": "7uatom"} for address in extra]))
    one = CountedBinary(tmp_path / "one", simd)
    init_genesis(tmp_path / "home-1", write_keys(tmp_path / "1.json", validators=1), one.path)
    many = CountedBinary(tmp_path / "many", simd)
    keys = write_keys(tmp_path / "1000.json", validators=1, accounts=1000)
    genesis = init_genesis(tmp_path / "home-1000", keys, many.path, GENESIS_BALANCES=str(balances))
    run(simd, tmp_path, "genesis", "validate", str(tmp_path / "home-1000/config/genesis.json"))
    bank = genesis["app_state"]["bank"]
    tell(f"starts of the binary: {one.starts} for 1 account, {many.starts} for {len(bank['balances'])}")

    assert one.starts == many.starts > 0
    assert len(genesis["app_state"]["auth"]["accounts"]) == len(bank["balances"]) == 2001
    held = Counter[str]()
    for balance in bank["balances"]:
        held.update({coin["denom"]: int(coin["amount"]) for coin in balance["coins"]})
    assert held == {"stake": 1001 * 100000000000000, "uatom": 1001 * 5000000 + 1000 * 7}
    assert {coin["denom"]: int(coin["amount"]) for coin in bank["supply"]} == held


def test_accounts_are_those_of_the_binary(tmp_path: Path, simd: str) -> None:
    """Three accounts, their balances and the supply are what three calls of ``add-genesis-account`` leave.

    But for the order of the balances: the binary sorts them each time, and once more when the chain starts.
    """
    keys = write_keys(tmp_path / "keys.json", validators=1, accounts=2)
    path = f"{Path(simd).parent}:{os.defpath}"
    ours = init_genesis(tmp_path / "ours", keys, path)["app_state"]
    entries = [entry for entries in json.loads(keys.read_bytes()).values() for entry in entries]
    home = tmp_path / "theirs"
    run(simd, home, "init", "reference", "--chain-id", "accounts-1")
    keyring = ("--keyring-backend", "test")
    for entry in entries:
        run(simd, home, "keys", "add", entry["name"], "--recover", *keyring, secret=entry["mnemonic"])
        run(simd, home, "genesis", "add-genesis-account", entry["name"], COINS, *keyring)
    theirs = json.loads((home / "config/genesis.json").read_bytes())["app_state"]

    assert len(theirs["auth"]["accounts"]) == 3
    assert ours["auth"] == theirs["auth"]
    ours["bank"]["balances"].sort(key=lambda balance: decode_address(balance["address"])[1])
    assert ours["bank"] == theirs["bank"]
