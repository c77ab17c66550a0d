"""``exposer keys`` as a process: files are private and never replaced, and no mnemonic is seen but for its flag."""

import json
import os
import re
import stat
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from networks import write_keys
from project import ROOT

from exposer.accounts.keyfile import ROLES, load_keys
from exposer.cli import main

DOCS = ROOT / "docs/keys.md"


def keys(directory: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run ``exposer keys`` to its end."""
    command = [sys.executable, "-W", "error", "-m", "exposer", "keys", *arguments]
    environment = {"PATH": os.environ["PATH"], "EXPOSER_LOG_LEVEL": "debug"}
    return subprocess.run(command, input=given, capture_output=True, cwd=directory, env=environment, timeout=60)  # noqa: PLW1510 - the code is tested


def words(path: Path) -> list[str]:
    """Every pair of neighbouring words of every mnemonic in a file."""
    sentences = [key.mnemonic.reveal().split() for role in ROLES for key in load_keys(path).role(role)]
    return [f"{one} {two}" for sentence in sentences for one, two in pairwise(sentence)]


def test_new_keys_are_what_was_asked_for(tmp_path: Path) -> None:
    """As many entries and words as the flags say; the file is private, and the command says nothing."""
    flags = ("--validators", "3", "--keys", "2", "--relayers", "1", "--words", "12")
    made = keys(tmp_path, "new", "keys.json", *flags)
    document = json.loads((tmp_path / "keys.json").read_bytes())

    assert (made.returncode, made.stdout, made.stderr) == (0, b"", b"")
    assert {role: len(entries) for role, entries in document.items()} == {
        "genesis": 1,
        "validators": 2,
        "faucet": 1,
        "keys": 2,
        "relayers": 1,
    }
    assert {len(entry["mnemonic"].split()) for entries in document.values() for entry in entries} == {12}
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("new", "keys.json"), 5, "keys.json exists, and keys are never overwritten; name another file"),
        (("new", "no/keys.json"), 3, "there is no directory no; make it"),
        (("new", "x", "--validators", "0"), 2, "a network has one at least"),
        (("new", "x", "--words", "13"), 2, "--words"),
        (("new",), 2, "FILE"),
        (("show", "none.json"), 3, "none.json: No such file or directory"),
        (("show", "keys.json", "--chain", "osmosi"), 3, "'osmosi' is none of"),
        (("show", "keys.json", "--chain", "cometbft"), 3, "cometbft has no accounts"),
        (("show", "keys.json", "--prefix", "Cosmos"), 3, "--prefix"),
        (("show", "keys.json", "--hd-path", "44'/118'"), 3, "write m/44'/118'/0'/0/0"),
        (("show", "keys.json", "--hd-path", "m/0", "--coin-type", "60"), 2, "not allowed with"),
        (("show", "keys.json", "--algorithm", "ed25519"), 2, "--algorithm"),
        (("derive", "keys.json", "--role", "validators", "--ordinal", "5"), 3, "has 2 entries and ordinal 5 needs"),
        (("derive", "keys.json", "--role", "relayers"), 3, "role 'relayers' has 0 entries"),
        (("show", "-"), 3, "standard input is not JSON"),
        ((), 2, "COMMAND"),
    ],
)
def test_a_mistake_is_told_with_its_cure(tmp_path: Path, arguments: tuple[str, ...], code: int, told: str) -> None:
    """Every wrong use has its exit code and one message, without a traceback or a word of a mnemonic."""
    path = write_keys(tmp_path / "keys.json", validators=3)
    before = path.read_bytes()
    done = keys(tmp_path, *arguments, given=b'{"genesis": [{"mnemonic": "wrong horse')

    assert done.returncode == code
    assert told in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert done.stdout == b""
    assert not [pair for pair in [*words(path), "wrong horse"] if pair in done.stderr.decode()]
    assert path.read_bytes() == before


def test_mnemonics_are_shown_for_their_flag_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Tables and JSON have no word of one; with the flag both have all, on standard output and nowhere else."""
    path = write_keys(tmp_path / "keys.json", validators=3, accounts=1)
    for command in (("show",), ("show", "--json"), ("derive",), ("derive", "--json")):
        done = keys(tmp_path, command[0], "keys.json", *command[1:])
        assert done.returncode == 0
        assert not [pair for pair in words(path) if pair in (done.stdout + done.stderr).decode()]
    for flags in (("--show-mnemonics",), ("--show-mnemonics", "--json")):
        assert main(["keys", "show", str(path), *flags]) == 0  # as a process its output would be read as a log
        shown = capsys.readouterr()
        assert not [pair for pair in words(path) if pair not in shown.out]
        assert shown.err == ""


def test_what_is_shown_is_of_the_chain_that_was_named(tmp_path: Path) -> None:
    """A known chain brings prefix, path and algorithm; flags say another; standard input is as good as a file."""
    path = write_keys(tmp_path / "keys.json", validators=2)
    key = load_keys(path).at("validators", 0)
    shown = {
        (): key.address("cosmos", "m/44'/118'/0'/0/0"),
        ("--chain", "osmosis"): key.address("osmo", "m/44'/118'/0'/0/0"),
        ("--chain", "evmos"): key.address("evmos", "m/44'/60'/0'/0/0", "eth_secp256k1"),
        ("--chain", "agoric", "--prefix", "x"): key.address("x", "m/44'/564'/0'/0/0"),
        ("--prefix", "x", "--coin-type", "60"): key.address("x", "m/44'/60'/0'/0/0"),
        ("--hd-path", "m/7'", "--algorithm", "eth_secp256k1"): key.address("cosmos", "m/7'", "eth_secp256k1"),
    }
    for flags, address in shown.items():
        done = keys(tmp_path, "show", "-", "--role", "validators", "--json", *flags, given=path.read_bytes())
        rows = [{"role": "validators", "ordinal": 0, "name": "validator-0", "address": address}]
        assert json.loads(done.stdout) == {"keys": rows}
    table = keys(tmp_path, "show", "keys.json").stdout.decode().splitlines()
    assert table[0].split() == ["ROLE", "ORDINAL", "NAME", "ADDRESS"]
    assert table[2].split() == ["validators", "0", "validator-0", shown[()]]


def test_the_commands_of_the_docs_work(tmp_path: Path) -> None:
    """The lines of docs/keys.md, one after the other, as they stand there."""
    found = re.search(r"```sh\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", found[1]],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("osmo1") == 4 + 1 + 3 + 1
    assert done.stdout.count("osmovaloper1") == 1
