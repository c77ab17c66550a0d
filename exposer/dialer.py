"""Connections that keep a time limit.

The system's resolver knows none, each address would get its own, and so would each byte that a server sends.
"""

import queue
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import httpcore
from httpcore import SOCKET_OPTION

_DEFAULT_LIMIT = 10.0
LEAST = 0.001
"""Seconds that a limit may have at least: a socket takes 0 for "do not block"."""
STAGGER = 0.25
"""Seconds; RFC 8305 recommends them as "Connection Attempt Delay"."""


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
    """Looks a name up and connects to one of its addresses, all within one ``timeout`` in seconds and the ``deadline``.

    An address that does not answer does not hold the next one up (RFC 8305, "Happy Eyeballs"): each gets a start of
    `STAGGER` seconds before the next is tried beside it.

    With an ``address`` no name is looked up. Raises what httpcore's own backend raises, with the operating system's
    error as its argument.
    """

    def __init__(self, deadline: Deadline, address: str | None = None) -> None:
        self._deadline = deadline
        self._address = address

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
        addresses = [self._address] if self._address else look_up(host, port, ends - time.monotonic())

        def connect(address: str) -> httpcore.NetworkStream:
            left = max(ends - time.monotonic(), LEAST)
            return httpcore.SyncBackend().connect_tcp(address, port, left, local_address, socket_options)

        stream = connect(addresses[0]) if len(addresses) == 1 else _Race(connect, addresses).run()
        return _Stream(stream, self._deadline)


class _Race:
    """Connections to several addresses, of which the first that succeeds is kept and all others are closed."""

    def __init__(self, connect: Callable[[str], httpcore.NetworkStream], addresses: Sequence[str]) -> None:
        self._connect = connect
        self._addresses = addresses
        self._ended: queue.SimpleQueue[httpcore.NetworkStream | Exception] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._won = False

    def run(self) -> httpcore.NetworkStream:
        """The first connection; raises the last failure where all have failed, each by its own time limit."""
        waiting = deque(self._addresses)
        trying = 0
        failure: Exception = httpcore.ConnectError("no address")
        while waiting or trying:
            if waiting:
                address = waiting.popleft()
                threading.Thread(target=self._try, args=(address,), name=f"connect {address}", daemon=True).start()
                trying += 1
            try:
                ended = self._ended.get(timeout=STAGGER if waiting else None)
            except queue.Empty:
                continue
            if isinstance(ended, httpcore.NetworkStream):
                return ended
            failure = ended
            trying -= 1
        raise failure

    def _try(self, address: str) -> None:
        try:
            stream = self._connect(address)
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread that waits for it raises it
            self._ended.put(error)
            return
        with self._lock:
            first, self._won = not self._won, True
        if first:
            self._ended.put(stream)
        else:
            stream.close()


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
        answer = answers.get(timeout=max(limit, LEAST))
    except queue.Empty:
        late = socket.gaierror(socket.EAI_AGAIN, "no answer in time")
        raise httpcore.ConnectError(late) from late
    if isinstance(answer, OSError):
        raise httpcore.ConnectError(answer) from answer
    return answer
