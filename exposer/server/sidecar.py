"""What one application holds: the volume, those who wait for it, the downloads under way, and the node."""

import asyncio
import logging
import time
from functools import partial
from itertools import islice

from exposer import __version__
from exposer.server.bodies import Identity
from exposer.server.changes import VolumeChanges
from exposer.server.consensus import Consensus
from exposer.server.fetches import Fetches
from exposer.server.file import State
from exposer.server.membership import Belonging
from exposer.server.node import Node
from exposer.server.phase import READY, Phase, read_phase, rfc3339
from exposer.server.problem import Code, ProblemError
from exposer.server.sending import Sender
from exposer.server.settings import ServerSettings
from exposer.server.status import ArtifactStatus, FetchStatus, Status
from exposer.server.threads import Threads
from exposer.server.traffic import Traffic
from exposer.server.variants import Variants
from exposer.server.view import Verdict, View
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
        try:
            async with asyncio.timeout(LONGEST_LOOK):
                found = await self._threads_of_belonging.run(self._belonging.look)
        except TimeoutError:
            found = Verdict(State.INCOMPLETE, "the volume does not answer")
        if isinstance(found, Verdict):
            raise await self.problem("identity", found)
        node, consensus = await asyncio.gather(self.node.status(), self._consensus(validator))
        return Identity(
            chain_id=found.chain_id,
            genesis_sha256=found.genesis_sha256,
            has_signed=found.has_signed,
            node=node,
            consensus=consensus,
        )

    async def _consensus(self, validator: str | None) -> Consensus | None:
        return await self.node.consensus(validator) if validator else None

    async def synced(self) -> None:
        """Raises `ProblemError` unless the node has a block and is not catching up."""
        node = await self.node.status()
        if node and node.height and not node.catching_up:
            return
        reason = f"at height {node.height}, catching up" if node else "the node does not answer"
        phase = await self._phase()
        raise ProblemError(Code.NOT_READY, "the node is not at the tip", phase=phase.name, reason=reason)

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
        (ready, *verdicts), node = await asyncio.gather(asked, self.node.status())
        phase = await self._phase()
        return Status(
            pod=self._pod or None,
            version=__version__,
            started=rfc3339(self._started),
            phase=READY if ready.ready else phase.name,
            ready=ready.ready,
            reason=None if ready.ready else phase.failure or ready.reason,
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
