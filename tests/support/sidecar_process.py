"""`exposer serve` as a process, for the tests of how it lives and ends."""

import contextlib
import http.client
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from project import ROOT
from waiting import eventually
from witness import WITNESS

SERVE = [sys.executable, "-W", "error", "-m", "exposer", "serve"]
SOON = 30  # seconds; far more than anything here takes, far less than the drain that it must not wait for


class Sidecar:
    """A running sidecar: its process and the address that it told; over TLS once a test has set ``secure``."""

    secure: ssl.SSLContext | None = None

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: list[str] = []
        assert process.stderr is not None
        for line in process.stderr:
            self.lines.append(line)
            WITNESS.tell(line)
            if found := re.search(r"listening on (https?://([\d.]+):(\d+))", line):
                self.url, self.address = found[1], (found[2], int(found[3]))
                return
        raise AssertionError(f"it never listened: {self.lines}")

    def connect(self, *, buffer: int | None = None) -> socket.socket:
        """A connection to it, with a receive buffer of this many bytes."""
        connection = socket.socket()
        if buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        connection.settimeout(SOON)
        try:
            connection.connect(("127.0.0.1", self.address[1]))
            return self.secure.wrap_socket(connection, server_hostname="127.0.0.1") if self.secure else connection
        except OSError:
            connection.close()
            raise

    def client(self) -> http.client.HTTPConnection:
        """A client of the usual kind."""
        if self.secure:
            return http.client.HTTPSConnection(*self.address, timeout=SOON, context=self.secure)
        return http.client.HTTPConnection(*self.address, timeout=SOON)

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of one request."""
        with contextlib.closing(self.client()) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()

    def ask(self, path: str, *, buffer: int | None = None) -> http.client.HTTPResponse:
        """A request that has been sent; reading the answer is up to the caller."""
        connection = self.connect(buffer=buffer)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: pod\r\n\r\n".encode())
        response = http.client.HTTPResponse(connection, method="GET")
        connection.close()  # the response keeps it open for itself
        return response

    def refuses(self) -> None:
        """Return once it accepts nobody any more."""

        def refused() -> bool:
            try:
                self.connect().close()
            except ConnectionRefusedError:
                return True
            except ConnectionResetError:
                pass  # it came into the queue of a listener that closed just then
            return False

        eventually("the sidecar refuses connections", refused, limit=SOON)

    def memory(self, field: str) -> int:
        """Bytes of resident memory of the process: ``VmRSS`` now, ``VmHWM`` at most so far."""
        found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        assert found
        return int(found[1]) << 10

    def end(self) -> tuple[int, str]:
        """Return code and everything that it logged, once it has ended."""
        _, rest = self.process.communicate(timeout=SOON)
        return self.process.returncode, "".join(self.lines) + rest


@contextlib.contextmanager
def running(
    home: Path, *arguments: str, prefix: tuple[str, ...] = (), fds: tuple[int, ...] = (), **more: str
) -> Iterator[Sidecar]:
    """A sidecar with nothing but ``EXPOSER_*`` in its environment."""
    environment = {"EXPOSER_HOME": str(home), "EXPOSER_HOST": "127.0.0.1", "EXPOSER_HTTP_PORT": "0"}
    environment |= {f"EXPOSER_{name.upper()}": value for name, value in more.items()}
    process = subprocess.Popen(
        [*prefix, *SERVE, *arguments],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=fds,
        cwd=ROOT,
    )
    with process:
        try:
            yield Sidecar(process)
        finally:
            process.kill()
            if process.stderr and not process.stderr.closed:
                WITNESS.tell(process.stderr.read())


def failing(*arguments: str, **environment: str) -> tuple[int, list[str]]:
    """Exit code and log of a sidecar that does not start."""
    named = {f"EXPOSER_{name.upper()}": value for name, value in environment.items()}
    done = subprocess.run([*SERVE, *arguments], env=named, capture_output=True, text=True, timeout=SOON, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


def rest(connection: socket.socket) -> bytes:
    """Everything that comes until the server ends the connection."""
    received = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(1 << 16):
            received += chunk
    return bytes(received)
