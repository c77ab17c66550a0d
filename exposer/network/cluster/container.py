"""One container of a pod as the API server tells it: what it does, since when it fails, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from exposer.errors import ExitCode
from exposer.network.cause import cause_of, describe_code

Doing = Literal["waiting", "running", "done", "restarting", "failed", "stuck"]
"""``failed`` ended with a code that no retry can mend, though a kubelet tries; ``stuck`` cannot even be started."""
FOREIGN = frozenset({"node", "copy-binary"})
"""Containers that run other people's programs, whose exit codes are not those of `exposer.errors`."""
_IN_ORDER = frozenset({"", "PodInitializing", "ContainerCreating"})
"""What the kubelet says of a container whose turn has not come."""
_ORDINARY = frozenset({"", "Error", "Completed"})
_MEANINGS = {"OOMKilled": "OOMKilled: it went over its memory limit"}


@dataclass(frozen=True)
class ContainerStatus:
    """A container; ``exit_code`` and ``reason`` are of its last end, while no later run has succeeded."""

    name: str
    doing: Doing
    ready: bool = False
    restarts: int = 0
    exit_code: int | None = None
    reason: str = ""

    @property
    def began(self) -> bool:
        """Whether it has ever run: only then it has a log."""
        return self.doing in {"running", "done"} or self.exit_code is not None


def read_container(name: str, told: Mapping[str, Any]) -> ContainerStatus:
    """What ``told``, a ``ContainerStatus`` of the Kubernetes API, says; empty where the kubelet has said nothing yet.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#ContainerStatus
    """
    state, former = told.get("state") or {}, told.get("lastState") or {}
    restarts = int(told.get("restartCount", 0))
    ended: Mapping[str, Any] = state.get("terminated") or former.get("terminated") or {}
    waits = (state.get("waiting") or {}).get("reason", "")
    ready = bool(told.get("ready"))
    if "terminated" in state and ended["exitCode"] == 0:
        return ContainerStatus(name, "done", ready, restarts)
    if "running" in state:
        code, why = (ended["exitCode"], f"after {_end(name, ended)}") if ended and not ready else (None, "")
        return ContainerStatus(name, "running", ready, restarts, code, why)
    if ended and waits in _IN_ORDER | {"CrashLoopBackOff"}:
        code = ended["exitCode"]
        return ContainerStatus(name, _after(name, code), ready, restarts, code, _end(name, ended))
    if waits in _IN_ORDER:
        return ContainerStatus(name, "waiting", ready, restarts)
    message = " ".join(state["waiting"].get("message", "").split())
    return ContainerStatus(name, "stuck", ready, restarts, None, f"{waits}: {message}" if message else waits)


def _after(name: str, code: int) -> Doing:
    final = name not in FOREIGN and code in set(ExitCode) and not ExitCode(code).retryable
    return "failed" if final else "restarting"


def _end(name: str, ended: Mapping[str, Any]) -> str:
    """The exit code, what it means, and the last words (the API keeps 2048 bytes or 80 lines of them)."""
    parts = [describe_code(ended["exitCode"], documented=name not in FOREIGN)]
    reason = ended.get("reason", "")
    if reason not in _ORDINARY:
        parts.append(_MEANINGS.get(reason, reason))
    if cause := cause_of(ended.get("message", "").splitlines()):
        parts.append(cause)
    return ": ".join(parts)
