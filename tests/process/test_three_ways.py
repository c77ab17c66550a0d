"""One network with everything on, as processes, as a compose project and as manifests: each held to the plan."""

import itertools
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from network_world import EVERYTHING_OF_OURS
from ruamel.yaml import YAML

from exposer.cli import main
from exposer.network.document import Document, load_document
from exposer.network.local.bringup import Programs
from exposer.network.local.child import Program, inherited_environment
from exposer.network.local.machine import Machine
from exposer.network.local.state import State
from exposer.network.names import pod_names
from exposer.network.places import DIRECTORIES
from exposer.network.plan import Container, Plan, Pod, build_plan
from exposer.network.plan_cli import plan_at
from exposer.network.site import PodPorts, preferred

NETWORK = (
    EVERYTHING_OF_OURS.replace("numValidators: 3", "numValidators: 4")
    .replace("name: everything", "name: everything\nthrowaway: true\nimages: {build: builder:1}")
    .replace(
        "    env: [",
        "    image: chaind:v1\n    scripts: {updateConfig: {data: 'exec true'}}\n"
        "    env: [{name: PRICE, value: '5$$ $$$$HOME $${X} $$(POD_NAME) one-1-validator-0'}, ",
    )
    + "  - {id: three-3, name: osmosis, numValidators: 2, image: 'osmosis:v1'}\n"
)
"""Builds, upgrades, a faucet, patches, balances, a base, a script, 4 validators, and a chain whose binary is copied."""

_OF_THE_PLACE = (
    "CHAIN_DIR CHAIN_BIN DAEMON_HOME KEYS_CONFIG GENESIS_FROM GENESIS_PATCH GENESIS_BALANCES CONFIG_OVERRIDES"
    " STEP_SCRIPT FAUCET_DIR FAUCET_URL FAUCET_HOST FAUCET_PORT GENESIS_HOST GENESIS_PORT GENESIS_P2P_HOST"
    " GENESIS_P2P_PORT EXTERNAL_ADDRESS BIND_HOST NODE_URL GENESIS_TIME HOME EXPOSER_HOME EXPOSER_HOST"
    " EXPOSER_HTTP_PORT EXPOSER_STATUS_URL P2P_PORT RPC_PORT REST_PORT GRPC_PORT GRPC_WEB_PORT JSON_RPC_PORT WS_PORT"
    " JSON_RPC_METRICS_PORT METRICS_PORT PEER_EXPOSERS"
)
OF_THE_PLACE = frozenset(_OF_THE_PLACE.split())
"""Variables that say where something is; all others are the same wherever the network runs."""


@dataclass(frozen=True)
class Shown:
    """One container as a way of running it has it; ``mounts`` is path -> read only."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    mounts: Mapping[str, bool]


@pytest.fixture
def document(tmp_path: Path) -> Document:
    """The network file, and the genesis that it starts from."""
    (tmp_path / "exported.json").write_text("{}")
    path = tmp_path / "network.yaml"
    path.write_text(NETWORK, encoding="utf-8")
    return load_document(path)


def of_plan(container: Container) -> Shown:
    """A container as the plan has it."""
    mounts = {mount.path: mount.read_only for mount in container.mounts}
    return Shown(container.name, container.command, dict(container.environment), mounts)


def planned(plan: Plan) -> dict[str, list[Shown]]:
    """Pod -> its containers, in the order in which they start."""
    return {pod.name: [of_plan(container) for container in pod.containers] for pod in plan.pods}


def test_processes_are_what_the_plan_says(document: Document, tmp_path: Path) -> None:
    """Every process has its container's command, and besides its environment only what every process inherits."""
    state = State(tmp_path / "state")
    pods = [name for chain in document.network.chains for name in pod_names(chain)]
    names = PodPorts.__dataclass_fields__
    ports = {pod: PodPorts(**{name: preferred(name, place) for name in names}) for place, pod in enumerate(pods)}
    site = Machine(state, ports, keys=state.keys, genesis_time="", directory=document.directory)
    plan = build_plan(document.network, site, document.directory)
    binaries = {chain.id: f"/usr/bin/{chain.name}" for chain in document.network.chains}
    programs = Programs(state, binaries)
    inherited = inherited_environment(state.root)

    for pod in plan.pods:
        for container, program in zip(pod.containers, of_processes(programs, pod), strict=True):
            own = {name: value for name, value in program.environment.items() if name not in inherited}
            assert program.name == container.name
            assert container.environment.items() <= program.environment.items()
            if container.name != "init-build-images":  # which also gets Go's caches
                assert own.items() <= container.environment.items()
            assert (
                program.command[-len(container.command) + 1 :] == container.command[1:] or len(container.command) == 1
            )
            assert program.command[0] in {sys.executable, container.command[0], binaries[pod.chain]}
        written = {
            Path(mount.path) for container in pod.containers for mount in container.mounts if not mount.read_only
        }
        assert written <= {state.home(pod.name), state.faucet(pod.name)}


def of_processes(programs: Programs, pod: Pod) -> Iterator[Program]:
    """The pod's processes in the order in which `exposer up` starts them."""
    yield programs.exposer(pod)
    yield from (programs.step(pod, step) for step in pod.steps)
    for program in (programs.node(pod), programs.faucet(pod)):
        if program:
            yield program
    yield from (programs.step(pod, step) for step in pod.after_start)


def test_a_compose_project_is_what_the_plan_says(document: Document, tmp_path: Path) -> None:
    """Each container is a service with the plan's command, environment and mounts, and starts when the plan says so."""
    plan = plan_at("compose", document)
    output = tmp_path / "out"
    assert main(["render", "compose", str(tmp_path / "network.yaml"), "-o", str(output)]) == 0
    project = YAML(typ="safe").load((output / "compose.yaml").read_text())
    services = project["services"]

    found: dict[str, list[Shown]] = {}
    for pod in plan.pods:
        names = [pod.name if container is pod.node else f"{pod.name}-{container.name}" for container in pod.containers]
        found[pod.name] = [
            of_service(services.pop(name), container.name)
            for name, container in zip(names, pod.containers, strict=True)
        ]
    assert services == {}
    assert found == expected_of_containers(plan)
    for file in plan.files:
        assert (output / f"files/{file.chain}/{file.volume}/{file.name}").read_bytes() == file.content


def test_a_compose_project_starts_steps_one_after_the_other(document: Document, tmp_path: Path) -> None:
    """Along depends_on a pod's services are in the plan's order, and what a step must have done is waited for."""
    output = tmp_path / "out"
    assert main(["render", "compose", str(tmp_path / "network.yaml"), "-o", str(output)]) == 0
    services = YAML(typ="safe").load((output / "compose.yaml").read_text())["services"]

    for pod in plan_at("compose", document).pods:
        row = [pod.exposer, *pod.steps, pod.node]
        names = [pod.name if container is pod.node else f"{pod.name}-{container.name}" for container in row]
        for former, later, container in zip(names, names[1:], row, strict=False):
            needed = "service_started" if container is pod.exposer else "service_completed_successfully"
            assert services[later]["depends_on"][former]["condition"] == needed


def of_service(service: Mapping[str, Any], name: str) -> Shown:
    """A compose service as a container."""
    mounts: dict[str, bool] = {}
    for volume in service.get("volumes", []):
        if isinstance(volume, str) and ":" in volume:
            _, path, *mode = volume.split(":")
            mounts[path] = mode == ["ro"]
    for given in (*service.get("secrets", []), *service.get("configs", [])):
        mounts[str(Path(given["target"]).parent)] = True
    environment = {key: value.replace("$$", "$") for key, value in service.get("environment", {}).items()}
    command = tuple(word.replace("$$", "$") for word in service["entrypoint"])
    return Shown(name, command, environment, mounts)


def test_manifests_are_what_the_plan_says(document: Document, tmp_path: Path) -> None:
    """Each pod of a StatefulSet has the plan's containers in its order, with their commands, environment and mounts."""
    plan = plan_at("k8s", document)
    output = tmp_path / "out"
    assert main(["render", "k8s", str(tmp_path / "network.yaml"), "-o", str(output)]) == 0
    objects = [
        entry
        for path in sorted(output.glob("*.yaml"))
        for entry in YAML(typ="safe").load_all(path.read_text())
        if entry
    ]
    sets = {entry["metadata"]["name"]: entry["spec"] for entry in objects if entry["kind"] == "StatefulSet"}

    configs = {entry["metadata"]["name"]: entry.get("data", {}) for entry in objects if entry["kind"] == "ConfigMap"}
    found = {
        f"{name}-{ordinal}": [*of_template(spec["template"]["spec"], f"{name}-{ordinal}", configs)]
        for name, spec in sets.items()
        for ordinal in range(spec["replicas"])
    }
    assert found == expected_of_containers(plan)
    kept = list(itertools.chain.from_iterable(data.values() for data in configs.values()))
    assert all(file.content.decode() in kept for file in plan.files)


def of_template(spec: Mapping[str, Any], pod: str, configs: Mapping[str, Any]) -> Iterator[Shown]:
    """The containers of the pod with this name, as a kubelet starts them; ``configs`` has the data of ConfigMaps."""
    for container in (*spec["initContainers"], *spec["containers"]):

        def value(text: str) -> str:
            """What Kubernetes makes of a value."""
            return text.replace("$$", "\0").replace("$(POD_NAME)", pod).replace("\0", "$")

        environment = {entry["name"]: value(entry["value"]) for entry in container.get("env", []) if "value" in entry}
        for source in container.get("envFrom", []):
            environment |= {name: text for name, text in configs[source["configMapRef"]["name"]].items() if text}
        mounts = {
            mount["mountPath"].removesuffix("/keys.json"): mount.get("readOnly", False)
            for mount in container["volumeMounts"]
        }
        del mounts["/tmp"]
        yield Shown(container["name"], tuple(map(value, container["command"])), environment, mounts)


def expected_of_containers(plan: Plan) -> dict[str, list[Shown]]:
    """What containers have to be: the plan, with a create-validator that stays, for no container of a pod may end."""
    return {
        pod: [
            Shown(one.name, (*one.command, "--stay"), one.environment, one.mounts)
            if one.name == "create-validator"
            else one
            for one in containers
        ]
        for pod, containers in planned(plan).items()
    }


def test_the_three_plans_differ_in_places_alone(document: Document) -> None:
    """Same pods, steps, order and words; only paths, hosts and ports are those of the place."""
    machine, compose, cluster = (plan_at(place, document) for place in ("processes", "compose", "k8s"))

    for ours, *theirs in zip(machine.pods, compose.pods, cluster.pods, strict=True):
        for other in theirs:
            assert (other.name, other.chain, other.role, other.ordinal) == (
                ours.name,
                ours.chain,
                ours.role,
                ours.ordinal,
            )
            assert words(other) == words(ours)
    assert [file for file in compose.files if file.name != "genesis-base.json"] == list(machine.files)
    assert compose.files == cluster.files


def words(pod: Pod) -> list[tuple[str, dict[str, str], set[str]]]:
    """Of each container its name, what it is told that is no place, and its volumes but for that of a copied binary."""
    return [
        (
            container.name,
            {name: value for name, value in container.environment.items() if name not in OF_THE_PLACE},
            {f"{mount.volume} {mount.read_only}" for mount in container.mounts} - {"binary True", "patch True"},
        )
        for container in pod.containers
        if container.name != "copy-binary"
    ]


def test_the_network_has_everything_on(document: Document) -> None:
    """The file that the other tests compare asks for every step and every volume."""
    plan = plan_at("k8s", document)
    names = {container.name for pod in plan.pods for container in pod.containers}
    volumes = {mount.volume for pod in plan.pods for container in pod.containers for mount in container.mounts}

    assert names == {
        *("exposer", "copy-binary", "init-build-images", "init-genesis", "init-config", "init-faucet"),
        *("wait-for-chains", "init-validator", "node", "faucet", "create-validator"),
    }
    assert volumes == set(DIRECTORIES)
    assert shutil.which("sh")  # copy-binary is a line of shell
