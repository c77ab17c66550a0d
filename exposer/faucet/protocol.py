"""One connection: uvicorn's HTTP/1.1 on httptools with limits. One request, its answer, and the end.

The application starts when the whole request is here: no client can hold it up. Whoever is still sending, or has been
answered, gives way to a new client where there are too many.
"""

import asyncio
import functools
from dataclasses import dataclass, field
from typing import Any

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from exposer.faucet.problem import Code, ProblemError
from exposer.heads import PREFACE, known_version, literal_path
from exposer.sockets import half_close

LARGEST_HEAD = 32 << 10
"""Bytes of a request before its body."""
LARGEST_BODY = 4096
"""Bytes of a request's body; the longest address has 90."""
_LINGER = 1.0  # seconds for a client to read its answer


@dataclass(frozen=True)
class Doors:
    """What all connections share: how many there may be, and the seconds that a request may take to come."""

    connections: int
    request: float
    leaving: "dict[Protocol, None]" = field(default_factory=dict)
    """Connections that may be ended for another, the first of them first."""


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol, which neither a slow, a greedy nor a broken client can hold up."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        doors: Doors,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.parser.set_dangerous_leniencies(lenient_version=True)  # which are known is ours to say
        self._doors = doors
        self._timer: asyncio.TimerHandle | None = None
        self._taken = 0  # bytes of the request, and of its body alone
        self._body = 0
        self._deaf = False  # what comes is read and forgotten
        self._ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take the client; where there are too many, in the place of another one or not at all."""
        super().connection_made(transport)
        if len(self.connections) > self._doors.connections:
            if not self._doors.leaving:
                self._refuse(ProblemError(Code.BUSY, "too many requests are being answered", wait=1.0))
                transport.close()
                return
            first = next(iter(self._doors.leaving))
            del self._doors.leaving[first]
            first.transport.abort()
        self._doors.leaving[self] = None
        self._timer = self.loop.call_later(self._doors.request, self._time_is_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let everything go."""
        self._stay()
        super().connection_lost(exc)

    def eof_received(self) -> bool | None:  # type: ignore[override]  # uvicorn's never keeps the connection
        """A client that has said all may still listen, as nc does."""
        return self._deaf and not self._ended

    def data_received(self, data: bytes) -> None:
        """Read the one request."""
        if not self._deaf:
            self._taken += len(data)
            self._parse(data)

    def _parse(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # it is answered as if it had not asked
        except httptools.HttpParserError as error:
            ours = error.__context__  # what a callback raised
            if self.parser.get_method() == PREFACE:
                ours = _another_version()
            unread = ProblemError(Code.BAD_REQUEST, "this is not a request that can be answered")
            if not self._deaf:  # else it is a second request
                self._refuse(ours if isinstance(ours, ProblemError) else unread)
        if not self._deaf and (self._body > LARGEST_BODY or self._taken - self._body > LARGEST_HEAD):
            told = f"a request has at most {LARGEST_HEAD} bytes, and its body {LARGEST_BODY}"
            self._refuse(ProblemError(Code.TOO_LARGE, told))

    def on_message_begin(self) -> None:
        """The one request begins."""
        if self._deaf:
            raise ValueError("a second request is not read")
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there; a client that waits for a word is told to go on."""
        if not known_version(self.parser.get_http_version()):
            raise _another_version()
        if self.expect_100_continue:
            self.expect_100_continue = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        super().on_headers_complete()
        self.scope["path"] = literal_path(self.scope["raw_path"])
        self.cycle.keep_alive = False
        self.cycle.transport = _Answer(self)  # type: ignore[assignment]  # what uvicorn uses of a transport

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body += len(body)
        if self._body <= LARGEST_BODY:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is there: the application's turn."""
        if self._body > LARGEST_BODY:
            return
        self._deaf = True
        self._stay()
        super().on_message_complete()
        super()._start_asgi_task(self.cycle, self.app)

    def on_response_complete(self) -> None:
        """There is no next request."""
        self.server_state.total_requests += 1

    def shutdown(self) -> None:
        """The faucet is stopping: who has not sent his request is told so."""
        if not self._deaf and self._taken:
            self._refuse(ProblemError(Code.NOT_READY, "the faucet is stopping", wait=1.0))
        elif not self._deaf:
            self.transport.close()

    def end(self) -> None:
        """End. Closing a socket with unread bytes in it would take the answer from the client (RFC 9112, 9.6)."""
        self._stay()
        self._deaf = self._ended = True
        if not self.transport.is_closing():
            half_close(self.transport)
            self._doors.leaving[self] = None
            self._timer = self.loop.call_later(_LINGER, self.transport.abort)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Not before the body is there."""

    def _stay(self) -> None:
        self._doors.leaving.pop(self, None)
        if self._timer:
            self._timer.cancel()

    def _time_is_up(self) -> None:
        if self._taken:
            self._refuse(ProblemError(Code.REQUEST_TIMEOUT, "the request took too long to come"))
        else:
            self.transport.close()

    def _refuse(self, problem: ProblemError) -> None:
        response = problem.response()
        fields = [*response.raw_headers, (b"connection", b"close")]
        head = b"".join(b"%s: %s\r\n" % pair for pair in fields)
        self.transport.write(STATUS_LINE[response.status_code] + head + b"\r\n" + bytes(response.body))
        self.end()


def _another_version() -> ProblemError:
    return ProblemError(Code.VERSION_NOT_SUPPORTED, "this server speaks HTTP/1.1")


class _Answer:
    """What uvicorn writes an answer to."""

    def __init__(self, protocol: Protocol) -> None:
        self.write = protocol.transport.write
        self.is_closing = protocol.transport.is_closing
        self.close = protocol.end


def protocol(doors: Doors) -> Any:
    """What uvicorn calls for each connection."""
    return functools.partial(Protocol, doors=doors)
