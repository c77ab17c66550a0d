import contextlib
import os
import resource
import socket
from collections.abc import Iterator

import pytest

from exposer.listener import Handshakes, Listener


@pytest.fixture
def handshakes() -> Handshakes:
    """Two may be under way."""
    return Handshakes(2)


@pytest.fixture
def listener(handshakes: Handshakes) -> Iterator[Listener]:
    """A listener whose connections begin with a handshake."""
    with Listener(socket.create_server(("127.0.0.1", 0)), handshakes) as made:
        made.settimeout(10)
        yield made


@contextlib.contextmanager
def no_descriptor_free() -> Iterator[None]:
    """As if every descriptor that this process may have were open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_no_descriptor(listener: Listener, caplog: pytest.LogCaptureFixture) -> None:
    """Where no descriptor is free each client is turned away at once, with one warning; then all is as before."""
    clients = [socket.create_connection(listener.getsockname(), timeout=10) for _ in range(4)]
    with contextlib.ExitStack() as stack:
        for client in clients:
            stack.enter_context(client)
        with no_descriptor_free():
            for client in clients[:3]:
                with pytest.raises(ConnectionAbortedError):
                    listener.accept()
                assert client.recv(1) == b""
        with listener.accept()[0] as taken:
            assert taken.getpeername() == clients[3].getsockname()
    assert len(caplog.records) == 1


def test_handshakes(listener: Listener, handshakes: Handshakes) -> None:
    """A handshake too many ends the oldest that is under way, and none that has ended."""
    with contextlib.ExitStack() as stack:
        clients, taken = [], []
        for number in range(4):
            clients.append(stack.enter_context(socket.create_connection(listener.getsockname(), timeout=10)))
            taken.append(stack.enter_context(listener.accept()[0]))
            if number == 0:
                handshakes.end(taken[0].fileno())
        assert clients[1].recv(1) == b""
        for number in (0, 2, 3):
            taken[number].sendall(b"x")
            assert clients[number].recv(1) == b"x"
