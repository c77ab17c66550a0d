"""One connection: uvicorn's HTTP/1.1 on httptools, with limits, problems for errors, and files sent by the kernel."""

import asyncio
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from socket import IPPROTO_TCP, TCP_NODELAY, TCP_USER_TIMEOUT
from typing import Any

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from exposer.server.problem import Code, ProblemError
from exposer.server.shortcut import Shortcut
from exposer.server.tls import client_name
from exposer.server.zerocopy import ZERO_COPY, offering

LONGEST_TARGET = 8000
"""Bytes of a request's target: what RFC 9112 section 3 asks every server to take."""
LONGEST_HEAD = 64 << 10
"""Bytes of a request's head, or of its trailer."""
MOST_FIELDS = 100
_LINE = len("GET  HTTP/1.1\r\n")
_FIELD = len(": \r\n")
_LINGER = 2.0  # seconds for a client that is turned away to read why
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"expect"})


@dataclass(frozen=True)
class Limits:
    """What a client may take: connections in number, times in seconds.

    ``request``: for sending a request; ``stall``: without taking a byte that was sent to it.
    """

    connections: int
    request: float
    stall: float


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol, which neither a slow, a greedy nor a broken client can hold up.

    Between two requests uvicorn's own keep-alive timer runs; while one is awaited for the first time, or on its way,
    ours. A connection whose answer is due has no timer here: the kernel ends it when the client takes nothing.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: Limits,
        shortcut: Shortcut | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._shortcut = shortcut
        self._extensions: dict[str, Any] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._refused = False
        self._refusal = Code.BAD_REQUEST
        # The latest request: whether it is complete, its head is under way, and it was answered by the shortcut.
        self._complete = False
        self._in_head = True
        self._is_short = False
        self._head = 0
        self._parsed = 0  # bytes, about, that the parser has told of
        self._unparsed = 0

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take the client; where there are too many, in the place of another one or not at all."""
        super().connection_made(transport)
        # The kernel's limit holds for every way of sending, and for what is in its buffers when we are done.
        connection = transport.get_extra_info("socket")
        connection.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, int(self._limits.stall * 1000))
        # asyncio sets it only where the listener names its protocol; a body must not wait for the head's delayed ACK.
        connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        tls = transport.get_extra_info("ssl_object")
        self._extensions = {ZERO_COPY: {}} if tls is None else {"tls": {"client_cert_name": client_name(tls)}}
        self._start_timer()
        if len(self.connections) > self._limits.connections and not self._makes_room():
            self._refuse(ProblemError(Code.BUSY, "too many connections are being answered"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Let everything go."""
        self._stop_timer()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what it cannot read ends the connection."""
        if self._refused:
            return  # read and forgotten, so that the client gets to read its answer
        self._unset_keepalive_if_required()
        before = self._parsed
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # The parser reads nothing behind such a request, which is answered as if it had not asked.
            self.cycle.keep_alive = False
        except httptools.HttpParserError:
            self._refuse(ProblemError(self._refusal, "this is not a request that can be answered"))
            return
        # The parser keeps what has no end yet, a name, a value or the space before a request, for as long as it grows.
        self._unparsed = len(data) - (self._parsed - before) + (self._unparsed if self._parsed == before else 0)
        if self._in_head and self._unparsed > LONGEST_HEAD:
            self._refuse(ProblemError(Code.HEADERS_TOO_LARGE, "the request's head is too large"))
            return
        if self._timer is None and self.timeout_keep_alive_task is None and not (self._complete and self._answering):
            self._start_timer()

    @property
    def _answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn's annotation leaves out the time before the first
        return cycle is not None and not cycle.response_complete

    # The parser's events

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.scope["extensions"] = self._extensions
        self._complete = self._is_short = False
        self._in_head = True
        self._head = 0

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        super().on_url(url)
        self._head += len(url)
        self._parsed += len(url) + _LINE
        if self._head > LONGEST_TARGET:
            self._give_up(Code.URI_TOO_LONG)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head or of the trailer."""
        super().on_header(name, value)
        self._head += len(name) + len(value)
        self._parsed += len(name) + len(value) + _FIELD
        if self._head > LONGEST_HEAD or len(self.headers) > MOST_FIELDS:
            self._give_up(Code.HEADERS_TOO_LARGE)

    def on_headers_complete(self) -> None:
        """The head is complete: the answer can begin."""
        self._in_head = False
        if self.transport.is_closing():
            self._is_short = True  # nobody is there any more, and asyncio logs what is written to them
            return
        version = self.parser.get_http_version()
        hosts = sum(name == b"host" for name, _ in self.headers)
        # RFC 9112, 3.2; a line without a version is HTTP/0.9, whose clients know no head.
        if hosts > 1 or (hosts < 1 and version == "1.1") or version == "0.9":
            self._give_up(Code.BAD_REQUEST)
        if self._shortcut and version == "1.1" and self._is_simple():
            whole = self._shortcut.answer(self.url, self.server_state.default_headers)
            if whole is not None:
                self._is_short = True
                self.transport.write(whole)
                self.on_response_complete()
                return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body, which nothing here reads."""
        self._parsed += len(body)
        if not self._is_short:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request has come to its end."""
        self._complete = True
        self._stop_timer()
        if not self._is_short:
            super().on_message_complete()

    def _is_simple(self) -> bool:
        """A bare GET on an idle connection that stays open."""
        return (
            not self._answering
            and not self.flow.write_paused
            and self.parser.get_method() == b"GET"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and _FRAMING.isdisjoint(name for name, _ in self.headers)
        )

    def _give_up(self, code: Code) -> None:
        """End the parser's work; `data_received` gets its error."""
        self._refusal = code
        raise ValueError(code.text)

    # The end

    def send_400_response(self, msg: str) -> None:
        """Refuse as everywhere else here."""
        self._refuse(ProblemError(Code.BAD_REQUEST, msg))

    def timeout_keep_alive_handler(self) -> None:
        """End an idle connection; what the client has not read by now is not waited for."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        super().timeout_keep_alive_handler()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        super()._start_asgi_task(cycle, offering(app, cycle) if ZERO_COPY in self._extensions else app)

    def _start_timer(self) -> None:
        self._timer = self._timer or self.loop.call_later(self._limits.request, self._time_is_up)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_is_up(self) -> None:
        self._timer = None
        if self._head or self._answering:
            self._refuse(ProblemError(Code.REQUEST_TIMEOUT, "the request took too long to arrive"))
        else:
            self.transport.close()

    @property
    def waiting_since(self) -> float | None:
        """When, on the loop's clock, this connection began to wait for its client; None while the client waits."""
        if self._answering or self.transport.is_closing():
            return None
        if self.timeout_keep_alive_task:
            return self.timeout_keep_alive_task.when() - self.timeout_keep_alive
        return self._timer.when() - self._limits.request if self._timer else None

    def _makes_room(self) -> bool:
        """Whether the connection that has waited for its client for longest could be ended."""
        others = [one for one in self.connections if isinstance(one, Protocol) and one is not self]
        waiting = [(since, id(one), one) for one in others if (since := one.waiting_since) is not None]
        if waiting:
            min(waiting)[2].transport.abort()
        return bool(waiting)

    def _refuse(self, problem: ProblemError) -> None:
        """Answer with the problem and end; a connection that has an answer under way ends behind it."""
        self._stop_timer()
        self._refused = True
        if self._answering:
            self.pipeline.clear()
            self.cycle.keep_alive = False
            return
        response = problem.response()
        head = b"".join([STATUS_LINE[response.status_code], *_fields(self.server_state.default_headers)])
        self.transport.write(
            head + b"".join(_fields(response.raw_headers)) + b"connection: close\r\n\r\n" + bytes(response.body)
        )
        if not self.transport.can_write_eof():  # TLS
            self.transport.close()
            return
        # Closing a socket with unread bytes in it would take the answer from the client (RFC 9112, 9.6).
        self.transport.write_eof()
        self._timer = self.loop.call_later(_LINGER, self.transport.abort)


def _fields(headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    return [b"%s: %s\r\n" % field for field in headers]


def protocol(limits: Limits, shortcut: Shortcut | None) -> Any:
    """What uvicorn calls for each connection."""
    return functools.partial(Protocol, limits=limits, shortcut=shortcut)
