"""The end of a connection."""

import asyncio
import socket
import struct

from exposer.sockets import half_close


async def test_a_connection_that_was_reset_is_ended() -> None:
    """A client that resets its connection before the loop looks at it is no fault: the connection ends."""
    lost = asyncio.Event()

    class Server(asyncio.Protocol):
        """Remembers its transport, and that it is gone."""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            """Keep it."""
            self.transport = transport

        def connection_lost(self, _exc: Exception | None) -> None:
            """It is over."""
            lost.set()

    ours, theirs = socket.create_server(("127.0.0.1", 0)), socket.socket()
    with ours, theirs:
        theirs.connect(ours.getsockname())
        accepted, _ = ours.accept()
        transport, _ = await asyncio.get_running_loop().connect_accepted_socket(Server, accepted)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        assert isinstance(transport, asyncio.WriteTransport)
        half_close(transport)

        await lost.wait()
