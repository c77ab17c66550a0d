"""A file's own bytes as an answer: from one open descriptor, whole or one range, never padded and never a mix."""

import asyncio
import logging
import os
from base64 import b64encode
from io import BufferedReader

from aiofiles.threadpool import wrap
from fastapi import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from exposer.server.conditions import Decision, Outcome, Representation, decide
from exposer.server.file import Identity, open_same
from exposer.server.problem import Code, ProblemError
from exposer.server.view import Verdict

CHUNK = 256 * 1024
"""Bytes read at a time, and so about what one download costs in memory."""

log = logging.getLogger(__name__)


class FileAnswer(StreamingResponse):
    """Sends ``decision``'s part of ``stream`` and closes it; `StreamingResponse` ends it when the client leaves."""

    def __init__(
        self,
        stream: BufferedReader,
        decision: Decision,
        headers: dict[str, str],
        downloads: "Downloads",
    ) -> None:
        super().__init__((), decision.outcome.value, headers)
        self._stream = stream
        self._decision = decision
        self._downloads = downloads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; while that lasts it is one of the downloads."""
        self._downloads.add(self)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._downloads.discard(self)
            self._stream.close()  # waits for a read that is under way in a thread: both take the reader's lock

    async def stream_response(self, send: Send) -> None:
        """Send head and bytes; a file that changes meanwhile ends the connection short of its Content-Length."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        left = self._decision.stop - self._decision.start
        before = Identity.of(os.fstat(self._stream.fileno())).content
        self._stream.seek(self._decision.start)
        reader = wrap(self._stream)
        while left:
            try:
                chunk = await reader.read(min(CHUNK, left))
            except OSError:
                log.exception("reading %s failed; the connection is cut", self._stream.name)
                return
            if not chunk or Identity.of(os.fstat(self._stream.fileno())).content != before:
                log.warning("%s changed while it was sent; the connection is cut", self._stream.name)
                return
            left -= len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})


Downloads = set[FileAnswer]
"""The downloads under way."""


async def answer(request: Request, verdict: Verdict, downloads: Downloads) -> Response | None:
    """The answer to a request for the file that ``verdict`` found; None where it has gone since.

    Raises:
        ProblemError: a precondition does not hold, or the range lies outside the file.
    """
    if verdict.path is None or verdict.identity is None or verdict.sha256 is None:
        return None
    file = Representation(f'"{verdict.sha256}"', verdict.identity.size, verdict.identity.modified_ns // 1_000_000_000)
    decision = decide(request.method, request.headers, file)
    if decision.outcome is Outcome.PRECONDITION_FAILED:
        raise ProblemError(Code.PRECONDITION_FAILED, "the file is another one by now", headers={"etag": file.etag})
    if decision.outcome is Outcome.RANGE_NOT_SATISFIABLE:
        outside = {"content-range": f"bytes */{file.size}", "accept-ranges": "bytes", "etag": file.etag}
        raise ProblemError(Code.RANGE_NOT_SATISFIABLE, "the range begins behind the end of the file", headers=outside)
    headers = headers_of(file, verdict.sha256, decision)
    if request.method == "HEAD" or decision.outcome is Outcome.NOT_MODIFIED:
        return Response(status_code=decision.outcome.value, headers=headers)
    stream = await asyncio.to_thread(open_same, verdict.path, verdict.identity)
    return FileAnswer(stream, decision, headers, downloads) if stream else None


def headers_of(file: Representation, sha256: str, decision: Decision) -> dict[str, str]:
    """The headers for ``decision`` on a file with this SHA-256 (hex); `Repr-Digest` is that of RFC 9530."""
    headers = {"etag": file.etag, "cache-control": "no-cache"}
    if decision.outcome is Outcome.NOT_MODIFIED:
        return headers
    headers |= {
        "content-type": "application/json",
        "content-length": str(decision.stop - decision.start),
        "last-modified": file.last_modified,
        "repr-digest": f"sha-256=:{b64encode(bytes.fromhex(sha256)).decode()}:",
        "accept-ranges": "bytes",
    }
    if decision.outcome is Outcome.PART:
        headers["content-range"] = f"bytes {decision.start}-{decision.stop - 1}/{file.size}"
    return headers
