"""A container of the plan as Kubernetes has it: hardened, with its environment, mounts, resources and probes."""

from typing import Any

from exposer.network.kubernetes.labels import Names
from exposer.network.kubernetes.resources import requirements
from exposer.network.kubernetes.template import POD_NAME, refers
from exposer.network.kubernetes.volumes import mounts, pull_policy
from exposer.network.plan import Container

PORTS = {
    "grpc_web": "grpc-web",
    "json_rpc": "json-rpc",
    "json_rpc_metrics": "jsonrpc-metrics",  # no more than 15 characters (RFC 6335)
}
"""Names of the plan's ports that Kubernetes does not take as they are."""


def port_name(name: str) -> str:
    """The name of a port of the plan in containers and Services."""
    return PORTS.get(name, name)


def counted(container: Container) -> dict[str, str]:
    """What of its environment follows from how many pods there are: one more must not restart those that are there."""
    environment = container.environment
    if "NUM_VALIDATORS" not in environment:
        return {}
    return {name: environment.get(name, "") for name in ("NUM_VALIDATORS", "PEER_EXPOSERS")}


def _value(name: str, value: str, names: Names) -> dict[str, Any]:
    if name in names.secret:
        return {"valueFrom": {"secretKeyRef": {"name": names.outside, "key": name}}}
    return {"value": value}


def rendered(container: Container, names: Names, **more: Any) -> dict[str, Any]:
    """The container; ``more`` are its probes and what else only some have."""
    own = {"name": POD_NAME, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    counts = counted(container)
    told = [
        {"name": name, **_value(name, value, names)}
        for name, value in container.environment.items()
        if name not in counts
    ]
    named = any(refers(text) for text in (*container.command, *container.environment.values()))
    environment = [own] * named + told
    ports = [{"name": port_name(name), "containerPort": port} for name, port in container.ports.items()]
    return {
        "name": container.name,
        "image": container.image,
        **pull_policy(names, "imagePullPolicy"),
        "command": list(container.command),
        **({"envFrom": [{"configMapRef": {"name": names.count}}]} if counts else {}),
        **({"env": environment} if environment else {}),
        **({"ports": ports} if ports else {}),
        **more,
        "resources": requirements(container.name, container.resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",  # of what did not write its reason
        "volumeMounts": mounts(container),
    }
