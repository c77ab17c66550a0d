"""``init-faucet``: the faucet's account is put in position once, from what ``init-genesis`` learned."""

import json
from pathlib import Path

import pytest
from networks import fresh_mnemonic

from exposer.accounts.hd import standard_path
from exposer.accounts.keyfile import load_keys
from exposer.accounts.purse import STEP, Purse
from exposer.errors import BadInputError, MismatchError
from exposer.records import read_record
from exposer.volume import open_volume
from init_scripts import init_genesis
from init_scripts.init_faucet import main

LEARNED = {"prefix": "evmos", "algorithm": "eth_secp256k1", "key_type": "/ethermint.crypto.v1.ethsecp256k1.PubKey"}


class Pod:
    """A genesis pod's volume whose genesis is made, a keys file, and an empty volume for the faucet."""

    def __init__(self, directory: Path) -> None:
        self.home, self.volume, self.keys = directory / "home", directory / "faucet", directory / "keys.json"
        self.write_keys(fresh_mnemonic())

    def write_keys(self, words: str) -> None:
        """A keys file with this faucet."""
        self.keys.write_text(json.dumps({"faucet": [{"name": "faucet", "mnemonic": words}]}), encoding="utf-8")

    def make_genesis(self, facts: dict[str, str]) -> None:
        """The record of a genesis whose binary taught these facts."""
        with open_volume(self.home) as volume:
            transaction = volume.begin(init_genesis.STEP, {})
            assert transaction
            transaction.commit(facts=facts)

    def run(self, *arguments: str) -> int:
        """The step's exit code."""
        places = {"chain-dir": self.home, "faucet-dir": self.volume, "keys-config": self.keys, "coin-type": 60}
        flags = [f"--{name}={value}" for name, value in places.items()]
        return main([*flags, "--chain-id=evmos_9000-1", "--chain-bin=evmosd", *arguments])

    def bytes(self) -> dict[str, tuple[int, bytes]]:
        """Mode and content of every file of the faucet's volume."""
        paths = (path for path in self.volume.rglob("*") if path.is_file())
        return {str(path): (path.stat().st_mode & 0o777, path.read_bytes()) for path in paths}


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    """A pod that is ready for the step."""
    made = Pod(tmp_path)
    made.make_genesis(LEARNED)
    return made


def test_the_faucet_has_its_account_and_nothing_else(pod: Pod) -> None:
    """The purse is the account of faucet[0] as the chain derives it; its key is private, and no mnemonic is there."""
    assert pod.run("--coins=4000aevmos,500uatom") == 0

    purse = Purse.read(pod.volume)
    key = load_keys(pod.keys).at("faucet", 0)
    assert purse.address == key.address("evmos", standard_path(60), "eth_secp256k1")
    assert purse.amounts == {"aevmos": 4, "uatom": 1}
    assert (purse.chain_id, purse.key_type) == ("evmos_9000-1", LEARNED["key_type"])
    assert json.loads((pod.volume / "faucet.json").read_bytes())["address"] == purse.address
    assert (pod.volume / "faucet_key.json").stat().st_mode & 0o777 == 0o600
    held = b"".join(content for _, content in pod.bytes().values()) + repr(purse).encode()
    assert key.mnemonic.reveal().encode() not in held
    assert purse.private_key.reveal().hex().encode() not in held


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("cp $MADE/*.json $FAUCET_DIR", 0),
        ("sed s/evmos_9000-1/other-1/ $MADE/faucet.json > $FAUCET_DIR/faucet.json; cp $MADE/*key.json $FAUCET_DIR", 3),
        ("cp $MADE/faucet.json $FAUCET_DIR", 3),
        ("echo {} > $FAUCET_DIR/faucet.json; echo {} > $FAUCET_DIR/faucet_key.json", 3),
    ],
)
def test_a_script_has_to_leave_a_purse(
    pod: Pod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, code: int
) -> None:
    """A faucet starts from what a script in the step's place left, or it is refused and nothing is committed."""
    assert pod.run() == 0
    pod.volume = pod.volume.rename(tmp_path / "made").with_name("faucet")
    monkeypatch.setenv("MADE", str(tmp_path / "made"))
    (tmp_path / "script.sh").write_text(f"set -e\n{script}\n")

    assert pod.run(f"--step-script={tmp_path / 'script.sh'}") == code
    assert (read_record(pod.volume, STEP) is not None) is (code == 0)
    assert len(list(pod.volume.glob("*.json"))) == (2 if code == 0 else 0)


def test_a_rerun_touches_nothing(pod: Pod) -> None:
    """With the same inputs the step exits 0 and leaves every byte; with another key it exits 5."""
    assert pod.run() == 0
    before = pod.bytes()

    assert pod.run() == 0
    pod.write_keys(fresh_mnemonic())
    assert pod.run() == 5
    assert pod.bytes() == before
    assert pod.run("--force", "--faucet-amount=7aevmos") == 0
    assert Purse.read(pod.volume).amounts == {"aevmos": 7}


def test_what_a_credit_is_may_change(pod: Pod) -> None:
    """The faucet's account stays, and what it owes does too."""
    assert pod.run() == 0
    key, debts = Purse.read(pod.volume).private_key.reveal(), pod.volume / "journal"
    debts.write_bytes(b"{}")

    assert pod.run("--faucet-amount=7aevmos") == 0
    assert Purse.read(pod.volume).amounts == {"aevmos": 7}
    assert Purse.read(pod.volume).private_key.reveal() == key
    assert debts.read_bytes() == b"{}"


@pytest.mark.parametrize("facts", [None, {"prefix": "cosmos"}])
def test_without_a_genesis_there_is_no_faucet(tmp_path: Path, facts: dict[str, str] | None) -> None:
    """Before init-genesis, and on a chain without accounts, the step exits 3 and its volume stays empty."""
    pod = Pod(tmp_path)
    if facts:
        pod.make_genesis(facts)

    assert pod.run() == 3
    assert not pod.volume.exists()


@pytest.mark.parametrize("wrong", ["--faucet-amount=many", "--coins=", "--keys-config=/nowhere/keys.json"])
def test_a_wrong_input(pod: Pod, wrong: str) -> None:
    """A wrong amount, and a keys file that is not there, are exit code 3."""
    assert pod.run(wrong, *(["--coins=x"] if wrong == "--coins=" else [])) == 3


def test_a_purse_that_is_not_the_committed_one(pod: Pod, tmp_path: Path) -> None:
    """What was changed since the commit is a mismatch; where the step did not complete there is no purse."""
    assert pod.run() == 0
    facts = pod.volume / "faucet.json"
    facts.write_bytes(facts.read_bytes().replace(b"9000", b"9001"))

    with pytest.raises(MismatchError, match=r"faucet\.json"):
        Purse.read(pod.volume)
    with pytest.raises(BadInputError, match="run init-faucet first"):
        Purse.read(tmp_path)
    assert read_record(pod.home, STEP) is None
