"""A file's own bytes as an answer: from one open descriptor, whole or in ranges, never padded and never a mix."""

import asyncio
import logging
import os
import secrets
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from aiofiles.threadpool import wrap
from fastapi import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from exposer.server.conditions import Decision, Outcome, Representation, Span, decide
from exposer.server.fetches import Fetches
from exposer.server.file import Identity, open_same
from exposer.server.mount import is_local
from exposer.server.problem import Code, ProblemError
from exposer.server.shelf import Variant
from exposer.server.variants import Variants
from exposer.server.view import Verdict
from exposer.server.zerocopy import ZERO_COPY

CHUNK = 256 * 1024
"""Bytes read at a time where the kernel does not send, and so about what such a download costs in memory."""
SEGMENT = 4 << 20
"""Bytes that the kernel is asked to send at a time; between two of them other requests have their turn."""

log = logging.getLogger(__name__)
_LOCAL: dict[int, bool] = {}

Piece = bytes | Span


@dataclass(frozen=True)
class Resource:
    """What a request asks for: the artifact's name, as `/status` has it, and its media type."""

    name: str
    media_type: str


@dataclass(frozen=True)
class Content:
    """What to send, bytes as they are and spans from ``stream``, which was opened as the file with ``identity``."""

    stream: BufferedReader
    identity: Identity
    pieces: tuple[Piece, ...]
    local: bool  # the kernel reads without waiting for a network; else reading is a thread's work

    def __len__(self) -> int:
        return sum(map(len, self.pieces))


class FileAnswer(StreamingResponse):
    """Sends ``content``, and closes its stream.

    Before each part the file must still be the one that was judged; a file that changes ends the connection short of
    its Content-Length. The last bytes are never left to the kernel: they are read, the file is compared, and only
    then are they sent. `StreamingResponse` ends it when the client leaves.
    """

    def __init__(self, status: int, headers: dict[str, str], content: Content, fetches: Fetches, name: str) -> None:
        super().__init__((), status, headers)
        self._stream = content.stream
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
            self._stream.close()  # waits for a read that is under way in a thread: both take the reader's lock

    async def stream_response(self, send: Send) -> None:
        """Send head and bytes; a file that cannot be read, or is no longer the same, cuts the connection."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            for part in self._parts():
                await self._send(send, part)
                self._fetch.sent += len(part.piece)
        except ConnectionError:
            pass  # the client left
        except OSError as error:
            log.warning("a download of %s is cut: %s", self._name, error.strerror or error)

    def _parts(self) -> Iterator["_Part"]:
        """The pieces in parts that are sent one by one; the end of each span is ours to send."""
        for number, piece in enumerate(self._content.pieces, 1):
            follows = number < len(self._content.pieces)
            if isinstance(piece, bytes):
                yield _Part(piece, follows)
                continue
            start = piece.start
            while left := piece.stop - start:
                by_kernel = self._zero_copy and left > CHUNK
                size = min(SEGMENT, left - CHUNK) if by_kernel else min(CHUNK, left)
                yield _Part(Span(start, start + size), follows or size < left, by_kernel)
                start += size

    async def _send(self, send: Send, part: "_Part") -> None:
        if part.by_kernel and isinstance(part.piece, Span):
            self._compare()
            where = {"file": self._stream, "offset": part.piece.start, "count": len(part.piece)}
            await send({"type": ZERO_COPY, **where, "more_body": part.more})
            return
        data = part.piece if isinstance(part.piece, bytes) else await self._read(part.piece)
        self._compare()
        await send({"type": "http.response.body", "body": data, "more_body": part.more})

    async def _read(self, span: Span) -> bytes:
        self._stream.seek(span.start)
        data: bytes = await wrap(self._stream).read(len(span))
        if len(data) != len(span):
            raise OSError("the file has become shorter")
        return data

    def _compare(self) -> None:
        if Identity.of(os.fstat(self._stream.fileno())).content != self._content.identity.content:
            raise OSError("the file has changed")


@dataclass(frozen=True)
class _Part:
    piece: Piece
    more: bool
    by_kernel: bool = False


async def answer(
    request: Request, verdict: Verdict, fetches: Fetches, resource: Resource, variants: Variants
) -> Response | None:
    """The answer to a request for the file that ``verdict`` found, or a variant of it; None where it has gone since.

    Raises:
        ProblemError: a precondition does not hold, or the ranges lie outside the file.
    """
    chosen = await variants.select(request, verdict) or verdict
    if verdict.identity is None or chosen.path is None or chosen.identity is None or chosen.sha256 is None:
        return None
    file = Representation(f'"{chosen.sha256}"', chosen.identity.size, verdict.identity.modified_ns // 1_000_000_000)
    validators = {"etag": file.etag, "vary": "accept-encoding"}
    decision = decide(request.method, request.headers, file)
    if decision.outcome is Outcome.PRECONDITION_FAILED:
        raise ProblemError(Code.PRECONDITION_FAILED, "the file is another one by now", headers=validators)
    if decision.outcome is Outcome.RANGE_NOT_SATISFIABLE:
        outside = {"content-range": f"bytes */{file.size}", "accept-ranges": "bytes", **validators}
        raise ProblemError(Code.RANGE_NOT_SATISFIABLE, "the range begins behind the end of the file", headers=outside)
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
    where = chosen.path, chosen.identity
    local = _LOCAL.get(where[1].device)
    if local is None:
        local = await asyncio.to_thread(_find_out, *where)
    stream = open_same(*where) if local else await asyncio.to_thread(open_same, *where)
    if stream is None:
        return None
    content = Content(stream, chosen.identity, pieces, local)
    return FileAnswer(decision.outcome.value, headers, content, fetches, resource.name)


def _find_out(path: Path, identity: Identity) -> bool:
    """Whether the file is on a local volume; one look at the table of mounts answers for all files of a device."""
    _LOCAL[identity.device] = is_local(path)
    return _LOCAL[identity.device]


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
