"""Pods as the renderer labels them, in every state that a person may find one in: manifests for a real cluster."""

from typing import Any

SLEEP = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"
_FAULT = "echo 'exposer: COINS: 5x is no amount; write it like 5stake'; exit 3"

SEEN: dict[str, tuple[str, str, str, int | None]] = {
    "ready": ("ready", "2/2", "", None),
    "waiting at a gate": ("wait-for-chains running", "1/3", "", None),
    "failing": (
        "init-validator failed",
        "2/3",
        "exit code 3 (bad input): exposer: COINS: 5x is no amount; write it like 5stake",
        3,
    ),
    "no image": ("init-validator stuck", "2/2", "no-such-registry.invalid/exposer:0", None),
    "no place": ("unscheduled", "0/1", "didn't match Pod's node affinity/selector", None),
    "no volume": ("unscheduled", "0/1", 'persistentvolumeclaim "absent" not found', None),
    "no secret": ("exposer waiting", "0/1", "", None),
    "node crashes": ("node restarting", "1/1", "exit code 2: panic: no coin nonsense", 2),
    "node not ready": ("create-validator running", "1/1", "it is not ready yet", None),
    "no memory": ("init-config restarting", "1/1", "exit code 137 (SIGKILL): OOMKilled: it went over its memory", 137),
}
"""What a person may see (`world`) -> what the pod is at, its step of how many, words of the reason, the exit code."""

RULES = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
]
"""The Role that is enough to see a network."""


def container(name: str, script: str, *, image: str, **more: Any) -> dict[str, Any]:
    """A container that runs a shell script, hardened as the renderer's are."""
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", script],
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": {"requests": {"cpu": "1m", "memory": "4Mi"}},
        "securityContext": {
            "runAsUser": 10001,
            "runAsNonRoot": True,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **more,
    }


def manifest(
    name: str,
    steps: list[dict[str, Any]],
    beside: list[dict[str, Any]],
    *,
    role: str = "validator",
    network: str = "devnet",
    **spec: Any,
) -> dict[str, Any]:
    """A pod of a network with an exposer as a native sidecar, ``steps``, and containers ``beside`` it."""
    image = beside[0]["image"]
    sidecar = container("exposer", SLEEP, image=image, restartPolicy="Always", ports=[{"containerPort": 8081}])
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {
                "app.kubernetes.io/part-of": network,
                "app.kubernetes.io/managed-by": "exposer",
                "app.kubernetes.io/instance": name.rsplit("-", 2)[0],
                "app.kubernetes.io/component": role,
            },
        },
        "spec": {
            "initContainers": [sidecar, *steps],
            "containers": beside,
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            **spec,
        },
    }


def world(image: str) -> dict[str, dict[str, Any]]:
    """What a person may see -> the pod that shows it, all of one network."""

    def one(name: str, script: str, **more: Any) -> dict[str, Any]:
        return container(name, script, image=image, **more)

    node = [one("node", f"echo height=1; {SLEEP}")]
    absent = container("init-validator", "true", image="no-such-registry.invalid/exposer:0")
    return {
        "ready": manifest(
            "sim-1-genesis-0", [one("init-genesis", "echo made"), one("init-config", "true")], node, role="genesis"
        ),
        "waiting at a gate": manifest(
            "sim-1-validator-0",
            [
                one("wait-for-chains", f"echo 'waiting for sim-1-genesis-0:8081'; {SLEEP}"),
                one("init-validator", "true"),
                one("init-config", "true"),
            ],
            node,
        ),
        "failing": manifest(
            "sim-1-validator-1",
            [
                one("wait-for-chains", "true"),
                one("init-validator", f"echo began; {_FAULT}"),
                one("init-config", "true"),
            ],
            node,
        ),
        "no image": manifest("sim-1-validator-2", [one("wait-for-chains", "true"), absent], node),
        "no place": manifest(
            "sim-1-validator-3", [one("init-config", "true")], node, nodeSelector={"no.such/label": "here"}
        ),
        "no volume": manifest(
            "sim-1-validator-4",
            [one("init-config", "true")],
            node,
            volumes=[{"name": "node", "persistentVolumeClaim": {"claimName": "absent"}}],
        ),
        "no secret": manifest(
            "sim-1-validator-5",
            [one("init-config", "true", volumeMounts=[{"name": "keys", "mountPath": "/configs"}])],
            node,
            volumes=[{"name": "keys", "secret": {"secretName": "absent"}}],
        ),
        "no memory": manifest(
            "sim-1-validator-8",
            [one("init-config", "tail /dev/zero", resources={"limits": {"memory": "16Mi"}})],
            node,
        ),
        "node crashes": manifest(
            "sim-1-validator-6",
            [one("init-config", "true")],
            [one("node", "echo 'panic: no coin nonsense'; echo; echo 'goroutine 1'; echo '\tmain.go:1'; exit 2")],
        ),
        "node not ready": manifest(
            "sim-1-validator-7",
            [one("init-config", "true")],
            [
                one("node", SLEEP),
                one(
                    "create-validator",
                    SLEEP,
                    readinessProbe={"exec": {"command": ["test", "-e", "/tmp/registered"]}, "periodSeconds": 1},
                ),
            ],
        ),
    }
