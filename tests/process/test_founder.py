"""A genesis pod that finds its volume empty, beside pods that belong to a network: as processes, with real sidecars."""

import hashlib
import json
import shutil
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from networks import write_keys
from scripted_server import ScriptedServer, answer
from sidecar_process import running
from step_process import run

PODS = 3


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What all pods of a chain that needs no binary are told."""
    directory = tmp_path_factory.mktemp("keys")
    (directory / "patch.json").write_text('{"consensus_params": {"block": {"max_gas": "1000000"}}}')
    return {
        "CHAIN_DRIVER": "cometbft",
        "CHAIN_ID": "founded-1",
        "KEYS_CONFIG": str(write_keys(directory / "keys.json", validators=PODS)),
        "NUM_VALIDATORS": str(PODS),
        "GENESIS_PATCH": str(directory / "patch.json"),
    }


def genesis_pod(base: dict[str, str], home: Path, *exposers: str) -> dict[str, str]:
    """The environment of a genesis pod with this home."""
    own = {"CHAIN_DIR": str(home), "HOSTNAME": "founded-genesis-0"}
    return {**base, **own, **({"PEER_EXPOSERS": ",".join(exposers)} if exposers else {})}


def validator_pod(base: dict[str, str], home: Path, leader: str, ordinal: int = 0) -> dict[str, str]:
    """The environment of a validator pod with this home."""
    common = {name: value for name, value in base.items() if name != "GENESIS_PATCH"}
    own = {"HOSTNAME": f"v-{ordinal}", "EXTERNAL_ADDRESS": f"v-{ordinal}.peers:26656"}
    return {**common, **own, "CHAIN_DIR": str(home), "GENESIS_HOST": leader}


def init(pod: dict[str, str], *arguments: str) -> CompletedProcess[str]:
    """Both steps of a genesis pod; the first that fails ends it."""
    done = run("init_genesis", pod, *arguments)
    return done if done.returncode else run("init_config", pod)


def digest(home: Path) -> str:
    """SHA-256 of a pod's genesis."""
    return hashlib.sha256((home / "config/genesis.json").read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def network(base: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[str]]]:
    """A network whose pods are initialised, with their sidecars: the genesis pod's home, and the others' exposers."""
    directory = tmp_path_factory.mktemp("network")
    leader = directory / "genesis-0"
    assert init(genesis_pod(base, leader)).returncode == 0
    with ExitStack() as stack:
        source = stack.enter_context(running(leader))
        exposers = []
        for ordinal in range(PODS - 1):
            home = directory / f"validator-{ordinal}"
            for step in ("init_validator", "init_config"):
                done = run(step, validator_pod(base, home, source.url, ordinal))
                assert done.returncode == 0, done.stderr
            exposers.append(stack.enter_context(running(home)).url)
        yield leader, exposers


def test_a_lost_volume_gets_its_network_again(
    base: dict[str, str], network: tuple[Path, list[str]], tmp_path: Path
) -> None:
    """Where the keys are derived, the pod takes the genesis of the others, patched as it is, and founds nothing."""
    (leader, exposers), again = network, tmp_path / "again"
    done = init(genesis_pod(base, again, *exposers))

    assert done.returncode == 0, done.stderr
    assert '"max_gas": "1000000"' in (again / "config/genesis.json").read_text()
    assert digest(again) == digest(leader)
    assert _public(again) == _public(leader)
    with running(again) as sidecar:
        assert json.loads(sidecar.get("/identity")[1])["genesis_sha256"] == digest(leader)

    homes = [leader.parent / f"validator-{ordinal}" for ordinal in range(PODS - 1)]
    ids = [json.loads((home / "config/node_id.json").read_bytes())["node_id"] for home in homes]
    dialled = {f"{node}@v-{ordinal}.peers:26656" for ordinal, node in enumerate(ids)}
    assert _dialled(leader) == {""}  # others dial it, and find it at a place that stays
    assert _dialled(again) == dialled
    assert run("init_config", {**genesis_pod(base, again, *exposers), "METRICS": "true"}).returncode == 0
    assert _dialled(again) == dialled


def test_the_same_genesis_made_again(base: dict[str, str], tmp_path: Path) -> None:
    """Where the pod makes what the others have, it keeps that, and its key waits for all that took part."""
    told = {name: value for name, value in base.items() if name != "GENESIS_PATCH"}
    told |= {"GENESIS_TIME": "2026-01-01T00:00:00Z", "DOWNLOAD_TIMEOUT": "2s"}
    leader, again = tmp_path / "leader", tmp_path / "again"
    assert init(genesis_pod(told, leader)).returncode == 0
    with running(leader) as source:
        homes = [tmp_path / f"v-{ordinal}" for ordinal in range(PODS - 1)]
        for ordinal, home in enumerate(homes):
            assert run("init_validator", validator_pod(told, home, source.url, ordinal)).returncode == 0
    (homes[0] / "data/priv_validator_state.json").write_text('{"height": "9"}')
    with running(homes[0]) as signer, running(homes[1]) as other:
        stopped = run("init_genesis", genesis_pod(told, again, signer.url, other.url))
        done = run("init_genesis", genesis_pod(told, again, other.url))

    assert stopped.returncode == 75
    assert "could sign twice" in stopped.stderr
    assert done.returncode == 0, done.stderr
    assert digest(again) == digest(leader)


def test_other_keys_are_refused(base: dict[str, str], network: tuple[Path, list[str]], tmp_path: Path) -> None:
    """A pod whose keys are not in the network's genesis could not take part: exit 4, and the volume stays empty."""
    other = write_keys(tmp_path / "other.json", validators=PODS)
    done = init({**genesis_pod(base, tmp_path / "again", *network[1]), "KEYS_CONFIG": str(other)})

    assert done.returncode == 4
    assert "KEYS_CONFIG" in done.stderr
    assert not (tmp_path / "again/config").exists()


def test_another_chain_is_refused(base: dict[str, str], network: tuple[Path, list[str]], tmp_path: Path) -> None:
    """Pods of another chain behind PEER_EXPOSERS are a mistake: exit 4 with both names."""
    done = init({**genesis_pod(base, tmp_path / "again", *network[1]), "CHAIN_ID": "founded-2"})

    assert done.returncode == 4
    assert "'founded-1'" in done.stderr
    assert "'founded-2'" in done.stderr


def test_pods_that_disagree_are_refused(base: dict[str, str], network: tuple[Path, list[str]], tmp_path: Path) -> None:
    """Where the others hold two geneses, nobody but their owner knows which is the right one: exit 4 with both."""
    (leader, exposers), other = network, tmp_path / "other"
    assert init(genesis_pod(base, other)).returncode == 0
    with running(other) as sidecar:
        done = init(genesis_pod(base, tmp_path / "again", exposers[0], sidecar.url))

    assert done.returncode == 4
    assert digest(leader) in done.stderr
    assert digest(other) in done.stderr


def test_force_takes_over(base: dict[str, str], network: tuple[Path, list[str]], tmp_path: Path) -> None:
    """`--force` founds another network under the others, because somebody said so; it names them."""
    done = run("init_genesis", genesis_pod(base, tmp_path / "again", *network[1]), "--force")

    assert done.returncode == 0, done.stderr
    assert all(exposer.removeprefix("http://") in done.stderr for exposer in network[1])
    assert digest(tmp_path / "again") != digest(network[0])


def test_new_pods_belong_to_nothing(base: dict[str, str], tmp_path: Path) -> None:
    """Beside pods whose volumes are empty, and a pod that nobody has started, a genesis is founded."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with running(tmp_path / "a") as one, running(tmp_path / "b") as two:
        done = init(genesis_pod(base, tmp_path / "leader", one.url, two.url))

        assert done.returncode == 0, done.stderr


def test_no_answer_is_not_none(base: dict[str, str], tmp_path: Path) -> None:
    """Where nobody answers at an address, a pod may hold a network: not yet, with its name, and nothing is founded."""
    leader = tmp_path / "leader"
    done = run("init_genesis", {**genesis_pod(base, leader, "127.0.0.1:9"), "DOWNLOAD_TIMEOUT": "1s"})

    assert done.returncode == 75, done.stderr
    assert "127.0.0.1:9" in done.stderr
    assert "--force" in done.stderr
    assert not (leader / "config").exists()


def test_an_exposer_that_refuses(base: dict[str, str], tmp_path: Path) -> None:
    """Where this pod's token is not the exposers' waiting does not help: bad input, and nothing is founded."""
    with ScriptedServer(answer(401, b"{}")) as server:
        done = run("init_genesis", genesis_pod(base, tmp_path / "leader", server.url))

    assert done.returncode == 3
    assert "token" in done.stderr
    assert not (tmp_path / "leader/config").exists()


@pytest.mark.parametrize("exposers", ["no host", "a:b", "http://x@y"])
def test_what_is_no_exposer(base: dict[str, str], tmp_path: Path, exposers: str) -> None:
    """A target that is none is bad input, before anything is made."""
    done = run("init_genesis", genesis_pod(base, tmp_path / "leader", exposers))

    assert done.returncode == 3
    assert "PEER_EXPOSERS" in done.stderr


def _dialled(home: Path) -> set[str]:
    """Whom a pod's node dials."""
    config = tomllib.loads((home / "config/config.toml").read_text(encoding="utf-8"))
    return set(config["p2p"]["persistent_peers"].split(","))


def _public(home: Path) -> object:
    return json.loads((home / "config/priv_validator_key.json").read_bytes())["pub_key"]


def test_a_genesis_that_its_leader_no_longer_has(base: dict[str, str], tmp_path: Path) -> None:
    """A pod that took a genesis, whose leader then lost its volume and made another, stops before its node starts."""
    leader, joiner = tmp_path / "leader", tmp_path / "joiner"
    assert init(genesis_pod(base, leader)).returncode == 0
    with running(leader) as sidecar:
        assert run("init_validator", validator_pod(base, joiner, sidecar.url)).returncode == 0
    other = tmp_path / "other"
    assert init(genesis_pod(base, other)).returncode == 0
    with running(other) as sidecar:
        done = run("init_config", validator_pod(base, joiner, sidecar.url))

    assert done.returncode == 4
    assert digest(leader) in done.stderr
    assert digest(other) in done.stderr
    assert not (joiner / "config/node_id.json").exists()


@pytest.fixture
def complete(base: dict[str, str], network: tuple[Path, list[str]], tmp_path: Path) -> dict[str, str]:
    """The environment of a validator pod that is complete, and whose genesis pod is gone."""
    leader = network[0]
    for home in (leader, leader.parent / "validator-0"):
        shutil.copytree(home, tmp_path / home.name)
    return {**validator_pod(base, tmp_path / "validator-0", "127.0.0.1"), "GENESIS_PORT": "9"}


def test_a_complete_pod_needs_no_leader(complete: dict[str, str]) -> None:
    """Without its genesis pod a complete validator pod runs its gate and its steps to their end."""
    assert run("wait_for_chains", complete, "--unless-complete", "init-config", "-t", "1ms").returncode == 0
    for step in ("init_validator", "init_config"):
        assert "already complete" in run(step, complete).stderr


def test_the_gate_of_another_step_waits(complete: dict[str, str]) -> None:
    """A step without a record leaves the gate shut; a gate that knows no volume is used wrongly."""
    assert run("wait_for_chains", complete, "--unless-complete", "init-else", "-t", "1ms").returncode == 124
    assert run("wait_for_chains", {"GENESIS_HOST": "a"}, "--unless-complete", "init-config").returncode == 2


@pytest.mark.parametrize(
    ("has_signed", "code"), [(True, 75), (False, 0)], ids=["its-leader-has-signed", "nobody-has-signed"]
)
def test_nodes_that_do_not_say_where_they_are(
    complete: dict[str, str], tmp_path: Path, *, has_signed: bool, code: int
) -> None:
    """Where the network may run and no node answers, an empty volume gets no derived key: not yet, with the cure."""
    (tmp_path / "genesis-0/data/priv_validator_state.json").write_text(json.dumps({"height": str(int(has_signed) * 9)}))
    with running(tmp_path / "genesis-0") as sidecar:
        port = sidecar.url.rpartition(":")[2]
        assert sidecar.get("/genesis")[0] == 200  # the first look at a volume takes longest
        again = {**complete, "CHAIN_DIR": str(tmp_path / "again"), "GENESIS_PORT": port, "DOWNLOAD_TIMEOUT": "3s"}
        done = run("init_validator", again)

        assert done.returncode == code
        assert ("could sign twice" in done.stderr) == ("run this step with --force" in done.stderr) == has_signed
        assert run("init_validator", again, "--force").returncode == 0
