"""What the pods of a network say about themselves, asked from outside over HTTP."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import httpx

from exposer.errors import MismatchError
from exposer.network.agreement import Holder, Split, splits
from exposer.network.local.state import PodRecord

_LIMIT = httpx.Timeout(5.0)
_LONG_POLL = httpx.Timeout(5.0, read=40.0)
_PAUSE = 0.25
STOPPED = "stopped"
"""The phase of a pod whose exposer does not answer."""


@dataclass(frozen=True)
class NodeStatus:
    """The node behind an exposer: its RPC and the height of its newest block."""

    rpc_url: str
    height: int


@dataclass(frozen=True)
class FaucetStatus:
    """The faucet of a genesis pod, and whether it can give."""

    url: str
    ready: bool


@dataclass(frozen=True)
class PodStatus:
    """One pod; ``phase`` and ``reason`` are the exposer's words; without an answer the phase is ``stopped``.

    ``ports`` are those that its programs listen on, by the names of `PodPorts`; at the host of ``exposer_url``.
    """

    name: str
    role: str
    ordinal: int
    phase: str
    exposer_url: str
    genesis_sha256: str | None = None
    node: NodeStatus | None = None
    faucet: FaucetStatus | None = None
    catching_up: bool = False
    chain: str = ""
    reason: str = ""
    denom: str | None = None
    prefix: str | None = None
    ports: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The pod in ``exposer status --json``."""
        document = asdict(self)
        del document["catching_up"]
        return document


class Survey:
    """Asks pods; an asynchronous context manager."""

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(timeout=_LIMIT, trust_env=False)  # these addresses are never behind a proxy

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._client.aclose()

    async def status(self, pod: PodRecord) -> PodStatus:
        """What the pod's exposer says now."""
        faucet = FaucetStatus(pod.faucet_url, await self._gives(pod.faucet_url)) if pod.faucet_url else None
        silent = replace(stopped(pod), faucet=faucet)
        try:
            answer = (await self._client.get(f"{pod.exposer_url}/status")).raise_for_status().json()
            digests = {one["name"]: one["sha256"] for one in answer["artifacts"]}
            node = answer["node"]
            return replace(
                silent,
                phase=answer["phase"],
                genesis_sha256=digests.get("genesis"),
                node=NodeStatus(pod.rpc_url, int(node["height"])) if node else None,
                catching_up=bool(node and node["catching_up"]),
                reason=answer.get("reason") or "",
            )
        except (httpx.HTTPError, ValueError, LookupError, TypeError):
            return silent

    async def _gives(self, faucet: str) -> bool:
        try:
            answer = (await self._client.get(f"{faucet}/status")).raise_for_status().json()
            return bool(answer["status"] == "ok")
        except (httpx.HTTPError, ValueError, LookupError, TypeError):
            return False

    async def statuses(self, pods: Iterable[PodRecord]) -> list[PodStatus]:
        """All pods, in their order."""
        return list(await asyncio.gather(*map(self.status, pods)))

    async def wait_ready(self, pod: PodRecord) -> None:
        """Return when the pod's exposer says that it is ready."""
        while True:
            try:
                answer = await self._client.get(f"{pod.exposer_url}/readyz", params={"wait": "30s"}, timeout=_LONG_POLL)
            except httpx.HTTPError:
                await asyncio.sleep(_PAUSE)
                continue
            if answer.is_success:
                return
            await asyncio.sleep(_PAUSE)

    async def wait_faucet(self, url: str) -> None:
        """Return when the faucet at ``url`` can give."""
        while not await self._gives(url):  # noqa: ASYNC110 - the condition is another process's
            await asyncio.sleep(_PAUSE)

    async def wait_status(self, pod: PodRecord, *, node: bool, alone: Callable[[], bool] = lambda: False) -> PodStatus:
        """What the pod says once it tells its genesis and, with ``node``, has a block and is not behind its peers.

        A node that is ``alone`` may wait for a peer that does not come.
        """
        while True:
            status = await self.status(pod)
            runs = status.node and status.node.height >= 1 and (alone() or not status.catching_up)
            if status.genesis_sha256 and (runs or not node):
                return status
            await asyncio.sleep(_PAUSE)


def stopped(pod: PodRecord) -> PodStatus:
    """A pod of which nothing runs."""
    return PodStatus(
        pod.name,
        pod.role,
        pod.ordinal,
        STOPPED,
        pod.exposer_url,
        faucet=FaucetStatus(pod.faucet_url, ready=False) if pod.faucet_url else None,
        chain=pod.chain_name,
        denom=pod.denom or None,
        prefix=pod.prefix or None,
        ports={name: pod.ports[name] for name in pod.serving},
    )


def genesis_first(pods: Iterable[PodStatus]) -> list[PodStatus]:
    """The genesis pods of all chains, then the others; each in the order of the plan."""
    return sorted(pods, key=lambda pod: pod.role != "genesis")


def disagreements(pods: Iterable[PodStatus]) -> list[Split]:
    """The chains whose pods hold different genesis files, as far as they say."""
    return splits(Holder(pod.chain, pod.name, pod.genesis_sha256) for pod in pods)


def report(pods: Iterable[PodStatus]) -> dict[str, Any]:
    """The pods as scripts get them, genesis pods first, and the chains whose pods disagree."""
    ordered = genesis_first(pods)
    return {
        "pods": [pod.to_json() for pod in ordered],
        "disagreements": [split.to_json() for split in disagreements(ordered)],
    }


def agree(pods: Iterable[PodStatus]) -> None:
    """Whether all pods of each chain that say which genesis they hold say the same.

    Raises:
        MismatchError: they do not; the message has every digest, its pods and the cure.
    """
    if found := disagreements(pods):
        raise MismatchError("\n".join(map(str, found)))
