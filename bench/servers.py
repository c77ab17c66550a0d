"""The servers that are measured side by side: each a process that serves the files of one home."""

import contextlib
import getpass
import hashlib
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from shutil import which

from bench.process import Process
from bench.profiled import command as ours
from bench.table import OURS
from bench.volume import NODE_ID

NGINX = "nginx"
NGINX_AUTO = "nginx with a worker per core"
PLAIN = "uvicorn's own file response"
PEER = "Starship's exposer"
PEER_VARIABLE = "STARSHIP_EXPOSER"
_PATIENCE = 60.0  # seconds
_PAUSE = 0.01  # seconds between two tries of a server that cannot tell when it is up

_NGINX = """
daemon off; {user} pid {prefix}/pid; error_log stderr crit; worker_processes {workers};
events {{ worker_connections 4096; }}
http {{
    access_log off; sendfile on; tcp_nopush on; default_type application/json; keepalive_requests 1000000000;
    client_body_temp_path {prefix}/1; proxy_temp_path {prefix}/2; fastcgi_temp_path {prefix}/3;
    uwsgi_temp_path {prefix}/4; scgi_temp_path {prefix}/5;
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        location = /genesis {{ alias {home}/config/genesis.json; }}
        location = /node_id {{ alias {home}/{node_id}; }}
    }}
}}
"""


def peer() -> str | None:
    """Starship's exposer on this machine: what ``STARSHIP_EXPOSER`` names, else ``starship-exposer`` on PATH."""
    return which(os.environ.get(PEER_VARIABLE) or "starship-exposer")


class Server(Process):
    """A server at ``port`` of the loopback interface."""

    def __init__(self, pid: int, port: int) -> None:
        super().__init__(pid)
        self.port = port

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of one request."""
        with self._asked(path) as response:
            return response.status, response.read()

    def digest(self, path: str) -> str:
        """SHA-256 (hex) of a body of any size."""
        with self._asked(path) as response:
            return hashlib.file_digest(response, "sha256").hexdigest()

    @contextlib.contextmanager
    def _asked(self, path: str) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_PATIENCE)
        with contextlib.closing(connection):
            connection.request("GET", path)
            yield connection.getresponse()


@contextlib.contextmanager
def servers(home: Path, *names: str) -> Iterator[dict[str, Server]]:
    """These servers on one home, by name; without Starship's exposer if nobody has one here."""
    starts: dict[str, Callable[[], contextlib.AbstractContextManager[Server]]] = {
        OURS: lambda: exposer(home),
        NGINX: lambda: _nginx(home, "1"),
        NGINX_AUTO: lambda: _nginx(home, "auto"),
        PLAIN: lambda: _plain(home),
        PEER: lambda: _peer(home),
    }
    with contextlib.ExitStack() as stack:
        running = [name for name in names if name != PEER or peer()]
        yield {name: stack.enter_context(starts[name]()) for name in running}


def turns(running: Mapping[str, Server], rounds: int) -> Iterator[tuple[bool, str, Server]]:
    """Whether it counts, name and server: each server once a round, and each round begun by another one.

    So none always follows the one that leaves the caches cold. The round that does not count warms up.
    """
    for number in range(rounds + 1):
        first = number % len(running)
        for name in [*running, *running][first : first + len(running)]:
            yield number > 0, name, running[name]


@contextlib.contextmanager
def exposer(home: Path) -> Iterator[Server]:
    """The installed sidecar."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        variables = {"EXPOSER_HOME": str(home), "EXPOSER_FD": str(listener.fileno())}
        command = ours("exposer", "serve")
        with _process(command, variables, listener.getsockname()[1], "/livez", fds=(listener.fileno(),)) as server:
            yield server


@contextlib.contextmanager
def _nginx(home: Path, workers: str) -> Iterator[Server]:
    port = _free_port()
    # A worker of another user, which nginx as root would have, could not enter the temporary directories.
    user = f"user {getpass.getuser()};" if os.getuid() == 0 else ""
    with tempfile.TemporaryDirectory() as prefix:
        config = Path(prefix) / "nginx.conf"
        config.write_text(
            _NGINX.format(user=user, workers=workers, prefix=prefix, port=port, home=home, node_id=NODE_ID),
            encoding="utf-8",
        )
        command = ["nginx", "-e", "stderr", "-p", prefix, "-c", str(config)]
        with _process(command, {}, port, "/node_id") as server:
            yield server


def _plain(home: Path) -> contextlib.AbstractContextManager[Server]:
    port = _free_port()
    command = [sys.executable, "-m", "uvicorn", "--http", "httptools", "--no-access-log", "--port", str(port)]
    package = ["--app-dir", str(Path(__file__).parents[1]), "bench.plain:app"]
    return _process([*command, *package], {"PLAIN_HOME": str(home)}, port, "/livez")


def _peer(home: Path) -> contextlib.AbstractContextManager[Server]:
    port = _free_port()
    config = home / "config"
    variables = {
        "EXPOSER_HOST": "127.0.0.1",
        "EXPOSER_HTTP_PORT": str(port),
        "EXPOSER_GRPC_PORT": str(_free_port()),
        "EXPOSER_NODE_ID_FILE": str(home / NODE_ID),
        "EXPOSER_GENESIS_FILE": str(config / "genesis.json"),
        "EXPOSER_NODE_KEY_FILE": str(config / "node_key.json"),
        "EXPOSER_PRIV_VAL_FILE": str(config / "priv_validator_key.json"),
        "EXPOSER_MNEMONIC_FILE": str(config / "keys.json"),
    }
    return _process([str(peer())], variables, port, "/node_id")


def _free_port() -> int:
    """A port that is free now; these servers can neither be handed a socket nor tell which port they took."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def _process(
    command: list[str], variables: dict[str, str], port: int, path: str, fds: tuple[int, ...] = ()
) -> Iterator[Server]:
    """The server of ``command``, from its first answer at ``path`` on."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EXPOSER_")} | variables
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(command, env=environment, pass_fds=fds, stdout=log, stderr=log) as process,
    ):
        try:
            server = Server(process.pid, port)
            _until_it_answers(server, path, process)
            yield server
        except Exception as error:
            if process.poll() is None:
                raise
            log.seek(0)
            raise RuntimeError(f"{command} ended: {log.read()[-2000:].decode(errors='replace')}") from error
        finally:
            process.terminate()


def _until_it_answers(server: Server, path: str, process: "subprocess.Popen[bytes]") -> None:
    """Return once something answers at ``path``; raises `TimeoutError` when that takes too long."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError):
            server.get(path)
            return
        time.sleep(_PAUSE)
    raise TimeoutError(f"nothing answers at {path}")
