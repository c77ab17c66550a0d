"""An HTTP server that misbehaves on purpose, written on raw sockets: it can cut, reset, stall and lie."""

import hashlib
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Asked:
    """One request as it arrived; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


class Exchange:
    """One request, and the raw connection to answer it on."""

    def __init__(self, asked: Asked, connection: socket.socket, closing: threading.Event) -> None:
        self.asked = asked
        self.peer = connection.getpeername()
        self._connection = connection
        self._closing = closing

    def send(self, data: bytes) -> None:
        """Send ``data`` as it is."""
        self._connection.sendall(data)

    def stall(self) -> None:
        """Send nothing until the server closes."""
        self._closing.wait()

    def open(self, pause: float) -> bool:
        """Whether the server is still open after ``pause`` seconds."""
        return not self._closing.wait(pause)

    def reset(self) -> None:
        """Let the connection end with RST."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


Script = Callable[[Exchange], bool]
"""Answers one request; returns whether the connection stays open."""


def head(status: int, headers: Mapping[str, str | int]) -> bytes:
    """A status line and headers."""
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer(status: int, body: bytes = b"", headers: Mapping[str, str | int] | None = None) -> Script:
    """A correct answer."""

    def script(exchange: Exchange) -> bool:
        exchange.send(head(status, {"Content-Length": len(body), **(headers or {})}) + body)
        return True

    return script


def raw(data: bytes) -> Script:
    """These very bytes, then the end of the connection."""

    def script(exchange: Exchange) -> bool:
        exchange.send(data)
        return False

    return script


def reset(exchange: Exchange) -> bool:
    """No answer but RST."""
    exchange.reset()
    return False


def stall(exchange: Exchange) -> bool:
    """No answer at all."""
    exchange.stall()
    return False


def file(
    content: bytes,
    *,
    etag: str = '"1"',
    cuts: Iterable[int] = (),
    rst: bool = False,
    extra: Mapping[str, str] | None = None,
) -> Script:
    """``content`` with ``Range`` and ``If-Range``; the n-th answer ends at the n-th of ``cuts``, offsets in it.

    Asked for ``/identity``, it is a genesis pod that has this genesis, and has not signed yet.
    """
    ends: Iterator[int] = iter(cuts)

    def script(exchange: Exchange) -> bool:
        if exchange.asked.path.startswith("/identity"):
            return answer(200, identity_of(content))(exchange)
        asked = exchange.asked.headers
        found = re.fullmatch(r"bytes=(\d+)-", asked.get("range", "")) if asked.get("if-range", etag) == etag else None
        begin = int(found[1]) if found else 0
        headers: dict[str, str | int] = {"Content-Length": len(content) - begin, "ETag": etag, **(extra or {})}
        if found:
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        end = next(ends, len(content))
        exchange.send(head(206 if found else 200, headers) + content[begin:end])
        if rst and end < len(content):
            exchange.reset()
        return end == len(content)

    return script


def identity_of(genesis: bytes) -> bytes:
    """What the exposer of a pod with this genesis says, whose node has not started."""
    chain = json.loads(genesis)["chain_id"]
    digest = hashlib.sha256(genesis).hexdigest()
    new = {"chain_id": chain, "genesis_sha256": digest, "signed_height": 0, "node": None, "consensus": None}
    return json.dumps(new).encode()


def endless(part: bytes, *, first: bytes = b"", pause: float = 0.0) -> Script:
    """``first``, then ``part`` again and again, as long as somebody reads it."""

    def script(exchange: Exchange) -> bool:
        exchange.send(first)
        while exchange.open(pause):
            exchange.send(part)
        return False

    return script


def dripping(data: bytes, pause: float = 0.05) -> Script:
    """``data`` byte by byte, each long before anybody would call it a stall."""

    def script(exchange: Exchange) -> bool:
        for byte in data:
            if not exchange.open(pause):
                return False
            exchange.send(bytes([byte]))
        return False

    return script


def by_path(scripts: Mapping[str, Script]) -> Script:
    """The script whose key the path begins with."""

    def script(exchange: Exchange) -> bool:
        return next(one for path, one in scripts.items() if exchange.asked.path.startswith(path))(exchange)

    return script


class ScriptedServer:
    """Answers the n-th request with the n-th script, and all later ones with the last; on a port of its own."""

    def __init__(self, *scripts: Script, listening: bool = True) -> None:
        self.asked: list[Asked] = []
        self._scripts = list(scripts)
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._connections: list[socket.socket] = []
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        self.place = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"http://{self.place}"
        if listening:
            self.listen()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.set()
        with self._lock:
            for open_socket in (self._listener, *self._connections):
                with suppress(OSError):
                    open_socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def listen(self) -> None:
        """Accept connections from now on."""
        self._listener.listen()
        self._start(self._accept)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            with suppress(OSError):
                connection, _ = self._listener.accept()
                with self._lock:
                    self._connections.append(connection)
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError), connection.makefile("rb") as reader:
            while not self._closing.is_set() and (line := reader.readline()):
                method, path, _ = line.decode().split(" ", 2)
                headers = {}
                while (field := reader.readline().decode().strip()) != "":
                    name, _, value = field.partition(":")
                    headers[name.lower()] = value.strip()
                reader.read(int(headers.get("content-length", 0)))
                with self._lock:
                    self.asked.append(asked := Asked(method, path, headers))
                    script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
                if not script(Exchange(asked, connection, self._closing)):
                    return
