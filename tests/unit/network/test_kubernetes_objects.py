import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from manifest_world import BARE, EVERYTHING, KEYS, MNEMONIC, containers, load, named, pod_spec, render

from exposer.errors import BadInputError
from exposer.network.kubernetes import remaking
from exposer.network.kubernetes.config import LIMIT
from exposer.network.kubernetes.files import render_kubernetes
from exposer.network.kubernetes.labels import COMPONENT, INSTANCE, PART_OF
from exposer.network.yaml_text import to_yaml

LABEL = r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?"


def ports(rules: list[dict[str, Any]]) -> dict[str, set[int]]:
    """Who may come -> to which ports, of the ingress of a NetworkPolicy."""
    return {str(rule["from"]): {port["port"] for port in rule["ports"]} for rule in rules}


def test_the_sets_of_a_chain(tmp_path: Path) -> None:
    """One genesis pod, all others in a set that starts at once; a chain of one has no second set."""
    sets = named(render(tmp_path, EVERYTHING), "StatefulSet")
    assert {name: one["spec"]["replicas"] for name, one in sets.items()} == {
        "osmosis-test-5-genesis": 1,
        "osmosis-test-5-validator": 3,
        "evmos-9000-1-genesis": 1,
        "simapp-1-genesis": 1,
        "simapp-1-validator": 1,
        "cometbft-1-genesis": 1,
        "cometbft-1-validator": 7,
    }
    assert {one["spec"]["podManagementPolicy"] for one in sets.values()} == {"Parallel"}


def test_names_of_pods_are_found_before_they_are_ready(tmp_path: Path) -> None:
    """Each set has the headless Service that it names, which selects its pods and publishes all of their addresses."""
    objects = render(tmp_path, EVERYTHING)
    for name, stateful_set in named(objects, "StatefulSet").items():
        assert stateful_set["spec"]["serviceName"] == name
        service = named(objects, "Service")[name]["spec"]
        assert (service["clusterIP"], service["publishNotReadyAddresses"]) == ("None", True)
        labels = stateful_set["spec"]["template"]["metadata"]["labels"]
        assert service["selector"] == stateful_set["spec"]["selector"]["matchLabels"]
        assert service["selector"].items() <= labels.items()
        offered = {port["targetPort"] for port in service["ports"]}
        declared = {port["name"] for one in containers(stateful_set).values() for port in one.get("ports", [])}
        assert offered == declared


def test_users_reach_a_ready_genesis_pod_and_peers_any(tmp_path: Path) -> None:
    """The Service of the chain's name has all but p2p and no address that is not ready; the peers' has p2p alone."""
    services = named(render(tmp_path, EVERYTHING), "Service")
    users, peers = services["osmosis-test-5"]["spec"], services["osmosis-test-5-genesis-p2p"]["spec"]
    assert users["selector"] == peers["selector"]
    assert users["selector"][COMPONENT] == "genesis"
    assert [port["name"] for port in users["ports"]] == [
        *("exposer", "rpc", "metrics", "rest", "grpc", "grpc-web", "faucet"),
    ]
    assert "publishNotReadyAddresses" not in users
    assert ([port["name"] for port in peers["ports"]], peers["publishNotReadyAddresses"]) == (["p2p"], True)
    assert "clusterIP" not in peers  # it has an address that stays


def test_json_rpc_is_offered_where_a_chain_has_it(tmp_path: Path) -> None:
    """An EVM chain's Service has three ports more, and metrics are offered where they are on."""
    services = named(render(tmp_path, EVERYTHING), "Service")
    evm = {port["name"] for port in services["evmos-9000-1"]["spec"]["ports"]}
    assert {"json-rpc", "ws", "jsonrpc-metrics"} <= evm
    assert "metrics" not in evm


@pytest.mark.parametrize(
    ("validators", "budget"), [(1, 0), (2, 0), (3, 0), (4, 1), (6, 1), (7, 2), (9, 2), (10, 3), (100, 33)]
)
def test_disruptions_leave_more_than_two_thirds(tmp_path: Path, validators: int, budget: int) -> None:
    """Validators have equal power, the genesis pod's too: one budget for all of them, and none where each is needed."""
    text = BARE.replace("numValidators: 3", f"numValidators: {validators}")
    (spec,) = (one["spec"] for one in named(render(tmp_path, text), "PodDisruptionBudget").values())

    assert spec["maxUnavailable"] == budget
    assert 3 * (validators - budget) > 2 * validators >= 3 * (validators - budget - 1)
    assert spec["selector"]["matchLabels"] == {PART_OF: "network", INSTANCE: "simapp-1"}


@pytest.mark.parametrize(
    "decides",
    [
        "genesis: {from: 'https://example.org/genesis.json'}",
        "genesis: {validators: []}",
        "scripts: {createValidator: {data: x}}",
        "scripts: {update-genesis: {data: x}}",
        "scripts: {init-genesis: {data: x}}",
    ],
)
def test_no_disruption_where_somebody_else_decides_the_power(tmp_path: Path, decides: str) -> None:
    """What a script or a genesis of the user's gives validators is not known here."""
    text = BARE.replace("numValidators: 3", f"numValidators: 7, {decides.replace('update-genesis', 'updateGenesis')}")

    assert named(render(tmp_path, text), "PodDisruptionBudget")["simapp-1"]["spec"]["maxUnavailable"] == 0


def test_a_pod_that_is_not_ready_is_drained_where_its_state_stays(tmp_path: Path) -> None:
    """A chain that stands still has no ready pod; without storage their state would go, so the budget counts."""
    kept, lost = (named(render(tmp_path, text), "PodDisruptionBudget") for text in (EVERYTHING, BARE))

    assert kept["cometbft-1"]["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    assert lost["simapp-1"]["spec"]["unhealthyPodEvictionPolicy"] == "IfHealthyBudget"


@pytest.mark.parametrize(
    ("chain", "storage", "warned"),
    [
        ("name: simapp, image: a", "", True),
        ("name: simapp, image: a, numValidators: 1", "", True),
        ("name: simapp, image: a", "storage: {size: 1Gi}", False),
        ("name: simapp, image: a, identities: derived", "", False),
        ("name: simapp, image: a, validators: genesis", "", False),
        ("name: simapp, image: a, identities: derived, numValidators: 1", "", True),
        ("name: cometbft", "", False),
    ],
)
def test_a_genesis_pod_that_does_not_come_back_is_warned_of(
    tmp_path: Path, chain: str, storage: str, *, warned: bool
) -> None:
    """Without storage its random keys go with it; a pod whose keys are derived joins the others again."""
    size = "" if "numValidators" in chain else ", numValidators: 3"
    _, document = load(tmp_path, f"chains: [{{id: a-1, {chain}{size}}}]\nkubernetes: {{{storage}}}\n")
    told = list(remaking.warnings(document))

    assert bool(told) == warned
    if warned:
        assert "network.yaml:1: chains[0].id: without kubernetes.storage the keys of its genesis pod" in told[0]
        assert "add kubernetes: {storage: {size: 10Gi}}" in told[0]


def test_classic_sidecars_are_not_asked(tmp_path: Path) -> None:
    """They start behind the steps that would ask them, so no pod knows where they are, and there is a warning."""
    text = "chains: [{id: a-1, name: cometbft, numValidators: 3}]\nkubernetes: {sidecar: classic}\n"
    plan, document = load(tmp_path, text)

    assert not any("PEER_EXPOSERS" in pod.environment for pod in plan.pods)
    assert "begins a second network" in next(remaking.warnings(document))


def test_who_may_come_in(tmp_path: Path) -> None:
    """Peers from the network, users from the namespace; what is scraped from everywhere, where something scrapes."""
    policies = named(render(tmp_path, EVERYTHING), "NetworkPolicy")
    network = str([{"podSelector": {"matchLabels": {PART_OF: "every-thing-1"}}}])
    assert ports(policies["osmosis-test-5"]["spec"]["ingress"]) == {
        network: {26656},
        "[{'podSelector': {}}]": {8081, 26657, 26660, 1317, 9090, 9091, 8000},
        "[{'namespaceSelector': {}}]": {8081, 26660},
    }
    without = EVERYTHING.replace("serviceMonitor: true", "serviceMonitor: false")
    policy = named(render(tmp_path, without), "NetworkPolicy")["cometbft-1"]["spec"]
    assert ports(policy["ingress"]) == {network: {26656}, "[{'podSelector': {}}]": {8081, 26657}}
    assert policy["podSelector"]["matchLabels"] == {PART_OF: "every-thing-1", INSTANCE: "cometbft-1"}


def test_who_may_go_out(tmp_path: Path) -> None:
    """To the network and to DNS; anywhere where sources are built, or a genesis is fetched."""
    policies = named(render(tmp_path, EVERYTHING), "NetworkPolicy")
    assert {name for name, one in policies.items() if one["spec"]["egress"] == [{}]} == {
        "osmosis-test-5",
        "evmos-9000-1",
    }
    dns, peers = policies["simapp-1"]["spec"]["egress"]
    assert dns == {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}
    assert peers == {"to": [{"podSelector": {"matchLabels": {PART_OF: "every-thing-1"}}}]}


def test_a_service_monitor_scrapes_every_pod_once(tmp_path: Path) -> None:
    """It selects the headless Services alone: the others would add the genesis pod again."""
    objects = render(tmp_path, EVERYTHING)
    spec = named(objects, "ServiceMonitor")["osmosis-test-5"]["spec"]
    assert [endpoint["port"] for endpoint in spec["endpoints"]] == ["exposer", "metrics"]
    (rule,) = spec["selector"]["matchExpressions"]
    selected = [
        name
        for name, one in named(objects, "Service").items()
        if spec["selector"]["matchLabels"].items() <= one["metadata"]["labels"].items()
        and one["metadata"]["labels"].get(rule["key"]) in rule["values"]
    ]
    assert selected == ["osmosis-test-5-genesis", "osmosis-test-5-validator"]


def test_what_is_switched_off_is_not_there(tmp_path: Path) -> None:
    """No policy and no monitor, no claims; and never any permission in the cluster."""
    assert {one["kind"] for one in render(tmp_path, BARE)} == {
        *("ConfigMap", "Service", "StatefulSet", "PodDisruptionBudget"),
    }
    permissions = {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding", "ServiceAccount"}
    assert not permissions & {one["kind"] for one in render(tmp_path, EVERYTHING)}


def test_a_secret_is_in_a_secret_alone(tmp_path: Path) -> None:
    """No mnemonic is anywhere else, and only steps that use keys have them, in a file for their group alone."""
    objects = render(tmp_path, EVERYTHING)
    secret = named(objects, "Secret")["every-thing-1-keys"]
    assert base64.b64decode(secret["data"]["keys.json"]) == KEYS.reveal()
    assert MNEMONIC not in to_yaml(*objects).decode()
    for stateful_set in named(objects, "StatefulSet").values():
        (volume,) = (one for one in pod_spec(stateful_set)["volumes"] if one["name"] == "keys")
        assert volume["secret"] == {"secretName": "every-thing-1-keys", "defaultMode": 0o440}
        holders = {
            name
            for name, one in containers(stateful_set).items()
            if any(mount["name"] == "keys" for mount in one["volumeMounts"])
        }
        assert holders <= {"init-genesis", "init-validator", "init-faucet", "create-validator"}


def test_a_step_has_the_keys_that_it_needs(tmp_path: Path) -> None:
    """The one that funds all accounts has all of them; others have those of their role, and most have none."""
    objects = render(tmp_path, EVERYTHING)
    found = {
        name: mount["subPath"]
        for stateful_set in named(objects, "StatefulSet").values()
        for name, one in containers(stateful_set).items()
        for mount in one["volumeMounts"]
        if mount["name"] == "keys"
    }
    assert found == {
        "init-genesis": "keys.json",
        "init-faucet": "faucet.json",
        "init-validator": "validators.json",
        "create-validator": "validators.json",
    }
    data = named(objects, "Secret")["every-thing-1-keys"]["data"]  # of keys that have the genesis pod's alone
    for name, role in (("faucet.json", "faucet"), ("validators.json", "validators")):
        assert json.loads(base64.b64decode(data[name])) == {role: []}


def test_what_came_from_outside_is_in_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that has it in it refers to it, in whatever container; a value of the file stays where it is read."""
    monkeypatch.setenv("PASS", "correct-horse")
    env = "env: [{name: TOKEN, value: 'https://me:${PASS}@host'}, {name: PLAIN, value: battery}]"
    text = BARE.replace("image: registry.example/simapp:v1}", "image: a, " + env + "}")
    objects = render(tmp_path, text)

    secret = named(objects, "Secret")["simapp-1-env"]
    assert {name: base64.b64decode(value) for name, value in secret["data"].items()} == {
        "TOKEN": b"https://me:correct-horse@host"
    }
    assert "correct-horse" not in to_yaml(*objects).decode()
    entries = [
        entry
        for stateful_set in named(objects, "StatefulSet").values()
        for one in containers(stateful_set).values()
        for entry in one.get("env", [])
    ]
    references = [entry["valueFrom"] for entry in entries if entry["name"] == "TOKEN"]
    assert references
    assert all(one == {"secretKeyRef": {"name": "simapp-1-env", "key": "TOKEN"}} for one in references)
    assert {entry["value"] for entry in entries if entry["name"] == "PLAIN"} == {"battery"}
    modes = {file.path: file.mode for file in render_kubernetes(*load(tmp_path, text), KEYS)}
    assert (modes["simapp-1-env.yaml"], modes["simapp-1.yaml"]) == (0o600, 0o644)


def test_files_with_what_came_from_outside_are_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting of the node may have a password in it: nothing that can be guessed of it is elsewhere, no checksum."""
    line = "config: {config.toml: {tx_index: {psql-conn: 'postgresql://u:${PASS}@db'}}}"
    text = BARE.replace("image: registry.example/simapp:v1}", "image: a, " + line + "}")
    templates = []
    for password in ("correct-horse", "q7", 'pa"ss'):
        monkeypatch.setenv("PASS", password)
        objects = render(tmp_path, text)
        data = named(objects, "Secret")["simapp-1-patch"]["data"]
        assert json.dumps(password)[1:-1].encode() in base64.b64decode(data["config-overrides.json"])
        assert "simapp-1-patch" not in named(objects, "ConfigMap")
        sets = named(objects, "StatefulSet").values()
        for stateful_set in sets:
            (volume,) = (one for one in pod_spec(stateful_set)["volumes"] if one["name"] == "patch")
            assert volume["secret"] == {"secretName": "simapp-1-patch", "defaultMode": 0o440}
        templates.append([one["spec"]["template"] for one in sets])
        modes = {file.path: file.mode for file in render_kubernetes(*load(tmp_path, text), KEYS)}
        assert (modes["simapp-1-env.yaml"], modes["simapp-1.yaml"]) == (0o600, 0o644)
    assert templates[0] == templates[1] == templates[2]


def test_keys_to_throw_away_are_no_secret(tmp_path: Path) -> None:
    """They can be read where they stand, so that such a network can be checked in."""
    objects = render(tmp_path, BARE)
    assert MNEMONIC in named(objects, "ConfigMap")["network-keys"]["data"]["keys.json"]
    assert not named(objects, "Secret")


def test_the_plans_files_are_in_config_maps(tmp_path: Path) -> None:
    """One for each volume of a chain, each file under its name; bytes that are no text go as bytes."""
    plan, _ = load(tmp_path, EVERYTHING)
    maps = named(render(tmp_path, EVERYTHING), "ConfigMap")
    assert {name for name in maps if not name.endswith("-count")} == {"osmosis-test-5-patch", "osmosis-test-5-scripts"}
    for file in plan.files:
        assert maps[f"osmosis-test-5-{file.volume}"]["data"][file.name].encode() == file.content
    (tmp_path / "base.json").write_bytes(b"\xff")
    base = BARE.replace("image: registry.example/simapp:v1}", "image: a, genesis: {from: base.json}}")
    binary = named(render(tmp_path, base), "ConfigMap")["simapp-1-patch"]["binaryData"]
    assert binary == {"genesis-base.json": base64.b64encode(b"\xff").decode()}


def test_more_than_a_config_map_holds_is_refused(tmp_path: Path) -> None:
    """Before anything is applied, with the line, the field that takes the room, and what to do instead."""
    (tmp_path / "base.json").write_bytes(b"1" * LIMIT)
    fits = BARE.replace("image: registry.example/simapp:v1}", "image: a, genesis: {from: base.json}}")
    render(tmp_path, fits)
    (tmp_path / "base.json").write_bytes(b"1" * (LIMIT + 1))
    with pytest.raises(
        BadInputError, match=r"network\.yaml:3: chains\[0\]\.genesis\.from: makes 1048577 bytes.* with a URL"
    ):
        render(tmp_path, fits)


def test_storage_keeps_the_node_and_the_faucet(tmp_path: Path) -> None:
    """A claim for each, in the class that is asked for, which outlives its set, but for a throw-away's."""
    sets = named(render(tmp_path, EVERYTHING), "StatefulSet")
    claims = {
        one["metadata"]["name"]: one["spec"] for one in sets["osmosis-test-5-genesis"]["spec"]["volumeClaimTemplates"]
    }
    assert {name: one["resources"]["requests"]["storage"] for name, one in claims.items()} == {
        "node": "10Gi",
        "faucet": "1Gi",
    }
    assert {one["storageClassName"] for one in claims.values()} == {"fast"}
    for stateful_set in sets.values():
        spec = stateful_set["spec"]
        assert spec["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
        assert spec["updateStrategy"]["type"] == "RollingUpdate"
        assert "node" not in {one["name"] for one in pod_spec(stateful_set)["volumes"]}
    thrown = named(render(tmp_path, f"throwaway: true\n{EVERYTHING}"), "StatefulSet")["simapp-1-genesis"]["spec"]
    assert thrown["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Delete"


def test_without_storage_no_edit_replaces_a_pod(tmp_path: Path) -> None:
    """A new genesis pod would make a new genesis under the validators that hold the old one."""
    for stateful_set in named(render(tmp_path, BARE), "StatefulSet").values():
        assert stateful_set["spec"]["updateStrategy"] == {"type": "OnDelete"}
        volumes = {one["name"]: one for one in pod_spec(stateful_set)["volumes"]}
        assert volumes["node"] == {"name": "node", "emptyDir": {}}


def test_the_three_ways_of_a_binary(tmp_path: Path) -> None:
    """Copied into a volume by an init container, in the mounted image itself, or in the image of all containers."""
    copied = named(render(tmp_path, EVERYTHING), "StatefulSet")["simapp-1-genesis"]
    assert next(iter(pod_spec(copied)["initContainers"][1:]))["name"] == "copy-binary"
    assert {"name": "binary", "emptyDir": {}} in pod_spec(copied)["volumes"]
    mounted = named(render(tmp_path, BARE), "StatefulSet")["simapp-1-genesis"]
    image = {"reference": "registry.example/simapp:v1"}
    assert {"name": "binary", "image": image} in pod_spec(mounted)["volumes"]
    same = named(render(tmp_path, BARE.replace("volume", "same")), "StatefulSet")["simapp-1-genesis"]
    assert "binary" not in {one["name"] for one in pod_spec(same)["volumes"]}
    assert containers(same)["init-genesis"]["image"] == "registry.example/simapp:v1"


@pytest.mark.parametrize("chain_id", ["A" * 50, "9_chain.X-1", "x" * 41 + "-1"])
def test_names_and_labels_are_those_that_kubernetes_takes(tmp_path: Path, chain_id: str) -> None:
    """However long and strange an id: DNS labels, with room for what a StatefulSet adds to them."""
    objects = render(tmp_path, EVERYTHING.replace("osmosis_Test-5", chain_id).replace("Every.Thing_1", "N" * 63))
    for one in objects:
        name = one["metadata"]["name"]
        assert re.fullmatch(LABEL, name)
        assert one["metadata"]["namespace"] == "nets"
        assert all(re.fullmatch(LABEL, value) for value in one["metadata"]["labels"].values())
        if one["kind"] == "StatefulSet":
            assert len(f"{name}-0123456789") <= 63  # the label controller-revision-hash
            assert one["spec"]["template"]["metadata"]["labels"] == one["metadata"]["labels"]
    assert len({(one["kind"], one["metadata"]["name"]) for one in objects}) == len(objects)


def test_two_chains_that_would_have_the_same_objects_are_refused(tmp_path: Path) -> None:
    """One of them would overwrite the other's without a word."""
    text = BARE.replace("chains:", "chains:\n  - {id: a, name: simapp, numValidators: 1, binary: /bin/simd, image: a}")
    with pytest.raises(BadInputError, match=r"network\.yaml:4: chains\[1\]\.id: .*a-genesis; choose another id"):
        render(tmp_path, text.replace("id: simapp-1", "id: a-genesis"))


def test_a_chain_with_the_name_of_the_kustomization_is_refused(tmp_path: Path) -> None:
    """Its file would be overwritten by the one that lists it."""
    with pytest.raises(BadInputError, match=r"chains\[0\]\.id: .*: kustomization; choose another id"):
        render(tmp_path, BARE.replace("id: simapp-1", "id: kustomization"))
