"""What all pods of one StatefulSet are: the pod that its template describes, with the pod's own name left open.

Kubernetes replaces ``$(NAME)`` in arguments and values of the environment, and ``$$`` by ``$``
(third_party/forked/golang/expansion of its source); every other ``$`` is doubled here, so that it stays what it is.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from exposer.errors import ExposerError
from exposer.network.plan import Container, Pod

POD_NAME = "POD_NAME"
"""The variable that tells a container its pod's name (downward API)."""
OWN = f"$({POD_NAME})"


def literal(text: str) -> str:
    """``text`` as Kubernetes has to read it to mean just that."""
    return text.replace("$", "$$")


def refers(text: str) -> bool:
    """Whether Kubernetes puts the pod's name into ``text``."""
    return OWN in text.replace("$$", "")


def template(pods: Sequence[Pod], given: Collection[str]) -> Pod:
    """The one pod that all of ``pods`` are; variables of the network file (``given``) stay as they are.

    Raises:
        ExposerError: they differ in more than their names, which is a fault of the plan.
    """
    first, *others = (_general(pod, given) for pod in pods)
    if any(other != first for other in others):
        names = ", ".join(pod.name for pod in pods)
        raise ExposerError(f"{names}: the pods of one StatefulSet differ in more than their names; report this")
    return first


def _general(pod: Pod, given: Collection[str]) -> Pod:
    own = re.compile(rf"(?<![a-z0-9-]){re.escape(pod.name)}(?![a-z0-9-])")

    def of(container: Container) -> Container:
        environment = {
            name: literal(value) if name in given else own.sub(OWN, literal(value))
            for name, value in container.environment.items()
        }
        command = tuple(own.sub(OWN, literal(part)) for part in container.command)
        return replace(container, command=command, environment=environment)

    return replace(
        pod,
        name=pod.name.rpartition("-")[0],
        ordinal=0,
        exposer=of(pod.exposer),
        steps=tuple(map(of, pod.steps)),
        node=of(pod.node),
        after_start=tuple(map(of, pod.after_start)),
        faucet=of(pod.faucet) if pod.faucet else None,
    )
