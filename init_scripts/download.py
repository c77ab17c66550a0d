"""A file from a server that may fail at any byte: resumed where it was cut, verified when it is whole."""

import base64
import hashlib
import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO, TypeVar

from exposer.client import Answer, Client, Stream
from exposer.errors import BadInputError, MismatchError, TemporaryError
from init_scripts.backoff import Patience

log = logging.getLogger(__name__)
T = TypeVar("T")
UNPROMISED = 1 << 30
"""Bytes of a file whose server does not say how many there are; a stream without an end must not fill the volume."""
_RETRY_AFTER_LIMIT = 60.0  # seconds; a server may ask for a pause, not for a day
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18})")
_SHA256 = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]*):")


@dataclass(frozen=True)
class Promise:
    """What a server said about the whole file when it began to send it.

    ``length`` is in bytes. Not ``bounded``: only the end of the connection marks the end of the file, so a cut
    cannot be told from it. ``etag`` is only a strong one (RFC 9110, section 8.8.1), the kind that ``If-Range``
    takes. ``sha256`` is in base64, from ``Repr-Digest`` (RFC 9530).
    """

    length: int | None = None
    bounded: bool = False
    etag: str | None = None
    sha256: str | None = None

    @classmethod
    def read(cls, stream: Stream) -> "Promise":
        """The promise in the headers of a 200 answer."""
        length = stream.headers.get("content-length")
        etag = stream.headers.get("etag", "")
        digest = _SHA256.search(stream.headers.get("repr-digest", ""))
        return cls(
            length=None if length is None else int(length),
            bounded=length is not None or "transfer-encoding" in stream.headers,
            etag=etag if etag.startswith('"') else None,
            sha256=digest[1] if digest else None,
        )


def wants_credentials(stream: Stream | Answer) -> str:
    """What an exposer's answer says that only a person can mend; empty where waiting may help."""
    if stream.status in {401, 403}:
        return f"answers {stream.status}: give this pod the token or the client certificate that the exposer asks for"
    return ""


@dataclass(frozen=True)
class Fetched:
    """A whole file as it came; ``sha256`` in hex, ``bounded`` as in `Promise`."""

    file: BinaryIO
    sha256: str
    bounded: bool


class Download:
    """One file on its way from ``path`` of a server to ``target``, an open file that can be written, read and cut.

    ``lasting`` says of an answer why no other try helps, or nothing. A query is never told: it may be a token.
    """

    def __init__(
        self,
        client: Client,
        path: str,
        target: BinaryIO,
        patience: Patience,
        lasting: Callable[[Stream], str] = wants_credentials,
    ) -> None:
        self._client = client
        self._path = path
        self._place = f"{client.place}{path.partition('?')[0]}"
        self._lasting = lasting
        self._target = target
        self._patience = patience
        self._start_over(Promise())

    def run(self, check: Callable[[Fetched], T]) -> T:
        """Fetch the file until ``check`` is content with it; returns what ``check`` does.

        ``check`` raises `MismatchError` where the file is wrong, and `TemporaryError` where another try may help.

        Raises:
            TemporaryError: the time is over; the message has the last failure.
            BadInputError: no other try helps; the server wants credentials, say, or sends without an end.
            MismatchError: the file came whole and is wrong.
        """
        tries = 0
        while True:
            tries += 1
            before, self._retry_after = self._received, 0.0
            try:
                self._fetch()
                return self._judge(check)
            except TemporaryError as error:
                log.info("%s: %s; %d bytes so far", self._place, error, self._received)
                if self._received > before:
                    self._patience.reset()
                self._patience.pause(self._retry_after)
                if not self._patience.left:
                    spent = f"{self._patience.spent:.3g} s and {tries} tries"
                    raise TemporaryError(f"gave up on {self._place} after {spent}: {error}") from error

    def _fetch(self) -> None:
        """One request, for all of the file or for what is missing of it; returns when it is whole."""
        missing = {}
        if self._received and self._promise.etag:
            missing = {"range": f"bytes={self._received}-", "if-range": self._promise.etag}
        with self._client.stream(self._path, headers=missing, within=self._patience.left) as stream:
            if reason := self._lasting(stream):
                raise BadInputError(f"{self._place} {reason}")
            if (encoding := stream.headers.get("content-encoding", "identity")) != "identity":
                raise TemporaryError(f"it comes encoded as {encoding!r}, which was not asked for")
            if stream.status == 206 and missing:  # noqa: PLR2004 - Partial Content
                self._continue(stream)
            elif stream.status == 200:  # noqa: PLR2004 - OK
                self._start_over(Promise.read(stream))
            else:
                self._refuse(stream)
            self._need_room()
            for chunk in stream.chunks():
                self._take(chunk)
                if not self._patience.left:
                    raise TemporaryError("the time is over")
        if self._promise.length not in {None, self._received}:
            raise TemporaryError(f"{self._received} of {self._promise.length} bytes came")

    def _take(self, chunk: bytes) -> None:
        """Keep a piece, unless it is one too many."""
        if self._promise.length is None and self._received + len(chunk) > UNPROMISED:
            raise BadInputError(
                f"{self._place} sends more than {UNPROMISED} bytes without a length: let it send a Content-Length"
            )
        if self._promise.length is not None and self._received + len(chunk) > self._promise.length:
            self._start_over(Promise())
            raise TemporaryError("more comes than was promised")
        self._target.write(chunk)
        self._digest.update(chunk)
        self._received += len(chunk)

    def _need_room(self) -> None:
        """Write nothing of a file that the volume has no room for; there may be some by the next try."""
        volume = os.fstatvfs(self._target.fileno())
        room = volume.f_bavail * volume.f_frsize
        if volume.f_blocks and (self._promise.length or 0) - self._received > room:  # some file systems do not count
            raise TemporaryError(f"it has {self._promise.length} bytes, and the volume has room for {room} more")

    def _start_over(self, promise: Promise) -> None:
        self._promise = promise
        self._received = 0
        self._resumed = False
        self._digest = hashlib.sha256()
        self._target.seek(0)
        self._target.truncate()

    def _continue(self, stream: Stream) -> None:
        """Take a partial answer only where it continues, byte for byte, the file that was begun."""
        found = _CONTENT_RANGE.fullmatch(stream.headers.get("content-range", ""))
        fits = found and int(found[1]) == self._received and self._promise.length in {None, int(found[2])}
        if not found or not fits or stream.headers.get("etag", self._promise.etag) != self._promise.etag:
            self._start_over(Promise())
            raise TemporaryError("the rest of another file came")
        self._promise = replace(self._promise, length=int(found[2]), bounded=True)
        self._resumed = True

    def _refuse(self, stream: Stream) -> None:
        """An answer without the file: wait for a better one."""
        if stream.status == 416:  # noqa: PLR2004 - Range Not Satisfiable: the file is another one now
            self._start_over(Promise())
        if re.fullmatch("[0-9]{1,9}", seconds := stream.headers.get("retry-after", "")):
            self._retry_after = min(float(seconds), _RETRY_AFTER_LIMIT)
        raise TemporaryError(f"it answers {stream.status}")

    def _judge(self, check: Callable[[Fetched], T]) -> T:
        """The verdict on a whole file; pieces that make a wrong one prove nothing and are fetched in one again."""
        try:
            return self._verify(check)
        except MismatchError as error:
            if not self._resumed:
                raise
            self._start_over(Promise())
            raise TemporaryError(f"the pieces do not fit: {error}") from error

    def _verify(self, check: Callable[[Fetched], T]) -> T:
        if self._promise.sha256 not in {None, base64.b64encode(self._digest.digest()).decode()}:
            raise MismatchError(f"the bytes of {self._place} are not those that its Repr-Digest promises")
        self._target.seek(0)
        return check(Fetched(self._target, self._digest.hexdigest(), self._promise.bounded))
