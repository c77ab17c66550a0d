"""``init-genesis`` with real binaries: equal inputs are equal bytes, and what is added natively is what they add."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from networks import write_keys
from project import real_binary
from real_chains import CHAINS, RealChain

from exposer.accounts.address import encode_address
from exposer.genesis.addresses import module_address
from exposer.genesis.lint import lint

LIMIT = 120  # seconds, for one step
TIME = "2026-01-01T00:00:00Z"


def step(name: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """One step of a genesis pod."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", f"init_scripts.{name}"],
        env={"PATH": os.defpath, "CHAIN_DIR": str(home), "HOSTNAME": "real-genesis-0", **environment},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def environment(chain: RealChain, keys: Path) -> dict[str, str]:
    """What both steps of a pod of this chain are told."""
    evm = {"COIN_TYPE": "60", "GAS_PRICES": f"1000000000{chain.denom}"} if chain.binary == "evmosd" else {}
    return {
        "CHAIN_ID": chain.id,
        "CHAIN_BIN": real_binary(chain.binary),
        "KEYS_CONFIG": str(keys),
        "DENOM": chain.denom,
        "COINS": f"100000000000000000000000000{chain.denom}",
        **evm,
    }


@pytest.mark.sampled(kind=lambda chain: None, size=3)  # noqa: ARG005 - the names are those of the parameters
def test_equal_inputs_are_equal_bytes(tmp_path: Path, chain: RealChain) -> None:
    """Two runs with derived identities and a fixed time leave the same genesis, with presets and a patch too."""
    keys = write_keys(tmp_path / "keys.json", validators=3, accounts=2)
    (tmp_path / "patch.json").write_text('{"app_state.staking.params.max_validators": 7}')
    given = environment(chain, keys)
    files = []
    for run in ("one", "two"):
        derived = {"IDENTITIES": "derived", "VALIDATOR_SET": "genesis", "NUM_VALIDATORS": "3", "GENESIS_TIME": TIME}
        done = step("init_genesis", tmp_path / run, **given, **derived)
        assert done.returncode == 0, done.stderr
        path = tmp_path / run / "config/genesis.json"
        files.append(path.read_bytes())
        presets = {"GENESIS_PRESETS": "fast-governance,short-unbonding", "GENESIS_PATCH": str(tmp_path / "patch.json")}
        done = step("init_config", tmp_path / run, **given, **presets)
        assert done.returncode == 0, done.stderr
        files.append(path.read_bytes())
        assert lint(path, chain.id) == []
    assert files[:2] == files[2:]
    staking = json.loads(files[1])["app_state"]["staking"]["params"]
    assert (staking["unbonding_time"], staking["max_validators"]) == ("60s", 7)
    assert len(files[0].splitlines()) == len(files[1].splitlines())


@pytest.mark.simd
@pytest.mark.parametrize("moniker", ["""-it's "quoted" \\\\ #1""", "--help", '"""'])
def test_a_moniker_may_have_any_printable_character(tmp_path: Path, simd: str, moniker: str) -> None:
    """``init`` takes a leading dash for a flag and writes quotes as they are; gentx and node get the name meant."""
    keys = write_keys(tmp_path / "keys.json", validators=1)
    given = {"CHAIN_ID": "m-1", "CHAIN_BIN": simd, "KEYS_CONFIG": str(keys), "MONIKER": moniker}
    for name in ("init_genesis", "init_config"):
        done = step(name, tmp_path / "home", **given)
        assert done.returncode == 0, done.stderr
    genesis = json.loads((tmp_path / "home/config/genesis.json").read_bytes())
    message = genesis["app_state"]["genutil"]["gen_txs"][0]["body"]["messages"][0]

    assert tomllib.loads((tmp_path / "home/config/config.toml").read_text())["moniker"] == moniker
    assert message["description"]["moniker"] == moniker
    subprocess.run([simd, "tendermint", "show-node-id", "--home", tmp_path / "home"], check=True, timeout=LIMIT)


@pytest.mark.simd
def test_vesting_accounts_are_those_of_the_binary(tmp_path: Path, simd: str) -> None:
    """Continuous and delayed vesting are, but for the account's number, what ``add-genesis-account`` writes."""
    addresses = [encode_address("cosmos", bytes([7, number] * 10)) for number in range(2)]
    vestings = [
        {"type": "continuous", "amount": "5stake", "start": TIME, "end": "2027-01-01T00:00:00Z"},
        {"type": "delayed", "amount": "5stake", "end": "2027-01-01T00:00:00Z"},
    ]
    entries = [
        {"address": address, "amount": "9stake", "vesting": vesting}
        for address, vesting in zip(addresses, vestings, strict=True)
    ]
    (tmp_path / "balances.json").write_text(json.dumps(entries))
    keys = write_keys(tmp_path / "keys.json", validators=1)
    given = {"CHAIN_ID": "v-1", "CHAIN_BIN": simd, "KEYS_CONFIG": str(keys)}
    done = step("init_genesis", tmp_path / "ours", **given, GENESIS_BALANCES=str(tmp_path / "balances.json"))
    assert done.returncode == 0, done.stderr
    reference(simd, tmp_path / "theirs", "init", "x", "--chain-id", "v-1")
    add, vest = ("genesis", "add-genesis-account"), ("--vesting-amount", "5stake", "--vesting-end-time", "1798761600")
    reference(simd, tmp_path / "theirs", *add, addresses[0], "9stake", *vest, "--vesting-start-time", "1767225600")
    reference(simd, tmp_path / "theirs", *add, addresses[1], "9stake", *vest)

    assert accounts(tmp_path / "ours")[1:] == accounts(tmp_path / "theirs")


def reference(simd: str, home: Path, *arguments: str) -> None:
    """What simd itself does."""
    subprocess.run([simd, *arguments, "--home", home], check=True, capture_output=True, timeout=LIMIT)


def accounts(home: Path) -> list[dict[str, Any]]:
    """The accounts of a genesis, all with the number 0."""
    found: list[dict[str, Any]] = json.loads((home / "config/genesis.json").read_bytes())["app_state"]["auth"][
        "accounts"
    ]
    for account in found:
        account.get("base_vesting_account", {"base_account": account})["base_account"]["account_number"] = "0"
    return found


@pytest.mark.simd
@pytest.mark.parametrize(
    ("content", "more", "code", "told"),
    [
        (b"{}", {}, 3, "GENESIS_FROM: it has no chain_id|no app_state with"),
        (b"{}", {"GENESIS_FROM_SHA256": "0" * 64}, 4, "GENESIS_FROM: it has the sha256 44136f.*, not 000"),
        (b"\x1f\x8b\x08", {}, 3, "is compressed; unpack it"),
        (b"[]", {}, 3, "is no JSON object"),
        (b'{"app_state"', {}, 3, "GENESIS_FROM: empty or cut off"),
        (None, {}, 3, "GENESIS_FROM: .*No such file"),
        (
            b'{"app_state": {"staking": {"params": {"bond_denom": "uold"}}}}',
            {},
            3,
            "validators bond uold.*set DENOM=uold",
        ),
        (b'{"app_state": {"staking": {"validators": [null]}}}', {}, 3, "GENESIS_FROM: it has a form that no SDK"),
        (b'{"initial_height": "x"}', {}, 3, "GENESIS_FROM: it has a form that no SDK chain's genesis has"),
        (b"{}", {"GENESIS_FROM": "http://[::1/g.json?secret"}, 3, "GENESIS_FROM: not a URL; write http"),
    ],
)
def test_what_is_no_genesis_to_start_from(
    tmp_path: Path, simd: str, content: bytes | None, more: dict[str, str], code: int, told: str
) -> None:
    """Each is refused with its exit code, and leaves nothing on the volume."""
    keys = write_keys(tmp_path / "keys.json", validators=1)
    if content is not None:
        (tmp_path / "from.json").write_bytes(content)
    given = {
        "CHAIN_ID": "f-1",
        "CHAIN_BIN": simd,
        "KEYS_CONFIG": str(keys),
        "GENESIS_FROM": str(tmp_path / "from.json"),
    }
    done = step("init_genesis", tmp_path / "home", **{**given, **more})

    assert done.returncode == code, done.stderr
    assert re.search(told, done.stderr), done.stderr
    assert not (tmp_path / "home/config").exists()


@pytest.mark.simd
def test_what_simd_validates_and_panics_of_is_refused(tmp_path: Path, simd: str) -> None:
    """A patch that contradicts the gentx, and a balance for a module: the binary passes them, and cannot start."""
    keys = write_keys(tmp_path / "keys.json", validators=1)
    given = {"CHAIN_ID": "p-1", "CHAIN_BIN": simd, "KEYS_CONFIG": str(keys), "COINS": "900000000stake,900000000uatom"}
    entry = {"address": module_address("cosmos", "distribution"), "amount": "5stake"}
    (tmp_path / "balances.json").write_text(json.dumps([entry]))
    done = step("init_genesis", tmp_path / "module", **given, GENESIS_BALANCES=str(tmp_path / "balances.json"))
    assert (done.returncode, "of the module distribution" in done.stderr) == (3, True), done.stderr

    done = step("init_genesis", tmp_path / "home", **given)
    assert done.returncode == 0, done.stderr
    for patch, told in (
        ({"app_state.staking.params.bond_denom": "uatom"}, "it bonds stake, and bond_denom is uatom"),
        ({"app_state.auth.accounts": []}, "has no account in app_state.auth.accounts"),
        ({"consensus.params.block.max_gas": "1"}, "above the block's max_gas, 1"),
        (
            {"consensus.params.validator.pub_key_types": ["secp256k1"]},
            "is of type ed25519, and the chain allows only secp256k1",
        ),
    ):
        (tmp_path / "patch.json").write_text(json.dumps(patch))
        done = step("init_config", tmp_path / "home", **given, GENESIS_PATCH=str(tmp_path / "patch.json"))
        assert (done.returncode, told in done.stderr) == (3, True), done.stderr


@pytest.mark.evmosd
@pytest.mark.usefixtures("evmosd")
def test_what_the_binary_refuses_is_wrong_input(tmp_path: Path) -> None:
    """A chain id that EVM chains do not have is not tried again, and the message has the one that was written."""
    evmos = next(chain for chain in CHAINS if chain.binary == "evmosd")
    given = environment(evmos, write_keys(tmp_path / "keys.json", validators=1)) | {"CHAIN_ID": "froopyland-1"}
    done = step("init_genesis", tmp_path / "home", **given)

    assert done.returncode == 3, done.stderr
    assert "CHAIN_ID, CHAIN_BIN: `evmosd init" in done.stderr
    assert "invalid chain-id format: froopyland-1" in done.stderr
    assert "froopyland-10" not in done.stderr
    assert "Traceback" not in done.stderr
