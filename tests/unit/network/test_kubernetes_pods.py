import re
from dataclasses import replace
from pathlib import Path

import pytest
from manifest_world import BARE, EVERYTHING, containers, environment, expanded, load, named, pod_spec, render

from exposer.errors import ExposerError
from exposer.network.kubernetes.template import template
from exposer.network.names import set_name
from exposer.network.plan import Plan, Pod

NETWORKS = pytest.mark.parametrize("text", [EVERYTHING, BARE], ids=["everything", "bare"])


def started(pod: Pod) -> list[str]:
    """The names of a pod's containers in their order."""
    return [container.name for container in pod.containers]


@NETWORKS
def test_every_pod_is_the_plans(tmp_path: Path, text: str) -> None:
    """Steps, their order, commands, environments, mounts, ports and images are those of the plan, pod by pod."""
    plan, _ = load(tmp_path, text)
    rendered = render(tmp_path, text)
    sets, maps = named(rendered, "StatefulSet"), named(rendered, "ConfigMap")
    seen = 0
    for pod in plan.pods:
        found = containers(sets[set_name(pod.chain, pod.role)])
        assert set(found) == set(started(pod))
        order = [name for name in found if name not in {"exposer", "faucet", "create-validator"}]
        assert order == [step.name for step in pod.steps] + ["node"]
        for container in pod.containers:
            one = found[container.name]
            told = environment(one, pod.name)
            counts = [maps[source["configMapRef"]["name"]]["data"] for source in one.get("envFrom", [])]
            given = {name: value for data in [told, *counts] for name, value in data.items() if value}
            assert {name: value for name, value in given.items() if name != "POD_NAME"} == container.environment
            stay = ["--stay"] if container.name == "create-validator" else []
            assert [expanded(part, told) for part in one["command"]] == [*container.command, *stay]
            assert one["image"] == container.image
            mounts = {
                mount["mountPath"]: (mount["name"], mount.get("readOnly", False)) for mount in one["volumeMounts"]
            }
            planned = {
                f"{mount.path}/keys.json" if mount.volume == "keys" else mount.path: (mount.volume, mount.read_only)
                for mount in container.mounts
            }
            assert mounts == planned | {"/tmp": ("tmp", False)}
            assert [port["containerPort"] for port in one.get("ports", [])] == list(container.ports.values())
            seen += 1
    assert seen == sum(len(pod.containers) for pod in plan.pods)


@NETWORKS
def test_every_container_is_confined(tmp_path: Path, text: str) -> None:
    """Each has what the restricted pod security standard asks for, a read-only root, and a /tmp of its own."""
    for stateful_set in named(render(tmp_path, text), "StatefulSet").values():
        spec = pod_spec(stateful_set)
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert "serviceAccountName" not in spec
        assert spec["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        }
        for name, container in containers(stateful_set).items():
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": True,
            }
            assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
            assert {"name": "tmp", "mountPath": "/tmp", "subPath": name} in container["volumeMounts"]
            assert {"cpu", "memory"} <= {*container["resources"].get("requests", {})} or name in {
                "exposer",
                "wait-for-chains",
            }
            assert container["resources"]


def test_a_native_sidecar_starts_first_and_has_started_before_the_steps(tmp_path: Path) -> None:
    """It is the first init container, restarted for ever, and its startup probe holds the steps up until it answers."""
    for stateful_set in named(render(tmp_path, EVERYTHING), "StatefulSet").values():
        first, *steps = pod_spec(stateful_set)["initContainers"]
        assert (first["name"], first["restartPolicy"]) == ("exposer", "Always")
        assert first["startupProbe"]["httpGet"] == {"port": 8081, "path": "/livez"}
        assert first["readinessProbe"]["httpGet"] == {"port": 8081, "path": "/readyz"}
        assert not [step["name"] for step in steps if {"restartPolicy", "startupProbe"} & step.keys()]


def test_a_classic_sidecar_is_a_container_beside_the_node(tmp_path: Path) -> None:
    """Clusters before 1.29 know no other."""
    for stateful_set in named(render(tmp_path, BARE), "StatefulSet").values():
        spec = pod_spec(stateful_set)
        assert spec["containers"][0]["name"] == "exposer"
        assert not [one for one in (*spec["initContainers"], *spec["containers"]) if "restartPolicy" in one]


def test_a_node_is_ready_when_it_is_at_the_tip(tmp_path: Path) -> None:
    """Its sidecar says so, unless the network file states a probe; it has an hour to take in its genesis."""
    sets = named(render(tmp_path, EVERYTHING), "StatefulSet")
    node = containers(sets["cometbft-1-validator"])["node"]
    assert node["readinessProbe"]["httpGet"] == {"port": 8081, "path": "/readyz?node=synced"}
    startup = node["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 3600
    assert node["livenessProbe"]["periodSeconds"] * node["livenessProbe"]["failureThreshold"] == 300
    stated = containers(sets["osmosis-test-5-genesis"])["node"]["readinessProbe"]
    assert stated == {"httpGet": {"path": "/status", "port": "rpc"}, "periodSeconds": 3}


def test_a_node_that_upgrades_is_not_ended_for_its_silence(tmp_path: Path) -> None:
    """Under cosmovisor a migration is no start of the container, and may take longer than any liveness probe waits."""
    sets = named(render(tmp_path, EVERYTHING), "StatefulSet")
    assert "livenessProbe" not in containers(sets["osmosis-test-5-validator"])["node"]


def test_the_registration_stays_and_is_ready_when_the_validator_is_there(tmp_path: Path) -> None:
    """A container of a StatefulSet's pod may not end."""
    registration = containers(named(render(tmp_path, BARE), "StatefulSet")["simapp-1-validator"])["create-validator"]
    assert registration["command"] == ["create-validator", "--stay"]
    assert registration["readinessProbe"]["exec"] == {"command": ["test", "-e", "/tmp/registered"]}


def test_a_pod_has_longer_to_end_than_its_sidecar_drains(tmp_path: Path) -> None:
    """The sidecar is stopped last, so its time comes on top of the node's."""
    plan, _ = load(tmp_path, EVERYTHING)
    drain = int(plan.pods[0].exposer.environment["EXPOSER_DRAIN"].removesuffix("s"))
    grace = {
        pod_spec(one)["terminationGracePeriodSeconds"]
        for one in named(render(tmp_path, EVERYTHING), "StatefulSet").values()
    }
    assert grace == {35 + drain}


def test_what_users_wrote_is_not_expanded(tmp_path: Path) -> None:
    """A dollar of the network file is a dollar in the pod, whatever follows it; so is one of a command."""
    genesis = containers(named(render(tmp_path, EVERYTHING), "StatefulSet")["osmosis-test-5-genesis"])
    for name in ("init-genesis", "node", "faucet"):
        assert environment(genesis[name], "p")["PRICE"] == "$(POD_NAME) costs $$5, not $x"
    assert "POD_NAME" not in environment(genesis["node"], "p")  # nothing there refers to it
    copying = containers(named(render(tmp_path, EVERYTHING), "StatefulSet")["simapp-1-genesis"])["copy-binary"]
    assert 'cp -L "$(command -v "$0")"' in expanded(copying["command"][2], {})


def test_a_validators_template_does_not_depend_on_their_number(tmp_path: Path) -> None:
    """So that a set can be scaled, and a network rendered larger, without a change to the pods that are there."""
    templates = []
    for number in (2, 3, 30):
        text = EVERYTHING.replace("numValidators: 4", f"numValidators: {number}")
        stateful_set = named(render(tmp_path, text.replace("validator-1:", "validator-0:")), "StatefulSet")[
            "osmosis-test-5-validator"
        ]
        assert stateful_set["spec"]["replicas"] == number - 1
        templates.append(stateful_set["spec"]["template"])
    assert templates[0] == templates[1] == templates[2]


def test_pods_that_differ_in_more_than_their_names_are_a_fault(tmp_path: Path) -> None:
    """One template cannot be two pods, and none is silently taken for all."""
    plan, _ = load(tmp_path, BARE)
    one, other = validators(plan)
    assert template([one, other], set()).name == "simapp-1-validator"
    strange = replace(other, node=replace(other.node, environment={"A": "1"}))
    with pytest.raises(ExposerError, match="simapp-1-validator-0, simapp-1-validator-1: "):
        template([one, strange], set())


def test_a_users_text_with_a_pods_name_in_it_stays(tmp_path: Path) -> None:
    """Only what the plan says of a pod itself follows its name: a peer that a user names is that peer in all pods."""
    env = "env: [{name: PEER, value: simapp-1-validator-0.simapp-1-validator}]"
    text = BARE.replace("image: registry.example/simapp:v1}", f"image: registry.example/simapp:v1, {env}}}")
    node = containers(named(render(tmp_path, text), "StatefulSet")["simapp-1-validator"])["node"]
    assert environment(node, "simapp-1-validator-1")["PEER"] == "simapp-1-validator-0.simapp-1-validator"


def test_resources_are_the_files_or_small(tmp_path: Path) -> None:
    """What is stated wins; amounts without a heading are both; the gate has no more than a tenth of a CPU."""
    sets = named(render(tmp_path, EVERYTHING), "StatefulSet")
    osmosis, cometbft = containers(sets["osmosis-test-5-validator"]), containers(sets["cometbft-1-validator"])
    both = {"cpu": "1", "memory": "1Gi"}
    assert osmosis["node"]["resources"] == {"requests": both, "limits": both}
    others = [one["resources"] for name, one in osmosis.items() if name not in {"node", "faucet", "exposer"}]
    assert others
    assert {"requests": both, "limits": both} not in others  # they are the node's alone
    assert cometbft["exposer"]["resources"] == {"requests": {"cpu": "10m"}, "limits": {"memory": "100Mi"}}
    assert cometbft["wait-for-chains"]["resources"] == {"limits": {"cpu": "50m"}}
    bare = containers(named(render(tmp_path, BARE), "StatefulSet")["simapp-1-validator"])
    assert bare["wait-for-chains"]["resources"]["limits"]["cpu"] == "100m"


def test_images_are_pulled_as_the_file_says(tmp_path: Path) -> None:
    """Everywhere, or as Kubernetes does it by default."""
    everything, bare = render(tmp_path, EVERYTHING), render(tmp_path, BARE)
    policies = [
        one.get("imagePullPolicy") for s in named(everything, "StatefulSet").values() for one in containers(s).values()
    ]
    assert set(policies) == {"IfNotPresent"}
    assert {
        one.get("imagePullPolicy") for s in named(bare, "StatefulSet").values() for one in containers(s).values()
    } == {None}


@NETWORKS
def test_pods_of_a_chain_are_spread_over_nodes(tmp_path: Path, text: str) -> None:
    """By all labels that its pods have, whatever their role, and never so that one cannot be placed."""
    for stateful_set in named(render(tmp_path, text), "StatefulSet").values():
        (spread,) = pod_spec(stateful_set)["topologySpreadConstraints"]
        labels = stateful_set["spec"]["template"]["metadata"]["labels"]
        assert spread["labelSelector"]["matchLabels"].items() <= labels.items()
        assert spread["whenUnsatisfiable"] == "ScheduleAnyway"


def test_ports_have_names_that_kubernetes_takes(tmp_path: Path) -> None:
    """At most 15 lower-case letters, digits and dashes (RFC 6335), each once in a pod."""
    for stateful_set in named(render(tmp_path, EVERYTHING), "StatefulSet").values():
        names = [port["name"] for one in containers(stateful_set).values() for port in one.get("ports", [])]
        assert len(names) == len(set(names))
        assert all(re.fullmatch(r"[a-z][a-z0-9-]{0,14}", name) for name in names)


def validators(plan: Plan) -> list[Pod]:
    """The pods that join."""
    return [pod for pod in plan.pods if pod.role == "validator"]
