"""Networks as compose projects on a real engine: they come up, and come up again whatever is killed."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from compose_project import ComposeProject, compose_project, docker
from live_network import get_json
from project import ROOT
from waiting import eventually

from exposer import __version__
from exposer.cli import main
from exposer.network.compose.service import service_name
from exposer.network.document import load_document
from exposer.network.places import ComposeProject as ComposeSite
from exposer.network.plan import build_plan

LEADER = "cometbft-1-genesis-0"
VALIDATOR = "cometbft-1-validator-1"
SIMAPP = f"""\
name: simapp
chains:
  - id: simapp-1
    name: simapp
    numValidators: 3
    image: exposer-simd:{__version__}
    faucet: {{enabled: true}}
images: {{binary: copied}}
"""
"""The node runs in the chain's image, everything else in that without a chain; validators are paid by the faucet."""
pytestmark = [
    pytest.mark.usefixtures("images"),
    pytest.mark.outside,
    pytest.mark.timeout(1200),  # each wait in it has a limit of its own
]


@pytest.fixture
def checked_in(tmp_path: Path) -> Iterator[ComposeProject]:
    """The default network's project of this repository, not started."""
    with compose_project(ROOT / "docker", tmp_path) as project:
        yield project


def test_the_checked_in_project(checked_in: ComposeProject) -> None:
    """It comes up; four nodes make blocks of one genesis, and go on after any kind of server was killed and is back."""
    sys.stderr.write(f"\n4 cometbft pods: {checked_in.up():.1f} s from up to all healthy\n")
    assert len(checked_in.pods()) == 4
    checked_in.is_going_on()
    before = checked_in.digests()

    for service in (f"{LEADER}-exposer", VALIDATOR, LEADER, f"{VALIDATOR}-exposer"):
        checked_in.kill(service)
        sys.stderr.write(f"{service} killed: {checked_in.up():.1f} s\n")
        checked_in.is_going_on()
    assert checked_in.digests() == before


@pytest.mark.parametrize(
    "service",
    [f"{LEADER}-init-genesis", f"{LEADER}-exposer", f"{VALIDATOR}-wait-for-chains", f"{VALIDATOR}-init-config", LEADER],
)
def test_killed_while_it_comes_up(checked_in: ComposeProject, service: str) -> None:
    """Whatever is killed as soon as it runs, the next ``up`` gets there."""
    while not checked_in.kill_as_it_starts(service):
        assert checked_in.run("down", "--volumes", "--timeout", "1").returncode == 0  # it was done before it was hit

    checked_in.up()
    checked_in.is_going_on()


def test_all_of_it_is_killed(checked_in: ComposeProject) -> None:
    """A project whose containers were all killed comes back with its own genesis, and goes on from its height."""
    checked_in.up()
    checked_in.is_going_on()
    before, height = checked_in.digests(), checked_in.height(LEADER)
    assert checked_in.run("kill").returncode == 0

    checked_in.up()
    checked_in.is_going_on()
    assert checked_in.digests() == before
    assert checked_in.height(LEADER) > height


def test_it_ends_when_it_is_told_to(checked_in: ComposeProject) -> None:
    """Exposers and nodes end by SIGTERM, none has to be killed."""
    checked_in.up()
    assert checked_in.run("stop").returncode == 0
    for pod in checked_in.pods():
        assert checked_in.state(f"{pod}-exposer")["ExitCode"] == 143
        assert checked_in.state(pod)["ExitCode"] in {0, 143}


def test_a_network_that_bonds(tmp_path: Path) -> None:
    """Validators are paid by the faucet and bonded, and still are after killed containers have come back."""
    (tmp_path / "network.yaml").write_text(SIMAPP)
    assert main(["render", "compose", str(tmp_path / "network.yaml"), "-o", str(tmp_path / "out")]) == 0
    with compose_project(tmp_path / "out", tmp_path) as project:
        sys.stderr.write(f"\n3 simd pods: {project.up():.1f} s from up to all bonded and healthy\n")
        assert bonded(project) == 3
        for name in ("node", "init-config"):
            service = "simapp-1-validator-0" if name == "node" else f"simapp-1-validator-0-{name}"
            image = project.run("ps", "--all", "--format", "{{.Image}}", service).stdout.strip()
            assert image == f"exposer{'-simd' if name == 'node' else ''}:{__version__}"

        for service in ("simapp-1-genesis-0-faucet", "simapp-1-validator-1-create-validator", "simapp-1-genesis-0"):
            project.kill(service)
            project.up()
            project.is_going_on()
        assert bonded(project) == 3


def test_a_chain_that_stands_still_is_not_healthy(checked_in: ComposeProject) -> None:
    """Two of four validators are away, and no block is made: the exposers of the others say so until they are back."""
    checked_in.up()
    away = ("cometbft-1-validator-1", "cometbft-1-validator-2")
    assert checked_in.run("stop", *away).returncode == 0

    def health() -> str:
        return str(checked_in.state(f"{LEADER}-exposer")["Health"]["Status"])

    eventually("the genesis pod is unhealthy", lambda: health() == "unhealthy", pause=1, limit=400)
    last = checked_in.state(f"{LEADER}-exposer")["Health"]["Log"][-1]
    assert last["ExitCode"] != 0
    assert checked_in.run("start", *away).returncode == 0
    checked_in.is_going_on()
    eventually("it is healthy again", lambda: health() == "healthy", pause=1)


def test_a_genesis_pod_without_its_volume_is_never_all_well(tmp_path: Path) -> None:
    """Its keys were random: ``up --wait`` after ``down`` does not return with 0 either."""
    (tmp_path / "network.yaml").write_text(SIMAPP)
    assert main(["render", "compose", str(tmp_path / "network.yaml"), "-o", str(tmp_path / "out")]) == 0
    with compose_project(tmp_path / "out", tmp_path) as project:
        project.up()
        assert project.run("down", "--timeout", "1").returncode == 0
        docker("volume", "rm", f"{project.name}_simapp-1-genesis-0")
        done = project.run("up", "--detach", "--wait", "--wait-timeout", "100", limit=200)

        assert done.returncode != 0


def bonded(project: ComposeProject) -> int:
    """How many validators the genesis pod's REST API says are bonded."""
    url = f"http://{project.address('simapp-1-genesis-0')}:1317/cosmos/staking/v1beta1/validators"
    found = eventually("its REST API answers", lambda: get_json(f"{url}?status=BOND_STATUS_BONDED"))
    return len(found["validators"])


def test_a_step_that_fails_for_good(tmp_path: Path) -> None:
    """``up`` ends, and names the step; no gate of another pod holds it up."""
    patch = "{app_state: {no_such_module: {a: b}}}"
    text = SIMAPP.replace("    faucet", f"    genesis: {patch}\n    faucet")
    (tmp_path / "network.yaml").write_text(text)
    assert main(["render", "compose", str(tmp_path / "network.yaml"), "-o", str(tmp_path / "out")]) == 0
    with compose_project(tmp_path / "out", tmp_path) as project:
        done = project.run("up", "--detach", "--wait")
        assert done.returncode != 0
        assert 'service "simapp-1-genesis-0-init-config" didn\'t complete successfully: exit 3' in done.stderr
        assert "no_such_module" in project.run("logs", "simapp-1-genesis-0-init-config").stdout


def test_a_genesis_pod_that_lost_its_volume_joins_again(checked_in: ComposeProject) -> None:
    """Its keys are derived: the project is whole again, on the genesis that it had, while the others go on."""
    checked_in.up()
    checked_in.is_going_on()
    before = checked_in.digests()
    checked_in.lose(LEADER)
    sys.stderr.write(f"\n{LEADER} lost its volume: {checked_in.up():.1f} s\n")

    checked_in.is_going_on()
    assert checked_in.digests() == before


def test_a_genesis_pod_that_lost_its_keys_ends_up(tmp_path: Path) -> None:
    """Its keys were random: ``up --wait`` says that not all is well, and the log which genesis the others have."""
    text = SIMAPP.replace("numValidators: 3", "numValidators: 2")
    (tmp_path / "network.yaml").write_text(text)
    assert main(["render", "compose", str(tmp_path / "network.yaml"), "-o", str(tmp_path / "out")]) == 0
    with compose_project(tmp_path / "out", tmp_path) as project:
        project.up()
        (digest,) = project.digests()
        project.lose("simapp-1-genesis-0")
        done = project.run("up", "--detach", "--wait")

        assert done.returncode != 0
        assert 'service "simapp-1-genesis-0-init-genesis" didn\'t complete successfully: exit 4' in done.stderr
        assert digest in project.run("logs", "simapp-1-genesis-0-init-genesis").stdout


def test_nobody_else_reads_the_keys(checked_in: ComposeProject) -> None:
    """A container's user reads the secret, through a directory that is closed to everybody else on the machine."""
    run = ("run", "--rm", "--no-deps", "--entrypoint", "cat", f"{LEADER}-init-genesis", "/configs/keys.json")
    keys = json.loads(checked_in.run(*run).stdout)
    assert keys == json.loads((ROOT / "docker/keys/keys.json").read_text())


def test_compose_reads_what_is_meant(tmp_path: Path) -> None:
    """Compose's own parser gives every service the environment of the plan, dollar signs included."""
    odd = "$$HOME $${X} $$$$ yes 1e3 'a' \"b\" #c"
    chain = {"id": "s-1", "name": "simapp", "numValidators": 2, "env": [{"name": "ODD", "value": odd}]}
    file = tmp_path / "network.yaml"
    file.write_text(json.dumps({"chains": [chain], "faucet": {"enabled": True}}))
    assert main(["render", "compose", str(file), "-o", str(tmp_path)]) == 0
    document = load_document(file)
    plan = build_plan(document.network, ComposeSite(document.network, tmp_path), tmp_path)

    with compose_project(tmp_path, tmp_path) as project:
        services = json.loads(project.run("config", "--format", "json").stdout)["services"]
    for pod in plan.pods:
        for container in pod.containers:
            told = services[service_name(pod, container)].get("environment", {})
            assert {name: value.replace("$$", "$") for name, value in told.items()} == container.environment
    assert services["s-1-genesis-0"]["environment"]["ODD"] == odd
