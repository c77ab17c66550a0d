"""Sixteen clients of a file that cost next to nothing: the kernel throws the bytes away where they arrive."""

import mmap
import selectors
import socket
import time
from contextlib import ExitStack

CLIENTS = 16
_LARGEST = 2 << 30  # bytes of a body


class _Download:
    """One answer on a connection of its own."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        connection.sendall(b"GET /genesis HTTP/1.1\r\nHost: bench\r\n\r\n")
        head = b""
        while b"\r\n\r\n" not in head:
            data = connection.recv(4096)
            if not data:
                raise RuntimeError("the connection was cut")
            head += data
        status, *lines = head.partition(b"\r\n\r\n")[0].splitlines()
        if not status.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the answer is {status.decode('latin-1')}")
        fields = dict(line.lower().split(b":", 1) for line in lines)
        self.size = int(fields[b"content-length"])
        self.left = self.size - len(head.partition(b"\r\n\r\n")[2])
        connection.setblocking(False)

    def discard(self, room: memoryview) -> None:
        """Drop what has arrived; ``room`` stands for the body, and no byte of it is written."""
        count = self.connection.recv_into(room, self.left, socket.MSG_TRUNC)  # tcp(7)
        if not count:
            raise RuntimeError(f"cut {self.left} bytes before the end")
        self.left -= count


def download(port: int, clients: int = CLIENTS) -> tuple[float, int]:
    """Fetch the genesis by all clients at the same time; seconds and bytes."""
    with ExitStack() as stack:
        room = stack.enter_context(memoryview(stack.enter_context(mmap.mmap(-1, _LARGEST))))
        selector = stack.enter_context(selectors.DefaultSelector())
        began = time.monotonic()
        connections = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(clients)]
        downloads = [_Download(connection) for connection in connections]
        for one in downloads:
            selector.register(one.connection, selectors.EVENT_READ, one)
        while selector.get_map():
            for key, _ in selector.select():
                key.data.discard(room)
                if not key.data.left:
                    selector.unregister(key.fileobj)
        return time.monotonic() - began, sum(one.size for one in downloads)
