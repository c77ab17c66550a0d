"""What happens to the pods of a network, for whoever shows it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

What = Literal["running", "done", "failed", "restarting", "stopping", "ready", "unready"]
InCluster = Literal["waiting", "stuck", "unscheduled", "starting", "ended", "missing", "gone", "unreachable"]
"""What only a cluster tells: of a container that cannot be started, or of a pod or a server that is not there."""


@dataclass(frozen=True)
class Event:
    """One change: of a pod's program, of a pod (``program`` empty), or of the network (both empty)."""

    pod: str
    program: str
    what: What | InCluster
    detail: str = ""


SIDECARS = frozenset({"exposer", "faucet"})
"""Programs that run beside a pod's steps and its node: what they do is not what the pod is at."""
Tell = Callable[[Event], None]

LEVELS = {
    "failed": logging.ERROR,
    **dict.fromkeys(
        ("restarting", "unready", "stuck", "unscheduled", "missing", "ended", "unreachable"), logging.WARNING
    ),
}
"""What is no news but a warning, or worse; all else is told as information."""


def log_event(log: logging.Logger, event: Event) -> None:
    """One line for one change: text, or JSON with the event's fields."""
    subject = " ".join(part for part in (event.pod, event.program) if part) or "network"
    fields = {"pod": event.pod, "program": event.program, "state": event.what, "detail": event.detail}
    text = f"{subject}: {event.what}" + (f": {event.detail}" if event.detail else "")
    log.log(LEVELS.get(event.what, logging.INFO), "%s", text, extra={"fields": fields})
