"""What one application holds: the volume, those who wait for it, the downloads under way, and the node."""

import asyncio
import logging
import math
import time
from functools import partial
from itertools import islice

from exposer import __version__
from exposer.duration import parse_duration
from exposer.server.bodies import Identity
from exposer.server.changes import VolumeChanges
from exposer.server.consensus import Consensus, latest
from exposer.server.fetches import Fetches
from exposer.server.file import State
from exposer.server.membership import Belonging, Membership
from exposer.server.node import Node, NodeStatus
from exposer.server.pace import longest_pause
from exposer.server.phase import READY, STALLED, Phase, read_phase, rfc3339
from exposer.server.problem import Code, ProblemError
from exposer.server.sending import Sender
from exposer.server.settings import ServerSettings
from exposer.server.status import ArtifactStatus, FetchStatus, Status
from exposer.server.threads import Threads
from exposer.server.traffic import Traffic
from exposer.server.variants import Variants
from exposer.server.view import Verdict, View
from exposer.server.wal import WriteAheadLog
from exposer.server.watch import Awaited, Watch

PATHS = (
    "/",
    "/node_id",
    "/genesis",
    "/identity",
    "/keys",
    "/pub_key",
    "/artifacts",
    "/artifacts/{name}",
    "/status",
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
)
"""Every endpoint."""
LONGEST_LOOK = 5.0
"""Seconds that a request which does not ask to wait gives the look at a volume."""
_PATIENCE = 2.0  # seconds that /status waits for the check of a large file, then for a volume that does not answer
_SHOWN = 100  # downloads in /status
_SOON = 60.0  # seconds; blocks that are further apart are not waited for
_NEEDED = "more than two thirds of the voting power must be connected and hold the same genesis"

log = logging.getLogger(__name__)


class Sidecar:
    """The state behind the routes."""

    def __init__(self, settings: ServerSettings) -> None:
        self.view = View(settings.files, settings.artifact_files, settings.secret_files)
        self.watch = Watch(self.view, VolumeChanges(self.view.paths))
        self.node = Node(settings.status_url)
        self._belonging = Belonging(settings.files)
        self._threads_of_belonging = Threads(1)
        self.fetches = Fetches()
        self.variants = Variants(settings.cache_dir, settings.cache_limit)
        self.sender = Sender(self.fetches, self.variants, self.view.mounts)
        self.traffic = Traffic(PATHS)
        self._pod = settings.pod
        self._root = settings.files.root
        self._steps = settings.step_names
        self._started = time.time()
        self._last_phase = read_phase(None, self._steps)
        self._reading: asyncio.Task[Phase] | None = None
        self._threads = Threads(1)
        self._stalled_after = parse_duration(settings.stalled_after) or math.inf
        self._files = Threads(1)
        self._log = WriteAheadLog(self._root)
        self._threads_of_log = Threads(1)
        self._told = ""

    async def ready(self, name: Awaited, wait: float | None, gone: asyncio.Future[None] | None = None) -> Verdict:
        """The verdict on what is ready, after up to ``wait`` seconds, or once who waits is ``gone``.

        Without ``wait`` it is that of one look; a volume that takes longer for it than `LONGEST_LOOK` is not ready.

        Raises:
            ProblemError: it is not ready.
        """
        look = self.watch.within(name, LONGEST_LOOK) if wait is None else self.watch.until_ready(name, wait, gone)
        verdict = await look
        if verdict.ready:
            return verdict
        raise await self.problem(name, verdict)

    async def identity(self, validator: str | None) -> Identity:
        """The pod's network, its node, and what that has of the ``validator`` with this address.

        Raises:
            ProblemError: the pod belongs to no network yet, or that cannot be told.
        """
        looking = asyncio.create_task(self._belongs())
        node, consensus = await self._consensus(validator) if validator else (await self._node(), None)
        found = await looking
        if isinstance(found, Verdict):
            raise await self.problem("identity", found)
        return Identity(
            chain_id=found.chain_id,
            genesis_sha256=found.genesis_sha256,
            signed_height=found.signed_height,
            peer=found.peer,
            node=node,
            consensus=consensus,
        )

    async def _belongs(self) -> Membership | Verdict:
        try:
            async with asyncio.timeout(LONGEST_LOOK):
                return await self._threads_of_belonging.run(self._belonging.look)
        except TimeoutError:
            return Verdict(State.INCOMPLETE, "the volume does not answer")

    async def _consensus(self, validator: str) -> tuple[NodeStatus | None, Consensus | None]:
        """The node, and what its consensus works on.

        What the node had of the validator when it stopped is in its log: it has not read that while it catches up, and
        is still reading it when it has just ceased to.
        """
        consensus = await self.node.consensus(validator)
        node = await self.node.now()  # asked later, it does not say too early that it has ceased to
        if node and node.catching_up:
            height = max(node.height + 1, consensus.height if consensus else 0)
            consensus = Consensus(height=height, round=0, recorded=True)
        if not node or not consensus or consensus.height < node.height:  # it was at the height where it began
            return node, None
        try:
            async with asyncio.timeout(_PATIENCE):
                recorded = await self._threads_of_log.run(partial(self._log.latest, validator, consensus.height))
        except TimeoutError:
            return node, None  # who asks again gets what has been read by then
        except (OSError, ValueError) as error:
            if not consensus.recorded:
                return node, consensus
            log.warning("what the node's consensus had is not known, its log does not tell: %s", error)
            return node, None
        return node, consensus.model_copy(update={"signed": latest(consensus.signed, recorded)})

    async def synced(self, *, moving: bool = False) -> None:
        """Raises `ProblemError` unless the node has a block, is not catching up and does not stand still.

        With ``moving`` it has also made a block since it first answered, where blocks come that often.
        """
        node = await self._node()
        if node is None:
            reason = "the node does not answer"
        elif node.catching_up:
            reason = f"at height {node.height}, catching up"
        elif node.stalled or not node.height:
            reason = self._standing(node)
        elif moving and not self.node.grown and await self._pause(node.height) <= min(self._stalled_after, _SOON):
            reason = f"at height {node.height}, and no new block yet"
        else:
            return
        phase = await self._phase()
        raise ProblemError(Code.NOT_READY, "the node is not at the tip", phase=phase.name, reason=reason)

    async def _node(self) -> NodeStatus | None:
        """What the node says, and whether it stands still although its next block is due."""
        found = await self.node.status()
        if found is None or found.catching_up or found.standing < self._stalled_after:
            return found
        return found.model_copy(update={"stalled": found.standing >= await self._pause(found.height)})

    async def _pause(self, height: int) -> float:
        """How long the next block may take by the node's files; no end where they cannot be read in time."""
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._files.run(partial(longest_pause, self._root, height))
        except TimeoutError:
            return math.inf

    def _standing(self, node: NodeStatus) -> str:
        """Why a node that makes no block is not ready; the same text at each look, because changes are reported."""
        which = f"block after {node.height}" if node.height else "first block"
        since = f"for more than {self._stalled_after:g} s" if node.stalled else "yet"
        return f"no {which} {since}; {_NEEDED}"

    async def problem(self, name: Awaited, verdict: Verdict) -> ProblemError:
        """The error that says why ``name`` cannot be served."""
        if verdict.state is State.NOT_CONFIGURED and name != "ready":
            return ProblemError(Code.NOT_CONFIGURED, f"this sidecar is not configured to serve {name}")
        code = Code.NOT_READY if verdict.state is State.NOT_CONFIGURED else Code.of(verdict.state)
        what = "the pod is not ready" if name == "ready" else f"{name} cannot be served yet"
        phase = await self._phase()
        return ProblemError(code, what, phase=phase.name, reason=phase.failure or verdict.reason)

    async def status(self) -> Status:
        """The pod's status now; a volume or a node that does not answer holds it up for four seconds at most."""
        names = self.view.names
        asked = asyncio.gather(*(self.watch.within(name, _PATIENCE) for name in ("ready", *names)))
        (ready, *verdicts), node = await asyncio.gather(asked, self._node())
        phase = await self._phase()
        stalled = self._standing(node) if ready.ready and node and node.stalled else ""
        return Status(
            pod=self._pod or None,
            version=__version__,
            started=rfc3339(self._started),
            phase=STALLED if stalled else READY if ready.ready else phase.name,
            ready=ready.ready and not stalled,
            reason=stalled or phase.failure or (None if ready.ready else ready.reason),
            step=phase.position,
            steps=phase.steps,
            bootstrap=phase.bootstrap(ready=ready.ready),
            artifacts=list(map(ArtifactStatus.of, names, verdicts)),
            waiters=self.watch.waiters,
            waiting=self.watch.waiting,
            downloads=len(self.fetches),
            fetches=list(map(FetchStatus.of, islice(reversed(tuple(self.fetches)), _SHOWN))),
            node=node,
        )

    async def close(self) -> None:
        """Let go of everything."""
        if self._reading:
            self._reading.cancel()
            await asyncio.wait({self._reading})
        await self.watch.close()
        await self.node.close()
        await self.variants.close()

    async def _phase(self) -> Phase:
        """The phase now; where the volume does not answer in time, the one that was read last.

        One reading serves all who ask meanwhile: a volume that hangs must not take every thread there is.
        """
        if self._reading is None:
            self._reading = asyncio.create_task(self._threads.run(partial(read_phase, self._root, self._steps)))
            self._reading.add_done_callback(self._read)
        await asyncio.wait({self._reading}, timeout=_PATIENCE)
        return self._last_phase

    def _read(self, reading: asyncio.Task[Phase]) -> None:
        self._reading = None
        if reading.cancelled():
            return
        if (error := reading.exception()) is None:
            self._last_phase = reading.result()
        elif (told := type(error).__name__) != self._told:
            self._told = told
            log.error("how far the steps are cannot be read: %s", told)
