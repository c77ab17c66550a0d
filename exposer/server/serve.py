"""``exposer serve``: the sidecar as a process, from binding its port to ending by the signal that it got."""

import asyncio
import functools
import logging
import math
import signal
import socket
from collections.abc import Sequence
from types import FrameType
from typing import Any

import uvicorn

from exposer import log
from exposer.duration import parse_duration
from exposer.errors import ExposerError
from exposer.listener import AT_ONCE, BACKLOG, Handshakes, Listener, most_connections
from exposer.server.app import create_app
from exposer.server.memory import Ebb, memory_limit
from exposer.server.protocol import RESERVE, Limits, protocol
from exposer.server.settings import ServerSettings, strange_names
from exposer.server.shortcut import Shortcut
from exposer.server.sidecar import Sidecar
from exposer.server.tls import server_context
from exposer.settings import read_settings
from exposer.sockets import address, bind, end_by

logger = logging.getLogger(__name__)
_OTHER_DESCRIPTORS = 80  # the loop's, the log's, the volume's, and those of connections that are just being ended
_OTHER_MEMORY = 96 << 20  # bytes: the program itself, and what looks at the volume take
_MEMORY = 128 << 10
"""Bytes that a connection takes at most, of ours and the kernel's (tests/load/test_greed.py)."""
_MEMORY_OF_TLS = 144 << 10
"""So many more with TLS."""
_HANDSHAKES = 256  # at the same time, as far as there may be so many connections
_MEMORY_OF_HANDSHAKES = (_HANDSHAKES + AT_ONCE) * (216 << 10)
_HEADERS = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
]


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until a signal comes; ``argv`` is what follows ``serve`` (``sys.argv`` when None).

    Returns the exit code: 1 where the port cannot be bound, 3 for a wrong setting. SIGTERM and SIGINT end the
    process by themselves; where they cannot (PID 1) the code is 128 + their number.
    """
    log.configure()
    try:
        settings = read_settings(
            ServerSettings, argv, prog="exposer serve", description="Serve one pod's state over HTTP."
        )
        log.configure(settings.log_format, settings.log_level)
        if names := strange_names():
            logger.warning("these variables set nothing here: %s", ", ".join(names))
        return run(settings, bind(settings.host, settings.http_port, settings.fd, backlog=BACKLOG))
    except ExposerError as error:
        logger.error("%s", error)  # noqa: TRY400 - an error that a person is told about in one line
        return error.exit_code


def run(settings: ServerSettings, listener: socket.socket) -> int:
    """Serve on ``listener`` until a signal comes; returns only where the signal could not end the process."""
    with listener:
        server = make_server(settings)
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            end_by(signal.SIGINT)
    return 128 + server.ended_by


def make_server(settings: ServerSettings) -> "Server":
    """The application in its HTTP server, not yet started."""
    app = create_app(settings)
    sidecar: Sidecar = app.state.sidecar
    # A request that has to be checked first goes the long way.
    shortcut = None if settings.token_file or settings.tls_client_ca_file else Shortcut(sidecar.watch, sidecar.traffic)
    context = server_context(settings)
    limits = _limits(settings, secure=context is not None)
    handshakes = Handshakes(min(limits.connections, _HANDSHAKES) + AT_ONCE) if context else None
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=protocol(limits, sidecar.traffic, Ebb(), shortcut=shortcut, handshakes=handshakes),
        headers=_HEADERS,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=AT_ONCE,
        timeout_keep_alive=math.ceil(parse_duration(settings.idle_timeout)),
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds),
    )
    logging.getLogger("uvicorn.error").addFilter(_is_fault)
    if context:
        config.ssl_context_factory = lambda *_: context
    return Server(config, sidecar, limits, handshakes)


def _limits(settings: ServerSettings, *, secure: bool) -> Limits:
    """The limits; a connection needs its own descriptor, a download two, and a TLS handshake one."""
    each = 4 if secure else 3
    most = most_connections(settings.max_connections, others=_OTHER_DESCRIPTORS + RESERVE * each, each=each)
    memory, others = memory_limit(), _OTHER_MEMORY + _MEMORY_OF_HANDSHAKES * secure
    if memory is not None and (possible := (memory - others) // (_MEMORY + _MEMORY_OF_TLS * secure) - RESERVE) < most:
        most = min(most, max(possible, RESERVE))
        logger.info("at most %d connections, because the memory limit is %d MiB", most, memory >> 20)
    return Limits(most, parse_duration(settings.request_timeout), parse_duration(settings.stall_timeout))


class Server(uvicorn.Server):
    """uvicorn's server, which lets the waiters go first, and ends at once at a second signal."""

    def __init__(self, config: uvicorn.Config, sidecar: Sidecar, limits: Limits, handshakes: Handshakes | None) -> None:
        """``handshakes`` where connections begin with one, which may take as long as a request."""
        super().__init__(config)
        self._limits = limits
        self._handshakes = handshakes
        self.ended_by = 0
        self._sidecar = sidecar

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell the address: the port is only known now where a free one was asked for.

        uvicorn's own leaves the begin and the end of a TLS connection asyncio's limits: a minute, and half of one.
        """
        await self.lifespan.startup()
        limit = self._limits.request if self.config.ssl else None
        made: Any = self.config.http_protocol_class
        make = functools.partial(
            made, config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        listeners = [Listener(bound, self._handshakes) for bound in sockets or []]
        self.servers = [
            await asyncio.get_running_loop().create_server(
                make,
                sock=listener,
                ssl=self.config.ssl,
                backlog=self.config.backlog,
                ssl_handshake_timeout=limit,
                ssl_shutdown_timeout=limit,
            )
            for listener in listeners
        ]
        self.started = True
        scheme = "https" if self.config.ssl else "http"
        for listener in listeners:
            logger.info("listening on %s", address(listener, scheme))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Send the waiters away, then let downloads finish."""
        if downloads := len(self._sidecar.fetches):
            logger.info("stopping; %d downloads have %s s to finish", downloads, self.config.timeout_graceful_shutdown)
        self._sidecar.watch.release()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note a first signal; end at the second."""
        if self.should_exit:
            end_by(sig)
        self.ended_by = sig
        super().handle_exit(sig, frame)


def _is_fault(record: logging.LogRecord) -> bool:
    """Not so where a download is cut, which says by itself why, or outlives the drain and is cancelled by uvicorn."""
    cancelled = record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not cancelled and record.msg != "ASGI callable returned without completing response."
