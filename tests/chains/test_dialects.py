"""What real chain binaries are probed for: the table of ``docs/dialects.md`` is what they answer."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from networks import fresh_mnemonic, write_keys
from project import ROOT, real_binary
from real_chains import CHAINS, RealChain

from exposer.accounts.hd import standard_path
from exposer.accounts.mnemonic import Mnemonic
from exposer.errors import BadInputError
from init_scripts.binary import ChainBinary
from init_scripts.dialect import Dialect, describes_validator_by_file, probe

DOCS = ROOT / "docs/dialects.md"
TABLE = re.compile(r"<!-- dialects -->\n(?:\|.*\n)*")
ETHEREUM = 60
_TEST_KEYRING = ("--keyring-backend", "test")


class Answers:
    """One binary's answers; each is a row of the table."""

    def __init__(self, chain: RealChain, home: Path) -> None:
        self._chain = chain
        home.mkdir()
        self._binary = ChainBinary(real_binary(chain.binary), home)
        self._dialect = probe(self._binary)
        denom = ("--default-denom", chain.denom) if self._dialect.default_denom else ()
        self._binary.run("init", "name", "--chain-id", chain.id, *denom)
        self._genesis: Mapping[str, Any] = json.loads((home / "config/genesis.json").read_bytes())
        self._app = tomllib.loads((home / "config/app.toml").read_text(encoding="utf-8"))

    @cached_property
    def _account(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The key that the binary adds, and the account that it makes of it."""
        coin_type = ETHEREUM if "EVM" in self._chain.what else 118
        recover = ("keys", "add", "key", "--recover", "--hd-path", standard_path(coin_type), "--output", "json")
        key = json.loads(self._binary.run(*recover, *_TEST_KEYRING, secret=Mnemonic(fresh_mnemonic())))
        account = self._dialect.add_account(self._chain.id)
        self._binary.run(*account, key["address"], f"1000{self._chain.denom}", *_TEST_KEYRING)
        genesis = json.loads((self._binary.home / "config/genesis.json").read_bytes())
        return json.loads(key["pubkey"]), genesis["app_state"]["auth"]["accounts"][0]

    def rows(self) -> dict[str, str]:
        """What the table says -> the binary's answer."""
        return {
            "is": self._chain.what,
            "built from": self._module(),
            "genesis commands": "below `genesis`" if self._dialect.genesis_group else "at the root",
            "judges a genesis by": f"`{self._dialect.validate}`",
            "`init --default-denom`": _yes(self._dialect.default_denom),
            "`add-genesis-account --chain-id`": _yes(self._dialect.account_chain_id),
            "`create-validator` takes": "a file" if describes_validator_by_file(self._binary) else "flags",
            "public keys": f"`{self._account[0]['@type']}`",
            "accounts": f"`{self._account[1]['@type'].rpartition('.')[2]}`",
            "consensus parameters in": "`consensus.params`" if "consensus" in self._genesis else "`consensus_params`",
            "initial height": type(self._genesis["initial_height"])
            .__name__.replace("str", "text")
            .replace("int", "number"),
            "gov parameters in": self._gov(),
            "gRPC-web": "its own port" if "address" in self._app["grpc-web"] else "the REST port",
        }

    def _module(self) -> str:
        text = (ROOT / "scripts/binaries" / self._chain.binary / "go.mod").read_text(encoding="utf-8")
        found = re.search(r"^require (\S+) (\S+)$", text, re.MULTILINE)
        assert found
        return f"[{found[1].removeprefix('github.com/')} {found[2]}](../scripts/binaries/{self._chain.binary}/go.mod)"

    def _gov(self) -> str:
        gov = self._genesis["app_state"]["gov"]
        if not gov.get("params"):
            return "`gov.voting_params`, …"
        return "`gov.params`, with `expedited_*`" if "expedited_voting_period" in gov["params"] else "`gov.params`"


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"


def test_the_table_is_what_the_binaries_answer(tmp_path: Path) -> None:
    """Every cell of the table is probed on the real binary; with UPDATE_DOCS set the table is written anew."""
    answers = {chain.binary: Answers(chain, tmp_path / chain.binary).rows() for chain in CHAINS}
    lines = [["", *answers], ["---"] * (1 + len(answers))]
    lines += [[row, *(rows[row] for rows in answers.values())] for row in next(iter(answers.values()))]
    table = "<!-- dialects -->\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)
    if os.environ.get("UPDATE_DOCS"):
        DOCS.write_text(TABLE.sub(lambda _: table, DOCS.read_text(encoding="utf-8")), encoding="utf-8")

    assert TABLE.findall(DOCS.read_text(encoding="utf-8")) == [table]


def test_a_probe_is_four_starts_and_is_kept_as_it_is(chain: RealChain, tmp_path: Path) -> None:
    """The number of starts is the same for every binary, and a record gives back the dialect that went into it."""
    binary = ChainBinary(real_binary(chain.binary), tmp_path)
    dialect = probe(binary)

    assert binary.starts == 4
    assert Dialect.from_facts(json.loads(json.dumps(dialect.to_facts()))) == dialect


def test_a_binary_without_genesis_commands_is_refused(cometbft: str, tmp_path: Path) -> None:
    """A program that is no SDK chain's is named, before it is asked to do anything."""
    with pytest.raises(BadInputError, match="CHAIN_BIN: cometbft lists no add-genesis-account"):
        probe(ChainBinary(cometbft, tmp_path))


def test_help_that_is_the_roots_is_no_groups(tmp_path: Path) -> None:
    """A binary that answers a word it does not know with its root's help keeps its genesis commands at the root."""
    binary = tmp_path / "chaind"
    binary.write_text("#!/bin/sh\necho '  add-genesis-account  Add one'\necho '  validate-genesis  Judge'\n")
    binary.chmod(0o755)
    dialect = probe(ChainBinary(str(binary), tmp_path))

    assert dialect.genesis("gentx") == ["gentx"]
    assert dialect.validate == "validate-genesis"


def test_a_binary_leaves_nothing_but_its_home(
    chain: RealChain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the user's home cannot be written a binary runs all the same, and it leaves nothing outside of its own."""
    monkeypatch.setenv("HOME", "/proc/nowhere")
    binary = ChainBinary(real_binary(chain.binary), tmp_path)
    probe(binary)
    binary.run("init", "name", "--chain-id", chain.id)

    assert {path.name for path in tmp_path.iterdir()} == {"config", "data"}


def test_init_is_not_told_the_id_of_a_main_network(simd: str, tmp_path: Path) -> None:
    """A binary that fetches a main network's genesis by its id, as osmosisd does, is never asked to; the id is ours."""
    binary = tmp_path / "osmosisd"
    binary.write_text(f'#!/bin/sh\ncase "$*" in "init "*"--chain-id osmosis-1 "*) exit 1 ;; esac\nexec {simd} "$@"\n')
    binary.chmod(0o755)
    pod = {
        "PATH": os.environ["PATH"],
        "CHAIN_ID": "osmosis-1",
        "CHAIN_BIN": str(binary),
        "CHAIN_DIR": str(tmp_path / "home"),
        "KEYS_CONFIG": str(write_keys(tmp_path / "keys.json", validators=1)),
        "HOSTNAME": "osmosis-genesis-0",
    }
    for step in ("init_genesis", "init_config"):
        command = [sys.executable, "-m", f"init_scripts.{step}"]
        done = subprocess.run(command, env=pod, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
    config = tmp_path / "home/config"

    assert json.loads((config / "genesis.json").read_bytes())["chain_id"] == "osmosis-1"
    assert tomllib.loads((config / "client.toml").read_text())["chain-id"] == "osmosis-1"


def test_what_a_binary_has_not_is_refused(simd: str, tmp_path: Path) -> None:
    """Another address prefix than the binary's, and a JSON-RPC that it does not have, never pass without effect."""
    pod = {
        "PATH": os.environ["PATH"],
        "CHAIN_ID": "simapp-1",
        "CHAIN_BIN": simd,
        "CHAIN_DIR": str(tmp_path / "home"),
        "KEYS_CONFIG": str(write_keys(tmp_path / "keys.json", validators=1)),
        "HOSTNAME": "simapp-genesis-0",
    }
    for step, asked, told in (
        ("init_genesis", {"BECH32_PREFIX": "foo"}, "BECH32_PREFIX: this binary's addresses begin with cosmos1"),
        ("init_genesis", {"BECH32_PREFIX": "cosmos"}, ""),
        ("init_config", {"JSON_RPC": "true"}, "JSON_RPC: this chain has none"),
    ):
        command = [sys.executable, "-m", f"init_scripts.{step}"]
        done = subprocess.run(command, env=pod | asked, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == (3 if told else 0), done.stderr
        assert told in done.stderr
