"""Memory of a server while sixteen clients fetch a genesis at once."""

import tempfile
from pathlib import Path

from bench.download import CLIENTS, download
from bench.servers import NGINX, servers
from bench.table import OURS, Row, bounded, spread
from bench.volume import make_volume

_ROUNDS = 3
_MOST = 8  # MiB
_SIZES = {"1 MB": 10**6, "1 GB": 10**9}


def rows() -> list[Row]:
    """The peak of the resident memory over what it was after one download by one client; a row for each size."""
    with tempfile.TemporaryDirectory() as directory:
        return [_growth(make_volume(Path(directory) / str(count), count), size) for size, count in _SIZES.items()]


def _growth(home: Path, size: str) -> Row:
    with servers(home, OURS, NGINX) as running:
        for server in running.values():
            download(server.port, clients=1)
        idle = {name: server.memory() for name, server in running.items()}
        growth: dict[str, list[float]] = {name: [] for name in running}
        for _ in range(_ROUNDS):
            for name, server in running.items():
                server.forget_peak()
                download(server.port)
                growth[name].append(server.peak() - idle[name])
    what = f"memory over idle while {CLIENTS} clients fetch {size}"
    against = f"{NGINX}: {spread(growth[NGINX], 'MiB', 1)}; idle {idle[OURS]:.0f} MiB, {NGINX} {idle[NGINX]:.0f} MiB"
    return bounded(what, growth[OURS], "MiB", _MOST, against)
