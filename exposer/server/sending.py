"""A file's own bytes as an answer: whole or in ranges, by the kernel where it can, never padded."""

import logging
import secrets
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from io import UnsupportedOperation

from fastapi import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from exposer.server.conditions import Decision, Outcome, Representation, Span, decide
from exposer.server.content import Content, Piece, Reading
from exposer.server.fetches import Fetches
from exposer.server.mount import Mounts
from exposer.server.problem import Code, ProblemError
from exposer.server.shelf import Variant
from exposer.server.variants import Variants
from exposer.server.view import Verdict
from exposer.server.zerocopy import ZERO_COPY

CHUNK = 256 * 1024
"""Bytes at the end of a file that are read and compared before they are sent."""
SEGMENT = 4 << 20
"""Bytes that the kernel is asked to send at a time; between two of them other requests have their turn."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Resource:
    """What a request asks for: the artifact's name, as `/status` has it, and its media type."""

    name: str
    media_type: str


class FileAnswer(StreamingResponse):
    """Sends ``content``, and closes it; `StreamingResponse` ends it when the client leaves.

    Before each part the file must still be the one that was judged: one that changes ends the connection short of its
    Content-Length. What the kernel sends it takes from the file itself, so that a write in place may reach what is on
    its way; therefore the end, and a file that is not larger than what may be on its way, is read, compared, and sent.
    """

    def __init__(self, status: int, headers: dict[str, str], content: Content, fetches: Fetches, name: str) -> None:
        super().__init__((), status, headers)
        self._content = content
        self._fetches = fetches
        self._name = name
        self._zero_copy = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; while that lasts it is one of the downloads."""
        self._zero_copy = self._content.local and ZERO_COPY in scope.get("extensions", {})
        peer = (scope.get("client") or ("",))[0]
        try:
            with self._fetches.running(self._name, peer, len(self._content)) as self._fetch:
                await super().__call__(scope, receive, send)
        finally:
            self._content.close()

    async def stream_response(self, send: Send) -> None:
        """Send head and bytes; a file that cannot be read, or is no longer the same, cuts the connection."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            for part in self._parts():
                await self._send(send, part)
                self._fetch.sent += len(part.piece)
            # It lasts until the client has taken what uvicorn holds: only then another one may have as much.
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except ConnectionError:
            pass  # the client left
        except OSError as error:
            log.warning("a download of %s is cut: %s", self._name, error.strerror or error)

    def _parts(self) -> Iterator["_Part"]:
        """The pieces in parts that are sent one by one."""
        for piece in self._content.pieces:
            if isinstance(piece, bytes):
                yield _Part(piece)
                continue
            start, is_large = piece.start, len(piece) > SEGMENT
            while left := piece.stop - start:
                by_kernel = self._zero_copy and is_large and left > CHUNK
                size = min(SEGMENT, left - CHUNK) if by_kernel else min(self._fetches.share, left)
                yield _Part(Span(start, start + size), by_kernel)
                start += size

    async def _send(self, send: Send, part: "_Part") -> None:
        if isinstance(part.piece, bytes):
            data = part.piece
            await self._content.check()
        elif part.by_kernel and await self._send_by_kernel(send, part.piece):
            return
        else:
            data = await self._content.read(part.piece)
        await send({"type": "http.response.body", "body": data, "more_body": True})

    async def _send_by_kernel(self, send: Send, span: Span) -> bool:
        """Whether the kernel could do it; where it cannot with this file or socket, it is not asked again."""
        await self._content.check()
        where = {"file": self._content.stream, "offset": span.start, "count": len(span)}
        try:
            await send({"type": ZERO_COPY, **where, "more_body": True})
        except UnsupportedOperation:
            self._zero_copy = False
        return self._zero_copy


@dataclass(frozen=True)
class _Part:
    piece: Piece
    by_kernel: bool = False


class Sender:
    """Answers requests for files, or variants of them; each is one of ``fetches`` while it lasts."""

    def __init__(self, fetches: Fetches, variants: Variants, mounts: Mounts) -> None:
        self._fetches = fetches
        self._variants = variants
        self._reading = Reading(mounts)

    async def answer(self, request: Request, verdict: Verdict, resource: Resource) -> Response | None:
        """The answer to a request for the file that ``verdict`` found, or for a variant; None where it has gone since.

        Raises:
            ProblemError: a precondition does not hold, or the ranges lie outside the file.
        """
        chosen = await self._variants.select(request, verdict) or verdict
        if verdict.identity is None or chosen.path is None or chosen.identity is None or chosen.sha256 is None:
            return None
        file = Representation(f'"{chosen.sha256}"', chosen.identity.size, verdict.identity.modified_ns // 1_000_000_000)
        validators = {"etag": file.etag, "vary": "accept-encoding"}
        decision = decide(request.method, request.headers, file)
        if decision.outcome is Outcome.PRECONDITION_FAILED:
            raise ProblemError(Code.PRECONDITION_FAILED, "the file is another one by now", headers=validators)
        if decision.outcome is Outcome.RANGE_NOT_SATISFIABLE:
            outside = {"content-range": f"bytes */{file.size}", "accept-ranges": "bytes", **validators}
            raise ProblemError(
                Code.RANGE_NOT_SATISFIABLE, "the range begins behind the end of the file", headers=outside
            )
        headers = {**validators, "cache-control": "no-cache"}
        if decision.outcome is Outcome.NOT_MODIFIED:
            return Response(status_code=decision.outcome.value, headers=headers)
        pieces, described = _body(decision, file.size, resource.media_type)
        headers |= described | {
            "content-length": str(sum(map(len, pieces))),
            "last-modified": file.last_modified,
            "repr-digest": f"sha-256=:{b64encode(bytes.fromhex(chosen.sha256)).decode()}:",
            "accept-ranges": "bytes",
        }
        if isinstance(chosen, Variant):
            headers["content-encoding"] = chosen.coding
        if request.method == "HEAD":
            return Response(status_code=decision.outcome.value, headers=headers)
        content = await self._reading.open(chosen.path, chosen.identity, pieces)
        if content is None:
            return None
        return FileAnswer(decision.outcome.value, headers, content, self._fetches, resource.name)


def _body(decision: Decision, size: int, media_type: str) -> tuple[tuple[Piece, ...], dict[str, str]]:
    """What to send, and the headers that say what it is; several spans make a ``multipart/byteranges`` (14.6)."""
    if decision.outcome is Outcome.WHOLE:
        return decision.spans, {"content-type": media_type}
    where = [f"bytes {span.start}-{span.stop - 1}/{size}" for span in decision.spans]
    if len(where) == 1:
        return decision.spans, {"content-type": media_type, "content-range": where[0]}
    boundary = secrets.token_hex(16)
    pieces: list[Piece] = []
    for span, text in zip(decision.spans, where, strict=True):
        head = f"--{boundary}\r\ncontent-type: {media_type}\r\ncontent-range: {text}\r\n\r\n"
        pieces += [(b"\r\n" if pieces else b"") + head.encode(), span]
    pieces.append(f"\r\n--{boundary}--\r\n".encode())
    return tuple(pieces), {"content-type": f"multipart/byteranges; boundary={boundary}"}
