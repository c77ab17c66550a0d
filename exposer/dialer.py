"""Connections that keep a time limit: the system's resolver knows none, and each address would get its own."""

import queue
import socket
import threading
import time
from collections.abc import Iterable

import httpcore
from httpcore import SOCKET_OPTION

_DEFAULT_LIMIT = 10.0
LEAST = 0.001
"""Seconds that a limit may have at least: a socket takes 0 for "do not block"."""


class Dialer(httpcore.NetworkBackend):
    """Looks a name up and tries its addresses in turn, all within one ``timeout`` in seconds.

    Raises what httpcore's own backend raises, with the operating system's error as its argument.
    """

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address of ``host`` that accepts one."""
        ends = time.monotonic() + (timeout or _DEFAULT_LIMIT)
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in _look_up(host, port, ends - time.monotonic()):
            left = max(ends - time.monotonic(), LEAST)
            try:
                return httpcore.SyncBackend().connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError("no address")


def _look_up(host: str, port: int, limit: float) -> list[str]:
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
        late = socket.gaierror(socket.EAI_AGAIN, f"no answer within {limit:.3g} s")
        raise httpcore.ConnectError(late) from late
    if isinstance(answer, OSError):
        raise httpcore.ConnectError(answer) from answer
    return answer
