"""The steps as processes: every way to end has its documented exit code, and a failed step leaves no file behind."""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from networks import write_keys
from scripted_server import ScriptedServer, answer, by_path, file, stall
from step_process import run
from waiting import eventually

from exposer import comet_config
from exposer.progress import read_progress
from exposer.records import is_managed

NODE_ID = b'{"node_id":"0123456789abcdef0123456789abcdef01234567"}'


@pytest.fixture
def pod(tmp_path: Path) -> dict[str, str]:
    """The environment of a genesis pod of the driver that needs no binary."""
    return {
        "CHAIN_DRIVER": "cometbft",
        "CHAIN_ID": "steps-1",
        "CHAIN_DIR": str(tmp_path / "home"),
        "KEYS_CONFIG": str(write_keys(tmp_path / "keys.json", validators=2)),
        "NUM_VALIDATORS": "2",
        "HOSTNAME": "steps-genesis-0",
    }


def final_files(root: Path) -> list[str]:
    """What is on the volume outside the steps' own directory."""
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if path.parts[0] != ".exposer")


def test_the_genesis_pod_becomes_ready(pod: dict[str, str]) -> None:
    """The two steps of a genesis pod end with 0, and leave a node id that is the node key's; a rerun does nothing."""
    for step in ("init_genesis", "init_config"):
        done = run(step, pod)
        assert done.returncode == 0, done.stderr
    node_id = (Path(pod["CHAIN_DIR"]) / "config/node_id.json").read_bytes()

    assert len(json.loads(node_id)["node_id"]) == 40
    assert "already complete" in run("init_config", pod).stderr


def test_other_inputs_exit_5_and_force_goes_on(pod: dict[str, str]) -> None:
    """A volume with other inputs is never replaced silently; --force starts over."""
    run("init_genesis", pod)
    other = {**pod, "CHAIN_ID": "steps-2"}
    refused = run("init_genesis", other)

    assert refused.returncode == 5
    assert "CHAIN_ID" in refused.stderr
    assert read_progress(Path(pod["CHAIN_DIR"]))["init-genesis"].state == "failed"
    assert run("init_genesis", other, "--force").returncode == 0
    assert json.loads((Path(pod["CHAIN_DIR"]) / "config/genesis.json").read_bytes())["chain_id"] == "steps-2"


def test_settings_of_the_node_may_change_on_a_complete_volume(pod: dict[str, str], tmp_path: Path) -> None:
    """Its files are made anew from what the binary wrote: what is not asked is as it was; the genesis stays."""
    (tmp_path / "patch.json").write_text('{"consensus_params": {"block": {"max_gas": "5000000"}}}')
    (tmp_path / "overrides.json").write_text('{"config.toml": {"p2p": {"send_rate": 1}}}')
    home, patched = Path(pod["CHAIN_DIR"]), {**pod, "GENESIS_PATCH": str(tmp_path / "patch.json")}
    former = {**patched, "CONFIG_OVERRIDES": str(tmp_path / "overrides.json"), "TIMEOUT_COMMIT": "7s"}
    assert [run(step, former).returncode for step in ("init_genesis", "init_config")] == [0, 0]
    genesis, before = (home / "config/genesis.json").read_bytes(), read_config(home)
    assert (before["p2p"]["send_rate"], before["consensus"]["timeout_commit"]) == (1, "7s")

    anew = run("init_config", {**patched, "METRICS": "true", "RPC_PORT": "1234"})
    assert anew.returncode == 0
    assert "settings changed (CONFIG_OVERRIDES, METRICS, RPC_PORT, TIMEOUT_COMMIT): writing the files" in anew.stderr
    now = read_config(home)
    assert now["instrumentation"]["prometheus"] is True
    assert now["rpc"]["laddr"] == "tcp://0.0.0.0:1234"
    assert now["p2p"]["send_rate"] != 1
    assert now["consensus"]["timeout_commit"] != "7s"
    assert (home / "config/genesis.json").read_bytes() == genesis

    assert run("init_config", former).returncode == 0
    assert read_config(home) == before
    refused = run("init_config", {**former, "GENESIS_PRESETS": "fast-governance", "METRICS": "true"})
    assert refused.returncode == 5
    assert "different now: GENESIS_PRESETS." in refused.stderr


def read_config(home: Path) -> dict[str, Any]:
    """The node's config.toml."""
    return tomllib.loads((home / "config/config.toml").read_text())


def test_a_refused_run_is_forgotten_when_the_right_one_follows(pod: dict[str, str]) -> None:
    """The phase that people see does not stay on a failure that is over."""
    run("init_genesis", pod)
    run("init_genesis", {**pod, "CHAIN_ID": "steps-2"})
    run("init_genesis", pod)

    assert read_progress(Path(pod["CHAIN_DIR"]))["init-genesis"].state == "done"


@pytest.mark.parametrize(
    ("step", "change", "code", "what"),
    [
        ("init_genesis", {"CHAIN_ID": ""}, 3, "CHAIN_ID"),
        ("init_genesis", {"NUM_VALIDATORS": "none"}, 3, "NUM_VALIDATORS"),
        ("init_genesis", {"NUM_VALIDATORS": "9", "KEYS_CONFIG": "three"}, 3, "role 'validators' has 2 entries"),
        ("init_genesis", {"KEYS_CONFIG": "/nowhere/keys.json"}, 3, "KEYS_CONFIG"),
        ("init_genesis", {"GENESIS_TIME": "yesterday"}, 3, "GENESIS_TIME"),
        ("init_genesis", {"CHAIN_DRIVER": "cosmos"}, 3, "CHAIN_BIN"),
        (
            "init_genesis",
            {"CHAIN_DRIVER": "cosmos", "CHAIN_BIN": "no-such-binary"},
            3,
            "no executable 'no-such-binary'",
        ),
        ("init_config", {}, 3, "run init-genesis or init-validator first"),
        ("init_config", {"GENESIS_PATCH": "/nowhere/patch.json"}, 3, "GENESIS_PATCH"),
        ("init_config", {"EXPOSER_LOG_LEVEL": "loud"}, 3, "EXPOSER_LOG_LEVEL"),
        ("init_validator", {}, 3, "GENESIS_HOST"),
        ("init_validator", {"GENESIS_HOST": "no host"}, 3, "GENESIS_HOST"),
        ("init_validator", {"GENESIS_HOST": "::zz", "NAMESPACE": "ns"}, 3, "NAMESPACE: '::zz' is no target"),
        ("init_genesis", {"MONIKER": "Zoë"}, 3, "MONIKER (--moniker): CometBFT takes printable ASCII characters"),
        ("create_validator", {"CHAIN_DRIVER": "cosmos"}, 3, "CHAIN_BIN"),
        ("create_validator", {}, 0, "genesis names every validator"),
    ],
)
def test_wrong_input_exits_3_naming_field_and_cure(
    pod: dict[str, str], tmp_path: Path, step: str, change: dict[str, str], code: int, what: str
) -> None:
    """Bad input is told in one line, and nothing is at a final path."""
    if change.get("KEYS_CONFIG") == "three":
        change = {**change, "KEYS_CONFIG": str(write_keys(tmp_path / "three.json", validators=3))}
    done = run(step, {**pod, **change})

    assert done.returncode == code
    assert what in done.stderr
    assert "Traceback" not in done.stderr
    home = Path(pod["CHAIN_DIR"])
    assert not home.exists() or final_files(home) == []


@pytest.mark.parametrize(
    ("patch", "what"),
    [
        ({"consensus_parms": {}}, "did you mean 'consensus_params'"),
        ({"validators": []}, "no validator with voting power"),
        ({"chain_id": "other-9"}, "'other-9' is not 'steps-1'"),
        ([], "not a JSON object"),
    ],
)
def test_a_patch_that_cannot_be_meant_is_refused(pod: dict[str, str], tmp_path: Path, patch: object, what: str) -> None:
    """A patch that misses, or makes a genesis that will not run, ends with 3; the genesis is as it was."""
    run("init_genesis", pod)
    before = (Path(pod["CHAIN_DIR"]) / "config/genesis.json").read_bytes()
    (tmp_path / "patch.json").write_text(json.dumps(patch))
    done = run("init_config", {**pod, "GENESIS_PATCH": str(tmp_path / "patch.json")})

    assert (done.returncode, what in done.stderr) == (3, True), done.stderr
    assert (Path(pod["CHAIN_DIR"]) / "config/genesis.json").read_bytes() == before


def test_overrides_of_the_network_file_win(pod: dict[str, str], tmp_path: Path) -> None:
    """What the user sets is set last, in the file and the table it was asked for."""
    run("init_genesis", pod)
    overrides = tmp_path / "overrides.json"
    overrides.write_text(json.dumps({"config.toml": {"p2p": {"laddr": "tcp://9.9.9.9:1"}, "mempool": {"size": 7}}}))
    done = run("init_config", {**pod, "CONFIG_OVERRIDES": str(overrides), "TIMEOUT_COMMIT": "250ms"})

    assert done.returncode == 0, done.stderr
    text = (Path(pod["CHAIN_DIR"]) / "config/config.toml").read_text()
    assert 'laddr = "tcp://9.9.9.9:1"' in text
    assert "\nsize = 7\n" in text
    assert 'timeout_commit = "250ms"' in text


@pytest.mark.parametrize(
    ("overrides", "what"),
    [
        ({"moniker": "Zoë"}, "CONFIG_OVERRIDES: config.toml: moniker: CometBFT takes printable ASCII"),
        (
            {"p2p.external_address": "2001:db8::1"},
            "CONFIG_OVERRIDES: config.toml: p2p.external_address: write host:port",
        ),
        ({"p2p": {"seeds": "x@::1:1"}}, "CONFIG_OVERRIDES: config.toml: p2p.seeds: write nodes as id@host:port"),
    ],
)
def test_an_override_that_cometbft_refuses_is_refused(
    pod: dict[str, str], tmp_path: Path, overrides: object, what: str
) -> None:
    """The step ends with 3 instead of the node; the message names the file's key, and nothing is committed."""
    run("init_genesis", pod)
    path = tmp_path / "overrides.json"
    path.write_text(json.dumps({"config.toml": overrides}))
    done = run("init_config", {**pod, "CONFIG_OVERRIDES": str(path)})

    assert (done.returncode, what in done.stderr) == (3, True), done.stderr
    assert not (Path(pod["CHAIN_DIR"]) / "config/node_id.json").exists()


def test_a_pod_on_ipv6_has_brackets_wherever_a_port_follows(pod: dict[str, str], tmp_path: Path) -> None:
    """Bare addresses are taken in every setting, and the moniker is the one that was meant, quotes too."""
    told = {"BIND_HOST": "::", "EXTERNAL_ADDRESS": "[::1]:26656", "MONIKER": """-it's "quoted" \\ #1"""}
    for step in ("init_genesis", "init_config"):
        done = run(step, {**pod, **told})
        assert done.returncode == 0, done.stderr
    genesis = (Path(pod["CHAIN_DIR"]) / "config/genesis.json").read_bytes()
    joining = {**pod, **told, "CHAIN_DIR": str(tmp_path / "joining"), "HOSTNAME": "steps-validator-0"}
    leader = {"/genesis": file(genesis), "/identity": file(genesis), "/node_id": answer(200, NODE_ID)}
    with ScriptedServer(by_path(leader)) as server:
        for step in ("init_validator", "init_config"):
            done = run(step, {**joining, "GENESIS_HOST": server.url, "GENESIS_P2P_HOST": "fd00::7"})
            assert done.returncode == 0, done.stderr
    config = tomllib.loads((tmp_path / "joining/config/config.toml").read_text())

    assert list(comet_config.faults(config)) == []
    assert config["moniker"] == told["MONIKER"]
    assert config["rpc"]["laddr"] == "tcp://[::]:26657"
    assert config["p2p"]["persistent_peers"] == "0123456789abcdef0123456789abcdef01234567@[fd00::7]:26656"


def test_a_foreign_signing_state_is_never_put_at_risk(pod: dict[str, str]) -> None:
    """Where an unknown validator has signed, the step stops with 5 instead of setting its keys aside."""
    state = Path(pod["CHAIN_DIR"]) / "data/priv_validator_state.json"
    state.parent.mkdir(parents=True)
    state.write_text('{"height": "41", "round": 0, "step": 3}')
    refused = run("init_genesis", pod)

    assert refused.returncode == 5
    assert "height 41" in refused.stderr
    assert final_files(Path(pod["CHAIN_DIR"])) == ["data/priv_validator_state.json"]
    assert not is_managed(Path(pod["CHAIN_DIR"]))  # whoever serves that volume goes on serving it


def test_a_read_only_volume_exits_3(pod: dict[str, str], tmp_path: Path) -> None:
    """A volume that cannot be a directory is said to be so; a retry does not help."""
    (tmp_path / "file").write_text("")
    done = run("init_genesis", {**pod, "CHAIN_DIR": str(tmp_path / "file/home")})

    assert done.returncode == 3
    assert "Traceback" not in done.stderr


def test_an_unknown_argument_exits_2(pod: dict[str, str]) -> None:
    """The usage is shown."""
    assert run("init_genesis", pod, "--nonsense").returncode == 2


def test_sigterm_ends_a_waiting_step_with_143(pod: dict[str, str]) -> None:
    """A step that waits for the genesis pod ends at once when it is told to, and nothing is at a final path."""
    with ScriptedServer(stall) as server:
        environment = {"PATH": os.environ["PATH"], **pod, "GENESIS_HOST": server.url, "HOSTNAME": "steps-validator-0"}
        process = subprocess.Popen(
            [sys.executable, "-m", "init_scripts.init_validator"], env=environment, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        eventually("it asks the genesis pod, or has ended", lambda: server.asked or process.poll() is not None)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=10)

    assert process.returncode == 143
    assert "SIGTERM" in told
    assert final_files(Path(pod["CHAIN_DIR"])) == []


def test_a_validator_pod_joins_a_leader(pod: dict[str, str], tmp_path: Path) -> None:
    """A joining pod has the leader's genesis byte for byte, and dials the leader's node under its id."""
    run("init_genesis", pod)
    genesis = (Path(pod["CHAIN_DIR"]) / "config/genesis.json").read_bytes()
    joining = {**pod, "CHAIN_DIR": str(tmp_path / "joining"), "HOSTNAME": "steps-validator-0"}
    leader = {"/genesis": file(genesis), "/identity": file(genesis), "/node_id": answer(200, NODE_ID)}
    with ScriptedServer(by_path(leader)) as server:
        joining["GENESIS_HOST"] = server.url
        for step in ("init_validator", "init_config"):
            done = run(step, joining)
            assert done.returncode == 0, done.stderr

    joined = tmp_path / "joining"
    assert (joined / "config/genesis.json").read_bytes() == genesis
    peer = "0123456789abcdef0123456789abcdef01234567@127.0.0.1:"
    assert read_config(joined)["p2p"]["persistent_peers"] == f"{peer}26656"

    record = joined / ".exposer/steps/init-config.json"
    for port, older in (("77", False), ("78", True)):  # the leader is gone; an earlier version did not note its id
        if older:
            record.write_text(re.sub(r',\s*"leader": "[0-9a-f]+"', "", record.read_text()))
        assert run("init_config", {**joining, "METRICS": "true", "GENESIS_P2P_PORT": port}).returncode == 0
        assert read_config(joined)["p2p"]["persistent_peers"] == f"{peer}{port}"
        assert (joined / "config/genesis.json").read_bytes() == genesis
    for host in ("http://localhost:1", ""):
        refused = run("init_config", {**joining, "METRICS": "true", "GENESIS_P2P_PORT": "78", "GENESIS_HOST": host})
        assert refused.returncode == 5  # another leader may be of another network
        assert "different now: leader_host." in refused.stderr


def test_no_line_of_any_step_holds_a_secret(pod: dict[str, str]) -> None:
    """Not at the finest level either: no mnemonic, no word of one in a row, no private key."""
    said = "".join(run(step, {**pod, "EXPOSER_LOG_LEVEL": "debug"}).stderr for step in ("init_genesis", "init_config"))
    records = "".join(path.read_text() for path in (Path(pod["CHAIN_DIR"]) / ".exposer").rglob("*.json"))
    keys = json.loads(Path(pod["KEYS_CONFIG"]).read_text())
    private = json.loads((Path(pod["CHAIN_DIR"]) / "config/priv_validator_key.json").read_bytes())["priv_key"]["value"]

    for entry in [*keys["genesis"], *keys["validators"]]:
        words = entry["mnemonic"].split()
        assert not any(f"{one} {two}" in said + records for one, two in itertools.pairwise(words))
    assert private not in said + records
