"""What the pods of a network say about themselves, asked from outside over HTTP."""

import asyncio
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Self

import httpx

from exposer.errors import MismatchError
from exposer.network.local.state import PodRecord

_LIMIT = httpx.Timeout(5.0)
_LONG_POLL = httpx.Timeout(5.0, read=40.0)
_PAUSE = 0.25


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
    """One pod; ``phase`` is the exposer's word, or ``stopped`` when it does not answer."""

    name: str
    role: str
    ordinal: int
    phase: str
    exposer_url: str
    genesis_sha256: str | None = None
    node: NodeStatus | None = None
    faucet: FaucetStatus | None = None
    catching_up: bool = False

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
        known = (pod.name, pod.role, pod.ordinal)
        faucet = FaucetStatus(pod.faucet_url, await self._gives(pod.faucet_url)) if pod.faucet_url else None
        try:
            answer = (await self._client.get(f"{pod.exposer_url}/status")).raise_for_status().json()
            digests = {one["name"]: one["sha256"] for one in answer["artifacts"]}
            node = answer["node"]
            return PodStatus(
                *known,
                phase=answer["phase"],
                exposer_url=pod.exposer_url,
                genesis_sha256=digests.get("genesis"),
                node=NodeStatus(pod.rpc_url, int(node["height"])) if node else None,
                faucet=faucet,
                catching_up=bool(node and node["catching_up"]),
            )
        except (httpx.HTTPError, ValueError, LookupError, TypeError):
            return PodStatus(*known, phase="stopped", exposer_url=pod.exposer_url, faucet=faucet)

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

    async def wait_status(self, pod: PodRecord, *, node: bool) -> PodStatus:
        """What the pod says once it tells its genesis and, with ``node``, has a block and is not behind its peers."""
        while True:
            status = await self.status(pod)
            runs = status.node and status.node.height >= 1 and not status.catching_up
            if status.genesis_sha256 and (runs or not node):
                return status
            await asyncio.sleep(_PAUSE)


def genesis_first(pods: Iterable[PodStatus]) -> list[PodStatus]:
    """The genesis pods of all chains, then the others; each in the order of the plan."""
    return sorted(pods, key=lambda pod: pod.role != "genesis")


def agree(chain: str, pods: Iterable[PodStatus]) -> None:
    """Whether all pods of a chain, each of which told its digest, hold the same genesis.

    Raises:
        MismatchError: they do not; the message has every pod's digest.
    """
    digests = {pod.name: pod.genesis_sha256 for pod in pods}
    if len(set(digests.values())) > 1:
        listed = ", ".join(f"{name} {digest}" for name, digest in digests.items())
        raise MismatchError(f"the pods of {chain} do not hold the same genesis: {listed}; start over with --force")
