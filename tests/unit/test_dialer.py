import queue
import socket

import pytest
from name_server import resolve
from scripted_server import ScriptedServer, answer

from exposer.client import Client
from exposer.errors import TemporaryError


def test_a_look_up_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that does not answer costs no more than the time to connect."""
    release: queue.SimpleQueue[list[object]] = queue.SimpleQueue()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.get())
    with (
        Client("http://genesis:8081", timeout=0.05) as client,
        pytest.raises(TemporaryError, match=r"cannot resolve host genesis \(no answer in time\)"),
    ):
        client.get("/")
    release.put([])


def test_addresses_are_tried_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with several addresses is reached by the first one that accepts a connection."""
    resolve(monkeypatch, "127.0.0.2", "127.0.0.1")  # nobody listens on the first
    with ScriptedServer(answer(204)) as server, Client(f"http://genesis:{server.place.partition(':')[2]}") as client:
        assert client.get("/").status == 204


def test_all_addresses_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """When no address accepts, the last refusal is told."""
    entry = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", 1))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [entry, entry])
    with (
        Client("http://genesis:1") as client,
        pytest.raises(TemporaryError, match="genesis:1 refused the connection"),
    ):
        client.get("/")
