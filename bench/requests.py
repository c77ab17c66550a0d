"""``/node_id`` to sixteen clients that ask again and again: how many answers, and what each costs the server."""

import re
import subprocess
import tempfile
from pathlib import Path

from bench.servers import NGINX, NGINX_AUTO, PEER, Server, servers, turns
from bench.table import OURS, Row, compared
from bench.volume import make_volume

_CLIENTS = 16
_ROUNDS = 5
_SECONDS = 2
_WRK = re.compile(r"(\d+) requests in .*?Requests/sec: +([\d.]+)", re.DOTALL)


def rows() -> list[Row]:
    """Requests per second, and CPU per request, beside Starship's exposer and a static file of nginx."""
    with (
        tempfile.TemporaryDirectory() as directory,
        servers(make_volume(Path(directory) / "home", 10**6), OURS, PEER, NGINX, NGINX_AUTO) as running,
    ):
        rate: dict[str, list[float]] = {name: [] for name in running}
        cost: dict[str, list[float]] = {name: [] for name in running}
        for counts, name, server in turns(running, _ROUNDS):
            before = server.cpu()
            count, per_second = _load(server)
            if counts:
                rate[name].append(per_second)
                cost[name].append((server.cpu() - before) / count * 1e6)
    what = f"`/node_id`, {_CLIENTS} clients"
    return [
        compared(f"{what}: requests per second", rate, "/s", PEER, least=1.5, digits=0),
        compared(f"{what}: CPU of the server per request", cost, "us", PEER, most=0.5),
    ]


def _load(server: Server) -> tuple[int, float]:
    """Requests in all, and per second, from one thread of wrk."""
    command = ["wrk", "-t1", f"-c{_CLIENTS}", f"-d{_SECONDS}s", f"http://127.0.0.1:{server.port}/node_id"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = _WRK.search(told)
    if not found or "Non-2xx" in told or "Socket errors" in told:
        raise RuntimeError(f"not every request was answered: {told}")
    return int(found[1]), float(found[2])
