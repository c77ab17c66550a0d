"""How the kubelet tells that a container has started, is ready, and lives.

An init step begins when the sidecar has started, and a pod is ready when its sidecar, its node, its faucet and its
registration are. A node is ready when ``exposer up`` would call it up: it has a block and is not catching up, which its
sidecar asks for it; a probe of its own cannot look into an answer, and a chain's image may have no shell.
"""

from typing import Any

from exposer.network.file.containers import Probe
from exposer.network.plan import Container

REGISTERED = "/tmp/registered"  # noqa: S108 - in the container's own volume
"""What ``create-validator --stay`` leaves when the validator is there."""

_STARTUP = 3600
"""Seconds that a node has until its RPC answers: it does so after the application has taken in the whole genesis."""


def of_exposer(container: Container) -> dict[str, Any]:
    """Of the sidecar: it answers for itself (``/livez``), and for the pod's init (``/readyz``)."""
    port = container.ports["exposer"]
    return {
        "startupProbe": _get(port, "/livez", period=1, failures=120),
        "readinessProbe": _get(port, "/readyz", period=5),
        "livenessProbe": _get(port, "/livez", period=10, failures=6),
    }


def of_node(container: Container, exposer: Container, stated: Probe | None) -> dict[str, Any]:
    """Of a node: ``chains[].readinessProbe`` says when it is ready, else its sidecar.

    One that does not answer for five minutes is started again, but under cosmovisor: it is silent for as long as an
    upgrade migrates its state, and whoever ends it then has it begin anew.
    """
    port = container.ports["rpc"]
    ready = _get(exposer.ports["exposer"], "/readyz?node=synced", period=5)
    upgrades = container.command[0] == "cosmovisor"
    return {
        "startupProbe": _get(port, "/health", period=2, failures=_STARTUP // 2),
        "readinessProbe": stated.model_dump(by_alias=True, exclude_none=True, mode="json") if stated else ready,
        **({} if upgrades else {"livenessProbe": _get(port, "/health", period=30, failures=10)}),
    }


def of_faucet(container: Container) -> dict[str, Any]:
    """Of a faucet, which is ready while it can pay."""
    port = container.ports["faucet"]
    return {
        "startupProbe": _get(port, "/livez", period=1, failures=120),
        "readinessProbe": _get(port, "/readyz", period=5),
        "livenessProbe": _get(port, "/livez", period=10, failures=6),
    }


def of_registration() -> dict[str, Any]:
    """Of the container that stays when it has made the validator."""
    return {"readinessProbe": {"exec": {"command": ["test", "-e", REGISTERED]}, "periodSeconds": 5}}


def _get(port: int, path: str, *, period: int, failures: int = 3) -> dict[str, Any]:
    timing = {"periodSeconds": period, "timeoutSeconds": 6, "failureThreshold": failures}
    return {"httpGet": {"port": port, "path": path}, **timing}
