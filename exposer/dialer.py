"""Connections that keep a time limit.

The system's resolver knows none, each address would get its own, and so would each byte that a server sends.
"""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore
from httpcore import SOCKET_OPTION

_DEFAULT_LIMIT = 10.0
LEAST = 0.001
"""Seconds that a limit may have at least: a socket takes 0 for "do not block"."""


class LateError(httpcore.ReadTimeout):
    """The server sent in time again and again, and is not at its end when the whole must be."""


class Deadline:
    """The moment (of the monotonic clock) when an exchange must be over, whatever it is doing; at first never."""

    ends = float("inf")

    def left(self, timeout: float | None) -> float:
        """What the next operation may take of ``timeout``, in seconds; raises `LateError` where it is over."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise LateError
        return min(_DEFAULT_LIMIT if timeout is None else timeout, left)


class _Stream(httpcore.NetworkStream):
    """A connection whose every operation ends by the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _Stream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class Dialer(httpcore.NetworkBackend):
    """Looks a name up and tries its addresses in turn, all within one ``timeout`` in seconds and the ``deadline``.

    Raises what httpcore's own backend raises, with the operating system's error as its argument.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address of ``host`` that accepts one."""
        ends = time.monotonic() + self._deadline.left(timeout)
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in look_up(host, port, ends - time.monotonic()):
            left = max(ends - time.monotonic(), LEAST)
            try:
                stream = httpcore.SyncBackend().connect_tcp(address, port, left, local_address, socket_options)
                return _Stream(stream, self._deadline)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError("no address")


def look_up(host: str, port: int, limit: float) -> list[str]:
    """The addresses of ``host``. A look-up that hangs stays behind in its thread: it cannot be stopped."""
    answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except OSError as error:
            answers.put(error)

    threading.Thread(target=ask, name=f"look-up {host}", daemon=True).start()
    try:
        answer = answers.get(timeout=limit)
    except queue.Empty:
        late = socket.gaierror(socket.EAI_AGAIN, "no answer in time")
        raise httpcore.ConnectError(late) from late
    if isinstance(answer, OSError):
        raise httpcore.ConnectError(answer) from answer
    return answer
