"""Identities and validators of the genesis, by the steps with real binaries: known before, equal each time."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from networks import write_keys
from project import real_binary
from real_chains import RealChain
from scripted_server import ScriptedServer, file
from small_disks import needs_root

from exposer.accounts.keyfile import load_keys
from init_scripts.gentx import keyring_of

TIME = "2026-01-01T00:00:00Z"
MEMORY = Path("/dev/shm")
COIN_TYPES = {"evmosd": "60"}
PRICES = {"evmosd": {"GAS_PRICES": "1000000000aevmos"}}


def run(step: str, environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a step to its end."""
    command = [sys.executable, "-m", f"init_scripts.{step}", *arguments]
    given = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=120, check=False)


def pod(chain: RealChain, directory: Path, name: str, **more: str) -> dict[str, str]:
    """The environment of a pod with its volume below ``directory``, of a network of three validators."""
    keys = directory.parent / "keys.json"
    if not keys.exists():
        write_keys(keys, validators=3, accounts=2)
    return {
        "CHAIN_BIN": real_binary(chain.binary),
        "CHAIN_ID": chain.id,
        "CHAIN_DIR": str(directory),
        "KEYS_CONFIG": str(keys),
        "NUM_VALIDATORS": "3",
        "DENOM": chain.denom,
        "COINS": f"100000000000000000000000{chain.denom}",
        "COIN_TYPE": COIN_TYPES.get(chain.binary, "118"),
        "HOSTNAME": name,
        "GENESIS_TIME": TIME,
        "IDENTITIES": "derived",
        **PRICES.get(chain.binary, {}),
        **more,
    }


def genesis_pod(chain: RealChain, directory: Path) -> dict[str, str]:
    """The environment of the genesis pod of a network whose validators are all in the genesis."""
    return pod(chain, directory, "x-genesis-0", VALIDATOR_SET="genesis")


@pytest.mark.sampled(kind=lambda chain: None, size=3)  # noqa: ARG005 - the names are those of the parameters
def test_equal_keys_make_equal_bytes(chain: RealChain, tmp_path: Path) -> None:
    """Two runs leave the same genesis with all validators, the same identities and the same record of inputs."""
    for name in "ab":
        done = run("init_genesis", genesis_pod(chain, tmp_path / name))
        assert done.returncode == 0, done.stderr
    one, two = (tmp_path / "a", tmp_path / "b")

    for name in ("config/genesis.json", "config/node_key.json", "config/priv_validator_key.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    gentxs = json.loads((one / "config/genesis.json").read_bytes())["app_state"]["genutil"]["gen_txs"]
    assert len(gentxs) == 3
    node_ids = [gentx["body"]["memo"].partition("@")[0] for gentx in gentxs]
    assert node_ids == sorted(node_ids)
    assert [path.stem for path in (one / "keyring-test").glob("*.info")] == ["genesis"]
    assert not keyring_of(one).exists()
    assert not keyring_of(two).exists()


@pytest.mark.sampled(kind=lambda chain: None, size=3)  # noqa: ARG005 - the names are those of the parameters
def test_the_gentxs_name_the_pods_that_will_come(chain: RealChain, tmp_path: Path) -> None:
    """Each validator pod, initialised later and elsewhere, has the node id and consensus key that its gentx names."""
    environment = genesis_pod(chain, tmp_path / "leader")
    done = run("init_genesis", environment)
    assert done.returncode == 0, done.stderr
    genesis = (tmp_path / "leader/config/genesis.json").read_bytes()
    named = {}
    for gentx in json.loads(genesis)["app_state"]["genutil"]["gen_txs"]:
        message, memo = gentx["body"]["messages"][0], gentx["body"]["memo"]
        named[message["description"]["moniker"]] = (memo, message["pubkey"]["key"])

    for ordinal in range(2):
        name, home = f"x-validator-{ordinal}", tmp_path / f"pod-{ordinal}"
        with ScriptedServer(file(genesis)) as server:
            joined = run("init_validator", pod(chain, home, name, GENESIS_HOST=server.url))
        assert joined.returncode == 0, joined.stderr
        binary = [real_binary(chain.binary), "tendermint"]
        told = subprocess.run([*binary, "show-node-id", "--home", home], capture_output=True, text=True, check=True)
        public = json.loads((home / "config/priv_validator_key.json").read_bytes())["pub_key"]["value"]
        assert named[name] == (f"{told.stdout.strip()}@{name}:26656", public)
        assert load_keys(tmp_path / "keys.json").at("validators", ordinal).node_id == told.stdout.strip()
    assert len(named) == 3


@pytest.mark.simd
def test_no_secret_of_another_validator_stays(simd: str, tmp_path: Path) -> None:
    """A traced run hands each sentence over by standard input, and only the pod's own key is left on its volume."""
    environment = genesis_pod(RealChain("simd", "", "", "s-1", "stake"), tmp_path / "home")
    assert Path(environment["CHAIN_BIN"]) == Path(simd)
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-qq", "-s", "4096", "-e", "trace=execve", "-o", str(trace)]
    given = {"PATH": os.environ["PATH"], **environment}
    traced = [*command, sys.executable, "-m", "init_scripts.init_genesis", "--log-level", "debug"]
    done = subprocess.run(traced, env=given, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    started = trace.read_text()
    files = b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file())

    assert started.count('"keys", "add"') == 3
    assert started.count(f'"--keyring-dir", "{MEMORY}/gentx-') == 4
    assert [path.stem for path in (tmp_path / "home/keyring-test").glob("*.info")] == ["genesis"]
    for role, entries in json.loads((tmp_path / "keys.json").read_bytes()).items():
        for entry in entries:
            words = " ".join(entry["mnemonic"].split()[:3])
            assert words not in started
            assert words not in done.stderr
            assert words.encode() not in files, role


@pytest.mark.simd
def test_what_a_killed_run_leaves_in_memory_its_next_run_removes(simd: str, tmp_path: Path) -> None:
    """The keyring of another validator outlives the kill of its maker, and not the next start on this volume."""
    environment = genesis_pod(RealChain("simd", "", "", "s-1", "stake"), tmp_path / "home")
    deadly = tmp_path / "deadly"
    deadly.write_text(f'#!/bin/sh\ncase "$*" in *gentx*--keyring-dir*) kill -9 $PPID; exit ;; esac\nexec {simd} "$@"\n')
    deadly.chmod(0o755)
    killed = run("init_genesis", {**environment, "CHAIN_BIN": str(deadly)})
    ring = keyring_of(tmp_path / "home")
    assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in ring.rglob("*.info")] == ["validator-0.info"]

    again = run("init_genesis", {**environment, "CHAIN_BIN": "none"})  # even a run that comes to nothing
    assert (again.returncode, ring.exists()) == (3, False)
    assert run("init_genesis", environment).returncode == 0
    assert not ring.exists()


@pytest.mark.simd
@needs_root
@pytest.mark.parametrize(
    ("mount", "told"),
    [
        ("while umount -l /dev/shm 2>/dev/null; do :; done", "/dev/shm is no file system of its own"),
        ("mount -t tmpfs -o ro none /dev/shm", "/dev/shm is needed: Read-only file system"),
    ],
)
def test_without_memory_no_key_of_another_is_written(simd: str, tmp_path: Path, mount: str, told: str) -> None:
    """A machine whose /dev/shm is none is told so; no disk gets the keys instead."""
    environment = genesis_pod(RealChain("simd", "", "", "s-1", "stake"), tmp_path / "home")
    (tmp_path / "tmp").mkdir()
    step = [sys.executable, "-m", "init_scripts.init_genesis"]
    done = subprocess.run(
        [
            "unshare",
            "--mount",
            "sh",
            "-c",
            f'{mount} && exec strace -f -qq -e trace=openat -o "$TRACE" "$@"',
            "sh",
            *step,
        ],
        env={
            "PATH": os.environ["PATH"],
            **environment,
            "TMPDIR": str(tmp_path / "tmp"),
            "TRACE": str(tmp_path / "trace"),
        },
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert Path(environment["CHAIN_BIN"]) == Path(simd)
    assert done.returncode == 3
    assert told in done.stderr
    assert "tmpfs" in done.stderr
    opened = (tmp_path / "trace").read_text()
    assert "/genesis.info" in opened
    assert "/validator-0.info" not in opened


@pytest.mark.parametrize(
    ("more", "code", "what"),
    [
        ({"VALIDATOR_SET": "genesis", "IDENTITIES": "random"}, 3, ["VALIDATOR_SET=genesis", "IDENTITIES=derived"]),
        ({"VALIDATOR_SET": "genesis", "IDENTITIES": ""}, 3, ["VALIDATOR_SET=genesis", "IDENTITIES=derived"]),
        ({"CHAIN_DRIVER": "cometbft", "IDENTITIES": "random"}, 3, ["IDENTITIES", "CHAIN_DRIVER=cometbft"]),
        ({"IDENTITIES": "mine"}, 3, ["IDENTITIES (--identities)"]),
        ({"HD_PATH": "44'/118'"}, 3, ["HD_PATH (--hd-path)", "m/44'/118'/0'/0/0"]),
        ({"HD_PATH": "m/44'/2147483648"}, 3, ["HD_PATH (--hd-path)", "below 2147483648"]),
    ],
)
def test_wrong_settings_are_refused_by_name(tmp_path: Path, more: dict[str, str], code: int, what: list[str]) -> None:
    """The message names each setting and the cure; nothing is written."""
    keys = write_keys(tmp_path / "keys.json", validators=2)
    base = {"CHAIN_ID": "x-1", "CHAIN_BIN": "none", "CHAIN_DIR": str(tmp_path / "home"), "KEYS_CONFIG": str(keys)}
    done = run("init_genesis", {**base, **more})

    assert done.returncode == code
    assert [name for name in what if name not in done.stderr] == []
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("more", [{"CHAIN_DRIVER": "cometbft"}, {"FAUCET_ENABLED": "true", "CHAIN_BIN": "none"}])
def test_two_validators_never_have_one_consensus_key(tmp_path: Path, more: dict[str, str]) -> None:
    """A keys file whose roles share a mnemonic is refused, naming both entries, before anybody can sign twice."""
    keys = write_keys(tmp_path / "keys.json", validators=3)
    document = json.loads(keys.read_bytes())
    document["validators"][1]["mnemonic"] = document["genesis"][0]["mnemonic"]
    keys.write_text(json.dumps(document))
    base = {"CHAIN_ID": "x-1", "CHAIN_DIR": str(tmp_path / "home"), "KEYS_CONFIG": str(keys), "NUM_VALIDATORS": "3"}
    done = run("init_genesis", {**base, "IDENTITIES": "derived", **more})

    assert done.returncode == 3
    assert "'genesis' and 'validator-1' have the same mnemonic" in done.stderr


@pytest.mark.parametrize("driver", [{"CHAIN_DRIVER": "cometbft"}, {"IDENTITIES": "derived", "CHAIN_BIN": "none"}])
@pytest.mark.parametrize(("own", "twin"), [("validator-1", "genesis"), ("validator-2", "validator-3")])
def test_a_joining_validator_refuses_the_key_of_another(
    tmp_path: Path, driver: dict[str, str], own: str, twin: str
) -> None:
    """Whatever the genesis pod was told of the network's size, a pod knows its twin by the keys file."""
    keys = write_keys(tmp_path / "keys.json", validators=5)
    document = json.loads(keys.read_bytes())
    entries = {entry["name"]: entry for role in ("genesis", "validators") for entry in document[role]}
    entries[own]["mnemonic"] = entries[twin]["mnemonic"]
    keys.write_text(json.dumps(document))
    base = {
        "CHAIN_ID": "x-1",
        "CHAIN_DIR": str(tmp_path / "home"),
        "KEYS_CONFIG": str(keys),
        "GENESIS_HOST": "127.0.0.1:1",
        "DOWNLOAD_TIMEOUT": "1s",
    }
    done = run("init_validator", {**base, **driver, "HOSTNAME": f"x-{own}"})

    assert done.returncode == 3
    assert f"'{own}' and '{twin}' have the same mnemonic" in done.stderr
    assert not (tmp_path / "home/config").exists()


@pytest.mark.parametrize(
    ("step", "driver"),
    [
        ("init_validator", {"CHAIN_DRIVER": "cometbft"}),
        ("init_validator", {"CHAIN_BIN": "none"}),
        ("create_validator", {"CHAIN_BIN": "true"}),
    ],
)
@pytest.mark.parametrize("name", ["validator-7d9f8-x2k4z", "3f2a1b99aa", ""])
def test_a_pod_that_nobody_numbered_is_no_validator(
    tmp_path: Path, step: str, driver: dict[str, str], name: str
) -> None:
    """Names of a Deployment's pods and of containers tell no ordinal: they are never all ordinal 0, with one key."""
    keys = write_keys(tmp_path / "keys.json", validators=3)
    base = {
        "CHAIN_ID": "x-1",
        "CHAIN_DIR": str(tmp_path),
        "KEYS_CONFIG": str(keys),
        "GENESIS_HOST": "127.0.0.1:1",
        "DOWNLOAD_TIMEOUT": "1s",
    }
    done = run(step, {**base, **driver, "HOSTNAME": name})

    assert done.returncode == 3
    assert "HOSTNAME (--hostname), POD_INDEX (--pod-index): neither tells" in done.stderr


def test_with_validators_in_the_genesis_there_is_nothing_to_create(tmp_path: Path) -> None:
    """``create-validator`` ends with 0 and says why, without a node to ask."""
    base = {"CHAIN_ID": "x-1", "CHAIN_BIN": "none", "CHAIN_DIR": str(tmp_path), "VALIDATOR_SET": "genesis"}
    done = run("create_validator", base)

    assert done.returncode == 0
    assert "the genesis names every validator" in done.stderr


def test_other_identities_are_other_inputs(tmp_path: Path) -> None:
    """Where identities come from is an input: said or by default it is the same, another one exits 5 and is named."""
    keys = write_keys(tmp_path / "keys.json", validators=2)
    base = {
        "CHAIN_ID": "x-1",
        "CHAIN_DIR": str(tmp_path / "home"),
        "KEYS_CONFIG": str(keys),
        "CHAIN_DRIVER": "cometbft",
    }
    assert run("init_genesis", base).returncode == 0
    assert "already complete" in run("init_genesis", {**base, "IDENTITIES": "derived"}).stderr

    other = run("init_genesis", {**base, "VALIDATOR_SET": "genesis"})
    assert other.returncode == 5
    assert "VALIDATOR_SET" in other.stderr


def test_a_lost_volume_comes_back_with_a_signing_state_that_is_kept(tmp_path: Path) -> None:
    """The way of docs/keys.md: a state ahead of the chain exits 5, and with --force stays beside the derived keys."""
    keys, home = write_keys(tmp_path / "keys.json", validators=2), tmp_path / "home"
    state = b'{"height": "1000000", "round": 0, "step": 3}'
    (home / "data").mkdir(parents=True)
    (home / "data/priv_validator_state.json").write_bytes(state)
    base = {"CHAIN_DRIVER": "cometbft", "CHAIN_ID": "x-1", "KEYS_CONFIG": str(keys), "NUM_VALIDATORS": "2"}
    assert run("init_genesis", {**base, "CHAIN_DIR": str(tmp_path / "leader")}).returncode == 0
    genesis = (tmp_path / "leader/config/genesis.json").read_bytes()
    with ScriptedServer(file(genesis)) as server:
        joining = {**base, "CHAIN_DIR": str(home), "HOSTNAME": "x-validator-0", "GENESIS_HOST": server.url}
        refused = run("init_validator", joining)
        forced = run("init_validator", joining, "--force")

    assert (refused.returncode, forced.returncode) == (5, 0)
    assert (home / "data/priv_validator_state.json").read_bytes() == state
    validators = json.loads(genesis)["validators"]
    own = json.loads((home / "config/priv_validator_key.json").read_bytes())
    assert own["address"] == validators[1]["address"]
