"""What ``/status`` tells: the pod's phase and steps, what can be fetched, who waits for it, and who fetched it."""

import math
import time
from typing import Literal

from pydantic import BaseModel, Field

from exposer.server.fetches import Fetch
from exposer.server.file import State
from exposer.server.node import NodeStatus
from exposer.server.phase import Bootstrap, Position, Step, rfc3339
from exposer.server.view import Verdict


class ArtifactStatus(BaseModel):
    """What one artifact is; size in bytes and SHA-256 in hex are those of the bytes that are served."""

    name: str = Field(description="`node_id`, `genesis`, `keys`, or `artifact:NAME` for what is at `/artifacts/NAME`")
    state: State
    size: int | None
    sha256: str | None

    @classmethod
    def of(cls, name: str, verdict: Verdict) -> "ArtifactStatus":
        """The status that a verdict on ``name`` means."""
        return cls(name=name, state=verdict.state, size=verdict.size, sha256=verdict.sha256)


class FetchStatus(BaseModel):
    """One download, under way or ended."""

    artifact: str
    peer: str = Field(description="the client's address, without its port")
    state: Literal["running", "complete", "cut"]
    sent: int = Field(description="bytes handed to the system so far")
    size: int = Field(description="bytes that were asked for")
    started: str = Field(description="RFC 3339, UTC")
    seconds: float = Field(description="how long it took, or has taken so far")

    @classmethod
    def of(cls, fetch: Fetch) -> "FetchStatus":
        """The status of ``fetch`` now."""
        ended = time.time() if fetch.ended is None else fetch.ended
        return cls(
            artifact=fetch.artifact,
            peer=fetch.peer,
            state=fetch.state,
            sent=fetch.sent,
            size=fetch.size,
            started=rfc3339(fetch.started),
            seconds=math.ceil(max(ended - fetch.started, 0) * 1000) / 1000,
        )


class Status(BaseModel):
    """Everything that is known about the pod."""

    pod: str | None = Field(description="the pod's name, where it has one")
    version: str = Field(description="of the sidecar")
    started: str = Field(description="when the sidecar started; RFC 3339, UTC")
    phase: str = Field(description="the step that runs or failed, else `waiting`, `ready` or `stalled`")
    ready: bool
    reason: str | None = Field(description="why it is not ready, or what a step failed with since")
    step: Position
    steps: tuple[Step, ...]
    bootstrap: Bootstrap | None = Field(description="the way to `ready` as a whole; null before the first step began")
    artifacts: list[ArtifactStatus]
    waiters: int = Field(description="requests that wait")
    waiting: dict[str, int] = Field(description="how many of them wait for which artifact, or for `ready`")
    downloads: int = Field(description="downloads under way")
    fetches: list[FetchStatus] = Field(description="downloads, under way and ended, the newest first; at most 100")
    node: NodeStatus | None
