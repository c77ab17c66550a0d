"""The volumes of a pod, and where its containers have them."""

from collections.abc import Iterator
from typing import Any

from exposer.network.key_source import KEYS_FILE, keys_file_of
from exposer.network.kubernetes.labels import Names
from exposer.network.places import SCRATCH
from exposer.network.plan import COPY, Container, Mount, Pod
from exposer.network.site import Volume

_TMP = "tmp"
_LASTING: tuple[Volume, ...] = ("node", "faucet")
"""What a pod must not lose where its network has storage: the chain's state, and what the faucet owes and has paid."""
_OF_GROUP = 0o440
_TMP_LIMIT = "1Gi"
_FAUCET_SIZE = "1Gi"


def mounts(container: Container) -> list[dict[str, Any]]:
    """Of the plan, and the container's own ``/tmp``, which is the only other place that it can write to."""
    planned = [
        {"name": mount.volume, **_place(mount, container.name), **({"readOnly": True} if mount.read_only else {})}
        for mount in container.mounts
    ]
    return [*planned, {"name": _TMP, "mountPath": SCRATCH, "subPath": container.name}]


def _place(mount: Mount, container: str) -> dict[str, str]:
    """Where the container has the volume: of the keys, the file with those that it needs."""
    if mount.volume == "keys":
        return {"mountPath": f"{mount.path}/{KEYS_FILE}", "subPath": keys_file_of(container)}
    return {"mountPath": mount.path}


def volumes(pod: Pod, names: Names) -> list[dict[str, Any]]:
    """Those of the pod that are not claimed (`claims`)."""
    claimed = _LASTING if names.network.kubernetes.storage else ()
    found = [{"name": name, **_source(name, pod, names)} for name in _used(pod) if name not in claimed]
    # Go's caches of a build, where the network builds, are many times as large as all else.
    limit = {} if pod.builds else {"sizeLimit": _TMP_LIMIT}
    return [*found, {"name": _TMP, "emptyDir": limit}]


def claims(pod: Pod, names: Names) -> Iterator[dict[str, Any]]:
    """What each pod claims for itself where the network file has ``kubernetes.storage``."""
    storage = names.network.kubernetes.storage
    for name in _used(pod):
        if storage is None or name not in _LASTING:
            continue
        yield {
            "metadata": {"name": name},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                **({"storageClassName": storage.class_name} if storage.class_name else {}),
                "resources": {"requests": {"storage": storage.size if name == "node" else _FAUCET_SIZE}},
            },
        }


def _used(pod: Pod) -> list[Volume]:
    return list(dict.fromkeys(mount.volume for container in pod.containers for mount in container.mounts))


def _source(name: Volume, pod: Pod, names: Names) -> dict[str, Any]:
    if name == "keys" and not names.network.throwaway:
        return {"secret": {"secretName": names.keys, "defaultMode": _OF_GROUP}}
    if name in names.private:
        return {"secret": {"secretName": names.of_files(name), "defaultMode": _OF_GROUP}}
    if name in {"keys", "patch", "scripts"}:
        return {"configMap": {"name": names.keys if name == "keys" else names.of_files(name)}}
    if name == "binary" and all(step.name != COPY for step in pod.steps):
        return {"image": {"reference": pod.node.image, **pull_policy(names)}}
    return {"emptyDir": {}}


def pull_policy(names: Names, key: str = "pullPolicy") -> dict[str, str]:
    """When an image is pulled, under the ``key`` of a volume or a container; Kubernetes' default unless stated."""
    policy = names.network.images.image_pull_policy
    return {key: policy} if policy else {}
