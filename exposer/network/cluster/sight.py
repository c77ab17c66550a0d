"""The pods of a network as they are now, with all that may be asked to explain them."""

import contextlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from exposer.errors import TemporaryError
from exposer.network.agreement import Split, splits
from exposer.network.cluster.api import Api, ForbiddenError
from exposer.network.cluster.pod import (
    MANAGED,
    NOT_READY,
    PREFIX,
    PodStatus,
    missing_pods,
    read_pod,
    read_sidecar,
)

Warnings = dict[tuple[str, str], str]
_AT_ONCE = 8
_SHOWN_BY_KUBELET = frozenset({"BackOff", "Failed", "FailedScheduling"})
"""Warnings whose cause the pod's own status tells, and better."""


@dataclass
class Sight:
    """Looks at the pods of one network, or of all where ``network`` is None."""

    api: Api
    network: str | None = None
    _pods: dict[str, PodStatus] = field(default_factory=dict)
    _version: str = ""
    _refused: set[str] = field(default_factory=set)
    """What this user may not ask, which is asked once."""

    @property
    def selector(self) -> str:
        """The labels of the pods."""
        return MANAGED + (f",{PREFIX}part-of={self.network}" if self.network else "")

    def pods(self) -> list[PodStatus]:
        """The pods that there are, genesis pods first; raises what `Api.pods` does."""
        listing = self.api.pods(self.selector)
        self._version = listing.version
        self._pods = {pod.name: pod for pod in map(read_pod, listing.items)}
        return self._sorted()

    def look(self) -> list[PodStatus]:
        """The pods with their warnings and heights, and those that are missing; raises what `Api.pods` does."""
        unready = [pod for pod in self.pods() if not pod.ready]
        warnings = self._warnings() if unready or not self._pods else {}
        explained = [_with_warning(pod, warnings) for pod in self._pods.values()]
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            self._pods = {pod.name: pod for pod in threads.map(self._with_sidecar, explained)}
        found = self.splits()
        self._pods = {name: _with_split(pod, found) for name, pod in self._pods.items()}
        return self._sorted(self._missing(warnings))

    def splits(self) -> list[Split]:
        """The chains whose pods held different genesis files at the last look."""
        networks = {pod.network for pod in self._pods.values()}
        by_network = ([pod.holder for pod in self._pods.values() if pod.network == name] for name in sorted(networks))
        return [split for holders in by_network for split in splits(holders)]

    @property
    def blindness(self) -> str:
        """Why nobody compared what all of the ready pods hold; empty where that was compared."""
        if "sidecars" in self._refused:
            return "this user may not get pods/proxy, so nobody compared which genesis the pods hold"
        untold = [pod.name for pod in self._sorted() if pod.ready and pod.holder.sha256 is None]
        if untold:
            return f"nobody compared which genesis these pods hold, their sidecars do not say: {', '.join(untold)}"
        return ""

    def nothing(self) -> str:
        """What a person is told where there are no pods."""
        where = f"in namespace {self.api.namespace} there are no pods of {self.network or 'a network'}"
        return f"{where} (labels {self.selector}); name another with --namespace or --network"

    def changes(self, seconds: int) -> Iterator[list[PodStatus]]:
        """All pods again after each change in the next ``seconds``; those that changed without what `look` adds.

        Raises:
            TemporaryError: the watch cannot go on; `look` again.
        """
        for kind, document in self.api.changes(self.selector, self._version, seconds):
            self._version = document["metadata"]["resourceVersion"]
            if kind == "BOOKMARK":
                continue
            pod = read_pod(document)
            if kind == "DELETED":
                self._pods.pop(pod.name, None)
            else:
                self._pods[pod.name] = self._as_known(pod)
            yield self._sorted()

    def _sorted(self, others: Iterable[PodStatus] = ()) -> list[PodStatus]:
        return sorted([*self._pods.values(), *others], key=lambda pod: pod.place)

    def _as_known(self, pod: PodStatus) -> PodStatus:
        """The pod with what was asked about it before, as far as that still holds."""
        former = self._pods.get(pod.name)
        if former is None or former.uid != pod.uid:
            return pod
        is_open = former.now == pod.now and pod.reason in {"", NOT_READY}
        return replace(pod, sidecar=former.sidecar, reason=former.reason if is_open else pod.reason)

    def _missing(self, warnings: Warnings) -> Iterator[PodStatus]:
        for one in self._optional("sets", lambda: self.api.sets(self.selector)):
            why = (warnings or self._warnings()).get((one["metadata"]["uid"], ""), "")
            yield from missing_pods(one, frozenset(self._pods), why)

    def _warnings(self) -> Warnings:
        """The newest warning of each object by its uid, and of each container by that and its name."""
        events = self._optional("warnings", self.api.warnings)
        events.sort(key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
        kept = (event for event in events if event["reason"] not in _SHOWN_BY_KUBELET)
        return {_about(event["involvedObject"]): _text(event) for event in kept}

    def _optional(self, name: str, ask: Any) -> list[dict[str, Any]]:
        """What may be refused: then it is nothing, and is not asked for again."""
        if name in self._refused:
            return []
        try:
            found: list[dict[str, Any]] = ask()
        except ForbiddenError:
            self._refused.add(name)
            return []
        return found

    def _with_sidecar(self, pod: PodStatus) -> PodStatus:
        runs = any(one.name == "exposer" and one.doing == "running" for one in pod.containers)
        if not runs or "sidecars" in self._refused:
            return pod
        with contextlib.suppress(TemporaryError, LookupError, TypeError, ValueError):
            try:
                told = read_sidecar(self.api.sidecar(pod.name, pod.exposer_port))
                if pod.ready and told.stalled:  # its readiness probe asks for something else
                    return replace(pod, sidecar=told, phase="node", doing="running", reason=told.reason)
                # The probe knows a status code; the sidecar knows why its node is not ready.
                why = told.reason if pod.phase == "node" and pod.doing == "running" else ""
                return replace(pod, sidecar=told, reason=why or pod.reason)
            except ForbiddenError:
                self._refused.add("sidecars")
        return pod


def _with_warning(pod: PodStatus, warnings: Warnings) -> PodStatus:
    """The pod with what its events say, where its own status leaves the reason open."""
    if pod.reason == NOT_READY:
        return replace(pod, reason=warnings.get((pod.uid, pod.phase), pod.reason))
    if pod.doing == "waiting" and not pod.reason:  # for a volume, say
        return replace(pod, reason=warnings.get((pod.uid, ""), ""))
    return pod


def _with_split(pod: PodStatus, found: Iterable[Split]) -> PodStatus:
    """The pod with the genesis that others hold, which matters more than any other reason."""
    reasons = (split.of(pod.name) for split in found if split.chain == pod.chain)
    return replace(pod, reason=next(filter(None, reasons), pod.reason))


def _about(involved: dict[str, Any]) -> tuple[str, str]:
    """What an event is about: the uid, and the container (``spec.containers{node}``), empty where it is the whole."""
    return involved.get("uid", ""), str(involved.get("fieldPath", "")).partition("{")[2].rstrip("}")


def _text(event: dict[str, Any]) -> str:
    return f"{event['reason']}: {' '.join((event.get('message') or '').split())}"
