"""One connection: uvicorn's HTTP/1.1 on httptools, with limits, problems for errors, and files sent by the kernel."""

import asyncio
import functools
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from socket import IPPROTO_TCP, TCP_NODELAY, TCP_NOTSENT_LOWAT, TCP_USER_TIMEOUT
from typing import Any
from urllib.parse import parse_qsl

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from exposer.heads import PREFACE, known_version, literal_path
from exposer.listener import Handshakes
from exposer.server.intake import Intake
from exposer.server.memory import Ebb
from exposer.server.problem import Code, ProblemError
from exposer.server.shortcut import Shortcut
from exposer.server.tls import client_name
from exposer.server.traffic import Traffic
from exposer.server.zerocopy import ZERO_COPY, offering
from exposer.sockets import half_close

RESERVE = 64
"""Connections beyond the limit, for probes alone: that others wait does not make a sidecar dead."""
BUFFER = 16 << 10
"""Bytes for each direction of a connection that are held before the other side has to wait."""
_LINGER = 1.0  # seconds for a client that is turned away to read why
_STILL_SENDING = {Code.URI_TOO_LONG, Code.HEADERS_TOO_LARGE}
_PROBES = frozenset({b"/livez", b"/readyz", b"/readyz?node=synced", b"/readyz?node=moving"})
_LOOKED_AT = 64  # connections that are looked at for one to end; looking at all would hold the others up
_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=:%\[\]-]*")
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
        traffic: Traffic,
        ebb: Ebb,
        places: "set[Protocol]",
        shortcut: Shortcut | None = None,
        handshakes: Handshakes | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.parser.set_dangerous_leniencies(lenient_version=True)  # which are known is ours to say
        self._limits = limits
        self._traffic = traffic
        self._shortcut = shortcut
        self._handshakes = handshakes
        self._ebb = ebb
        self._places = places  # of those whose requests are answered, whatever they ask for
        self._extensions: dict[str, Any] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._intake = Intake()
        self._held = bytearray()  # not parsed yet
        self._before = b""  # the latest bytes that were, where the end of a head may have begun
        self._feeding = False
        self._is_short = False  # whether the latest request was answered by the shortcut
        self._deaf = False  # what comes is read and forgotten
        self._said_all = False  # the client, which may still listen
        self._aborted = False

    # The connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take the client; where there are too many, in the place of another one or not at all."""
        super().connection_made(transport)
        self._ebb.tell(self.server_state)
        # The kernel's limit holds for every way of sending, and for what is in its buffers when we are done.
        connection = transport.get_extra_info("socket")
        connection.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, int(self._limits.stall * 1000))
        # What a client does not take stays in the file that it comes from, and not in memory, ours or the kernel's.
        connection.setsockopt(IPPROTO_TCP, TCP_NOTSENT_LOWAT, BUFFER)
        transport.set_write_buffer_limits(high=BUFFER)
        # asyncio sets it only where the listener names its protocol; a body must not wait for the head's delayed ACK.
        connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        if self._handshakes:
            self._handshakes.end(connection.fileno())
        tls = transport.get_extra_info("ssl_object")
        if tls is None:
            self._extensions = {ZERO_COPY: {}}
        else:
            self._extensions = {"tls": {"client_cert_name": client_name(tls)}}
            transport.set_read_buffer_limits(high=BUFFER)  # type: ignore[attr-defined]  # a TLS transport's own
        self._start_timer()
        self._came = self._answered = self.loop.time()
        if len(self.connections) > self._limits.connections + RESERVE and not self._makes_room(self.connections):
            self._refuse(_busy())

    def connection_lost(self, exc: Exception | None) -> None:
        """Let everything go."""
        self._stop_timer()
        self._unset_keepalive_if_required()
        self._drop_held()
        self._places.discard(self)
        super().connection_lost(exc)
        self._ebb.tell(self.server_state)

    def eof_received(self) -> bool | None:  # type: ignore[override]  # uvicorn's never keeps the connection
        """A client that has said all may still listen, as nc does; one that waits for something has left.

        What it waits for may be long in coming, and whether anybody listens shows only in writing.
        """
        if not (self._answering or self._held) or self._waits:
            return None
        self._said_all = ZERO_COPY in self._extensions  # TLS ends with either side
        return self._said_all

    def data_received(self, data: bytes) -> None:
        """Parse, or hold what comes too early."""
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        self._held += data
        self._feed()

    def _feed(self) -> None:
        """Give the parser what is held, up to the end of the request that is answered next."""
        self._feeding = True
        while self._held and not self._deaf and not (self._answering and self._intake.complete):
            piece = bytes(self._held[: self._next()])
            del self._held[: len(piece)]
            self._before = (self._before + piece)[-3:]
            self._parse(piece)
        self._feeding = False
        if len(self._held) <= BUFFER or self.transport.is_closing():  # TLS ends when all is read
            self.transport.resume_reading()
        if self.transport.is_closing():
            return
        if (self._said_all or len(self._held) > BUFFER) and self._waits:  # it could leave, and nobody would know
            self.transport.close()  # behind what is still to be sent of an answer before
        elif len(self._held) > BUFFER and not self._said_all:  # else its end would be seen once more
            self.transport.pause_reading()
        if self._held or (self._intake.complete and self._answering):
            self._stop_timer()
        elif self.timeout_keep_alive_task is None and not self._deaf:
            self._start_timer()

    def _next(self) -> int:
        """How many bytes are parsed next: no more than one request has, so that none queues up behind another."""
        if self._intake.body_left:
            return self._intake.body_left
        end = (self._before + self._held).find(b"\r\n\r\n")
        return end + 4 - len(self._before) if end >= 0 else len(self._held)

    def _parse(self, data: bytes) -> None:
        """Feed the parser; what it cannot read ends the connection."""
        try:
            self.parser.feed_data(data)
            self._intake.fed(len(data))
        except httptools.HttpParserUpgrade:
            # The parser reads nothing behind such a request, which is answered as if it had not asked.
            self.cycle.keep_alive = False
            self._deaf = True
        except ProblemError as problem:
            self._refuse(problem)
        except httptools.HttpParserError as error:
            ours = error.__context__  # what a callback raised
            if self.parser.get_method() == PREFACE:
                ours = _another_version()
            unread = ProblemError(Code.BAD_REQUEST, "this is not a request that can be answered")
            self._refuse(ours if isinstance(ours, ProblemError) else unread)

    @property
    def _answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn's type leaves out that there may be none yet
        return cycle is not None and not cycle.response_complete

    @property
    def _waits(self) -> bool:
        """Whether the client waits for an answer that may be long in coming."""
        return (
            self._answering
            and not self.cycle.response_started
            and any(name == "wait" for name, _ in parse_qsl(self.cycle.scope["query_string"].decode("latin-1")))
        )

    # The parser's events

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.scope["extensions"] = self._extensions
        self._is_short = False
        self._intake.begin()

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        super().on_url(url)
        self._intake.target(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field of the head or of the trailer."""
        super().on_header(name, value)
        self._intake.field(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """The head is complete: the answer can begin."""
        if self.transport.is_closing():
            self._is_short = True  # nobody is there any more, and asyncio logs what is written to them
            return
        version = known_version(self.parser.get_http_version())
        if not version:
            raise _another_version()
        hosts = [value for name, value in self.headers if name == b"host"]
        # RFC 9112, 3.2; a line without a version is HTTP/0.9, whose clients know no head.
        lacking = not hosts and version == "1.1"
        if lacking or len(hosts) > 1 or version == "0.9" or not all(map(_HOST.fullmatch, hosts)):
            raise ProblemError(Code.BAD_REQUEST, "the request's version or host is wrong")
        if not self._is_admitted():
            raise _busy()
        length = sum(int(value) for name, value in self.headers if name == b"content-length")
        if version != "1.1":
            self.expect_100_continue = False  # RFC 9110, 10.1.1
        elif self._shortcut and self._is_simple():
            whole = self._shortcut.answer(self.url, self.server_state.default_headers)
            if whole is not None:
                self._intake.end_head(length)
                self._is_short = True
                self.transport.write(whole)
                self.on_response_complete()
                return
        super().on_headers_complete()
        if self not in self._places:
            self.cycle.keep_alive = False  # one answer, and the next may ask
        self.scope["path"] = literal_path(self.scope["raw_path"])
        self._intake.end_head(length)

    def on_body(self, body: bytes) -> None:
        """A part of the body, which nobody here reads."""
        self._intake.body(len(body))

    def on_message_complete(self) -> None:
        """The request has come to its end."""
        self._intake.end()
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

    def on_response_complete(self) -> None:
        """The next request has its turn, or the client the time to ask; the end, where it has said all."""
        super().on_response_complete()
        self._answered = self.loop.time()
        if self._held and not self._feeding:
            self.loop.call_soon(self._go_on)
        self._end_if_all_is_said()

    def _go_on(self) -> None:
        self._unset_keepalive_if_required()
        self._feed()
        self._end_if_all_is_said()

    def _end_if_all_is_said(self) -> None:
        if self._said_all and not self._held and not self._answering:
            self.transport.close()

    # The end

    def shutdown(self) -> None:
        """End when the answer that is under way is given; once, as a TLS transport of asyncio breaks when closed twice.

        It is open until the client has answered its end (``asyncio/sslproto.py``: ``_SSLProtocolTransport.close``).
        """
        if not self.transport.is_closing():
            super().shutdown()

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
        if self.transport.is_closing():
            return
        if self._answering or self._intake.in_head:
            self._refuse(ProblemError(Code.REQUEST_TIMEOUT, "the request took too long to arrive"))
        else:
            self.transport.close()

    @property
    def waiting_since(self) -> float | None:
        """When, on the loop's clock, this connection began to wait for its client; None while the client waits."""
        if self._aborted:
            return None
        if self._answering:
            return None if self in self._places else self._came
        if self.transport.is_closing():  # what is to be sent is waited for, and with TLS the client's word
            return None if ZERO_COPY in self._extensions else self._answered
        if self.timeout_keep_alive_task:
            return self.timeout_keep_alive_task.when() - self.timeout_keep_alive
        return self._timer.when() - (_LINGER if self._deaf else self._limits.request) if self._timer else None

    def _is_admitted(self) -> bool:
        """Whether the request may be answered: that of a client with a place, or a probe."""
        is_probe, is_full = self.url in _PROBES, len(self._places) >= self._limits.connections
        if self not in self._places and (not is_full or (not is_probe and self._makes_room(self._places))):
            self._places.add(self)
        return is_probe or self in self._places

    def _makes_room(self, among: Iterable[object]) -> bool:
        """Whether an earlier connection could be ended: of some, the one that has waited for its client for longest."""
        waiting = (
            (since, id(one), one)
            for one in among
            if isinstance(one, Protocol) and one is not self and (since := one.waiting_since) is not None
        )
        found = list(itertools.islice(waiting, _LOOKED_AT))
        if found:
            min(found)[2].abort()
        return bool(found)

    def abort(self) -> None:
        """End it now, and let another have its place."""
        self._aborted = True
        self._places.discard(self)
        self.transport.abort()

    def _drop_held(self) -> None:
        self._held.clear()
        self.transport.resume_reading()

    def _refuse(self, problem: ProblemError) -> None:
        """Answer with the problem and end; behind an answer that is under way, or was given, there is no second."""
        self._stop_timer()
        self._drop_held()
        self._deaf = True
        if self._answering:
            self.cycle.keep_alive = False
        elif self._intake.in_body:
            self.transport.close()
        else:
            self._tell(problem)

    def _tell(self, problem: ProblemError) -> None:
        response = problem.response()
        body = b"" if self.parser.get_method() == b"HEAD" else bytes(response.body)
        self._traffic.count("", response.status_code, len(body))
        fields = [*self.server_state.default_headers, *response.raw_headers, (b"connection", b"close")]
        head = b"".join(b"%s: %s\r\n" % field for field in fields)
        self.transport.write(STATUS_LINE[response.status_code] + head + b"\r\n" + body)
        # Closing a socket with unread bytes in it would take the answer from the client (RFC 9112, 9.6).
        if self.transport.can_write_eof():
            half_close(self.transport)
            self._timer = self.loop.call_later(_LINGER, self.transport.abort)
        elif problem.code in _STILL_SENDING:  # TLS has no half of a connection to close
            self._timer = self.loop.call_later(_LINGER, self.transport.close)
        else:
            self.transport.close()


def _busy() -> ProblemError:
    return ProblemError(Code.BUSY, "too many connections are being answered")


def _another_version() -> ProblemError:
    return ProblemError(Code.VERSION_NOT_SUPPORTED, "this server speaks HTTP/1.1")


def protocol(limits: Limits, traffic: Traffic, ebb: Ebb, **more: Any) -> Any:
    """What uvicorn calls for each connection; ``more`` is what else `Protocol` takes."""
    return functools.partial(Protocol, limits=limits, traffic=traffic, ebb=ebb, places=set(), **more)
