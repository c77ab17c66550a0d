"""The steps as containers run them: a numeric user, a read-only root, root's volumes, and what kubelet does to them."""

import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from networks import write_keys
from project import ROOT
from scripted_server import ScriptedServer, answer, by_path, file

from exposer.records import read_records

USER = 10001


@dataclass
class Place:
    """Directories as a pod's containers see them, and the environment of its steps."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    fault: Sequence[str] = ()
    """What a step is run by, besides: ``strace`` with a fault."""

    @property
    def chain(self) -> Path:
        """The node's volume."""
        return self.root / "chain"

    def run(self, step: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """A step in a container of its own: user 10001 without a name, nothing to write to but the volumes and /tmp."""
        writable = [str(self.chain), str(self.root / "faucet")]
        mounts = [
            "mount --make-rprivate /",
            *_open_to_all(self.root / "stash"),
            *(f"mount --bind {path} {path}" for path in writable),
            "mount -o remount,ro,bind /",
            f"mount -t tmpfs -o mode=1777 none {self.root}/tmp",
        ]
        command = [sys.executable, "-m", f"init_scripts.{step}", *arguments]
        user = f"setpriv --reuid {USER} --regid {USER} --clear-groups --no-new-privs --bounding-set -all"
        inner = f"exec {user} env -i {shlex.join(self._variables(more))} {shlex.join([*self.fault, *command])}"
        return subprocess.run(
            ["unshare", "-m", "sh", "-ec", "\n".join([*mounts, inner])],
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    def done(self, step: str, *arguments: str, **more: str) -> str:
        """A step that ends well; what it says."""
        result = self.run(step, *arguments, **more)
        assert result.returncode == 0, f"{step}: {result.stderr}"
        return result.stderr

    def _variables(self, more: Mapping[str, str]) -> list[str]:
        own = {"HOME": f"{self.root}/tmp", "TMPDIR": f"{self.root}/tmp", "PYTHONPATH": str(ROOT)}
        return [f"{name}={value}" for name, value in {**own, **self.environment, **more}.items()]


def _open_to_all(stash: Path) -> Iterator[str]:
    """Commands that show every user, in a mount namespace, what runs a step, though a directory above it be private."""
    needed = {Path(sys.prefix), Path(sys.base_prefix), ROOT}
    private = {
        path: next(above for above in reversed(path.parents) if not above.stat().st_mode & stat.S_IXOTH)
        for path in sorted(needed)
        if any(not above.stat().st_mode & stat.S_IXOTH for above in path.parents)
    }
    for number, path in enumerate(private):
        yield f"mkdir -p {stash}/{number}; mount --bind {path} {stash}/{number}"
    for above in sorted(set(private.values())):
        yield f"mount -t tmpfs -o mode=755 none {above}"
    for number, path in enumerate(private):
        yield f"mkdir -p {path}; mount --bind {stash}/{number} {path}"


def owned(path: Path) -> Path:
    """A volume as kubelet leaves it for ``fsGroup``: root's, and the group's by the set-group-id bit."""
    path.mkdir()
    os.chown(path, 0, USER)
    path.chmod(0o2775)
    return path


def published(directory: Path, name: str, content: str) -> Path:
    """A file as a Secret or a ConfigMap has it: a link to a link into a directory that is replaced as a whole."""
    generation = directory / "..2026_01_01"
    generation.mkdir(parents=True, exist_ok=True)
    (generation / name).write_text(content)
    os.chown(generation / name, 0, USER)
    (generation / name).chmod(0o440)
    if not (directory / "..data").exists():
        (directory / "..data").symlink_to(generation.name)
    (directory / name).symlink_to(f"..data/{name}")
    return directory / name


@pytest.fixture
def place() -> Iterator[Place]:
    """A pod's directories, below one that any user may enter."""
    if os.geteuid():
        pytest.skip("only root can be another user and mount; run the tests as root")
    root = Path(tempfile.mkdtemp(prefix="pod-"))
    root.chmod(0o755)
    try:
        made = Place(root)
        (root / "tmp").mkdir()
        owned(made.chain)
        owned(root / "faucet")
        (made.chain / "lost+found").mkdir(0o700)  # of a fresh ext4
        keys = write_keys(root / "plain.json", validators=2, accounts=1)
        document = json.loads(keys.read_text())
        document["faucet"] = document.pop("keys")
        made.environment = {
            "PATH": f"{root}/chain-bin:/usr/bin:/bin",
            "CHAIN_ID": "pods-1",
            "CHAIN_DIR": str(made.chain),
            "FAUCET_DIR": str(root / "faucet"),
            "KEYS_CONFIG": str(published(root / "configs", "keys.json", json.dumps(document))),
            "NUM_VALIDATORS": "2",
            "HOSTNAME": "pods-genesis-0",
            "GENESIS_PATCH": str(published(root / "patch", "patch.json", '{"genesis_time": "2026-01-01T00:00:00Z"}')),
            "CONFIG_OVERRIDES": str(published(root / "patch", "config.json", '{"config.toml": {"log_level": "warn"}}')),
        }
        keys.unlink()
        yield made
    finally:
        shutil.rmtree(root)


def next_start(volume: Path) -> None:
    """What kubelet does to all files of a volume whenever a pod with ``fsGroup`` starts."""
    for path in [volume, *volume.rglob("*")]:
        os.chown(path, -1, USER)
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(mode | (0o2770 if path.is_dir() else 0o660))


def bytes_of(volume: Path) -> dict[str, bytes]:
    """The files outside the steps' own directory."""
    found = (path for path in volume.rglob("*") if path.is_file() and ".exposer" not in path.parts)
    return {str(path.relative_to(volume)): path.read_bytes() for path in found}


def leader_of(place: Place) -> ScriptedServer:
    """The exposer of the pod."""
    genesis, told = (place.chain / "config/genesis.json"), (place.chain / "config/node_id.json")
    served = file(genesis.read_bytes())
    return ScriptedServer(
        by_path({"/genesis": served, "/identity": served, "/node_id": answer(200, told.read_bytes())})
    )


def joins(place: Place, *, driver: Mapping[str, str]) -> None:
    """A validator pod, on volumes of its own, that fetches this one's genesis."""
    with leader_of(place) as server:
        validator = Place(place.root, {**place.environment, **driver})
        place.chain.rename(place.root / "leader")
        owned(validator.chain)
        told = {"GENESIS_HOST": server.url, "HOSTNAME": "pods-validator-0"}
        del validator.environment["GENESIS_PATCH"]
        for step in ("init_validator", "init_config"):
            validator.done(step, **told)
        next_start(validator.chain)
        for step in ("init_validator", "init_config"):
            assert "already complete" in validator.done(step, **told)
    genesis = "config/genesis.json"
    assert (validator.chain / genesis).read_bytes() == (place.root / "leader" / genesis).read_bytes()


def test_every_step_without_a_binary(place: Place) -> None:
    """Each ends well as a user without a name and without rights, on a volume that is root's, and leaves no link."""
    driver = {"CHAIN_DRIVER": "cometbft"}
    place.environment |= driver
    for step in ("init_genesis", "init_config"):
        place.done(step)
    assert {path.stat().st_uid for path in place.chain.rglob("*")} == {0, USER}
    assert not any(path.is_symlink() for path in place.chain.rglob("*"))

    joins(place, driver=driver)


def test_a_second_start_of_the_pod_changes_nothing(place: Place) -> None:
    """Kubelet opens every file to the group, keys too: that is no damage, and the steps leave it as it is."""
    place.environment |= {"CHAIN_DRIVER": "cometbft"}
    for step in ("init_genesis", "init_config"):
        place.done(step)
    before = bytes_of(place.chain)
    next_start(place.chain)
    assert stat.S_IMODE((place.chain / "config/node_key.json").stat().st_mode) == 0o660
    told = [place.done(step) for step in ("init_genesis", "init_config")]
    forced = place.done("init_config", "--force")

    assert all("already complete" in said for said in told)
    assert "complete" in forced
    assert bytes_of(place.chain) == before


@pytest.mark.simd
@pytest.mark.parametrize("way", ["by the step", "by a script"])
def test_every_step_with_a_real_binary(place: Place, simd: str, way: str, tmp_path: Path) -> None:
    """Likewise with a chain's own binary, in /chain-bin, also when the work is a ConfigMap's script's."""
    (place.root / "chain-bin").mkdir()
    shutil.copy2(simd, place.root / "chain-bin/simd")
    driver = {"CHAIN_BIN": f"{place.root}/chain-bin/simd", "FAUCET_ENABLED": "true"}
    place.environment |= {**driver, "GENESIS_PATCH": ""}
    scripts: dict[str, dict[str, str]] = {}
    if way == "by a script":
        for step, script in (("init_genesis", GENESIS_SCRIPT), ("init_config", "env > /dev/null\n")):
            scripts[step] = {"STEP_SCRIPT": str(published(place.root / "scripts", step, script))}
    for step in ("init_genesis", "init_config", "init_faucet"):
        place.done(step, **scripts.get(step, {}))
    next_start(place.chain)
    next_start(place.root / "faucet")
    for step in ("init_genesis", "init_config", "init_faucet"):
        assert "already complete" in place.done(step, **scripts.get(step, {}))

    assert [record.step for record in read_records(place.root / "faucet")] == ["init-faucet"]
    place.environment["GENESIS_PATCH"] = ""
    joins(place, driver=driver)
    assert not list(tmp_path.iterdir())


GENESIS_SCRIPT = """
set -e
name=$(jq -r '.genesis[0].name' $KEYS_CONFIG)
jq -r '.genesis[0].mnemonic' $KEYS_CONFIG | $CHAIN_BIN init $HOSTNAME --chain-id $CHAIN_ID --recover > /dev/null 2>&1
jq -r '.genesis[0].mnemonic' $KEYS_CONFIG | $CHAIN_BIN keys add $name --recover --keyring-backend test > /dev/null
$CHAIN_BIN genesis add-genesis-account $name $COINS --keyring-backend test
$CHAIN_BIN genesis gentx $name 5000000$DENOM --keyring-backend test --chain-id $CHAIN_ID
$CHAIN_BIN genesis collect-gentxs > /dev/null 2>&1
"""
"""As the peer's scripts have it: no command names its home."""

REFUSED = ["chmod,fchmod,fchmodat:error=EPERM", "link,linkat:error=EPERM", "link,linkat:error=EOPNOTSUPP"]


@pytest.mark.parametrize("fault", REFUSED)
def test_a_volume_that_knows_no_modes_or_links(place: Place, fault: str) -> None:
    """On SMB and the like modes are the mount's, and there are no hard links: what is replaced is kept all the same."""
    place.environment |= {"CHAIN_DRIVER": "cometbft"}
    place.fault = (
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        f"trace={fault.partition(':')[0]}",
        "-e",
        f"inject={fault}",
    )
    for step in ("init_genesis", "init_config"):
        place.done(step)
    forced = place.done("init_config", "--force", TIMEOUT_COMMIT="3s")

    assert "complete" in forced
    kept = [path for path in (place.chain / ".exposer/aside").rglob("*") if path.is_file()]
    assert {path.name.partition(".")[0] for path in kept} == {"config", "genesis", "node_id"}
    modes = {stat.S_IMODE(path.stat().st_mode) for path in place.chain.rglob("priv_validator_key.json")}
    assert modes == {0o600}


UNWRITABLE = """
mkdir -p "$HOME/go/pkg/mod" "$CHAIN_DIR/config/wasm" && touch "$HOME/go/pkg/mod/x" "$CHAIN_DIR/config/wasm/x"
cat "$CHAIN_DIR/config/config.toml" > new.toml && mv -f new.toml "$CHAIN_DIR/config/config.toml"
chmod 0440 "$CHAIN_DIR/config/config.toml" && chmod 0555 "$HOME/go/pkg/mod" "$CHAIN_DIR/config/wasm"
"""
"""As Go's module cache is, and what is copied from a ConfigMap."""


def test_what_a_script_leaves_unwritable_is_no_hindrance(place: Place) -> None:
    """It is committed, given to the next script and edited, and removed where a run has failed."""
    place.environment |= {"CHAIN_DRIVER": "cometbft", "GENESIS_PATCH": "", "PATH": "/usr/bin:/bin"}
    scripts = {
        name: {text: str(published(place.root / "scripts", name, f"{UNWRITABLE}exit {code}\n"))}
        for name, text, code in (
            ("fails", "UPDATE_SCRIPT", 3),
            ("ends", "UPDATE_SCRIPT", 0),
            ("next", "STEP_SCRIPT", 0),
        )
    }
    failed = [place.run("init_genesis", **scripts["fails"]).returncode for _ in range(3)]
    place.done("init_genesis", **scripts["ends"])
    place.done("init_config", **scripts["next"])

    assert failed == [3, 3, 3]
    assert (place.chain / "config/wasm/x").exists()
    assert not list((place.chain / ".exposer/scratch").iterdir())


def test_a_volume_that_is_not_ours_is_told(place: Place) -> None:
    """Without fsGroup the volume is root's alone: that is a setting's fault, with its path and a cure."""
    place.chain.chmod(0o755)
    done = place.run("init_genesis", CHAIN_DRIVER="cometbft")

    assert done.returncode == 3
    assert f"{place.chain}/.exposer" in done.stderr
    assert "make the path writable for this user" in done.stderr
