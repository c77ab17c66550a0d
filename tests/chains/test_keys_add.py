"""Accounts and identities against real binaries: what they derive of a sentence is what is derived here."""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mnemonic import Mnemonic as WordList
from project import real_binary
from real_chains import RealChain

from exposer.accounts.address import Algorithm, decode_address
from exposer.accounts.hd import standard_path
from exposer.accounts.keyfile import Key
from exposer.accounts.mnemonic import Mnemonic
from init_scripts.identity_files import NODE_KEY, VALIDATOR_KEY, write_identity
from init_scripts.signing_state import PATH as SIGNING_STATE

SENTENCES = [Mnemonic(WordList("english").to_mnemonic(bytes(range(255, 255 - size, -1)))) for size in (16, 24, 32)]
PATHS = [
    *("m/44'/118'/0'/0/0", "m/44'/118'/0'/0/3", "m/44'/118'/2'/0/1", "m/44'/60'/0'/0/0", "m/44'/564'/0'/0/0"),
    *("m/44'/529'/0'/0'", "m/44'/330'/2147483647'/1/2147483647"),
]
PREFIXES = {"evmosd": "evmos", "wasmd": "wasm"}


def algorithm_of(chain: RealChain) -> Algorithm:
    """How the chain makes addresses."""
    return "eth_secp256k1" if chain.binary == "evmosd" else "secp256k1"


def run(chain: RealChain, home: Path, *arguments: str, secret: Mnemonic | None = None) -> str:
    """Standard output of the chain's binary."""
    command = [real_binary(chain.binary), *arguments, "--home", str(home)]
    words = f"{secret.reveal()}\n" if secret else ""
    done = subprocess.run(command, input=words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def added(chain: RealChain, home: Path, key: Key, *how: str) -> tuple[str, str]:
    """The address and the public key in base64 that ``keys add --recover`` tells."""
    flags = ("--recover", "--dry-run", "--output", "json", "--keyring-backend", "memory")
    shown = json.loads(run(chain, home, "keys", "add", key.name, *flags, *how, secret=key.mnemonic))
    return shown["address"], json.loads(shown["pubkey"])["key"]


@pytest.mark.parametrize("sentence", SENTENCES, ids=("12 words", "18 words", "24 words"))
def test_accounts_are_those_of_the_binary(chain: RealChain, sentence: Mnemonic, tmp_path: Path) -> None:
    """Address and public key of each path: any coin, account and index, and with the last element hardened."""
    for path in PATHS:
        key = Key("k", sentence)
        address = key.address(PREFIXES.get(chain.binary, "cosmos"), path, algorithm_of(chain))
        public = base64.b64encode(key.public_key(path)).decode()
        assert added(chain, tmp_path, key, "--hd-path", path) == (address, public)


def test_account_and_index_are_those_of_the_binary(chain: RealChain, tmp_path: Path) -> None:
    """``--coin-type --account --index`` mean the path that is written here."""
    key = Key("k", SENTENCES[0])
    address, _ = added(chain, tmp_path, key, "--coin-type", "330", "--account", "2", "--index", "5")

    assert address == key.address(PREFIXES.get(chain.binary, "cosmos"), standard_path(330, 2, 5), algorithm_of(chain))


def test_what_is_shown_is_what_the_binary_shows(chain: RealChain, tmp_path: Path) -> None:
    """``exposer keys derive`` tells the addresses, node id and consensus key that the binary tells of the same pod."""
    key, home = Key("k", SENTENCES[0], index=2), tmp_path / "home"
    home.mkdir()
    write_identity(home, key)
    document = json.dumps({"validators": [{"name": "k", "mnemonic": key.mnemonic.reveal()}]})
    flags = ("--prefix", PREFIXES.get(chain.binary, "cosmos"), "--algorithm", algorithm_of(chain), "--json")
    command = [sys.executable, "-m", "exposer", "keys", "derive", "-", "--role", "validators", "--ordinal", "2", *flags]
    shown = json.loads(subprocess.run(command, input=document, capture_output=True, text=True, check=True).stdout)

    assert (shown["address"], shown["hd_path"]) == (
        added(chain, home, key, "--index", "2", "--coin-type", "118")[0],
        "m/44'/118'/0'/0/2",
    )
    assert shown["valoper"] in run(chain, home, "keys", "parse", decode_address(shown["address"])[1].hex())
    assert shown["valcons"] == run(chain, home, "tendermint", "show-address").strip()
    assert shown["node_id"] == run(chain, home, "tendermint", "show-node-id").strip()
    assert shown["consensus_pubkey"] == json.loads(run(chain, home, "tendermint", "show-validator"))


def test_identity_files_are_those_that_the_binary_makes_and_reads(chain: RealChain, tmp_path: Path) -> None:
    """Form and modes are those of ``init``; the binary tells the node id and the key that were known before."""
    key, theirs, ours = Key("k", SENTENCES[1]), tmp_path / "theirs", tmp_path / "ours"
    run(chain, theirs, "init", "x", "--chain-id", chain.id)
    ours.mkdir()
    write_identity(ours, key)

    for name in (NODE_KEY, VALIDATOR_KEY, SIGNING_STATE):
        assert form((ours / name).read_bytes()) == form((theirs / name).read_bytes())
        assert (ours / name).stat().st_mode == (theirs / name).stat().st_mode


def form(document: bytes) -> str:
    """JSON text with every value that is random by nature replaced."""
    return re.sub(r'"(value|address)": ?"[^"]*"', r'"\1":"*"', document.decode())


def test_the_consensus_key_is_that_of_init_recover(chain: RealChain, tmp_path: Path) -> None:
    """The binary's ``init --recover`` makes the same consensus key of the same sentence, byte for byte."""
    key, theirs, ours = Key("k", SENTENCES[2]), tmp_path / "theirs", tmp_path / "ours"
    run(chain, theirs, "init", "x", "--chain-id", chain.id, "--recover", secret=key.mnemonic)
    ours.mkdir()
    write_identity(ours, key)

    assert (theirs / VALIDATOR_KEY).read_bytes() == (ours / VALIDATOR_KEY).read_bytes()


def test_a_signing_state_is_never_touched(tmp_path: Path) -> None:
    """Writing an identity again replaces keys, with their modes, and leaves what a validator has signed."""
    write_identity(tmp_path, Key("a", SENTENCES[0]))
    state = b'{"height": "7", "round": 0, "step": 3}'
    (tmp_path / SIGNING_STATE).write_bytes(state)
    (tmp_path / NODE_KEY).chmod(0o644)
    before = (tmp_path / NODE_KEY).read_bytes()
    write_identity(tmp_path, Key("b", SENTENCES[1]))

    assert (tmp_path / SIGNING_STATE).read_bytes() == state
    assert (tmp_path / NODE_KEY).read_bytes() != before
    assert (tmp_path / NODE_KEY).stat().st_mode & 0o777 == 0o600
