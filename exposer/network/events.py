"""What happens during a bring-up, for whoever shows it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

What = Literal["running", "done", "failed", "restarting", "stopping", "ready"]


@dataclass(frozen=True)
class Event:
    """One change: of a pod's program, of a pod (``program`` empty), or of the network (both empty)."""

    pod: str
    program: str
    what: What
    detail: str = ""


SIDECARS = frozenset({"exposer", "faucet"})
"""Programs that run beside a pod's steps and its node: what they do is not what the pod is at."""
Tell = Callable[[Event], None]
