"""A large genesis to sixteen clients at once: what it costs the server, and how fast it goes."""

import tempfile
from pathlib import Path

from bench.download import CLIENTS, download
from bench.process import apart
from bench.servers import NGINX, PEER, PLAIN, Server, servers, turns
from bench.table import NOT_MEASURED, OURS, Row, compared
from bench.volume import make_volume
from exposer.records import digest_file

_GB = 1e9
_MB = 10**6


def rows() -> list[Row]:
    """120 MB beside nginx, uvicorn's own way and Starship's exposer; 1 GB beside nginx."""
    with tempfile.TemporaryDirectory() as directory:
        medium = make_volume(Path(directory) / "medium", 120 * _MB)
        large = make_volume(Path(directory) / "large", 1000 * _MB)
        return [
            *_beside(medium, "120 MB", (OURS, NGINX, PLAIN), rounds=11),
            _peer(medium),
            *_beside(large, "1 GB", (OURS, NGINX), rounds=5),
        ]


def _beside(home: Path, size: str, names: tuple[str, ...], rounds: int) -> list[Row]:
    cpu: dict[str, list[float]] = {name: [] for name in names}
    speed: dict[str, list[float]] = {name: [] for name in names}
    with servers(home, *names) as running:
        _check(home, running[OURS])
        with apart(running.values()):
            for counts, name, server in turns(running, rounds):
                before = server.cpu()
                seconds, count = download(server.port)
                if counts:
                    cpu[name].append((server.cpu() - before) / count * _GB)
                    speed[name].append(count / seconds / _GB)
    what = f"`/genesis` {size}, {CLIENTS} clients"
    return [
        compared(f"{what}: CPU of the server per GB", cpu, "s", NGINX, most=1.2, digits=3),
        compared(f"{what}: throughput", speed, "GB/s", NGINX, least=0.9),
    ]


def _check(home: Path, server: Server) -> None:
    """What is measured are the right bytes."""
    if server.digest("/genesis") != digest_file(home / "config/genesis.json")[1]:
        raise RuntimeError("/genesis is not the genesis")


def _peer(home: Path) -> Row:
    """One request to Starship's exposer, which reads the file as a whole, and several copies of it."""
    what = "`/genesis` 120 MB, one client: status, memory over idle"
    with servers(home, OURS, PEER) as running:
        told = {name: _one_request(server) for name, server in running.items()}
    return Row(what, told[OURS], f"{PEER}: {told.get(PEER, NOT_MEASURED)}", "-", None)


def _one_request(server: Server) -> str:
    server.get("/node_id")
    server.forget_peak()
    idle = server.memory()
    status, _ = server.get("/genesis")
    return f"{status}, {server.peak() - idle:,.0f} MiB"
