"""The pod of a StatefulSet's template: the sidecar, the init steps in the plan's order, then the node and others."""

from dataclasses import replace
from typing import Any

from exposer.duration import parse_duration
from exposer.network.kubernetes import probes
from exposer.network.kubernetes.containers import rendered
from exposer.network.kubernetes.labels import Names
from exposer.network.kubernetes.volumes import volumes
from exposer.network.plan import Container, Pod

_USER = 10001
_NODE_STOP = 35
"""Seconds for what ends before the sidecar, which Kubernetes stops last: the node writes its state, the faucet what it
owes."""


def pod_spec(pod: Pod, names: Names) -> dict[str, Any]:
    """The specification; ``pod`` is a template (`exposer.network.kubernetes.template`)."""
    native = names.network.kubernetes.sidecar == "native"
    exposer = rendered(
        pod.exposer, names, **({"restartPolicy": "Always"} if native else {}), **probes.of_exposer(pod.exposer)
    )
    steps = [rendered(step, names) for step in pod.steps]
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": _NODE_STOP + _drain(pod.exposer),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",  # or each start would make private keys readable for the group
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": names.selector},
            }
        ],
        "initContainers": [exposer, *steps] if native else steps,
        "containers": [*([] if native else [exposer]), *_running(pod, names)],
        "volumes": volumes(pod, names),
    }


def _running(pod: Pod, names: Names) -> list[dict[str, Any]]:
    """What runs once the steps are done."""
    found = [rendered(pod.node, names, **probes.of_node(pod.node, pod.exposer, names.chain.readiness_probe))]
    if pod.faucet:
        found.append(rendered(pod.faucet, names, **probes.of_faucet(pod.faucet)))
    for step in pod.after_start:
        # A container of a StatefulSet's pod never ends for good, so this one stays when its work is done.
        staying = replace(step, command=(*step.command, "--stay"))
        found.append(rendered(staying, names, **probes.of_registration()))
    return found


def _drain(exposer: Container) -> int:
    """Seconds that the sidecar lets downloads go on after SIGTERM."""
    return int(parse_duration(exposer.environment["EXPOSER_DRAIN"]))
