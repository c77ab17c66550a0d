"""What containers ask of a node where the network file does not say: enough to run a small network, little to reserve.

Memory is bounded where the need is known not to grow with the chain. CPU is bounded for the gate alone, which has to do
with a tenth of one.
"""

from collections.abc import Mapping
from typing import Any

from exposer.network.file.containers import Amounts, Resources

Requirements = Mapping[str, Mapping[str, str]]

_DEFAULTS: Mapping[str, Requirements] = {
    "exposer": {"requests": {"cpu": "20m", "memory": "96Mi"}, "limits": {"memory": "512Mi"}},
    "wait-for-chains": {"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"cpu": "100m", "memory": "96Mi"}},
    "init-build-images": {"requests": {"cpu": "500m", "memory": "1Gi"}},
    "copy-binary": {"requests": {"cpu": "20m", "memory": "32Mi"}},
    "node": {"requests": {"cpu": "100m", "memory": "256Mi"}},
    "create-validator": {"requests": {"cpu": "20m", "memory": "96Mi"}},
    "faucet": {"requests": {"cpu": "20m", "memory": "96Mi"}},
}
_STEP: Requirements = {"requests": {"cpu": "100m", "memory": "128Mi"}}


def requirements(container: str, stated: Resources | None) -> dict[str, Any]:
    """A container's ``resources``: what is ``stated``, amounts without a heading being both request and limit."""
    if stated is None:
        return {kind: dict(amounts) for kind, amounts in _DEFAULTS.get(container, _STEP).items()}
    both = _amounts(Amounts(cpu=stated.cpu, memory=stated.memory))
    found = {"requests": both | _amounts(stated.requests), "limits": both | _amounts(stated.limits)}
    return {kind: amounts for kind, amounts in found.items() if amounts}


def _amounts(amounts: Amounts | None) -> dict[str, str]:
    return amounts.model_dump(exclude_none=True, include={"cpu", "memory"}) if amounts else {}
