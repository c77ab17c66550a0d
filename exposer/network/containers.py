"""What a network file says of containers: accepted, and without effect on this machine."""

from typing import Literal

from exposer.network.fields import Port, Quantity, Section, Word


class Amounts(Section):
    """CPU and memory as Kubernetes writes them."""

    cpu: Quantity | None = None
    memory: Quantity | None = None


class Resources(Amounts):
    """Of one container: amounts that are both request and limit, or the two apart."""

    limits: Amounts | None = None
    requests: Amounts | None = None


class ExposerPorts(Section):
    """The sidecar's one port in a container."""

    rest: Port | None = None


class Exposer(Section):
    """The sidecar's container."""

    image: Word | None = None
    ports: ExposerPorts | None = None
    resources: Resources | None = None


class Images(Section):
    """How container images are pulled."""

    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None


class PodResources(Section):
    """Resources of the node's containers and of the gates."""

    node: Resources | None = None
    wait: Resources | None = None
