"""A server's socket, bound here or by whoever started the program, and how connections and a server end."""

import asyncio
import os
import signal
import socket
from typing import NoReturn

from exposer.errors import BadInputError, ExposerError
from exposer.hosts import bare, bracketed


def bind(host: str, port: int, descriptor: int | None, *, backlog: int) -> socket.socket:
    """The socket to serve on: the inherited ``descriptor`` where there is one, else ``host`` and ``port``.

    Raises:
        BadInputError: the descriptor is not a bound TCP socket.
        ExposerError: the address cannot be bound.
    """
    if descriptor is not None:
        return _inherited(descriptor)
    host = bare(host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=backlog, dualstack_ipv6=host == "::")
    except (OSError, UnicodeError) as error:
        raise ExposerError(f"cannot listen on {bracketed(host)}:{port}: {_in_words(error)}") from error


def address(listener: socket.socket, scheme: str = "http") -> str:
    """The URL of a bound socket; a free port is only known now."""
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{bracketed(host)}:{port}"


def half_close(transport: asyncio.WriteTransport) -> None:
    """Tell the peer that nothing more comes; a connection that it has reset before the loop could see that is ended."""
    try:
        transport.write_eof()
    except OSError:
        transport.abort()


def end_by(signum: int) -> NoReturn:
    """End as the signal would have ended the process; PID 1 survives that and goes with 128 + signal."""
    signal.signal(signum, signal.SIG_DFL)
    signal.raise_signal(signum)
    os._exit(128 + signum)


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
