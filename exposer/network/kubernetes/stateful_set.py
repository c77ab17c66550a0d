"""The pods of one role of a chain: a StatefulSet, and the headless Service that their names are below."""

from collections.abc import Iterator, Sequence
from typing import Any

from exposer.network.kubernetes.containers import port_name
from exposer.network.kubernetes.labels import Names
from exposer.network.kubernetes.pod import pod_spec
from exposer.network.kubernetes.template import template
from exposer.network.kubernetes.volumes import claims
from exposer.network.plan import Pod

_PROTOCOLS = {"p2p": "tcp", "grpc": "grpc"}
"""What a service mesh cannot tell by itself: who speaks first, and HTTP/2 without TLS. All else is HTTP."""


def pod_set(pods: Sequence[Pod], names: Names, settings: str) -> Iterator[dict[str, Any]]:
    """The Service, then the StatefulSet of ``pods``, which are all those of one role.

    ``settings`` is a checksum of what they read in other objects: a ConfigMap that changes restarts no pod.
    """
    role = pods[0].role
    name, selector = names.of_set(role), names.selector_of(role)
    pod = template(pods, {entry.name for entry in names.chain.env})
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": names.metadata(name, role),
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,  # the gates of others ask a pod that is not ready
            "selector": selector,
            "ports": service_ports(pod),
        },
    }
    yield {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": names.metadata(name, role),
        "spec": {
            "serviceName": name,
            "replicas": len(pods),
            "podManagementPolicy": "Parallel",  # no pod waits for another but at its own gate
            **_lifetime(names),
            "selector": {"matchLabels": selector},
            "template": {
                "metadata": {
                    "labels": names.metadata(name, role)["labels"],
                    **({"annotations": {"checksum/settings": settings}} if settings else {}),
                },
                "spec": pod_spec(pod, names),
            },
            **({"volumeClaimTemplates": list(claims(pod, names))} if names.network.kubernetes.storage else {}),
        },
    }


def service_ports(pod: Pod) -> list[dict[str, Any]]:
    """Everything that the pod's servers listen on."""
    listening = {name: port for container in pod.containers for name, port in container.ports.items()}
    return [
        {
            "name": port_name(name),
            "port": port,
            "targetPort": port_name(name),
            "appProtocol": _PROTOCOLS.get(name, "http"),
        }
        for name, port in listening.items()
    ]


def _lifetime(names: Names) -> dict[str, Any]:
    """When pods are replaced, and what becomes of their claims.

    A pod that has no storage begins anew when it is replaced, and where its keys are random they are gone: an edit of
    the template must not do that behind anybody's back. Claims of a network to throw away go with it, others stay.
    """
    if names.network.kubernetes.storage is None:
        return {"updateStrategy": {"type": "OnDelete"}}
    retention = {"whenDeleted": "Delete" if names.network.throwaway else "Retain", "whenScaled": "Retain"}
    return {"updateStrategy": {"type": "RollingUpdate"}, "persistentVolumeClaimRetentionPolicy": retention}
