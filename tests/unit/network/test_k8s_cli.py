import copy
import importlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from recorded_cluster import (
    EVENTS,
    PODS,
    RECORDED,
    SETS,
    RecordedCluster,
    kubeconfig,
    listing,
    recorded_cluster,
    refusal,
)

from exposer.cli import main
from exposer.errors import ExitCode
from exposer.network.cluster import status as cluster_status
from exposer.network.cluster.kubeconfig import Access
from exposer.network.cluster.sight import Sight

READY, FAILING, GATED = (RECORDED[name] for name in ("ready", "failing", "waiting at a gate"))
STATUS = f"{PODS}/sim-1-genesis-0:8081/proxy/status"


@pytest.fixture(autouse=True, scope="module")
def _library() -> None:
    """The client library takes a second to import, which the first test must not be blamed for."""
    importlib.import_module("kubernetes.config")


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordedCluster]:
    """A cluster that the kubeconfig names, with one ready and one failing pod."""
    with recorded_cluster() as cluster:
        (tmp_path / "config").write_text(yaml.safe_dump(kubeconfig(cluster.url)))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
        cluster.show(FAILING, READY)
        yield cluster
    logging.getLogger().handlers.clear()


def run(*arguments: str) -> int:
    """The exit code of ``exposer k8s``."""
    return main(["k8s", *arguments])


def test_every_pod_is_a_line(cluster: RecordedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """Genesis pods first; 75 while one is not ready, 0 then; who may only list pods and read logs sees all this."""
    assert run("status") == ExitCode.TEMPORARY
    heading, first, second = capsys.readouterr().out.splitlines()
    assert heading.split() == ["POD", "STEP", "NOW", "RESTARTS", "HEIGHT", "GENESIS", "WHY"]
    assert first.split() == ["sim-1-genesis-0", "2/2", "ready", "0", "-", "-", "-"]
    assert second[heading.index("WHY") :].startswith("exit code 3 (bad input): exposer: COINS: 5x is no amount")

    cluster.show(READY)
    assert run("status") == ExitCode.DONE


def test_what_may_be_asked_besides_is_shown(cluster: RecordedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """Heights and digests from the sidecars, warnings where nothing else explains, pods that a set has not made."""
    stuck = RECORDED["no secret"]
    unready = RECORDED["node not ready"]
    cluster.show(READY, stuck, unready)
    node = {"height": "7", "catching_up": False}
    said = {"artifacts": [{"name": "genesis", "sha256": "ab" * 32}], "node": node}
    cluster.answers[STATUS] = 200, json.dumps(said).encode()
    events = [
        {"reason": "FailedMount", "message": 'secret "absent"\nnot found', "involvedObject": stuck["metadata"]},
        {"reason": "Unhealthy", "message": "long ago", "involvedObject": {"uid": "another"}},
        {"reason": "Unhealthy", "message": "probe failed", "involvedObject": about(unready, "create-validator")},
        {"reason": "Unhealthy", "message": "of another", "involvedObject": about(unready, "exposer")},
        {"reason": "FailedCreate", "message": "forbidden", "involvedObject": {"uid": "of-the-set"}},
    ]
    cluster.answers[EVENTS] = 200, listing(events)
    metadata = {"name": "sim-1-genesis", "uid": "of-the-set", "labels": {"app.kubernetes.io/component": "genesis"}}
    cluster.answers[SETS] = 200, listing([{"metadata": metadata, "spec": {"replicas": 2}}])

    assert run("status") == ExitCode.TEMPORARY
    rows = [line.split(maxsplit=6) for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows[0][4:] == ["7", "abababab", "-"]
    assert rows[1][:3] + rows[1][6:] == ["sim-1-genesis-1", "-", "missing", "FailedCreate: forbidden"]
    assert rows[2][-1].endswith(' FailedMount: secret "absent" not found')
    assert rows[3][-1].endswith("Unhealthy: probe failed")


def two_genesis_files(cluster: RecordedCluster) -> None:
    """Two ready pods of one chain, each with a genesis of its own."""
    other = copy.deepcopy(READY)
    other["metadata"] |= {"name": "sim-1-validator-0", "uid": "of-another"}
    other["metadata"]["labels"]["app.kubernetes.io/component"] = "validator"
    cluster.show(READY, other)
    cluster.answers["/api/v1/namespaces/seeing"] = 200, b"{}"
    for name, digest in (("sim-1-genesis-0", "ab"), ("sim-1-validator-0", "cd")):
        said = {"artifacts": [{"name": "genesis", "sha256": digest * 32}], "node": None}
        cluster.answers[f"{PODS}/{name}:8081/proxy/status"] = 200, json.dumps(said).encode()


@pytest.mark.parametrize("watching", [[], ["--watch"]], ids=["once", "watch"])
def test_pods_with_different_genesis_files_are_told(
    cluster: RecordedCluster, capsys: pytest.CaptureFixture[str], watching: list[str]
) -> None:
    """Every pod is ready, and the exit code is 4: WHY has both digests, the message their pods and the cure."""
    two_genesis_files(cluster)

    assert run("status", *watching) == ExitCode.MISMATCH
    told = capsys.readouterr()
    first, second = told.out.splitlines()[1:]
    assert first.endswith("another genesis than other pods: abababab here, cdcdcdcd in sim-1-validator-0")
    assert second.endswith("another genesis than other pods: cdcdcdcd here, abababab in sim-1-genesis-0")
    assert f"{'ab' * 32} in sim-1-genesis-0; {'cd' * 32} in sim-1-validator-0; these are different" in told.err
    assert "restore the volume" in told.err


def test_json_has_the_different_genesis_files(cluster: RecordedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """A script finds them under ``disagreements``, which is there in any case."""
    run("status", "--json")
    assert json.loads(capsys.readouterr().out)["disagreements"] == []

    two_genesis_files(cluster)
    assert run("status", "--json") == ExitCode.MISMATCH
    (split,) = json.loads(capsys.readouterr().out)["disagreements"]
    assert split["genesis_sha256"] == {"ab" * 32: ["sim-1-genesis-0"], "cd" * 32: ["sim-1-validator-0"]}


def test_a_pod_that_leaves_holds_no_genesis(cluster: RecordedCluster) -> None:
    """The cure is to delete the stray pod; while it stops the others are not in disagreement with it."""
    two_genesis_files(cluster)
    pods = json.loads(cluster.answers[PODS][1])["items"]
    pods[1]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    cluster.show(*pods)

    assert run("status") == ExitCode.TEMPORARY


def test_nobody_compares_where_sidecars_may_not_be_asked(
    cluster: RecordedCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """That is said on stderr, for else silence would mean agreement."""
    cluster.show(READY)

    assert run("status") == ExitCode.DONE
    assert "may not get pods/proxy, so nobody compared which genesis the pods hold" in capsys.readouterr().err


def test_a_sidecar_that_does_not_answer_is_named(cluster: RecordedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """Its genesis is compared with nobody's, and stderr says whose that is."""
    cluster.show(READY)
    cluster.answers[STATUS] = 503, b"upstream connect error"

    assert run("status") == ExitCode.DONE
    assert "their sidecars do not say: sim-1-genesis-0" in capsys.readouterr().err


def test_a_node_that_stalls_behind_a_probe_of_its_own(
    cluster: RecordedCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the file's readinessProbe asks something else the cluster calls the pod ready; its sidecar knows better."""
    cluster.show(READY)
    said = {"artifacts": [], "node": {"height": 7, "catching_up": False}, "phase": "stalled", "reason": "no block"}
    cluster.answers[STATUS] = 200, json.dumps(said).encode()

    assert run("status") == ExitCode.TEMPORARY
    assert capsys.readouterr().out.splitlines()[1].endswith("no block")


def test_a_node_that_stalls_is_explained_by_its_sidecar(
    cluster: RecordedCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """The probe's status code says nothing; the reason that the sidecar gives does."""
    unready = copy.deepcopy(RECORDED["node not ready"])
    for status in unready["status"]["containerStatuses"]:
        status["ready"] = status["name"] != "node"
    cluster.show(unready)
    said = {"artifacts": [], "node": {"height": 7, "catching_up": False}, "reason": "no block after 7 for 75 s"}
    cluster.answers[f"{PODS}/{unready['metadata']['name']}:8081/proxy/status"] = 200, json.dumps(said).encode()

    assert run("status") == ExitCode.TEMPORARY
    assert capsys.readouterr().out.splitlines()[1].endswith("no block after 7 for 75 s")


def about(pod: dict[str, Any], container: str) -> dict[str, str]:
    """What an event says that it is about."""
    return {"uid": pod["metadata"]["uid"], "fieldPath": f"spec.containers{{{container}}}"}


def test_json_has_all_that_is_known(cluster: RecordedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts get each pod with its containers."""
    del cluster
    run("status", "--json")
    first, second = json.loads(capsys.readouterr().out)["pods"]

    assert (first["phase"], first["ready"], first["sidecar"]) == ("ready", True, None)
    assert (second["phase"], second["doing"], second["exit_code"]) == ("init-validator", "failed", 3)
    assert [one["name"] for one in first["containers"]] == ["exposer", "init-genesis", "init-config", "node"]


def modified(pod: dict[str, Any]) -> dict[str, Any]:
    """The event of a pod that has changed."""
    return {"type": "MODIFIED", "object": pod | {"metadata": pod["metadata"] | {"resourceVersion": "8"}}}


def test_a_watch_tells_each_change_and_ends_when_all_are_ready(
    cluster: RecordedCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a pipe: a line for each change of a pod on stderr, and the table on stdout once all are ready."""
    name = FAILING["metadata"]["name"]
    recovered = READY | {"metadata": FAILING["metadata"]}
    gone = {"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}}
    deleted = {"type": "DELETED", "object": modified(GATED)["object"]}
    cluster.show(FAILING, READY, GATED)
    cluster.watched = [[], [gone], [deleted, modified(recovered)]]
    cluster.answers["/api/v1/namespaces/seeing"] = 200, b"{}"

    def later() -> None:
        if not cluster.watched:
            cluster.show(recovered, READY)

    cluster.after = later
    assert run("status", "--watch") == ExitCode.DONE
    told = capsys.readouterr()
    lines = [line.split("exposer k8s: ")[1] for line in told.err.splitlines() if "exposer k8s: " in line]
    assert [line[:49] for line in lines] == [
        "sim-1-genesis-0: ready",
        "sim-1-validator-0 wait-for-chains: running",
        "sim-1-validator-1 init-validator: failed: exit co",
        "sim-1-validator-0: gone",
        f"{name}: ready",
    ]
    assert len(told.out.splitlines()) == 3


def test_a_watch_ends_with_its_time(cluster: RecordedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """124, and who was not ready; in JSON one line for each change."""
    del cluster
    assert run("status", "--watch", "--json", "--timeout", "300ms") == ExitCode.TIMED_OUT
    told = capsys.readouterr()
    assert [len(json.loads(line)["pods"]) for line in told.out.splitlines()] == [2]
    assert "not all pods are ready after 0.3 s: sim-1-validator-1 (init-validator failed)" in told.err


def test_a_pod_that_was_replaced_has_nothing_of_the_former(cluster: RecordedCluster) -> None:
    """A StatefulSet gives the next pod the same name: what was asked of the one before is not shown of it."""
    said = {"artifacts": [], "node": {"height": "7", "catching_up": False}}
    cluster.answers[STATUS] = 200, json.dumps(said).encode()
    cluster.show(READY)  # alone: a user who may not ask one pod's sidecar is not tried with the next
    metadata = READY["metadata"]
    cluster.watched = [[modified(READY | {"metadata": metadata | {"uid": uid}}) for uid in (metadata["uid"], "new")]]
    sight = Sight(Access().connect())

    seen = [sight.look(), *sight.changes(1)]
    assert [pods[0].sidecar.height if pods[0].sidecar else None for pods in seen] == [7, 7, None]


def test_a_watch_outlives_a_server_that_is_away(
    cluster: RecordedCluster, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server refuses for a while is told once, and asked again."""
    monkeypatch.setattr(cluster_status, "_PAUSE", 0.05)
    answers = [refusal(503, "etcd is away")] * 2 + [(200, listing([READY]))]

    def later() -> None:
        cluster.answers[PODS] = answers.pop(0) if answers else cluster.answers[PODS]

    cluster.after = later
    assert run("status", "--watch") == ExitCode.DONE
    assert capsys.readouterr().err.count("answers with 503: etcd is away") == 1


REFUSED: dict[str, tuple[list[str], dict[str, tuple[int, bytes]], str]] = {
    "no file": (["--kubeconfig", "/nowhere"], {}, "there is no kubeconfig at /nowhere; name one with --kubeconfig"),
    "another context": (["--context", "labs"], {}, "has no context labs; did you mean lab?"),
    "no namespace": (
        [],
        {PODS: (200, listing([])), "/api/v1/namespaces/seeing": refusal(404, "not found")},
        "has no namespace seeing; name it with --namespace",
    ),
    "no network": (["--network", "Dev"], {PODS: (200, listing([]))}, "in namespace seeing there are no pods of dev ("),
    "no permission": (
        [],
        {PODS: refusal(403, 'User "dev" cannot list')},
        'this user may not list pods in namespace seeing; a Role there has to allow it (User "dev" cannot list)',
    ),
    "no access": ([], {PODS: refusal(401, "Unauthorized")}, "does not accept the kubeconfig's credentials; renew them"),
}


@pytest.mark.parametrize(("flags", "answers", "message"), REFUSED.values(), ids=REFUSED)
def test_what_a_person_has_to_mend_is_told(
    flags: list[str],
    answers: dict[str, tuple[int, bytes]],
    message: str,
    cluster: RecordedCluster,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A wrong kubeconfig, context, namespace or network, and a permission that is missing, are bad input."""
    cluster.answers |= answers

    assert run("status", *flags) == ExitCode.BAD_INPUT
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "{", "[]", "contexts: 3", "current-context: x"])
def test_a_damaged_kubeconfig_is_named(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the file holds, it is one line with its name."""
    (tmp_path / "config").write_text(text)

    assert run("status", "--kubeconfig", str(tmp_path / "config")) == ExitCode.BAD_INPUT
    assert f"{tmp_path / 'config'} is no kubeconfig that can be used: " in capsys.readouterr().err


def test_a_damaged_kubeconfig_does_not_tell_its_token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The library's errors have the whole user in them."""
    document = kubeconfig("http://127.0.0.1:1")
    document["users"] = [{"name": "lab", "token": "of-nobody"}]
    (tmp_path / "config").write_text(yaml.safe_dump(document))

    assert run("status", "--kubeconfig", str(tmp_path / "config")) == ExitCode.BAD_INPUT
    told = capsys.readouterr().err
    assert "Expected key user in" in told
    assert "of-nobody" not in told


def test_a_server_that_is_not_there_is_temporary(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing listens at the address: 75, in one line and no log of tries."""
    (tmp_path / "config").write_text(yaml.safe_dump(kubeconfig("http://127.0.0.1:1")))

    assert run("status", "--kubeconfig", str(tmp_path / "config")) == ExitCode.TEMPORARY
    told = capsys.readouterr().err
    assert told.startswith("exposer: http://127.0.0.1:1 cannot be reached: ")
    assert (len(told.splitlines()), caplog.records) == (1, [])


def test_without_the_library_the_cure_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The client is an extra of the package."""
    monkeypatch.setitem(__import__("sys").modules, "kubernetes", None)

    assert run("status") == ExitCode.BAD_INPUT
    assert "in a clone of this project: pip install '.[kubernetes]'" in capsys.readouterr().err


LOG = f"{PODS}/sim-1-validator-1/log"


def test_a_log_is_found_by_the_end_of_its_pods_name(
    cluster: RecordedCluster, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """The bytes go to stdout as they are; a step that was restarted says so, and that an earlier run has a log."""
    cluster.answers[LOG] = 200, b"began\n\xff\n"

    assert run("logs", "validator-1", "init-validator", "--tail", "5") == ExitCode.DONE
    out, err = capfdbinary.readouterr()
    assert out == b"began\n\xff\n"
    assert b"exit code 3 (bad input)" in err
    assert b"--previous shows the run before" in err


NO_LOG = {
    "no pod": (
        ["validtor-1", "node"],
        3,
        "pod validtor-1: there is none of this name; did you mean sim-1-validator-1?",
    ),
    "no step": (
        ["validator-1", "init-valid"],
        3,
        "step init-valid: there is none of this name; did you mean init-valida",
    ),
    "not begun": (["validator-1", "node"], 75, "node has not begun; the pod is at init-validator failed: exit code 3"),
    "no earlier run": (["genesis-0", "node", "-p"], 3, "node was not restarted; leave out --previous"),
    "deleted": (["validator-1", "init-validator", "-p"], 3, "the log of that run of init-validator was deleted"),
}


@pytest.mark.parametrize(("names", "code", "message"), NO_LOG.values(), ids=NO_LOG)
def test_why_there_is_no_log_is_told(
    names: list[str], code: int, message: str, cluster: RecordedCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wrong names with the nearest one, a step whose turn has not come, a run that there was not or that is gone."""
    cluster.answers[LOG] = 200, b"unable to retrieve container logs for containerd://ab"

    assert run("logs", *names) == code
    assert message in capsys.readouterr().err


def test_following_waits_for_the_step_to_begin(
    cluster: RecordedCluster, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """What is waited for is told; the log comes once the step runs."""
    begun = copy.deepcopy(GATED)
    begun["status"]["initContainerStatuses"][2]["state"] = {"running": {}}
    cluster.show(GATED)
    cluster.watched = [[modified(begun)]]
    cluster.answers[f"{PODS}/sim-1-validator-0/log"] = 200, b"now\n"

    assert run("logs", "validator-0", "init-validator", "--follow") == ExitCode.DONE
    out, err = capfdbinary.readouterr()
    assert out == b"now\n"
    assert err == b"sim-1-validator-0: init-validator has not begun; the pod is at wait-for-chains running\n"


def test_without_a_step_what_there_is_is_listed(cluster: RecordedCluster, capsys: pytest.CaptureFixture[str]) -> None:
    """The containers of a pod in their order; without a pod the pods."""
    del cluster
    assert run("logs", "genesis-0") == run("logs") == ExitCode.DONE
    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert rows[1:5] == [["exposer", "running"], ["init-genesis", "done"], ["init-config", "done"], ["node", "running"]]
    assert [row[0] for row in rows[6:]] == ["sim-1-genesis-0", "sim-1-validator-1"]
