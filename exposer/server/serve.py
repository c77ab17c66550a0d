"""``exposer serve``: the sidecar as a process, from binding its port to ending by the signal that it got."""

import asyncio
import logging
import math
import os
import signal
import socket
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import uvicorn

from exposer import log
from exposer.errors import BadInputError, ExposerError
from exposer.server.app import create_app
from exposer.server.settings import ServerSettings, strange_names
from exposer.server.sidecar import Sidecar
from exposer.settings import read_settings

logger = logging.getLogger(__name__)
_BACKLOG = 2048  # a thousand gates may knock at the same moment


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
        return run(settings, listen(settings))
    except ExposerError as error:
        logger.error("%s", error)  # noqa: TRY400 - an error that a person is told about in one line
        return error.exit_code


def listen(settings: ServerSettings) -> socket.socket:
    """The socket to serve on, bound.

    Raises:
        BadInputError: ``fd`` is not a bound TCP socket.
        ExposerError: the address cannot be bound.
    """
    if settings.fd is not None:
        return _inherited(settings.fd)
    host, port = settings.host, settings.http_port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=host == "::")
    except (OSError, UnicodeError) as error:
        raise ExposerError(f"cannot listen on {host}:{port}: {_in_words(error)}") from error


def run(settings: ServerSettings, listener: socket.socket) -> int:
    """Serve on ``listener`` until a signal comes; returns only where the signal could not end the process."""
    server = make_server(settings)
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        _end_by(signal.SIGINT)
    return 128 + server.ended_by


def make_server(settings: ServerSettings) -> "Server":
    """The application in its HTTP server, not yet started."""
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=math.ceil(settings.drain_seconds),
    )
    logging.getLogger("uvicorn.error").addFilter(_is_not_cancellation)
    return Server(config, app.state.sidecar)


class Server(uvicorn.Server):
    """uvicorn's server, which lets the waiters go first, and ends at once at a second signal."""

    def __init__(self, config: uvicorn.Config, sidecar: Sidecar) -> None:
        super().__init__(config)
        self.ended_by = 0
        self._sidecar = sidecar

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell the address: the port is only known now where a free one was asked for."""
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            logger.info("listening on http://%s:%d", f"[{host}]" if ":" in host else host, port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Send the waiters away, then let downloads finish."""
        if downloads := len(self._sidecar.downloads):
            logger.info("stopping; %d downloads have %s s to finish", downloads, self.config.timeout_graceful_shutdown)
        self._sidecar.watch.release()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Note a first signal; end at the second."""
        if self.should_exit:
            _end_by(sig)
        self.ended_by = sig
        super().handle_exit(sig, frame)


def _inherited(descriptor: int) -> socket.socket:
    try:
        listener = socket.socket(fileno=descriptor)
    except OSError as error:
        raise BadInputError(f"--fd {descriptor} is not an open socket: {_in_words(error)}") from error
    if listener.family not in {socket.AF_INET, socket.AF_INET6} or listener.type != socket.SOCK_STREAM:
        raise BadInputError(f"--fd {descriptor} is not a TCP socket")
    listener.set_inheritable(False)
    return listener


def _in_words(error: Exception) -> str:
    """The system's words without the address that Python adds; a resolver's errors have negative numbers."""
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number and number > 0 else str(error)


def _end_by(signum: int) -> NoReturn:
    """End as the signal would have ended the process; PID 1 survives that and goes with 128 + signal."""
    signal.signal(signum, signal.SIG_DFL)
    signal.raise_signal(signum)
    os._exit(128 + signum)


def _is_not_cancellation(record: logging.LogRecord) -> bool:
    """A download that outlived the drain is cancelled by uvicorn, which then logs it like a fault of ours."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))
