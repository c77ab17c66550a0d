"""The gate before servers that do anything but answer: it keeps its limit and its memory, and says why."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from project import ROOT
from scripted_server import Script, ScriptedServer, answer, dripping, endless, head, raw, reset, stall
from step_faults import NODE, find

GIVEN = 2.0
"""Seconds of ``--timeout``."""
_SLACK = 30.0  # seconds for a Python process to start and end, on a machine with more to do
BOUNDED = ("prlimit", f"--data={400 << 20}")
"""Starts a program that may have this many bytes of memory, 8 MiB of stack for each thread included."""

SERVERS: dict[str, tuple[str, Script]] = {
    "never answers": ("no answer yet|stalled", stall),
    "headers byte by byte": ("no answer yet|stalled", dripping(head(200, {"X": "x" * 9999}))),
    "body byte by byte": ("no answer yet|stalled", dripping(head(200, {"Content-Length": 9999}) + bytes(9999))),
    "headers without end": ("does not speak HTTP", endless(b"X: x\r\n", first=b"HTTP/1.1 200 OK\r\n")),
    "one header without end": ("does not speak HTTP", endless(b"x" * 1000, first=b"HTTP/1.1 200 OK\r\nX: ")),
    "body without end": ("more than 1048576 bytes", endless(bytes(1 << 16), first=head(200, {}))),
    "resets": ("cut the connection", reset),
    "speaks SMTP": ("does not speak HTTP", raw(b"220 mail.example ESMTP\r\n\r\n")),
    "500": ("answers 500", answer(500)),
    "a redirect": ("answers 307", answer(307, b"", {"Location": "/node_id"})),
    "an error page under 200": ("something else", answer(200, b"<html>")),
    "gzip": ("something else", answer(200, b"\x1f\x8b" + bytes(99), {"Content-Encoding": "gzip"})),
}


def gate(*arguments: str) -> tuple[int, str]:
    """Exit code and log of a gate with bounded memory."""
    done = subprocess.run(
        [*BOUNDED, sys.executable, "-W", "error", "-m", "init_scripts.wait_for_chains", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("condition", ["node_id", "genesis"])
def test_no_server_holds_a_gate_beyond_its_limit(condition: str, tell: Callable[[str], None]) -> None:
    """Before all of them at once the gate exits 124 when its time is over, with its cause; its memory is bounded."""
    (code,) = find("an exposer that refuses", NODE).codes
    with ExitStack() as stack:
        servers = {name: stack.enter_context(ScriptedServer(script)) for name, (_, script) in SERVERS.items()}
        refusing = stack.enter_context(ScriptedServer(listening=False))
        places = [refusing.place, *(server.place for server in servers.values())]
        began = time.monotonic()
        exit_code, log = gate("-t", f"{GIVEN:g}s", "-i", "100ms", "--for", condition, *places)
        spent = time.monotonic() - began
    tell(f"--for {condition}: exit {exit_code} after {spent:.1f} s of {GIVEN:g}, {len(places)} servers")

    assert exit_code == code, log
    assert GIVEN <= spent < GIVEN + _SLACK
    for name, (told, _) in SERVERS.items():
        cause = re.search(rf"{servers[name].place}: (.*?)(; |$)", log.splitlines()[-1])
        assert cause
        assert re.search(told, cause[1]) or (condition == "genesis" and "not a JSON object" in cause[1]), name
    changes = re.findall(r"INFO init_scripts.gate: (\S+) is not ready: (.*)", log)
    assert len(changes) == len(set(changes)) >= len(SERVERS) - 3, log
