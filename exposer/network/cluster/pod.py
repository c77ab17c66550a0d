"""One pod of a network as the API server tells it: how far it is, and what keeps it."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from exposer.network.agreement import Holder
from exposer.network.cluster.container import ContainerStatus, read_container

PREFIX = "app.kubernetes.io/"
MANAGED = f"{PREFIX}managed-by=exposer,{PREFIX}component in (genesis,validator)"
"""The labels that the renderer sets, and the selector of all pods and StatefulSets that it made."""
EXPOSER_PORT = 8081
NOT_READY = "it is not ready yet"
_LEAVING = frozenset({"stopping", "ended"})


@dataclass(frozen=True)
class SidecarStatus:
    """What the pod's own exposer says besides, where the API server lets it be asked."""

    genesis_sha256: str | None = None
    height: int | None = None
    catching_up: bool = False
    reason: str = ""
    stalled: bool = False


@dataclass(frozen=True)
class PodStatus:
    """A pod: ``phase`` is the container that it is at, or a word for the whole pod, and ``doing`` what that does.

    ``step`` of ``steps`` init steps are done or at work. ``reason`` is why it is not further, as far as anybody says.
    ``host`` is the cluster's node; ``sidecar`` None where nobody could be asked.
    """

    name: str
    network: str
    chain: str
    role: str
    ordinal: int
    phase: str
    doing: str = ""
    reason: str = ""
    step: int = 0
    steps: int = 0
    exit_code: int | None = None
    restarts: int = 0
    host: str = ""
    exposer_port: int = EXPOSER_PORT
    containers: tuple[ContainerStatus, ...] = ()
    sidecar: SidecarStatus | None = None
    uid: str = ""

    @property
    def ready(self) -> bool:
        """Whether the pod serves: every container runs and says so."""
        return self.phase == "ready"

    @property
    def holder(self) -> Holder:
        """Which genesis it holds, as far as its sidecar says; one that is stopping holds it no longer."""
        told = self.sidecar.genesis_sha256 if self.sidecar and self.phase not in _LEAVING else None
        return Holder(self.chain, self.name, told)

    @property
    def now(self) -> str:
        """What it does, in two words."""
        return f"{self.phase} {self.doing}".strip()

    @property
    def place(self) -> tuple[bool, str, int]:
        """Genesis pods of all chains first, then by name and ordinal."""
        return self.role != "genesis", self.name.rpartition("-")[0], self.ordinal

    def to_json(self) -> dict[str, Any]:
        """The pod in ``exposer k8s status --json``."""
        document = asdict(self) | {"ready": self.ready}
        del document["exposer_port"], document["uid"]
        return document


def read_sidecar(document: Mapping[str, Any]) -> SidecarStatus:
    """What a sidecar's ``/status`` says; raises LookupError, TypeError or ValueError where it is none."""
    digests = {one["name"]: one["sha256"] for one in document["artifacts"]}
    node = document["node"]
    height, behind = (int(node["height"]), bool(node["catching_up"])) if node else (None, False)
    stalled = document.get("phase") == "stalled"
    return SidecarStatus(digests.get("genesis"), height, behind, document.get("reason") or "", stalled)


def read_pod(document: Mapping[str, Any]) -> PodStatus:
    """The pod in ``document``, a ``Pod`` of the Kubernetes API (v1) as JSON."""
    metadata, spec, told = document["metadata"], document["spec"], document.get("status") or {}
    labels, name = metadata.get("labels") or {}, metadata["name"]
    init, others = (_containers(spec, told, kind) for kind in ("initContainers", "containers"))
    sidecars = {one["name"] for one in spec.get("initContainers", ()) if one.get("restartPolicy") == "Always"}
    steps = [one for one in init if one.name not in sidecars]
    done = sum(one.doing == "done" for one in steps)
    ordinal = labels.get("apps.kubernetes.io/pod-index") or name.rpartition("-")[2]
    pod = PodStatus(
        name=name,
        network=labels.get(f"{PREFIX}part-of", ""),
        chain=_chain(spec) or labels.get(f"{PREFIX}instance", ""),
        role=labels.get(f"{PREFIX}component", ""),
        ordinal=int(ordinal) if ordinal.isdecimal() else 0,
        phase="waiting",
        step=done,
        steps=len(steps),
        restarts=sum(one.restarts for one in (*init, *others)),
        host=spec.get("nodeName", ""),
        exposer_port=_port(spec),
        containers=(*init, *others),
        uid=metadata.get("uid", ""),
    )
    conditions = {one["type"]: one for one in told.get("conditions", ())}
    if whole := _whole(document, conditions):
        return replace(pod, phase=whole[0], reason=whole[1])
    started = {one["name"] for one in told.get("initContainerStatuses", ()) if one.get("started")}
    pending = (one for one in init if not (one.name in started if one.name in sidecars else one.doing == "done"))
    at = next(pending, None) or _hindrance(others)
    if at is None:
        return replace(pod, phase="starting", reason=conditions.get("Ready", {}).get("message", ""))
    reason = at.reason or (NOT_READY if at in others and at.doing == "running" else "")
    return replace(pod, phase=at.name, doing=at.doing, reason=reason, exit_code=at.exit_code, step=done + (at in steps))


def _whole(document: Mapping[str, Any], conditions: Mapping[str, Mapping[str, Any]]) -> tuple[str, str] | None:
    """Phase and reason, where there is something to say about the pod that no container tells."""
    told, scheduled = document.get("status") or {}, conditions.get("PodScheduled", {})
    if document["metadata"].get("deletionTimestamp"):
        return "stopping", ""
    if told.get("phase") in {"Failed", "Succeeded"}:  # evicted, or its machine is gone
        reason = ": ".join(part for part in (told.get("reason"), told.get("message")) if part)
        return "ended", reason
    if scheduled.get("status") == "False":
        return "unscheduled", scheduled.get("message", "")
    if conditions.get("Ready", {}).get("status") == "True":
        return "ready", ""
    return None if told.get("initContainerStatuses") or told.get("containerStatuses") else ("waiting", "")


def _hindrance(containers: tuple[ContainerStatus, ...]) -> ContainerStatus | None:
    """Of containers that run side by side the one that keeps the pod: what does not run before what is not ready."""
    kept = [one for one in containers if not one.ready]
    return next((one for one in kept if one.doing != "running"), None) or next(iter(kept), None)


def _containers(spec: Mapping[str, Any], told: Mapping[str, Any], kind: str) -> tuple[ContainerStatus, ...]:
    """The containers of one kind in their order."""
    statuses = {one["name"]: one for one in told.get(f"{kind.removesuffix('s')}Statuses", ())}
    return tuple(read_container(one["name"], statuses.get(one["name"], {})) for one in spec.get(kind, ()))


def _port(spec: Mapping[str, Any]) -> int:
    """Where the pod's exposer listens."""
    exposers = (one for one in _all(spec) if one["name"] == "exposer")
    return next((int(port["containerPort"]) for one in exposers for port in one.get("ports", ())), EXPOSER_PORT)


def _chain(spec: Mapping[str, Any]) -> str:
    """The chain id as the steps are told it: a label cannot hold every one."""
    variables = (variable for one in _all(spec) for variable in one.get("env", ()))
    return next((one["value"] for one in variables if one["name"] == "CHAIN_ID" and one.get("value")), "")


def _all(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from spec.get("initContainers", ())
    yield from spec["containers"]


def missing_pods(stateful_set: Mapping[str, Any], present: frozenset[str], reason: str) -> Iterator[PodStatus]:
    """The pods that a ``StatefulSet`` (apps/v1) is to have and has not; ``reason`` is what its controller says."""
    metadata, spec = stateful_set["metadata"], stateful_set["spec"]
    labels = metadata.get("labels") or {}
    first = int((spec.get("ordinals") or {}).get("start", 0))
    for ordinal in range(first, first + int(spec.get("replicas", 1))):
        name = f"{metadata['name']}-{ordinal}"
        if name not in present:
            network, role = (labels.get(f"{PREFIX}{label}", "") for label in ("part-of", "component"))
            chain = labels.get(f"{PREFIX}instance", "")
            yield PodStatus(name, network, chain, role, ordinal, phase="missing", reason=reason)
