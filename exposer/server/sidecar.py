"""What one application holds: the volume, those who wait for it, the downloads under way, and the node."""

import asyncio
from typing import Literal

from pydantic import BaseModel, Field

from exposer.server.changes import Polling
from exposer.server.file import State
from exposer.server.node import Node, NodeStatus
from exposer.server.phase import READY, Phase, Position, Step, read_phase
from exposer.server.problem import Code, ProblemError
from exposer.server.sending import Downloads
from exposer.server.settings import ServerSettings
from exposer.server.view import Verdict, View
from exposer.server.watch import Awaited, Watch

_PATIENCE = 2.0  # seconds that /status waits for the check of a large file


class ArtifactStatus(BaseModel):
    """What one artifact is; size in bytes and SHA-256 in hex are those of the bytes that are served."""

    name: Literal["node_id", "genesis", "keys"]
    state: State
    size: int | None
    sha256: str | None


class Status(BaseModel):
    """Everything that is known about the pod."""

    phase: str = Field(description="the step that runs or failed, else `waiting` or `ready`")
    ready: bool
    reason: str | None = Field(description="why it is not ready")
    step: Position
    steps: tuple[Step, ...]
    artifacts: list[ArtifactStatus]
    waiters: int
    downloads: int
    node: NodeStatus | None


class Sidecar:
    """The state behind the routes."""

    def __init__(self, settings: ServerSettings) -> None:
        self.view = View(settings.files)
        self.watch = Watch(self.view, Polling(self.view.paths))
        self.node = Node(settings.status_url)
        self.downloads = Downloads()
        self._root = settings.files.root
        self._steps = settings.step_names

    async def ready(self, name: Awaited, wait: float | None) -> Verdict:
        """The verdict on what is ready, after up to ``wait`` seconds.

        Raises:
            ProblemError: it is not ready.
        """
        verdict = await (self.watch.look(name) if wait is None else self.watch.until_ready(name, wait))
        if verdict.ready:
            return verdict
        raise await self.problem(name, verdict)

    async def problem(self, name: Awaited, verdict: Verdict) -> ProblemError:
        """The error that says why ``name`` cannot be served."""
        if verdict.state is State.NOT_CONFIGURED and name != "ready":
            return ProblemError(Code.NOT_CONFIGURED, f"this sidecar is not configured to serve {name}")
        code = Code.NOT_READY if verdict.state is State.NOT_CONFIGURED else Code.of(verdict.state)
        what = "the pod is not ready" if name == "ready" else f"{name} cannot be served yet"
        phase = await self._phase()
        return ProblemError(code, what, phase=phase.name, reason=phase.failure or verdict.reason)

    async def status(self) -> Status:
        """The pod's status now."""
        ready, node_id, genesis, keys = [
            await self.watch.within(name, _PATIENCE) for name in ("ready", "node_id", "genesis", "keys")
        ]
        phase = await self._phase()
        return Status(
            phase=READY if ready.ready else phase.name,
            ready=ready.ready,
            reason=None if ready.ready else phase.failure or ready.reason,
            step=phase.position,
            steps=phase.steps,
            artifacts=[
                ArtifactStatus(name="node_id", state=node_id.state, size=node_id.size, sha256=node_id.sha256),
                ArtifactStatus(name="genesis", state=genesis.state, size=genesis.size, sha256=genesis.sha256),
                ArtifactStatus(name="keys", state=keys.state, size=keys.size, sha256=keys.sha256),
            ],
            waiters=self.watch.waiters,
            downloads=len(self.downloads),
            node=await self.node.status(),
        )

    async def close(self) -> None:
        """Let go of everything."""
        await self.watch.close()
        await self.node.close()

    async def _phase(self) -> Phase:
        return await asyncio.to_thread(read_phase, self._root, self._steps)
