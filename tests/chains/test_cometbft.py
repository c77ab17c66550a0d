"""The native driver against the real binary: what it writes is what ``cometbft init`` writes."""

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from networks import write_keys

from exposer.accounts.keyfile import load_keys
from init_scripts import cometbft as driver
from init_scripts.settings import PodSettings

TIME = "2026-01-01T00:00:00.5Z"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of the genesis pod of a network of four, as the driver writes it."""
    settings = settings_for(tmp_path)
    stage = tmp_path / "stage"
    stage.mkdir()
    make_genesis(settings, stage, validators=4)
    return stage


def make_genesis(settings: PodSettings, stage: Path, *, validators: int) -> None:
    """A genesis of as many validators of the keys file."""
    keys = load_keys(settings.keys_config)
    members = [keys.at("genesis", 0), *(keys.at("validators", ordinal) for ordinal in range(validators - 1))]
    driver.make_genesis(settings, stage, members=members, genesis_time=TIME)


def settings_for(directory: Path) -> PodSettings:
    """A pod of a network with fresh keys."""
    keys = write_keys(directory / "keys.json", validators=4)
    return PodSettings(
        chain_driver="cometbft", chain_id="c-1", chain_dir=directory, keys_config=keys, hostname="c-genesis-0"
    )


@pytest.fixture
def theirs(cometbft: str, tmp_path: Path) -> Path:
    """A home that the real binary made."""
    directory = tmp_path / "theirs"
    subprocess.run([cometbft, "init", "--home", directory], check=True, capture_output=True)
    return directory


def masked(data: bytes) -> str:
    """JSON text with every value that is random by nature replaced."""
    text = re.sub(r'"(value|address)": ?"[^"]*"', r'"\1":"*"', data.decode())
    return re.sub(r'"(genesis_time|chain_id|name)": "[^"]*"', r'"\1": "*"', text)


@pytest.mark.cometbft
@pytest.mark.parametrize(
    "name", ["config/node_key.json", "config/priv_validator_key.json", "data/priv_validator_state.json"]
)
def test_key_files_are_byte_compatible(home: Path, theirs: Path, name: str) -> None:
    """But for the random values the bytes and the modes are those of the real binary."""
    assert masked((home / name).read_bytes()) == masked((theirs / name).read_bytes())
    assert (home / name).stat().st_mode == (theirs / name).stat().st_mode


@pytest.mark.cometbft
def test_genesis_is_byte_compatible(theirs: Path, tmp_path: Path) -> None:
    """But for ids and times the genesis of a single validator has the bytes of the real binary's."""
    stage = tmp_path / "single"
    stage.mkdir()
    make_genesis(settings_for(tmp_path), stage, validators=1)

    assert masked((stage / "config/genesis.json").read_bytes()) == masked((theirs / "config/genesis.json").read_bytes())


@pytest.mark.cometbft
def test_config_has_the_keys_and_defaults_of_the_real_binary(home: Path, theirs: Path) -> None:
    """Every key of ``config.toml`` is there with the same value; only the moniker is the pod's."""
    ours: dict[str, Any] = tomllib.loads((home / "config/config.toml").read_text())
    real: dict[str, Any] = tomllib.loads((theirs / "config/config.toml").read_text())

    assert ours.pop("moniker") == "c-genesis-0"
    real.pop("moniker")
    assert ours == real


@pytest.mark.cometbft
def test_the_real_binary_reads_our_identity(home: Path, cometbft: str) -> None:
    """The binary tells the node id that was known before the pod existed, and the validator that the genesis names."""
    told = subprocess.run([cometbft, "show-node-id", "--home", home], check=True, capture_output=True, text=True)
    shown = subprocess.run([cometbft, "show-validator", "--home", home], check=True, capture_output=True, text=True)
    genesis = json.loads((home / "config/genesis.json").read_bytes())

    assert re.fullmatch("[0-9a-f]{40}", told.stdout.strip())
    assert json.loads(shown.stdout) == genesis["validators"][0]["pub_key"]


def test_the_genesis_names_every_validator_once(home: Path) -> None:
    """Identities come from keys and ordinals, so that all pods are in the genesis before they exist."""
    validators = json.loads((home / "config/genesis.json").read_bytes())["validators"]

    assert [validator["name"] for validator in validators] == ["genesis", "validator-0", "validator-1", "validator-2"]
    assert len({validator["address"] for validator in validators}) == 4


def test_a_validator_pod_has_the_identity_that_the_genesis_names(tmp_path: Path, home: Path) -> None:
    """The pod with ordinal 1 derives the very key that the genesis pod put into the genesis for it."""
    keys = tmp_path / "keys.json"
    settings = PodSettings(
        chain_driver="cometbft", chain_id="c-1", chain_dir=tmp_path, keys_config=keys, hostname="c-validator-1"
    )
    stage = tmp_path / "validator"
    stage.mkdir()
    driver.make_validator(settings, stage, load_keys(keys).at("validators", settings.ordinal))

    validators = json.loads((home / "config/genesis.json").read_bytes())["validators"]
    assert json.loads((stage / "config/priv_validator_key.json").read_bytes())["address"] == validators[2]["address"]


def test_equal_inputs_make_equal_bytes(tmp_path: Path) -> None:
    """Two runs with the same keys and genesis time write the same files."""
    settings = settings_for(tmp_path)
    for name in "ab":
        (tmp_path / name).mkdir()
        make_genesis(settings, tmp_path / name, validators=3)

    files = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert len(files) == 5
    assert all((tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes() for path in files)
