import copy
from typing import Any

import pytest
from cluster_pods import SEEN
from recorded_cluster import RECORDED

from exposer.network.cause import cause_of
from exposer.network.cluster.container import read_container
from exposer.network.cluster.pod import PodStatus, SidecarStatus, missing_pods, read_pod, read_sidecar


@pytest.mark.parametrize("seen", SEEN)
def test_a_pod_of_a_real_cluster_is_told_in_a_line(seen: str) -> None:
    """What the pod is at, its step of how many, and why it is not further, from what Kubernetes 1.34 said of it."""
    now, step, reason, code = SEEN[seen]
    pod = read_pod(RECORDED[seen])

    assert (pod.now, f"{pod.step}/{pod.steps}", pod.exit_code) == (now, step, code)
    assert reason in pod.reason
    assert bool(pod.reason) == bool(reason)
    assert pod.ready == (seen == "ready")


def test_every_recorded_pod_is_looked_at() -> None:
    """The table leaves none out."""
    assert SEEN.keys() == RECORDED.keys()


def test_names_come_from_the_labels() -> None:
    """Network, chain, role and ordinal are the renderer's labels, the port is the exposer container's."""
    pod = read_pod(RECORDED["no place"])

    assert (pod.network, pod.chain, pod.role, pod.ordinal, pod.exposer_port) == (
        "devnet",
        "sim-1",
        "validator",
        3,
        8081,
    )


def test_genesis_pods_come_first_then_ordinals_count() -> None:
    """Of several chains each genesis pod stands before any validator, and validator 10 after 2."""
    names = ["a-genesis-0", "b-genesis-0", "a-validator-2", "a-validator-10", "b-validator-0"]
    pods = [PodStatus(name, "", "", name.split("-")[1], int(name.split("-")[2]), "ready") for name in names]

    assert sorted(set(pods), key=lambda pod: pod.place) == pods


def test_the_chain_id_is_the_one_that_the_steps_are_told() -> None:
    """A label cannot hold every chain id; the environment of a step does."""
    document = copy.deepcopy(RECORDED["ready"])
    document["spec"]["initContainers"][1]["env"] = [{"name": "CHAIN_ID", "value": "Sim_1"}]

    assert read_pod(document).chain == "Sim_1"


def change(**changes: Any) -> dict[str, Any]:
    """The ready pod with other parts of its status."""
    document: dict[str, Any] = copy.deepcopy(RECORDED["ready"])
    document["status"].update(changes)
    return document


WHOLE: dict[str, tuple[dict[str, Any], str, str]] = {
    "deleted": ({**RECORDED["ready"], "metadata": {"name": "a-0", "deletionTimestamp": "now"}}, "stopping", ""),
    "evicted": (
        change(phase="Failed", reason="Evicted", message="The node was low on resource: memory."),
        "ended",
        "Evicted: The node was low on resource: memory.",
    ),
    "new": ({**RECORDED["ready"], "status": {}}, "waiting", ""),
    "not ready, nobody knows why": (
        change(
            conditions=[{"type": "Ready", "status": "False", "message": "containers with unready status: [exposer]"}]
        ),
        "starting",
        "containers with unready status: [exposer]",
    ),
}


@pytest.mark.parametrize(("document", "phase", "reason"), WHOLE.values(), ids=WHOLE)
def test_a_pod_may_have_a_fate_that_no_container_tells(document: dict[str, Any], phase: str, reason: str) -> None:
    """A pod that stops, was evicted, or is not known yet is not called by a container of its."""
    pod = read_pod(document)

    assert (pod.now, pod.reason, pod.ready) == (phase, reason, False)


def test_a_sidecar_that_crashes_is_what_the_pod_is_at() -> None:
    """The steps wait for a native sidecar, also for one whose program ended with their last."""
    document = change(conditions=[{"type": "Ready", "status": "False"}])
    crashed = {"exitCode": 1, "message": "exposer: port 8081 is taken\n"}
    document["status"]["initContainerStatuses"][0] |= {
        "started": False,
        "ready": False,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
        "lastState": {"terminated": crashed},
    }

    pod = read_pod(document)
    assert (pod.now, pod.reason) == ("exposer restarting", "exit code 1 (fault): exposer: port 8081 is taken")


def ended(code: int, message: str = "") -> dict[str, Any]:
    """A container's status after an end."""
    return {"state": {"terminated": {"exitCode": code, "reason": "Error", "message": message}}, "restartCount": 1}


@pytest.mark.parametrize(
    ("name", "code", "doing"),
    [
        ("init-genesis", 75, "restarting"),
        ("init-genesis", 137, "restarting"),
        ("init-genesis", 5, "failed"),
        ("node", 5, "restarting"),
        ("copy-binary", 2, "restarting"),
    ],
)
def test_only_our_own_codes_are_final(name: str, code: int, doing: str) -> None:
    """2, 3, 4 and 5 say that no retry helps; a chain binary's codes say nothing."""
    assert read_container(name, ended(code)).doing == doing


def test_a_run_after_a_failure_says_what_it_is_after() -> None:
    """A step that is tried again runs, and its last end is not forgotten until it is done."""
    told = {"state": {"running": {}}, "lastState": ended(75, "x")["state"], "restartCount": 1}

    container = read_container("wait-for-chains", told)
    assert (container.doing, container.reason) == ("running", "after exit code 75 (temporary): x")
    assert read_container("node", told | {"ready": True}).reason == ""


def test_what_has_not_been_told_of_waits() -> None:
    """A container of which the kubelet has said nothing has no log."""
    assert not read_container("node", {}).began


CAUSES = {
    "a log line of a step": (
        [
            "2026-11-23T15:51:53+0000 INFO init-genesis: starts",
            "2026-11-23T15:51:53+0000 ERROR init-genesis: no keys",
            "  x",
        ],
        "no keys",
    ),
    "the same as JSON": (
        ['{"level": "error", "message": "no keys"}', '{"level": "info", "message": "bye"}'],
        "no keys",
    ),
    "a panic": (["panic: before", "goroutine 1"], "panic: before"),
    "the later of two": (["panic: before", "Error: after", "Usage:"], "Error: after"),
    "else the last line": (["one", "two", "", "  "], "two"),
    "no JSON": (["{oops"], "{oops"),
    "nothing": ([], ""),
}


@pytest.mark.parametrize(("lines", "cause"), CAUSES.values(), ids=CAUSES)
def test_the_cause_is_found_among_the_last_words(lines: list[str], cause: str) -> None:
    """What a log says in each line before its message, and what a binary says below its cause, is left out."""
    assert cause_of(lines) == cause


def test_pods_that_a_set_has_not_made_are_missing() -> None:
    """Ordinals go from the set's first to its last, and those that exist are left out."""
    labels = {"app.kubernetes.io/instance": "sim-1", "app.kubernetes.io/component": "validator"}
    document = {
        "metadata": {"name": "sim-1-validator", "labels": labels},
        "spec": {"replicas": 3, "ordinals": {"start": 1}},
    }

    pods = list(missing_pods(document, frozenset({"sim-1-validator-2"}), "FailedCreate: forbidden"))
    assert [(pod.name, pod.ordinal, pod.now, pod.reason) for pod in pods] == [
        ("sim-1-validator-1", 1, "missing", "FailedCreate: forbidden"),
        ("sim-1-validator-3", 3, "missing", "FailedCreate: forbidden"),
    ]


def test_a_sidecar_tells_height_and_digest() -> None:
    """As /status has them; a pod whose node does not run has no height."""
    status = {"artifacts": [{"name": "genesis", "sha256": "ab"}], "node": {"height": "7", "catching_up": True}}

    assert read_sidecar(status) == SidecarStatus("ab", 7, catching_up=True)
    assert read_sidecar({"artifacts": [], "node": None}) == SidecarStatus()
