"""What a network file says of containers: without effect on this machine, the renderers' part elsewhere."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from exposer.network.file.fields import Label, Port, PortOrName, Quantity, Rule, Section, Subdomain, Word
from exposer.network.file.quantity import parse_quantity

_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
Seconds = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]


def _bytes(value: str) -> str:
    if value.endswith(("m", "u", "n")):
        raise ValueError(f"is in parts of a byte; write {value[:-1]}M for megabytes")
    return value


class Amounts(Section):
    """CPU and memory as Kubernetes writes them."""

    cpu: Quantity | None = None
    """Cores, like 0.5 or 500m."""
    memory: Annotated[Quantity, Rule(_bytes)] | None = None
    """Bytes, like 400M or 1Gi."""


class Resources(Amounts):
    """Of one container: amounts that are both request and limit, or the two apart."""

    limits: Amounts | None = None
    """What it can have at most."""
    requests: Amounts | None = None
    """What is kept free for it."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        """As Kubernetes has it: no request above its limit; and no name that stands twice for one amount."""
        apart = self.limits or self.requests
        for name in ("cpu", "memory"):
            if apart and getattr(self, name) is not None:
                raise ValueError(f"has {name} beside limits and requests; write it in one of the two ways")
            asked, most = getattr(self.requests, name, None), getattr(self.limits, name, None)
            if asked and most and parse_quantity(asked) > parse_quantity(most):
                raise ValueError(f"requests {asked} of {name}, above the limit of {most}; raise the limit")
        return self


class Exec(Section):
    """A command in the container; ready when it exits 0."""

    command: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    """The program and its arguments."""


class HttpHeader(Section):
    """One header of a probe's request."""

    name: str
    """Its name."""
    value: str
    """Its value."""


class HttpGet(Section):
    """A request to the container; ready on a status below 400."""

    port: PortOrName
    """Where it is sent: a number, or the name of one of the container's ports."""
    path: str | None = None
    """The path that is asked for."""
    host: str | None = None
    """Another host than the pod's own address."""
    scheme: Literal["HTTP", "HTTPS"] | None = None
    """Whether it is encrypted."""
    http_headers: tuple[HttpHeader, ...] | None = Field(None, strict=False)
    """Headers of the request."""


class TcpSocket(Section):
    """A connection; ready when it is accepted."""

    port: PortOrName
    """Where to: a number, or the name of one of the container's ports."""
    host: str | None = None
    """Another host than the pod's own address."""


class Grpc(Section):
    """gRPC's own health protocol."""

    port: Port
    """Where it is asked."""
    service: str | None = None
    """Whose health."""


class Probe(Section):
    """A readiness probe, as Kubernetes writes it (core/v1 Probe)."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": [name]} for name in _HANDLERS]})

    exec: Exec | None = None
    """A command in the container."""
    http_get: HttpGet | None = None
    """An HTTP request."""
    tcp_socket: TcpSocket | None = None
    """A connection."""
    grpc: Grpc | None = None
    """A gRPC health check."""
    initial_delay_seconds: Seconds | None = None
    """How long after the start it is asked first."""
    timeout_seconds: Count | None = None
    """How long an answer may take."""
    period_seconds: Count | None = None
    """How often it is asked."""
    success_threshold: Count | None = None
    """How many answers in a row make it ready."""
    failure_threshold: Count | None = None
    """How many failures in a row make it unready."""

    @model_validator(mode="after")
    def _one_handler(self) -> Self:
        if [self.exec, self.http_get, self.tcp_socket, self.grpc].count(None) != len(_HANDLERS) - 1:
            raise ValueError("must have one of exec, httpGet, tcpSocket and grpc; keep one")
        return self


class ExposerPorts(Section):
    """The sidecar's one port in a container."""

    rest: Port | None = None
    """Where it is asked."""


class Exposer(Section):
    """The sidecar in containers."""

    image: Word | None = None
    """The image of exposer; default exposer with this version as its tag."""
    ports: ExposerPorts | None = None
    """Where it listens."""
    resources: Resources | None = None
    """Of its container."""


class Images(Section):
    """How container images are pulled, and how a chain's binary gets to the steps of its pods."""

    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    """When they are pulled."""
    binary: Literal["same", "copied", "volume"] | None = None
    """same: the chain's image has exposer too. copied: a container of the chain's image copies its binary out. volume:
    the chain's image is mounted (Kubernetes 1.33). Default copied where an image is known for the chain, else same."""
    build: Word | None = None
    """An image with exposer, go and git, and cosmovisor for upgrades; needed where binaries are built."""


class PodResources(Section):
    """Resources of the containers of all chains."""

    node: Resources | None = None
    """Of nodes and their steps."""
    wait: Resources | None = None
    """Of the gates."""


class Storage(Section):
    """A PersistentVolumeClaim for each pod's volume, so that its state survives the pod."""

    size: Quantity
    """How large, like 10Gi."""
    class_name: Subdomain | None = None
    """The StorageClass; default the cluster's own."""


class Kubernetes(Section):
    """What only Kubernetes manifests have."""

    namespace: Label | None = None
    """The namespace of everything."""
    storage: Storage | None = None
    """Volumes that survive their pods; absent means emptyDir."""
    sidecar: Literal["native", "classic"] = "native"
    """How exposer runs: as an init container that goes on (native, Kubernetes 1.29), or beside the node."""
    service_monitor: bool = False
    """Whether there is a ServiceMonitor for Prometheus Operator."""
    network_policy: bool = True
    """Whether a NetworkPolicy lets pods be reached on their ports alone."""
