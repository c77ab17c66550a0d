"""Scripts in place of steps, as processes: in the same transaction, judged like the step's own work, ended with it."""

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from go_world import GitRepository
from networks import write_keys
from project import ROOT
from scripted_server import ScriptedServer, answer, by_path, file

from exposer.identity import node_id, node_public_key
from exposer.records import digest_file, read_record

GENESIS = "config/genesis.json"
NODE_ID = b'{"node_id":"0123456789abcdef0123456789abcdef01234567"}'
MAKE_GENESIS = """
set -e
key=$(sed -n '/pub_key/,/}/p' "$CHAIN_DIR/config/priv_validator_key.json" | sed '$!b;s/,$//' | tr -d '\\n')
cat > "$CHAIN_DIR/config/genesis.json" <<END
{"genesis_time": "2026-01-01T00:00:00Z", "chain_id": "$CHAIN_ID", "initial_height": "1",
 "validators": [{"power": "7", "name": "mine", "address": "", $key}], "app_hash": "", "app_state": {"by": "$0"}}
END
"""


@pytest.fixture
def pod(tmp_path: Path) -> dict[str, str]:
    """The environment of a genesis pod of the driver that needs no binary."""
    return {
        "PATH": os.environ["PATH"],
        "CHAIN_DRIVER": "cometbft",
        "CHAIN_ID": "scripts-1",
        "CHAIN_DIR": str(tmp_path / "home"),
        "KEYS_CONFIG": str(write_keys(tmp_path / "keys.json", validators=2)),
        "NUM_VALIDATORS": "2",
        "HOSTNAME": "scripts-genesis-0",
    }


def run(step: str, pod: Mapping[str, str], script: str = "", *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a step to its end, with this text as its script, in a file that nobody may execute."""
    told = {}
    if script:
        path = Path(pod["CHAIN_DIR"]).parent / f"{step}.sh"
        path.write_text(script, encoding="utf-8")
        told = {"STEP_SCRIPT": str(path)}
    return subprocess.run(
        [sys.executable, "-m", f"init_scripts.{step}", *arguments],
        env={**pod, **told},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def committed(pod: Mapping[str, str], step: str) -> dict[str, bool]:
    """Path -> whether it is the node's to change, of the files that a step committed."""
    record = read_record(Path(pod["CHAIN_DIR"]), step)
    return {artifact.path: artifact.state for artifact in record.artifacts} if record else {}


def test_a_genesis_is_made_by_a_script(pod: dict[str, str]) -> None:
    """Its genesis is committed with the identity of the pod, and a rerun does nothing."""
    done = run("init_genesis", pod, MAKE_GENESIS)

    assert done.returncode == 0, done.stderr
    home = Path(pod["CHAIN_DIR"])
    assert json.loads((home / GENESIS).read_bytes())["validators"][0]["power"] == "7"
    assert committed(pod, "init-genesis") == {
        "config/config.toml": False,
        GENESIS: False,
        "config/node_key.json": False,
        "config/priv_validator_key.json": False,
        "data/priv_validator_state.json": True,
    }
    assert "already complete" in run("init_genesis", pod, MAKE_GENESIS).stderr


@pytest.mark.parametrize(
    ("script", "what"),
    [
        (b"#!/bin/bash\r\nsed -i s/7/9/ $CHAIN_DIR/config/genesis.json\r\necho ready\r\n", "(CRLF)"),
        (b"sed -i s/7/9/ $CHAIN_DIR/config/genesis.json\necho ready\r\n", "(CRLF)"),
        (b"#!/usr/bin/env python3\r\nprint()\n", "(CRLF)"),
        (b"#!/bin/bash\rsed -i s/7/9/ $CHAIN_DIR/config/genesis.json\recho ready\r", "(CR)"),
        (b"\nsed -i s/7/9/ $CHAIN_DIR/config/genesis.json\recho ready\r", "(CR)"),
        (b"\xef\xbb\xbf#!/usr/bin/env python3\nprint()\n", "byte order mark"),
        ("#!/bin/bash\necho ready\n".encode("utf-16"), "UTF-16"),
    ],
)
@pytest.mark.parametrize("variable", ["STEP_SCRIPT", "UPDATE_SCRIPT"])
def test_a_script_from_windows_is_refused(pod: dict[str, str], variable: str, script: bytes, what: str) -> None:
    """It would end with 0 and have done nothing; the message names the variable and what is wrong, nothing is kept."""
    path = Path(pod["KEYS_CONFIG"]).with_name("windows.sh")
    path.write_bytes(script)
    done = run("init_genesis", {**pod, variable: str(path)})

    assert done.returncode == 3, done.stderr
    assert f"{variable}: {path}: it" in done.stderr
    assert what in done.stderr
    assert committed(pod, "init-genesis") == {}


def test_the_script_is_an_input(pod: dict[str, str]) -> None:
    """Another one, or none, is a conflict; so is one where there was none."""
    assert run("init_genesis", pod, MAKE_GENESIS).returncode == 0
    other, none = run("init_genesis", pod, MAKE_GENESIS + "#"), run("init_genesis", pod)
    forced = run("init_genesis", pod, "", "--force")
    first = run("init_genesis", pod, MAKE_GENESIS)

    assert [done.returncode for done in (other, none, forced, first)] == [5, 5, 0, 5]
    for refused in (other, none, first):
        assert "different now: STEP_SCRIPT." in refused.stderr


@pytest.mark.parametrize(
    ("script", "code", "what"),
    [
        ("exit 1", 3, "ended with exit code 1 (75 would have it tried again)"),
        ("exit 3", 3, "ended with exit code 3"),
        ("exit 75", 75, "ended with exit code 75"),
        ("exit 124", 124, "ended with exit code 124"),
        ("exit 2", 3, "ended with exit code 2"),
        ("exit 4", 3, "ended with exit code 4"),
        ("exit 141", 3, "ended with exit code 141"),
        ("exit 5", 3, "ended with exit code 5"),
        ("kill -KILL $$", 75, "ended by signal 9"),
        ("sh -c 'kill -KILL $$'", 75, "ended by signal 9"),
        ("#!/no/such/shell\n", 3, "there is no /no/such/shell"),
        ("true", 3, "left no config/genesis.json"),
        (MAKE_GENESIS.replace("$CHAIN_ID", "other-1"), 3, "is not 'scripts-1'"),
        (MAKE_GENESIS + "echo '{' > $CHAIN_DIR/config/genesis.json", 3, "genesis"),
        (MAKE_GENESIS + "rm $CHAIN_DIR/config/node_key.json", 3, "left no config/node_key.json"),
        (MAKE_GENESIS + "rm $CHAIN_DIR/data/priv*", 3, "left no data/priv_validator_state.json"),
        (MAKE_GENESIS + "echo '{}' > $CHAIN_DIR/config/node_key.json", 3, "a key that it left is none"),
        (MAKE_GENESIS + "ln -s /etc/passwd $CHAIN_DIR/config/link", 3, "it left config/link"),
        (MAKE_GENESIS + "mkfifo $CHAIN_DIR/config/pipe", 3, "it left config/pipe"),
        (MAKE_GENESIS + "mkdir $CHAIN_DIR/.exposer", 3, "it left .exposer"),
    ],
)
def test_a_script_that_fails_commits_nothing(pod: dict[str, str], script: str, code: int, what: str) -> None:
    """Whatever it left, and whatever it exits with, nothing of it is at a final path; the cause is told in one line."""
    done = run("init_genesis", pod, f"{script}\n")

    assert (done.returncode, what in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    home = Path(pod["CHAIN_DIR"])
    assert [path.name for path in home.iterdir()] == [".exposer"]
    assert committed(pod, "init-genesis") == {}
    assert not list((home / ".exposer/scratch").glob("*"))


def test_a_derived_identity_is_kept(pod: dict[str, str]) -> None:
    """Other pods know the key from the keys file, so a script that makes another is refused."""
    another = json.dumps({"priv_key": {"type": "tendermint/PrivKeyEd25519", "value": "A" * 86 + "=="}})
    done = run("init_genesis", pod, MAKE_GENESIS + f"echo '{another}' > $CHAIN_DIR/config/node_key.json\n")

    assert (done.returncode, "IDENTITIES=derived" in done.stderr) == (3, True), done.stderr


def test_what_a_script_says_passes_through(pod: dict[str, str]) -> None:
    """Both of its outputs are in the step's log, as they are; the step's own output stays empty."""
    done = run("init_genesis", pod, "echo to-out; echo to-err >&2; exit 1\n")

    assert "\nto-out\nto-err\n" in done.stderr
    assert done.stdout == ""
    assert "to-err" not in (Path(pod["CHAIN_DIR"]) / ".exposer/progress/init-genesis.json").read_text()


def test_a_script_is_told_all_that_its_step_is(pod: dict[str, str], tmp_path: Path) -> None:
    """Every setting has its variable, by flag or default too; the stage is CHAIN_DIR, and it is no scripted step."""
    told = tmp_path / "told"
    run("init_genesis", {**pod, "MINE": "1"}, f"env > {told}; pwd > {told}.pwd; exit 1\n", "--coins", "5atom")
    found = dict(line.split("=", 1) for line in told.read_text().splitlines())

    stage = Path(pod["CHAIN_DIR"]) / ".exposer/stage/init-genesis"
    wanted = {"CHAIN_DIR": str(stage), "COINS": "5atom", "DENOM": "stake", "FAUCET_ENABLED": "false", "MINE": "1"}
    assert {name: found[name] for name in wanted} == wanted
    assert "STEP_SCRIPT" not in found
    assert found["HOME"] == (tmp_path / "told.pwd").read_text().strip()
    assert not Path(found["HOME"]).exists()


@pytest.mark.parametrize("interpreter", ["/bin/sh", "/usr/bin/env python3", sys.executable])
def test_a_script_names_its_interpreter(pod: dict[str, str], interpreter: str) -> None:
    """Its first line counts, though a ConfigMap's files have no x bit."""
    end = "exit 75" if interpreter == "/bin/sh" else "raise SystemExit(75)"

    assert run("init_genesis", pod, f"#!{interpreter}\n{end}\n").returncode == 75


def test_it_finds_everything_from_its_own_directory(pod: dict[str, str], tmp_path: Path) -> None:
    """Whoever runs a step by hand names files from where he is, and the script is run somewhere else."""
    (tmp_path / "s.sh").write_text('[ -d "$CHAIN_DIR/config" -a -s "$KEYS_CONFIG" -a -x "$CHAIN_BIN" ] && exit 75\n')
    (tmp_path / "chaind").symlink_to("/bin/true")
    told = {"CHAIN_DIR": "home", "KEYS_CONFIG": "keys.json", "CHAIN_BIN": "./chaind", "STEP_SCRIPT": "s.sh"}
    done = subprocess.run(
        [sys.executable, "-m", "init_scripts.init_genesis"],
        cwd=tmp_path,
        env={**pod, **told, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 75, done.stderr


def test_without_a_first_line_it_is_bash_or_else_sh(pod: dict[str, str], tmp_path: Path) -> None:
    """Scripts that people have are bash's; where there is none, sh has to do."""
    only_sh = tmp_path / "bin"
    only_sh.mkdir()
    (only_sh / "sh").symlink_to("/bin/sh")

    assert run("init_genesis", pod, 'exit "${BASH_VERSION:+75}"\n').returncode == 75
    assert run("init_genesis", {**pod, "PATH": str(only_sh)}, 'exit "${BASH_VERSION:-75}"\n').returncode == 75


def test_a_script_that_is_not_there_is_named(pod: dict[str, str]) -> None:
    """A mount that is missing is told by the variable's name."""
    done = run("init_genesis", {**pod, "STEP_SCRIPT": "/nowhere/init-genesis"})

    assert (done.returncode, "STEP_SCRIPT: /nowhere/init-genesis" in done.stderr) == (3, True)


def test_the_genesis_is_edited_before_it_is_judged(pod: dict[str, str], tmp_path: Path) -> None:
    """UPDATE_SCRIPT works on the genesis that the step has made, and what it makes of it has to run."""
    update, spoil = tmp_path / "update.sh", tmp_path / "spoil.sh"
    update.write_text('sed -i \'s/"power": "10"/"power": "11"/\' "$CHAIN_DIR/config/genesis.json"\n')
    spoil.write_text('sed -i \'s/"chain_id": "[^"]*"/"chain_id": "x"/\' "$CHAIN_DIR/config/genesis.json"\n')
    spoiled = run("init_genesis", {**pod, "UPDATE_SCRIPT": str(spoil)})
    done = run("init_genesis", {**pod, "UPDATE_SCRIPT": str(update)})

    assert (spoiled.returncode, "'x' is not 'scripts-1'" in spoiled.stderr) == (3, True), spoiled.stderr
    assert done.returncode == 0, done.stderr
    genesis = json.loads((Path(pod["CHAIN_DIR"]) / GENESIS).read_bytes())
    assert [validator["power"] for validator in genesis["validators"]] == ["11", "11"]
    assert "different now: UPDATE_SCRIPT." in run("init_genesis", pod).stderr


def test_the_genesis_of_a_script_is_judged_after_its_edit(pod: dict[str, str], tmp_path: Path) -> None:
    """Starship's createGenesis leaves what its updateGenesis sets right: only the outcome of both has to run."""
    update = tmp_path / "update.sh"
    update.write_text('sed -i s/half-done-1/$CHAIN_ID/ "$CHAIN_DIR/config/genesis.json"\n')
    unfinished = MAKE_GENESIS.replace("$CHAIN_ID", "half-done-1")
    alone = run("init_genesis", pod, unfinished)
    done = run("init_genesis", {**pod, "UPDATE_SCRIPT": str(update)}, unfinished)

    assert (alone.returncode, done.returncode) == (3, 0), done.stderr


@pytest.mark.parametrize(
    ("update", "what"),
    [
        ("rm $CHAIN_DIR/config/node_key.json", "UPDATE_SCRIPT: it left no config/node_key.json"),
        ("rm $CHAIN_DIR/data/priv_validator_state.json", "UPDATE_SCRIPT: it left no data/priv_validator_state.json"),
        ("rm $CHAIN_DIR/config/genesis.json", "left no config/genesis.json"),
        ("cp $OTHER $CHAIN_DIR/config/node_key.json", "UPDATE_SCRIPT: it replaced config/node_key.json"),
    ],
)
def test_an_edit_of_the_genesis_leaves_the_identity(
    pod: dict[str, str], tmp_path: Path, update: str, what: str
) -> None:
    """UPDATE_SCRIPT is held to what any script is: the pod is who it was, and has a genesis."""
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"priv_key": {"type": "tendermint/PrivKeyEd25519", "value": "A" * 86 + "=="}}))
    (tmp_path / "update.sh").write_text(f"{update}\n")
    done = run("init_genesis", {**pod, "OTHER": str(other), "UPDATE_SCRIPT": str(tmp_path / "update.sh")})

    assert (done.returncode, what in done.stderr) == (3, True), done.stderr
    assert committed(pod, "init-genesis") == {}


CONFIG = """
set -e
sed -i 's/^timeout_commit = .*/timeout_commit = "77ms"/' $CHAIN_DIR/config/config.toml
sed -i "s/^laddr = .tcp:\\/\\/127.0.0.1:26657./laddr = 'tcp:\\/\\/9.9.9.9:1'/" $CHAIN_DIR/config/config.toml
echo mine > $CHAIN_DIR/config/mine.txt
echo wrong > $CHAIN_DIR/config/node_id.json
"""


def test_a_configuration_by_script(pod: dict[str, str]) -> None:
    """It finds the home as it was committed, with the pod's addresses; only what it changed is committed, and node_id.

    Of the defaults nothing is done besides: this node's commit timeout is the script's, not TIMEOUT_COMMIT's.
    """
    assert run("init_genesis", pod).returncode == 0
    before = digest_file(Path(pod["CHAIN_DIR"]) / GENESIS)
    done = run("init_config", {**pod, "RPC_PORT": "5555", "TIMEOUT_COMMIT": "9s"}, CONFIG)

    assert done.returncode == 0, done.stderr
    home = Path(pod["CHAIN_DIR"])
    assert list(committed(pod, "init-config")) == ["config/config.toml", "config/mine.txt", "config/node_id.json"]
    text = (home / "config/config.toml").read_text()
    assert 'timeout_commit = "77ms"' in text
    assert 'laddr = "tcp://0.0.0.0:5555"' in text  # what the script looks for is not there any more
    own = node_id(node_public_key((home / "config/node_key.json").read_bytes()))
    assert json.loads((home / "config/node_id.json").read_bytes()) == {"node_id": own}
    assert digest_file(home / GENESIS) == before


def test_what_is_asked_for_by_name_is_done_behind_a_script(pod: dict[str, str], tmp_path: Path) -> None:
    """Overrides and the patch of the network file win over the script, whose genesis has to run like any other."""
    assert run("init_genesis", pod).returncode == 0
    (tmp_path / "o.json").write_text(json.dumps({"config.toml": {"consensus.timeout_commit": "5ms"}}))
    (tmp_path / "p.json").write_text(json.dumps({"genesis_time": "2030-01-01T00:00:00Z"}))
    asked = {**pod, "CONFIG_OVERRIDES": str(tmp_path / "o.json"), "GENESIS_PATCH": str(tmp_path / "p.json")}
    done = run(
        "init_config", asked, CONFIG + 'sed -i \'s/"power": "10"/"power": "12"/\' $CHAIN_DIR/config/genesis.json\n'
    )

    assert done.returncode == 0, done.stderr
    home = Path(pod["CHAIN_DIR"])
    genesis = json.loads((home / GENESIS).read_bytes())
    assert (genesis["genesis_time"], genesis["validators"][0]["power"]) == ("2030-01-01T00:00:00Z", "12")
    assert 'timeout_commit = "5ms"' in (home / "config/config.toml").read_text()


@pytest.mark.parametrize(
    ("script", "what"),
    [
        ("rm $CHAIN_DIR/config/config.toml", "it removed config/config.toml"),
        ("cd $CHAIN_DIR/config; rm client.toml config.toml; mkdir config.toml", "it removed config/config.toml"),
        ("echo '][' >> $CHAIN_DIR/config/config.toml", "config.toml: not TOML at line"),
        (
            "sed -i 's/^seeds = .*/seeds = \"a:1\"/' $CHAIN_DIR/config/config.toml",
            "config.toml: p2p.seeds: write nodes as",
        ),
        (
            "cd $CHAIN_DIR/config; mv config.toml c.toml; ln -s c.toml config.toml",
            "it left config/config.toml, which is no",
        ),
        ("echo '{}' > $CHAIN_DIR/config/genesis.json", "will not run"),
        ("echo >> $CHAIN_DIR/config/priv_validator_key.json", "it changed config/priv_validator_key.json"),
        ("echo >> $CHAIN_DIR/data/priv_validator_state.json", "it changed data/priv_validator_state.json"),
    ],
)
def test_what_a_configuration_must_not_do(pod: dict[str, str], script: str, what: str) -> None:
    """Files are not removed, the identity not replaced, the genesis not broken; the home is as it was."""
    assert run("init_genesis", pod).returncode == 0
    home = Path(pod["CHAIN_DIR"])
    before = {path: digest_file(path) for path in home.rglob("*") if path.is_file() and ".exposer" not in path.parts}
    done = run("init_config", pod, f"{script}\n")

    assert (done.returncode, what in done.stderr) == (3, True), done.stderr
    assert before == {
        path: digest_file(path) for path in home.rglob("*") if path.is_file() and ".exposer" not in path.parts
    }


def test_a_validator_by_script_has_the_leaders_genesis(pod: dict[str, str], tmp_path: Path) -> None:
    """Whatever genesis it leaves, the genesis pod's, verified, is committed; and init-config refuses to change that."""
    assert run("init_genesis", pod).returncode == 0
    genesis = (Path(pod["CHAIN_DIR"]) / GENESIS).read_bytes()
    joining = {**pod, "CHAIN_DIR": str(tmp_path / "joining"), "HOSTNAME": "scripts-validator-0"}
    leader = {"/genesis": file(genesis), "/identity": file(genesis), "/node_id": answer(200, NODE_ID)}
    with ScriptedServer(by_path(leader)) as server:
        joining["GENESIS_HOST"] = server.url
        done = run(
            "init_validator", joining, "echo mine > $CHAIN_DIR/config/genesis.json; echo x > $CHAIN_DIR/data/x.db\n"
        )
        changed = run(
            "init_config",
            joining,
            "sed -i s/stake/x/ $CHAIN_DIR/config/genesis.json; echo >> $CHAIN_DIR/config/genesis.json\n",
        )
        spoiled = run("init_config", joining, "echo y > $CHAIN_DIR/data/x.db\n")
        configured = run("init_config", joining, "true\n")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "joining" / GENESIS).read_bytes() == genesis
    assert committed(joining, "init-validator")["data/x.db"] is True  # a node's data may change
    assert (changed.returncode, "the same in all pods" in changed.stderr) == (3, True), changed.stderr
    assert (spoiled.returncode, "it changed data/x.db" in spoiled.stderr) == (3, True), spoiled.stderr
    assert configured.returncode == 0, configured.stderr
    config = (tmp_path / "joining/config/config.toml").read_text()
    assert 'persistent_peers = "0123456789abcdef0123456789abcdef01234567@127.0.0.1:26656"' in config


def test_binaries_by_script(pod: dict[str, str], code: GitRepository) -> None:
    """It runs once for each version, told which by CODE_TAG and UPGRADE_NAME, and each is a transaction of its own."""
    building = {
        **pod,
        "CODE_REPO": str(code.path),
        "CODE_TAG": "v1",
        "UPGRADES": "two=v2",
        "DAEMON_NAME": "demod",
    }
    script = """
    [ "$UPGRADE_NAME" = genesis ] || directory=upgrades/$UPGRADE_NAME
    mkdir -p $UPGRADE_DIR/${directory:=genesis}/bin
    printf '#!/bin/sh\\necho %s' $CODE_TAG > $UPGRADE_DIR/$directory/bin/$DAEMON_NAME
    chmod +x $UPGRADE_DIR/$directory/bin/$DAEMON_NAME
    """
    missing = run("init_build_images", building, "true\n")
    done = run("init_build_images", building, script)

    assert (missing.returncode, "left no executable cosmovisor/genesis/bin/demod" in missing.stderr) == (3, True)
    assert done.returncode == 0, done.stderr
    cosmovisor = Path(pod["CHAIN_DIR"]) / "cosmovisor"
    said = [
        subprocess.check_output([cosmovisor / place / "bin/demod"], text=True) for place in ("genesis", "upgrades/two")
    ]
    assert said == ["v1\n", "v2\n"]
    assert list(committed(pod, "init-build-images.two")) == ["cosmovisor/upgrades/two/bin/demod"]


def test_a_script_that_takes_too_long_is_ended(pod: dict[str, str], code: GitRepository) -> None:
    """A build's time limit is its script's, with all that it has started."""
    building = {**pod, "CODE_REPO": str(code.path), "CODE_TAG": "v1", "DAEMON_NAME": "demod", "BUILD_TIMEOUT": "300ms"}
    child = Path(pod["CHAIN_DIR"]).parent / "child"
    done = run("init_build_images", building, f"sleep 600 & echo $! > {child}; wait\n")

    assert (done.returncode, "was not done when the time was up" in done.stderr) == (75, True), done.stderr
    assert gone(int(child.read_text()))


@pytest.mark.parametrize("end", ["exit 3", "sleep 600"])
def test_nothing_that_a_script_starts_gets_away(pod: dict[str, str], code: GitRepository, end: str) -> None:
    """A job in a group of its own, and a daemon in a session of its own, would keep the volume locked for ever."""
    building = {**pod, "CODE_REPO": str(code.path), "CODE_TAG": "v1", "DAEMON_NAME": "demod", "BUILD_TIMEOUT": "2s"}
    started = Path(pod["CHAIN_DIR"]).parent / "started"
    script = f"set -m\nsleep 600 & echo $! > {started}\n(setsid sleep 600 & echo $! >> {started})\n{end}\n"
    done = run("init_build_images", building, script)

    assert done.returncode == (3 if end == "exit 3" else 75), done.stderr
    assert [gone(int(number)) for number in started.read_text().split()] == [True, True]


def gone(pid: int) -> bool:
    """Whether the process has ended."""
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


@pytest.fixture
def waiting(pod: dict[str, str], tmp_path: Path) -> "subprocess.Popen[str]":
    """init-genesis whose script waits for ever behind a child of its own, whose number is in ``child``."""
    os.mkfifo(tmp_path / "child")
    (tmp_path / "wait.sh").write_text(f"sleep 600 & echo $! > {tmp_path / 'child'}; wait\n")
    return subprocess.Popen(
        [sys.executable, "-m", "init_scripts.init_genesis"],
        env={**pod, "STEP_SCRIPT": str(tmp_path / "wait.sh")},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_script_ends_with_its_step(waiting: "subprocess.Popen[str]", tmp_path: Path) -> None:
    """SIGTERM ends the step with 143, and nothing that the script has started stays behind."""
    child = int((tmp_path / "child").read_text())  # opened for reading: the script is there
    waiting.send_signal(signal.SIGTERM)
    _, told = waiting.communicate(timeout=20)

    assert waiting.returncode == 143, told
    assert gone(child)


def test_what_outlives_a_killed_step_is_ended_by_the_next(
    waiting: "subprocess.Popen[str]", pod: dict[str, str], tmp_path: Path
) -> None:
    """SIGKILL leaves no time for anything: the next step on the volume ends what the script had started, and goes on.

    Whoever merely reads the lock's file, as a backup does, is left alone; so is what the killed step had staged, until
    the next one is complete.
    """
    child = int((tmp_path / "child").read_text())
    waiting.kill()
    waiting.wait(timeout=20)
    assert waiting.stderr is not None
    waiting.stderr.close()
    lock = Path(pod["CHAIN_DIR"]) / ".exposer/lock.script"
    with lock.open("rb"):
        after = run("init_genesis", pod)

    assert after.returncode == 0, after.stderr
    assert "a step was killed, and its script's processes are left; they are ended now" in after.stderr
    assert gone(child)
    assert [path for path in lock.parent.rglob("*.json") if "priv" in path.name] == []


def test_a_build_leaves_the_scratch_of_others_alone(pod: dict[str, str], code: GitRepository) -> None:
    """Create-validator works without the volume's lock: no build, and no build's script, deletes what it works with."""
    live = Path(pod["CHAIN_DIR"]) / ".exposer/scratch/create-validator/script/validator.json"
    live.parent.mkdir(parents=True)
    live.touch()
    building = {**pod, "CODE_REPO": str(code.path), "CODE_TAG": "v1", "DAEMON_NAME": "demod"}
    script = 'mkdir -p "$UPGRADE_DIR/genesis/bin" && cp /bin/true "$UPGRADE_DIR/genesis/bin/demod"\n'
    done = run("init_build_images", building, script)

    assert done.returncode == 0, done.stderr
    assert live.exists()


def test_modes_are_kept(pod: dict[str, str]) -> None:
    """A private file that a script edits in place stays private."""
    assert run("init_genesis", pod).returncode == 0
    home = Path(pod["CHAIN_DIR"])
    (home / "config/config.toml").chmod(0o600)
    assert run("init_config", pod, "echo '# mine' >> $CHAIN_DIR/config/config.toml\n").returncode == 0

    assert stat.S_IMODE((home / "config/config.toml").stat().st_mode) == 0o600
    assert (home / "config/config.toml").read_text().endswith("# mine\n")


INTERRUPTED = """
import os, signal, subprocess, sys
from init_scripts import running
from init_scripts.interrupts import Interrupted, interruptible

def interrupt(*_arguments):
    os.kill(os.getpid(), signal.SIGTERM)

class Popen(subprocess.Popen):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        print(open(sys.argv[1]).read(), flush=True)  # what it has started runs
        if sys.argv[2] == "start":
            interrupt()

subprocess.Popen = Popen
end = running.end_children
if sys.argv[2] == "end":
    running.end_children = lambda: (interrupt(), end())
try:
    with interruptible():
        running.run_whole(
            ["sh", "-c", 'setsid sleep 1000 & echo $! >"$0"', sys.argv[1]], lambda process: process.wait()
        )
except Interrupted:
    print("ended")
"""


@pytest.mark.parametrize("moment", ["start", "end"])
def test_a_signal_at_a_bad_moment_leaves_nothing_behind(tmp_path: Path, moment: str) -> None:
    """A step may be interrupted when its script runs and the step does not know it yet, and when it cleans up."""
    pipe = tmp_path / "child"
    os.mkfifo(pipe)
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(pipe), moment], capture_output=True, text=True, timeout=60, check=False
    )
    child, *words = done.stdout.split()

    assert (words, done.returncode) == (["ended"], 0), done.stderr
    assert gone(int(child))
