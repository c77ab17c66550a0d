"""A file sent by the kernel: the ASGI extension ``http.response.zerocopysend`` for uvicorn's HTTP/1.1 cycle.

uvicorn does not offer the extension (https://asgi.readthedocs.io/en/latest/extensions.html#zero-copy-send).
"""

import asyncio
import errno
import os
from io import UnsupportedOperation
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import IO, Any

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

ZERO_COPY = "http.response.zerocopysend"
"""The extension, and its message: ``file`` (open, with a descriptor), ``offset``, ``count``, ``more_body``."""

# A file system that cannot splice, a sandbox that filters the call: sendfile(2) fails where read and write would not.
_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EOVERFLOW}


def offering(app: ASGI3Application, cycle: RequestResponseCycle) -> ASGI3Application:
    """``app`` with a ``send`` that takes the extension's message, for one request of a connection without TLS."""

    # uvicorn's types know the messages of the specification alone, and not this one.
    async def run(scope: Any, receive: Any, send: Any) -> None:
        """The app."""
        filling = False  # whether the kernel waits until its segments are full

        async def extended(message: Any) -> None:
            """`send`, which knows one message more."""
            nonlocal filling
            by_kernel = message["type"] == ZERO_COPY
            if filling and not by_kernel:
                _push(cycle, at_once=True)
                filling = False
            if not by_kernel:
                await send(message)
                return
            count = message["count"]
            if not cycle.response_started or cycle.chunked_encoding or count > cycle.expected_content_length:
                raise RuntimeError("the file's bytes are not part of the response")
            await _drained(cycle)
            if not filling:
                _push(cycle, at_once=False)
                filling = True
            await send_file(cycle.transport, message["file"], message["offset"], count)
            cycle.expected_content_length -= count
            if not message.get("more_body", False):
                await send({"type": "http.response.body", "body": b""})

        await app(scope, receive, extended)

    return run


def _push(cycle: RequestResponseCycle, *, at_once: bool) -> None:
    """Whether the kernel sends segments that are not full: the end of what it is asked to send is not the end."""
    if not cycle.transport.is_closing():
        cycle.transport.get_extra_info("socket").setsockopt(IPPROTO_TCP, TCP_NODELAY, at_once)


async def send_file(transport: asyncio.Transport, file: IO[bytes], offset: int, count: int) -> None:
    """Hand ``count`` bytes of ``file`` from ``offset`` on to the transport's socket; its write buffer must be empty.

    `asyncio.loop.sendfile` would do, but it stops reading, so that a client that leaves is not noticed, and it
    hides whether the file or the client failed.

    Raises:
        ConnectionError: the client left.
        UnsupportedOperation: the kernel cannot do it with this file or socket; nothing was sent.
        OSError: the file cannot be read, or ends too early.
    """
    target, source, first, end = transport.get_extra_info("socket").fileno(), file.fileno(), offset, offset + count
    while offset < end:
        if transport.is_closing():
            raise ConnectionAbortedError("the client left")
        try:
            sent = os.sendfile(target, source, offset, end - offset)
        except BlockingIOError:
            await _writable(target)
            continue
        except OSError as error:
            if error.errno in _UNSUPPORTED and offset == first:
                raise UnsupportedOperation(error.errno, error.strerror) from error
            raise
        if not sent:
            raise OSError("the file ends too early")
        offset += sent
    await asyncio.sleep(0)  # others have their turn, also where the client takes bytes as fast as they come


async def _drained(cycle: RequestResponseCycle) -> None:
    """What was written before has left the transport's buffer."""
    transport: Any = cycle.transport
    if transport.get_write_buffer_size():
        limits = transport.get_write_buffer_limits()
        transport.set_write_buffer_limits(high=0)
        await cycle.flow.drain()
        transport.set_write_buffer_limits(high=limits[1], low=limits[0])


async def _writable(target: int) -> None:
    """Return when the socket takes more. The loop watches a duplicate: the original is the transport's to watch."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    twin = os.dup(target)
    try:
        loop.add_writer(twin, _resolve, ready)
        await ready
    finally:
        loop.remove_writer(twin)
        os.close(twin)


def _resolve(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
