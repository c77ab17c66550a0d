"""A name server under control, for one program: it can fail in every way, and then heal."""

import secrets
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

Reply = Callable[[bytes], bytes | None]
"""A query -> what is sent back, None for nothing."""
_HEADER = 12
_FAILED, _NO_SUCH_NAME, _REFUSED = 2, 3, 5
_A = b"\x00\x01"


def _question(query: bytes) -> bytes:
    return query[_HEADER : query.index(b"\x00", _HEADER) + 5]


def refusal(code: int) -> Reply:
    """An answer with this code and no address (RFC 1035, section 4.1.1)."""
    return lambda query: query[:2] + bytes([0x81, 0x80 | code]) + b"\x00\x01" + bytes(6) + _question(query)


def address(query: bytes) -> bytes:
    """The answer that every name is 127.0.0.1, and nothing else."""
    question = _question(query)
    found = b"\xc0\x0c" + _A + b"\x00\x01" + bytes(4) + b"\x00\x04\x7f\x00\x00\x01" if question[-4:-2] == _A else b""
    return query[:2] + b"\x81\x80\x00\x01\x00" + bytes([bool(found)]) + bytes(4) + question + found


FAULTS: dict[str, Reply] = {
    "no such name": refusal(_NO_SUCH_NAME),
    "a failure": refusal(_FAILED),
    "a refusal": refusal(_REFUSED),
    "garbage": lambda query: query[:2] + b"\xff" * 9,
    "no answer": lambda _: None,
}


class NameServer:
    """Answers each query by its ``reply``, on an address of its own; a context manager."""

    def __init__(self, directory: Path, reply: Reply) -> None:
        self.reply = reply
        self.asked = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        host = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(255)}.{secrets.randbelow(254) + 1}"
        try:
            self._socket.bind((host, 53))  # the only port that a resolver asks; the address is nobody else's
        except OSError as error:
            pytest.skip(f"this user may not serve names: {error}")
        self._settings = directory / "resolv.conf"
        self._settings.write_text(f"nameserver {host}\noptions timeout:1 attempts:1\n")
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    @property
    def prefix(self) -> list[str]:
        """The command that starts another with this name server, in a mount namespace of its own."""
        namespace = ["unshare", "--mount"]
        if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode != 0:
            pytest.skip("this user may not make a mount namespace")
        mount = f'mount --bind "{self._settings}" /etc/resolv.conf && exec "$@"'
        return [*namespace, "sh", "-c", mount, "sh"]

    def _serve(self) -> None:
        while query := self._socket.recvfrom(1 << 16):
            data, peer = query
            if not data:
                return
            self.asked += 1
            if reply := self.reply(data):
                self._socket.sendto(reply, peer)


def resolve(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let the name ``genesis`` have these addresses in this process."""
    look_up = socket.getaddrinfo

    def look_up_genesis(host: str, port: int, family: int = 0, type: int = 0) -> list[object]:  # noqa: A002 - its name
        names = addresses if host == "genesis" else (host,)
        return [entry for name in names for entry in look_up(name, port, family, type)]

    monkeypatch.setattr(socket, "getaddrinfo", look_up_genesis)
