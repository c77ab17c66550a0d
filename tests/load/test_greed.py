"""Thousands of connections, each of which takes as much memory as it can: the sidecar keeps within its limit."""

import contextlib
import json
import resource
import socket
import ssl
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from control_group import memory_of
from sidecar_process import running
from sidecar_world import LARGE, fill
from tls_world import Authorities
from waiting import eventually

LIMIT = 512 << 20  # what the manifests give a sidecar
COUNT = 4000
_FIELDS = b"".join(b"X%d: %s\r\n" % (number, b"a" * 140) for number in range(95))
_BEHIND = b"GET /keys HTTP/1.1\r\nHost: pod\r\n" + b"Y: 1\r\n" * 95
GREEDY = {
    "half a head": b"GET /livez HTTP/1.1\r\nHost: pod\r\n" + _FIELDS,
    "a wait with requests behind it": b"GET /node_id?wait=60s HTTP/1.1\r\nHost: pod\r\n"
    + _FIELDS
    + b"\r\n"
    + _BEHIND * 20,
    "parts that nobody takes": b"GET /genesis HTTP/1.1\r\nHost: pod\r\nRange: bytes=0-4000000,6000000-9000000\r\n"
    + _FIELDS
    + b"\r\n",
    "a part of which somebody takes the beginning": b"GET /genesis HTTP/1.1\r\nHost: pod\r\nRange: bytes=0-262143\r\n"
    + _FIELDS
    + b"\r\n",
    "a file that nobody takes": b"GET /genesis HTTP/1.1\r\nHost: pod\r\n" + _FIELDS + b"\r\n",
    "answers that nobody takes": b"GET /openapi.json HTTP/1.1\r\nHost: pod\r\n\r\n" * 8,
}


@pytest.mark.sampled(kind=lambda form, secure: secure, size=4)  # noqa: ARG005 - the names are those of the parameters
@pytest.mark.parametrize(
    ("form", "secure"),
    [
        *((form, False) for form in GREEDY),
        ("a wait with requests behind it", True),
        ("parts that nobody takes", True),  # of all forms the greediest
    ],
)
def test_greed(tmp_path: Path, tell: Callable[[str], None], form: str, secure: bool) -> None:
    """It lives, answers its probe all the while, and gives back what it took."""
    fill(tmp_path, LARGE)
    (tmp_path / "config/node_id.json").unlink()
    authorities = Authorities.new(tmp_path) if secure else None
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[1], 2 * COUNT), limits[1]))
    longer = [f"--{name}-timeout=1h" for name in ("request", "idle", "stall")]
    with memory_of(LIMIT) as group, contextlib.ExitStack() as stack:
        arguments = authorities.serving() if authorities else ()
        prefix = (*group.prefix, "env", "PYTHONMALLOC=malloc")  # as in a pod
        sidecar = stack.enter_context(running(tmp_path, *longer, *arguments, prefix=prefix))
        sidecar.secure = authorities.credentials().context() if authorities else None
        sidecar.get("/status")
        idle = sidecar.memory("VmRSS")
        probes = []
        with contextlib.ExitStack() as crowd:
            for number in range(COUNT):
                with contextlib.suppress(OSError):  # it was turned away
                    connection = crowd.enter_context(contextlib.closing(sidecar.connect(buffer=4096)))
                    _send(connection, GREEDY[form])
                    if "takes" in form:  # each answer begins before the next is asked for
                        connection.settimeout(5)
                        connection.recv(10)
                if number % 100 == 99:
                    began = time.monotonic()
                    assert sidecar.get("/livez") == (200, b'{"status":"alive"}')
                    probes.append(time.monotonic() - began)
            most = sidecar.memory("VmRSS")
        eventually("it gives back", lambda: sidecar.memory("VmRSS") - idle < 64 << 20, limit=60)
        slowest, usual = max(probes) * 1e3, statistics.median(probes) * 1e3
        after = sidecar.memory("VmRSS")
        tell(
            f"{form}{', TLS' if secure else ''}: {idle >> 20} MiB, {most >> 20}, {after >> 20} in the end; "
            f"group {group.most >> 20}; probes {usual:.0f} ms, at most {slowest:.0f}"
        )
        assert json.loads(sidecar.get("/status")[1])["waiters"] == 0
        assert group.most < LIMIT


def _send(connection: socket.socket, data: bytes) -> None:
    """As much as the other side takes now."""
    connection.setblocking(False)
    with contextlib.suppress(BlockingIOError, ssl.SSLWantWriteError):
        connection.send(data)
