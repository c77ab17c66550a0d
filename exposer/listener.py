"""The socket that takes connections: a few in each turn of the loop, and none for which there is no descriptor."""

import contextlib
import errno
import logging
import os
import resource
import socket

log = logging.getLogger(__name__)
BACKLOG = 2048  # a thousand gates may knock at the same moment
RECEIVED = 16 << 10
"""Bytes that the kernel may hold for a connection that is not read; the client keeps the rest."""
AT_ONCE = 16
"""Connections that are taken in one turn of the loop, so that the limits hold before the next come."""


def most_connections(wanted: int, *, others: int, each: int = 1) -> int:
    """How many of the ``wanted`` connections the limit of open files allows, which is raised as far as it can be.

    ``others`` is how many descriptors are used besides, ``each`` how many a connection takes.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    possible = max((hard - others) // each, 1)
    if hard == resource.RLIM_INFINITY or wanted <= possible:
        return wanted
    log.warning("at most %d connections, because the limit of open files is %d", possible, hard)
    return possible


class Handshakes:
    """Connections whose TLS handshake is under way; beyond ``most`` a new one takes the place of the oldest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._sockets: dict[int, socket.socket] = {}  # by descriptor; those that failed stay until theirs is used again

    def begin(self, connection: socket.socket) -> None:
        """A connection that was accepted."""
        self._sockets.pop(connection.fileno(), None)
        self._sockets[connection.fileno()] = connection
        if len(self._sockets) > self._most:
            oldest = self._sockets.pop(next(iter(self._sockets)))
            with contextlib.suppress(OSError):  # it has failed
                oldest.shutdown(socket.SHUT_RDWR)  # its transport sees the end, and closes it

    def end(self, descriptor: int) -> None:
        """The handshake of the connection with this descriptor has gone well."""
        self._sockets.pop(descriptor, None)


class Listener(socket.socket):
    """A bound socket as asyncio listens on it.

    asyncio takes as many connections in one turn as the backlog is long, and logs a stack for each that finds no free
    descriptor. Here such a client is turned away: a spare descriptor is let go to take it.
    """

    def __init__(self, bound: socket.socket, handshakes: Handshakes | None) -> None:
        """``bound`` is used up; ``handshakes`` where its connections begin with one."""
        super().__init__(bound.family, bound.type, bound.proto, fileno=bound.detach())
        self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)  # its connections have what it has
        self._handshakes = handshakes
        self._told = False
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def listen(self, _at_once: int = 0, /) -> None:
        """Listen with `BACKLOG`; what asyncio passes is what it takes at once."""
        super().listen(BACKLOG)

    def accept(self) -> tuple[socket.socket, object]:
        """The next connection.

        Raises:
            ConnectionAbortedError: it was turned away; asyncio goes on with the next in its next turn.
        """
        try:
            connection, address = super().accept()
        except OSError as error:
            if error.errno not in {errno.EMFILE, errno.ENFILE}:
                raise
            self._turn_away()
            raise ConnectionAbortedError("no descriptor is free") from error
        if self._handshakes:
            self._handshakes.begin(connection)
        return connection, address

    def close(self) -> None:
        """Close it, and the spare descriptor."""
        self._drop_spare()
        super().close()

    def _turn_away(self) -> None:
        if not self._told:
            log.warning("clients are turned away, because no file descriptor is free; raise the limit of open files")
            self._told = True
        self._drop_spare()
        with contextlib.suppress(OSError):  # the client has left, or a thread was faster
            super().accept()[0].close()
        with contextlib.suppress(OSError):
            self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def _drop_spare(self) -> None:
        spare, self._spare = self._spare, -1
        if spare >= 0:
            os.close(spare)
