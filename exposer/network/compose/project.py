"""A plan as a compose project: each container of the plan is a service, each volume of a pod a named volume.

    <pod>-exposer -> <pod>-<step> -> <pod>-<next step> ... -> <pod>, the node -> <pod>-faucet, <pod>-create-validator

An arrow is ``depends_on``: on the start of a server, on the success of a step. A gate also depends on the last step of
the genesis pod: where that fails for good ``docker compose up`` ends, instead of waiting for ever with the gate. The
step that founds a network depends on the exposers of all pods, which it asks whether there is one already.

Sources: the Compose Specification, and what docker compose 2.40 makes of it with Docker 20.10.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from exposer.network.compose.anchors import Block, compose_yaml
from exposer.network.compose.ports import published
from exposer.network.compose.service import (
    KEYS,
    PROFILE,
    Place,
    config_name,
    literal,
    secret_name,
    service,
    service_name,
    volumes,
)
from exposer.network.document import Document
from exposer.network.key_source import keys_file_of
from exposer.network.names import dns_label, pod_names
from exposer.network.outside import is_private, outside
from exposer.network.plan import Plan, Pod
from exposer.network.plan_files import PlanFile
from exposer.network.rendering import PRIVATE, READABLE, RenderedFile, header

COMPOSE_FILE = "compose.yaml"
ENVIRONMENT_FILE = ".env"
KEYS_DIRECTORY = "keys"
"""Where the files with the keys are expected beside it; what is in them is not the renderer's business."""
USER = "10001:10001"
GRACE = "30s"
"""Between SIGTERM and SIGKILL: above a sidecar's drain, and what a node takes to stop."""
_CLOSED = {"directory_mode": 0o700}
_NONE = {"disable": True}  # of our image: its own is that of an exposer
_PULLS = {"Always": "always", "IfNotPresent": "missing", "Never": "never"}
_HEADER = b"""\
#
#   docker compose up --detach --wait     until every pod is ready and every node at the tip
#   docker compose ps --all               what runs, and what is done; docker compose logs SERVICE: what it said
#   docker compose down --volumes         stop it, and delete what it made
#
# The files in keys are mounted as they are, and user 10001 reads them: mode 0644, in a directory of mode 0700.
# ADDRESSES is the first half of all addresses, and must be no other network's: ADDRESSES=10.77 docker compose up
"""


def render_compose(plan: Plan, document: Document) -> list[RenderedFile]:
    """The compose file, the files that steps read, and an ``.env`` where a profile has to be on; without the keys."""
    content = header("compose", document) + _HEADER + compose_yaml(_project(plan, document))
    written = document.source.written
    private = [file for file in plan.files if is_private(file, written)]
    values = any(outside(chain, plan.pods, written) for chain in document.network.chains)
    files = [RenderedFile(COMPOSE_FILE, content, mode=PRIVATE if private or values else READABLE)]
    for file in plan.files:  # what is private is in a directory that is closed to others
        closed = _CLOSED if file in private else {}
        files.append(RenderedFile(_path(file), file.content, **closed))
    if any(pod.faucet for pod in plan.pods):  # which validators that join need, so it must be on
        files.append(RenderedFile(ENVIRONMENT_FILE, f"COMPOSE_PROFILES={PROFILE}\n".encode()))
    return files


def _path(file: PlanFile) -> str:
    return f"files/{file.chain}/{file.volume}/{file.name}"


def _project(plan: Plan, document: Document) -> dict[str, Any]:
    """The whole file, as data."""
    blocks = _blocks(_PULLS.get(document.network.images.image_pull_policy or "", ""))
    prefix = _prefix(plan.name)
    addresses = {
        pod: f"{prefix}.{of_chain}.{place + 2}"  # a chain that grows takes no address of another one's
        for of_chain, chain in enumerate(document.network.chains)
        for place, pod in enumerate(pod_names(chain))
    }
    ports = published(document.network)
    shared = {chain.id: _of_chain(plan, chain.id) for chain in document.network.chains}
    services = {}
    for pod in plan.pods:
        variables = _of_pod(pod, shared[pod.chain])
        exposed = ports[pod.chain] if pod.role == "genesis" else {}
        pods = [other for other in plan.pods if other.chain == pod.chain]
        place = Place(pod, pods, plan.files, variables, addresses, exposed)
        for container in pod.containers:
            services[service_name(pod, container)] = service(place, container, blocks)
    configs = {config_name(file): {"file": f"./{_path(file)}"} for file in plan.files}
    return {
        "name": dns_label(plan.name),
        **{f"x-{block.name}": block for block in (*blocks.values(), *shared.values())},
        "services": services,
        "networks": {"default": {"ipam": {"config": [_subnet(prefix)]}}},
        "volumes": {name: {} for pod in plan.pods for name in volumes(pod)},
        **({"configs": configs} if configs else {}),
        "secrets": {secret_name(file): {"file": f"./{KEYS_DIRECTORY}/{file}"} for file in _keys_files(plan)},
    }


def _keys_files(plan: Plan) -> list[str]:
    containers = (container for pod in plan.pods for container in pod.containers)
    used = (one.name for one in containers if any(mount.volume == KEYS for mount in one.mounts))
    return sorted({keys_file_of(name) for name in used})


def _blocks(pull: str) -> dict[str, Block]:
    """What all services have, and what steps and servers have besides, by name."""
    box = {
        **({"pull_policy": pull} if pull else {}),
        "user": USER,
        "read_only": True,
        "tmpfs": ["/tmp"],  # noqa: S108 - in the container
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "stop_grace_period": GRACE,
    }
    container = Block(box, name="container")
    return {
        "container": container,
        "step": Block({"restart": "on-failure:5", "healthcheck": _NONE}, name="step", base=container),
        "server": Block({"restart": "unless-stopped"}, name="server", base=container),
    }


def _prefix(name: str) -> str:
    """The first half of all addresses: by default a private network that follows from the project's name."""
    return f"${{ADDRESSES:-10.{128 + hashlib.sha256(dns_label(name).encode()).digest()[0] % 96}}}"


def _subnet(prefix: str) -> dict[str, str]:
    """The project's network. Containers that have no address of their own get one from its upper half.

    Nodes have: CometBFT resolves the names of its peers once, when it starts, and forgets those that do not resolve
    then (``p2p/switch.go``, ``AddPersistentPeers``), and Docker gives a container that comes back another address.
    """
    return {"subnet": f"{prefix}.0.0/16", "ip_range": f"{prefix}.128.0/17"}


def _of_chain(plan: Plan, chain: str) -> Block:
    """The variables that the steps of all pods of a chain have alike."""
    first, *others = (pod.environment for pod in plan.pods if pod.chain == chain)
    alike = {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}
    return Block(_literals(alike), name=f"{dns_label(chain)}-steps")  # no name of a pod, nor of `_blocks`


def _of_pod(pod: Pod, shared: Block) -> Block:
    """The variables that all its steps have."""
    own = {name: value for name, value in pod.environment.items() if name not in shared}
    return Block(_literals(own), name=pod.name, base=shared)


def _literals(variables: Mapping[str, str]) -> dict[str, str]:
    return {name: literal(value) for name, value in variables.items()}
