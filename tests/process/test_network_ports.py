import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from exposer.network.local.ports import LOOPBACK, Held
from exposer.network.site import preferred

LISTEN = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def held() -> Iterator[Held]:
    """Ports held by the test."""
    with Held() as ports:
        yield ports


def test_another_process_can_listen_on_a_held_port_again_and_again(held: Held) -> None:
    """A node binds the port that is held for it, and after its end so does the next one."""
    port = held.hold(0)
    for _ in range(2):
        command = [sys.executable, "-c", LISTEN, str(port)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            assert server.stdout.readline() == b"listening\n"
            with socket.create_connection((LOOPBACK, port or 0)):
                pass
            server.kill()


def test_the_kernel_gives_a_held_port_to_nobody(held: Held) -> None:
    """Neither binds to port 0 nor outgoing connections get one of 200 held ports, however many there are of them."""
    ports = {held.hold(0) for _ in range(200)}
    others = [socket.socket() for _ in range(2000)]
    with socket.create_server((LOOPBACK, 0), backlog=2000) as server:
        try:
            for number, other in enumerate(others):
                other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, number % 2)
                if number % 4 < 2:
                    other.bind((LOOPBACK, 0))
                else:
                    other.connect(server.getsockname())

            assert not ports & {other.getsockname()[1] for other in others}
        finally:
            for other in others:
                other.close()


def test_a_port_is_held_once(held: Held) -> None:
    """Two networks on one machine never hold the same port, and one that is let go is free again."""
    port = held.hold(0)
    with Held() as others:
        assert others.hold(port or 0) is None
    with Held() as former:
        free = former.hold(0)

    assert held.hold(free or 0) == free


def test_a_preferred_port_that_is_taken_is_replaced(held: Held) -> None:
    """A pod gets the well-known ports of its place, or others where somebody has them."""
    with socket.create_server((LOOPBACK, 0)) as server:
        taken = server.getsockname()[1]
        place = taken - preferred("exposer", 0)
        ports = held.hold_rest(place, ["exposer"], {})

    assert ports["exposer"] not in {0, taken}


def test_neighbouring_pods_have_ports_a_fixed_step_apart() -> None:
    """People find the second pod's RPC by adding 100, its exposer by adding 1."""
    assert [preferred("rpc", place) for place in range(2)] == [26657, 26757]
    assert [preferred("exposer", place) for place in (0, 3)] == [8081, 8084]


def test_the_last_port_is_the_last(held: Held) -> None:
    """A place so far back that its port numbers end before it gets ports of the kernel's choice."""
    assert 0 < held.hold_rest(900, ["rpc"], {})["rpc"] < 65536
