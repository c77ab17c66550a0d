"""One container of a plan as a compose service: what it runs, mounts and waits for, and how its health is asked."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from exposer.network.compose.anchors import Block
from exposer.network.environment import CHANGEABLE, CONFIG_OVERRIDES
from exposer.network.file.containers import Amounts, Resources
from exposer.network.file.quantity import parse_quantity
from exposer.network.key_source import KEYS_FILE, keys_file_of
from exposer.network.names import exposers_name
from exposer.network.plan import BUILD, COPY, FOUNDING, GATE, Container, Mount, Pod
from exposer.network.plan_files import PlanFile

PROFILE = "faucet"
KEYS = "keys"
"""The secret with all of them, and the volume of the plan that it is."""
_STARTED = {"condition": "service_started"}
_DONE = {"condition": "service_completed_successfully"}
_STAY = "create-validator"
_HEALTH = {
    "exposer": ("sidecar-healthy", "/readyz?node=moving", "{port}"),
    "faucet": ("sidecar-healthy", "/readyz", "{port}"),
    "node": ("sidecar-healthy", "/health", "{port}"),
    _STAY: ("test", "-e", "/tmp/registered"),  # noqa: S108 - in the container
}
"""Container -> what tells its health. A healthy exposer: its pod is ready, and its node makes blocks.

Nothing waits for a container's health but ``up --wait``, so more is asked than of a pod in a cluster, where an update
goes on to the next pod once one is ready: a chain that needs them all to go on would never be updated.
"""


@dataclass(frozen=True)
class Place:
    """A pod, and what of the project its services refer to.

    ``pods`` are those of its chain, the genesis pod first. ``variables`` are those of all its steps, ``addresses`` are
    those of the nodes by pod, ``ports`` what is published: name -> port of the machine.
    """

    pod: Pod
    pods: Sequence[Pod]
    files: Sequence[PlanFile]
    variables: Block
    addresses: Mapping[str, str]
    ports: Mapping[str, int]

    @property
    def leader(self) -> Pod:
        """The genesis pod of its chain."""
        return self.pods[0]


def service_name(pod: Pod, container: Container) -> str:
    """The node's is the pod's, for peers dial it; the others' are the pod's and their own."""
    return pod.name if container is pod.node else f"{pod.name}-{container.name}"


def secret_name(file: str) -> str:
    """Of one of the files that the keys are in."""
    return KEYS if file == KEYS_FILE else f"{KEYS}-{file.removesuffix('.json')}"


def config_name(file: PlanFile) -> str:
    """Of one of the plan's files, in the whole project."""
    return f"{file.chain}-{file.volume}-{file.name}"


def literal(text: str) -> str:
    """``text`` as compose leaves it, which takes what follows a dollar sign for a variable."""
    return text.replace("$", "$$")


def volumes(pod: Pod) -> Iterator[str]:
    """The named volumes of a pod."""
    mounts = (mount for container in pod.containers for mount in container.mounts)
    yield from dict.fromkeys(_volume(pod, mount) for mount in mounts if _is_named(pod, mount))


def service(place: Place, container: Container, blocks: Mapping[str, Block]) -> Block:
    """The service of one container of the pod."""
    pod = place.pod
    stays = (*pod.after_start, pod.exposer, pod.node, pod.faucet)
    command = (*container.command, *(["--stay"] if container.name == _STAY else []))
    content = {
        "image": literal(container.image),
        "entrypoint": [literal(word) for word in command],
        **_environment(place, container),
        **_mounts(place, container),
        **_after(place, container),
        **_health(pod, container),
        **_own(place, container),
        **_limits(container.resources),
    }
    return Block(content, base=blocks["server" if container in stays else "step"])


def _environment(place: Place, container: Container) -> dict[str, Any]:
    common, told = place.pod.environment, container.environment
    if not common.items() <= told.items():
        return {"environment": {name: literal(value) for name, value in told.items()}} if told else {}
    own = {name: literal(value) for name, value in told.items() if name not in common}
    return {"environment": Block(own, base=place.variables) if own else place.variables}


def _mounts(place: Place, container: Container) -> dict[str, Any]:
    pod, named, configs, secrets = place.pod, list[Any](), list[Any](), list[Any]()
    for mount in container.mounts:
        if mount.volume == KEYS:
            source = secret_name(keys_file_of(container.name))
            secrets.append({"source": source, "target": f"{mount.path}/{KEYS_FILE}"})
        elif mount.volume in {"patch", "scripts"}:
            files = [file for file in place.files if (file.chain, file.volume) == (pod.chain, mount.volume)]
            configs += [{"source": config_name(file), "target": f"{mount.path}/{file.name}"} for file in files]
        elif _is_named(pod, mount):
            named.append(f"{_volume(pod, mount)}:{mount.path}{':ro' if mount.read_only else ''}")
        else:
            named.append({"type": "image", "source": literal(pod.node.image), "target": mount.path})
    if container.name == BUILD:
        named.append("/tmp")  # noqa: S108 - in the container; a volume of its own, for a build does not fit into memory
    found = {"volumes": named, "configs": configs, "secrets": secrets}
    return {name: entries for name, entries in found.items() if entries}


def _is_named(pod: Pod, mount: Mount) -> bool:
    """Whether it is a volume that lasts: not where nothing fills the binary's, for then it is an image."""
    filled = mount.volume != "binary" or any(step.name == COPY for step in pod.steps)
    return filled and mount.volume in {"node", "faucet", "binary"}


def _volume(pod: Pod, mount: Mount) -> str:
    return pod.name if mount.volume == "node" else f"{pod.name}-{mount.volume}"


def _after(place: Place, container: Container) -> dict[str, Any]:
    """What must have started, or have been done, before the container starts."""
    pod, leader = place.pod, place.leader
    if container is pod.exposer:
        return {}
    chain = (pod.exposer, *pod.steps, pod.node)
    former = chain[chain.index(container) - 1] if container in chain else pod.node
    after = {service_name(pod, former): _STARTED if former in (pod.exposer, pod.node) else _DONE}
    if container.name == GATE:
        after[service_name(leader, leader.steps[-1])] = _DONE
    if container.name == FOUNDING:
        after |= {service_name(other, other.exposer): _STARTED for other in place.pods if other is not leader}
    return {"depends_on": after}


def _health(pod: Pod, container: Container) -> dict[str, Any]:
    """How its health is asked.

    A node in an image that is not ours can do no more than start its binary: what it inherits may be of another server,
    and compose takes a check that is switched off for one that fails (``up --wait``). Its exposer says the rest.
    """
    if container.name not in _HEALTH:
        return {}
    port = container.ports.get("rpc") or next(iter(container.ports.values()), 0)
    test = [word.format(port=port) for word in _HEALTH[container.name]]
    if container is pod.node and container.image != pod.steps[-1].image:
        test = [literal(container.command[0]), "version"]
    # Steps have no time limit, and compose gives up at the first container that is unhealthy: not that of a node that
    # was killed, while `up` goes through the steps before it, which takes a slow machine more than half a minute.
    patience = {"interval": "10s", "timeout": "10s", "start_period": "24h", "retries": 12}
    return {"healthcheck": {"test": ["CMD", *test], **patience}}


def _settings(place: Place) -> str:
    """A checksum of how the pod's node and faucet run: a service that is the same is not started again."""
    pod = place.pod
    told = [{name: step.environment.get(name) for name in sorted(CHANGEABLE.get(step.name, ()))} for step in pod.steps]
    for file in place.files:
        if (file.chain, file.name) == (pod.chain, CONFIG_OVERRIDES):
            overrides = json.loads(file.content)
            told += [overrides.pop("pods", {}).get(f"{pod.role}-{pod.ordinal}", {}), overrides]
    return sha256(json.dumps(told).encode()).hexdigest()[:16]


def _own(place: Place, container: Container) -> dict[str, Any]:
    """What only some containers have."""
    own: dict[str, Any] = {}
    if place.ports and container.ports:
        own["ports"] = [f"127.0.0.1:{place.ports[name]}:{port}" for name, port in container.ports.items()]
    if container is place.pod.faucet:
        own["profiles"] = [PROFILE]
    if container is place.pod.exposer:
        own["networks"] = {"default": {"aliases": [exposers_name(place.leader.name)]}}
    if container in (place.pod.node, place.pod.faucet):
        own["labels"] = {"exposer.settings": _settings(place)}  # what it reads of its step's files, made anew with them
    if container is place.pod.node:
        own["networks"] = {"default": {"ipv4_address": place.addresses[place.pod.name]}}
        if place.leader is not place.pod:
            own["extra_hosts"] = [f"{place.leader.name}={place.addresses[place.leader.name]}"]
    if container.name == BUILD:
        own["tmpfs"] = []
    if container.name == COPY:
        own["user"] = "0:0"  # without any capability: a volume that no image of ours mounts first is root's
    return own


def _limits(resources: Resources | None) -> dict[str, Any]:
    """Amounts that a container may not exceed, in compose's units; requests mean nothing to an engine alone."""
    amounts: Amounts | None = resources and (resources.limits or resources)
    if not amounts:
        return {}
    limits = {
        **({"cpus": f"{parse_quantity(amounts.cpu):f}"} if amounts.cpu else {}),
        **({"memory": str(int(parse_quantity(amounts.memory)))} if amounts.memory else {}),
    }
    return {"deploy": {"resources": {"limits": limits}}} if limits else {}
