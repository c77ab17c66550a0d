"""A plan as a compose project: what its services say, in what order they start, and what is never in it."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from project import ROOT
from ruamel.yaml import YAML
from sample import examples

from exposer.cli import main
from exposer.network.compose.project import COMPOSE_FILE, render_compose
from exposer.network.compose.service import service_name
from exposer.network.document import Document, load_document
from exposer.network.file.quantity import parse_quantity
from exposer.network.places import ComposeProject
from exposer.network.plan import Container, Plan, Pod, build_plan

EVERYTHING = """\
name: Every.Thing_1
chains:
  - id: osmosis_Test-5
    name: osmosis
    numValidators: 3
    image: registry.example/osmosis:v25
    faucet: {enabled: true, amount: 20000000uosmo}
    genesis: {app_state: {gov: {params: {quorum: "0.1"}}}}
    balances: [{address: osmo1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqmcn030, amount: 100uosmo}]
    config: {app.toml: {pruning: nothing}}
    env: [{name: PRICE, value: "$${DENOM} costs $$$$5"}, {name: AGREED, value: "yes"}]
    scripts: {createGenesis: {data: "#!/bin/sh\\nexec init-genesis\\n"}}
    resources: {cpu: 1500m, memory: 1Gi}
  - id: evmos_9000-1
    name: evmos
    numValidators: 2
    upgrade: {enabled: true, genesis: v20.0.0, upgrades: [{name: v21, version: v21.0.0}]}
    ports: {rpc: 26757, rest: 1317}
  - id: cometbft-1
    name: cometbft
    numValidators: 4
images: {build: "registry.example/build:1", imagePullPolicy: IfNotPresent}
exposer: {image: "registry.example/exposer:1", resources: {requests: {cpu: 10m}, limits: {memory: 100M}}}
"""
ADDRESSES = re.compile(r"\$\{ADDRESSES:-(10\.\d+)\}")
Services = dict[str, dict[str, Any]]


def planned(directory: Path, text: str) -> tuple[Plan, Document]:
    """The plan of a network file with ``text`` in a compose project, and the file."""
    path = directory / "network.yaml"
    path.write_text(text, encoding="utf-8")
    document = load_document(path)
    return build_plan(document.network, ComposeProject(document.network, directory), directory), document


def rendered(directory: Path, text: str) -> dict[str, bytes]:
    """The files of the project, by their paths."""
    return {file.path: file.content for file in render_compose(*planned(directory, text))}


def project(directory: Path, text: str) -> dict[str, Any]:
    """The compose file, with its anchors resolved."""
    return read(rendered(directory, text)[COMPOSE_FILE])


def read(content: bytes) -> dict[str, Any]:
    """A compose file as compose's own parser reads it: YAML 1.2 with merge keys."""
    found: dict[str, Any] = YAML(typ="safe", pure=True).load(content)
    return found


def meant(text: str) -> str:
    """What compose makes of a text: two dollar signs are one, and one would begin a variable."""
    assert not re.search(r"(?<!\$)(\$\$)*\$(?!\$)", text)
    return text.replace("$$", "$")


@dataclass(frozen=True)
class Everything:
    """What `EVERYTHING` becomes: its plan, the files of its project, and the compose file with its anchors resolved."""

    plan: Plan
    files: dict[str, bytes]
    content: dict[str, Any]

    @property
    def services(self) -> Services:
        """Those of the compose file."""
        found: Services = self.content["services"]
        return found


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Everything:
    """Read once: it is a large file."""
    directory = tmp_path_factory.mktemp("everything")
    plan, _ = planned(directory, EVERYTHING)
    files = rendered(directory, EVERYTHING)
    return Everything(plan, files, read(files[COMPOSE_FILE]))


def all_containers(plan: Plan) -> list[tuple[Pod, Container]]:
    """Each container of a plan, and whose it is."""
    return [(pod, container) for pod in plan.pods for container in pod.containers]


def test_a_step_has_the_keys_that_it_needs(everything: Everything) -> None:
    """The one that funds all accounts has all of them; others have those of their role, and most have none."""
    found = {
        container.name: entry["source"]
        for pod, container in all_containers(everything.plan)
        for entry in everything.services[service_name(pod, container)].get("secrets", [])
    }
    assert found == {
        "init-genesis": "keys",
        "init-faucet": "keys-faucet",
        "init-validator": "keys-validators",
        "create-validator": "keys-validators",
    }
    assert set(everything.content["secrets"]) == {"keys", "keys-faucet", "keys-validators"}


OUTSIDE = {
    "a variable": ("env: [{name: TOKEN, value: '${PASS}'}]", {"compose.yaml"}),
    "overrides": (
        "config: {config.toml: {tx_index: {psql-conn: 'postgresql://u:${PASS}@db'}}}",
        {"files/cometbft-1/patch/config-overrides.json"},
    ),
    "nothing": ("env: [{name: TOKEN, value: battery}]", set()),
}


@pytest.mark.parametrize("password", ["correct-horse", "q7", 'pa"ss\\word', "two\nlines"])
@pytest.mark.parametrize("case", OUTSIDE)
def test_what_came_from_outside_is_the_users_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, password: str
) -> None:
    """A password may be in a variable: no file that has it can be read by others, itself or for its directory."""
    monkeypatch.setenv("PASS", password)
    line, expected = OUTSIDE[case]
    text = f"throwaway: true\nchains: [{{id: cometbft-1, name: cometbft, numValidators: 1, {line}}}]\n"
    (tmp_path / "network.yaml").write_text(text)
    out = tmp_path / "out"
    assert main(["render", "compose", str(tmp_path / "network.yaml"), "-o", str(out)]) == 0

    files = [path for path in out.rglob("*") if path.is_file() and path.parent.name != "keys"]
    escaped = re.escape(json.dumps(password)[1:-1]) if "\n" not in password else r"two(\\n|\s+)lines"
    holders = {path for path in files if re.search(rf"\b{escaped}\b", path.read_text())}
    assert {str(path.relative_to(out)) for path in holders} == expected
    for path in holders:
        assert not path.stat().st_mode & 0o077 or not path.parent.stat().st_mode & 0o077
    assert (out / "compose.yaml").stat().st_mode & 0o777 == (0o600 if expected else 0o644)


def test_nodes_are_started_again_where_their_settings_changed(tmp_path: Path) -> None:
    """Compose leaves a service alone that is the same, and the files of a node are its step's."""
    labels = []
    for line in ("metrics: false", "metrics: true", "config: {app.toml: {pruning: nothing}}"):
        path = tmp_path / "network.yaml"
        path.write_text(
            f"throwaway: true\nchains: [{{id: simapp-1, name: simapp, numValidators: 2, image: a, {line}}}]\n"
        )
        assert main(["render", "compose", str(path), "-o", str(tmp_path / "out")]) == 0
        services = read((tmp_path / "out/compose.yaml").read_bytes())["services"]
        nodes = [services[f"simapp-1-{pod}"] for pod in ("genesis-0", "validator-0")]
        labels.append(tuple(node["labels"]["exposer.settings"] for node in nodes))

    assert all(len({label[place] for label in labels}) == 3 for place in (0, 1))


def reached(services: Services, name: str) -> set[str]:
    """Everything that must have come before the service."""
    before = set(services[name].get("depends_on", {}))
    return before | {one for former in before for one in reached(services, former)}


def test_the_checked_in_project_is_the_rendering(tmp_path: Path) -> None:
    """docker/ has, byte for byte, what the command that its network file names makes of it."""
    assert main(["render", "compose", str(ROOT / "docker/network.yaml"), "-o", str(tmp_path)]) == 0

    written = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    keys = {Path("keys") / name for name in ("keys.json", "validators.json", "faucet.json")}
    assert written == {Path("compose.yaml"), *keys}
    for path in written:
        assert (ROOT / "docker" / path).read_bytes() == (tmp_path / path).read_bytes(), path


def test_each_container_is_a_service(everything: Everything) -> None:
    """Every container of the plan, and nothing else, with its command, its environment and its image."""
    plan = everything.plan
    services = everything.services

    assert list(services) == [service_name(pod, container) for pod, container in all_containers(plan)]
    for pod, container in all_containers(plan):
        service = services[service_name(pod, container)]
        stay = ("--stay",) if container.name == "create-validator" else ()
        assert tuple(map(meant, service["entrypoint"])) == (*container.command, *stay)
        told = {name: meant(value) for name, value in service.get("environment", {}).items()}
        assert told == container.environment
        assert meant(service["image"]) == container.image


def test_mounts_are_the_plans(everything: Everything) -> None:
    """Volumes by name, keys as a secret, files as configs, each where the plan has it and no more writable."""
    plan = everything.plan
    content = everything.content
    for pod, container in all_containers(plan):
        service = content["services"][service_name(pod, container)]
        seen = {}
        for volume in service.get("volumes", []):
            name, _, rest = volume.partition(":")
            if rest:
                path, _, mode = rest.partition(":")
                seen[path] = (name.removeprefix(pod.name).removeprefix("-") or "node", mode == "ro")
        for kind, volume in (("secrets", "keys"), ("configs", "")):
            for entry in service.get(kind, []):
                assert entry["source"] in content[kind]
                directory = entry["target"].rpartition("/")[0]
                seen[directory] = (volume or entry["source"].split("-")[-2 if "scripts" in directory else -1], True)
                if kind == "configs":
                    seen[directory] = (directory.removeprefix("/"), True)
        assert seen == {mount.path: (mount.volume, mount.read_only) for mount in container.mounts}


def test_files_travel_beside_it(everything: Everything) -> None:
    """What steps read, of the plan's very bytes, is where the compose file says; no config is left without."""
    plan = everything.plan
    files = everything.files
    configs = everything.content["configs"]
    contents = {name: files[config["file"].removeprefix("./")] for name, config in configs.items()}
    assert contents == {f"{file.chain}-{file.volume}-{file.name}": file.content for file in plan.files}


def test_steps_come_one_after_the_other(everything: Everything) -> None:
    """The exposer has started before the first step, each step is done before the next, all of them before the node."""
    plan = everything.plan
    services = everything.services
    for pod in plan.pods:
        names = [service_name(pod, container) for container in (pod.exposer, *pod.steps, pod.node)]
        assert "depends_on" not in services[names[0]]
        for place, name in enumerate(names[1:], start=1):
            condition = "service_started" if place == 1 else "service_completed_successfully"
            assert services[name]["depends_on"][names[place - 1]] == {"condition": condition}
        for container in (pod.faucet, *pod.after_start):
            if container:
                after = services[service_name(pod, container)]["depends_on"]
                assert after == {pod.name: {"condition": "service_started"}}


def test_a_leader_that_fails_ends_it(everything: Everything) -> None:
    """A gate depends on its leader's last step, so none waits for a leader that failed; who founds on all it asks."""
    plan = everything.plan
    services = everything.services
    leaders = {pod.chain: pod for pod in plan.pods if pod.role == "genesis"}
    for pod in plan.pods:
        leader = leaders[pod.chain]
        for container in pod.containers:
            after = services[service_name(pod, container)].get("depends_on", {})
            others = [name for name in after if not name.startswith(pod.name)]
            followers = [other for other in plan.pods if other.chain == pod.chain and other is not leader]
            expected = {
                "wait-for-chains": [service_name(leader, leader.steps[-1])],
                "init-genesis": [service_name(other, other.exposer) for other in followers],
            }
            assert others == expected.get(container.name, [])


def _aliases(everything: Everything, pod: Pod) -> list[str]:
    """The further names of a pod's sidecar."""
    found: list[str] = everything.services[service_name(pod, pod.exposer)]["networks"]["default"]["aliases"]
    return found


def test_one_name_finds_all_exposers_of_a_chain(everything: Everything) -> None:
    """Validators know one alias of every sidecar of the chain; the genesis pod knows each of the others by name."""
    pods = everything.plan.pods
    for pod in pods:
        aliases = _aliases(everything, pod)
        others = [service_name(one, one.exposer) for one in pods if one.chain == pod.chain and one is not pod]
        told = pod.environment.get("PEER_EXPOSERS", "")
        assert told == ",".join(f"{name}:8081" for name in (others if pod.role == "genesis" else aliases))
        assert {one.chain for one in pods if aliases == _aliases(everything, one)} == {pod.chain}


def test_services_are_restarted(everything: Everything) -> None:
    """Steps that fail a few times; servers, and who stays after its work, until they are stopped."""
    plan = everything.plan
    services = everything.services
    for pod, container in all_containers(plan):
        expected = "on-failure:5" if container in pod.steps else "unless-stopped"
        assert services[service_name(pod, container)]["restart"] == expected


def test_containers_have_no_more_than_they_need(everything: Everything) -> None:
    """A read-only root, no capability, no new privileges, a numeric user; root copies, without any power."""
    plan = everything.plan
    services = everything.services
    for pod, container in all_containers(plan):
        service = services[service_name(pod, container)]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["user"] == ("0:0" if container.name == "copy-binary" else "10001:10001")


def test_a_build_has_room(everything: Everything) -> None:
    """What compiles has its temporary files on a volume of its own, everything else in memory."""
    services = everything.services
    for name, service in services.items():
        builds = name.endswith("init-build-images")
        assert service["tmpfs"] == ([] if builds else ["/tmp"])
        assert ("/tmp" in service.get("volumes", [])) == builds


def test_health_is_asked_where_it_can_be(everything: Everything) -> None:
    """Servers of our image are asked; a node in another proves its binary; what a step inherits is off."""
    for pod, container in all_containers(everything.plan):
        check = everything.services[service_name(pod, container)]["healthcheck"]
        if container in pod.steps:
            assert check == {"disable": True}
        elif container is pod.node and container.image == "registry.example/osmosis:v25":
            assert check["test"] == ["CMD", "osmosisd", "version"]
        else:
            assert check["test"][1] == ("test" if container.name == "create-validator" else "sidecar-healthy")


def test_nodes_have_addresses_that_stay(everything: Everything) -> None:
    """Each node has its own, which nobody gets by chance, and validators know that of their leader without asking."""
    plan = everything.plan
    content = everything.content
    services, (part,) = content["services"], content["networks"]["default"]["ipam"]["config"]
    addresses = {pod.name: services[pod.name]["networks"]["default"]["ipv4_address"] for pod in plan.pods}
    assert len(set(addresses.values())) == len(plan.pods)
    prefix = ADDRESSES.fullmatch(part["subnet"].removesuffix(".0.0/16"))
    assert prefix
    assert part["ip_range"] == f"{prefix[0]}.128.0/17"
    for pod in plan.pods:
        third = int(ADDRESSES.sub(r"\1", addresses[pod.name]).split(".")[2])
        assert third < 128
        leader = next(one.name for one in plan.pods if one.chain == pod.chain)
        known = [] if pod.name == leader else [f"{leader}={addresses[leader]}"]
        assert services[pod.name].get("extra_hosts", []) == known


def test_a_chain_that_grows_leaves_addresses_alone(tmp_path: Path) -> None:
    """A node that is added has an address that no running one has: Docker would not give it a second time."""

    def addresses(validators: int) -> dict[str, str]:
        """Node -> address, of two chains of which the first has so many validators."""
        chains = f"  - {{id: a, name: cometbft, numValidators: {validators}}}\n"
        services = project(tmp_path, f"chains:\n{chains}  - {{id: b, name: cometbft, numValidators: 2}}\n")["services"]
        networks = {name: one["networks"]["default"] for name, one in services.items() if "networks" in one}
        return {name: of["ipv4_address"] for name, of in networks.items() if "ipv4_address" in of}

    before, after = addresses(2), addresses(5)
    assert before.items() <= after.items()
    assert len(set(after.values())) == len(after) == 7


@pytest.mark.parametrize("chain_id", ["step", "server", "container", "a-genesis-0"])
def test_names_of_chains_are_in_nobodys_way(tmp_path: Path, chain_id: str) -> None:
    """A chain is called like a block of the file, or like another chain's pod; both keep what is theirs."""
    one, other = (f"{{id: {name}, name: cometbft, numValidators: 1}}" for name in ("a", chain_id))
    text = f"throwaway: true\nchains: [{one}, {other}]\n"
    plan, _ = planned(tmp_path, text)
    services = project(tmp_path, text)["services"]
    for pod, container in all_containers(plan):
        service = services[service_name(pod, container)]
        assert service.get("environment", {}) == container.environment
        assert service["user"] == "10001:10001"


def test_ports_of_genesis_pods_are_published(everything: Everything) -> None:
    """On loopback, as the file states them, else the well-known ones, else the next: never one of them twice."""
    plan = everything.plan
    services = everything.services
    seen: dict[str, str] = {}
    for pod, container in all_containers(plan):
        published = services[service_name(pod, container)].get("ports", [])
        assert len(published) == (len(container.ports) if pod.role == "genesis" else 0)
        for port in published:
            host, outer, inner = port.split(":")
            assert host == "127.0.0.1"
            assert outer not in seen
            seen[outer] = f"{pod.name} {inner}"
    assert seen["8081"] == "osmosis-test-5-genesis-0 8081"
    assert seen["26657"] == "osmosis-test-5-genesis-0 26657"
    assert seen["26757"] == "evmos-9000-1-genesis-0 26657"  # stated
    assert seen["1317"] == "evmos-9000-1-genesis-0 1317"  # stated,
    assert seen["1417"] == "osmosis-test-5-genesis-0 1317"  # so that the first chain has another
    assert seen["26857"] == "cometbft-1-genesis-0 26657"


def test_a_faucet_is_a_profile_that_is_on(tmp_path: Path, everything: Everything) -> None:
    """The faucet's service has the profile, and the .env switches it on, where there is a faucet only."""
    files = everything.files
    services = read(files[COMPOSE_FILE])["services"]
    assert [name for name, service in services.items() if "profiles" in service] == ["osmosis-test-5-genesis-0-faucet"]
    assert files[".env"] == b"COMPOSE_PROFILES=faucet\n"
    assert list(rendered(tmp_path, "chains: [{id: a, name: cometbft, numValidators: 1}]")) == [COMPOSE_FILE]


def test_an_image_is_mounted(tmp_path: Path) -> None:
    """With images.binary: volume nothing is copied: the chain's image is the volume."""
    text = (
        "chains: [{id: s-1, name: simapp, numValidators: 1, image: 'i:1', binary: /bin/simd}]\nimages: {binary: volume}"
    )
    content = project(tmp_path, text)
    assert content["services"]["s-1-genesis-0-init-genesis"]["volumes"][0] == {
        "type": "image",
        "source": "i:1",
        "target": "/chain-bin",
    }
    assert list(content["volumes"]) == ["s-1-genesis-0"]


def test_limits_are_in_composes_units(everything: Everything) -> None:
    """Limits in cores and bytes; what is no limit is left out, for an engine alone promises nothing."""
    services = everything.services
    node = services["osmosis-test-5-genesis-0"]["deploy"]["resources"]
    assert node == {"limits": {"cpus": "1.500", "memory": "1073741824"}}
    exposer = services["osmosis-test-5-genesis-0-exposer"]["deploy"]["resources"]
    assert exposer == {"limits": {"memory": "100000000"}}
    assert "deploy" not in services["cometbft-1-genesis-0"]


def test_images_are_pulled_as_the_file_says(tmp_path: Path, everything: Everything) -> None:
    """What imagePullPolicy says by compose's own word; nothing where the file says nothing."""
    services = everything.services
    assert {service["pull_policy"] for service in services.values()} == {"missing"}
    quiet = project(tmp_path, "chains: [{id: a, name: cometbft, numValidators: 1}]")["services"]
    assert not any("pull_policy" in service for service in quiet.values())


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("500m", "0.5"),
        ("0.1", "0.1"),
        ("2", "2"),
        ("1Gi", "1073741824"),
        ("400M", "400000000"),
        ("1e3", "1000"),
        ("2E", "2e18"),
    ],
)
def test_quantities(text: str, amount: str) -> None:
    """Amounts as Kubernetes writes them are plain numbers, decimal and binary suffixes told apart."""
    assert parse_quantity(text) == parse_quantity(amount)
    assert float(parse_quantity(text)) == float(amount)


def test_no_secret_is_in_it(tmp_path: Path) -> None:
    """No mnemonic is in any file but those of the keys, whose directory nobody else on the machine can enter."""
    (tmp_path / "network.yaml").write_text(EVERYTHING)
    assert main(["render", "compose", str(tmp_path / "network.yaml"), "-o", str(tmp_path / "out")]) == 0

    keys = tmp_path / "out/keys/keys.json"
    assert (keys.parent.stat().st_mode & 0o777, keys.stat().st_mode & 0o777) == (0o700, 0o644)
    mnemonics = [entry["mnemonic"] for role in json.loads(keys.read_text()).values() for entry in role]
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file() and path.parent != keys.parent]
    others = [path.read_text() for path in files]
    assert mnemonics
    assert not any(mnemonic in text for mnemonic in mnemonics for text in others)


values = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn")), max_size=30) | st.sampled_from(
    [
        "$",
        "$$",
        "${HOME}",
        "$HOME",
        "yes",
        "1e3",
        "0x10",
        "null",
        "~",
        "a: b",
        "- a",
        "#c",
        " ",
        "<<",
        "*a",
        "&a",
        "!x",
        "|",
        "a\\n",
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(8, 200), deadline=None)
@given(chosen=st.lists(values, min_size=1, max_size=5), validators=st.integers(1, 2))
def test_values_arrive_as_they_are(tmp_path: Path, chosen: list[str], validators: int) -> None:
    """Whatever text a variable has, every service gets that very text."""
    chain = {
        "id": "s-1",
        "name": "simapp",
        "numValidators": validators,
        "env": [{"name": f"V{place}", "value": value.replace("$", "$$")} for place, value in enumerate(chosen)],
    }
    text = json.dumps({"chains": [chain]}, ensure_ascii=False)
    plan, _ = planned(tmp_path, text)
    services = project(tmp_path, text)["services"]
    for pod, container in all_containers(plan):
        told = services[service_name(pod, container)].get("environment", {})
        assert {name: meant(value) for name, value in told.items()} == container.environment
        if container is pod.node:
            assert [container.environment[f"V{place}"] for place in range(len(chosen))] == chosen


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(8, 200), deadline=None)
@given(
    sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    faucet=st.booleans(),
    drivers=st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_what_nobody_waits_for_is_a_server(
    tmp_path: Path, sizes: list[int], *, faucet: bool, drivers: list[bool]
) -> None:
    """No service depends on itself in a circle, none on one that is not there, and each step is waited for.

    Compose's ``up --wait`` takes what nobody depends on for a server, and fails when it ends.
    """
    chains = [
        {"id": f"chain-{place}", "name": "simapp" if cosmos else "cometbft", "numValidators": size}
        for place, (size, cosmos) in enumerate(zip(sizes, drivers, strict=False))
    ]
    text = json.dumps({"chains": chains, "faucet": {"enabled": faucet}})
    plan, _ = planned(tmp_path, text)
    services = project(tmp_path, text)["services"]
    for name in services:
        assert name not in reached(services, name)
    awaited = {
        former
        for service in services.values()
        for former, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }
    assert awaited == {service_name(pod, step) for pod in plan.pods for step in pod.steps}
