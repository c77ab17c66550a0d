"""Ports that nobody else gets: held by ``exposer up`` for as long as it runs.

A held port is bound with SO_REUSEADDR and does not listen. Linux (``inet_csk_get_port``, ``__inet_hash_connect``) then
gives it neither to a bind to port 0 nor to an outgoing connection, while a program that also sets SO_REUSEADDR, as
every Go and asyncio server does, can bind and listen on it; and once such a server ends, the port is still held.
So there is no moment between choosing a port and using it in which somebody else could take it.

Two holders of that kind would not notice each other, so each also binds the abstract Unix socket of the port's name;
like the port, it belongs to the network namespace and ends with its process.
"""

import contextlib
import socket
from collections.abc import Iterable, Mapping
from typing import Self

from exposer.network.site import preferred

LOOPBACK = "127.0.0.1"
NODE = ("p2p", "rpc", "metrics")
APPLICATION = ("rest", "grpc", "grpc_web", "json_rpc", "ws", "json_rpc_metrics")
"""What an SDK application may listen on besides; the last three on EVM chains."""
_LAST = 65535


class Held:
    """Ports held by this process; closing lets them all go."""

    def __init__(self) -> None:
        self._sockets = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._sockets.close()

    def hold(self, port: int) -> int | None:
        """Hold ``port`` (0: one that the kernel chooses); the port, or None when it is taken."""
        with contextlib.ExitStack() as stack:
            try:
                bound = stack.enter_context(bind(port))
                chosen: int = bound.getsockname()[1]
                stack.enter_context(_name(chosen))
            except OSError:
                return None
            self._sockets.push(stack.pop_all())
            return chosen

    def hold_rest(self, place: int, names: Iterable[str], fixed: Mapping[str, int]) -> dict[str, int]:
        """The ports of the pod at ``place`` by their names: the ``fixed`` one, else the preferred, else any."""
        chosen: dict[str, int] = {}
        for name in names:
            wished = preferred(name, place)
            port = fixed.get(name) or self.hold(wished if wished <= _LAST else 0)
            while port is None:
                port = self.hold(0)  # None only where another holder took the port between its bind and ours
            chosen[name] = port
        return chosen


def bind(port: int) -> socket.socket:
    """A socket that is bound to ``port`` on loopback and does not listen yet; raises OSError when the port is taken."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((LOOPBACK, port))
    except BaseException:
        bound.close()
        raise
    return bound


def _name(port: int) -> socket.socket:
    """The lock among holders: the abstract socket of the port's name."""
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        lock.bind(f"\0exposer-port-{port}")
    except BaseException:
        lock.close()
        raise
    return lock
