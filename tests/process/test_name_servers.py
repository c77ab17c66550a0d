"""Names that do not resolve yet, from a name server that fails in every way: DNS lags behind a pod's start."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from name_server import FAULTS, NameServer, Reply, address, resolve
from networks import write_keys
from project import ROOT
from scripted_server import ScriptedServer, answer, by_path, file
from step_faults import DNS, GATE, VALIDATOR
from trees import final_files

from exposer.client import Client

GENESIS = json.dumps(
    {"genesis_time": "2026-01-01T00:00:00Z", "chain_id": "names-1", "validators": [], "app_hash": ""}
).encode()
LEADER = by_path(
    {
        "/genesis": file(GENESIS),
        "/identity": file(GENESIS),
        "/node_id": answer(200, b'{"node_id":"%s"}' % (b"0a" * 20)),
    }
)
NAME = "genesis.names.test"


@contextmanager
def running(step: str, names: NameServer, port: str, home: Path, limit: str) -> Iterator["subprocess.Popen[str]"]:
    """A step that looks the genesis pod up by its name."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "CHAIN_DRIVER": "cometbft",
        "CHAIN_ID": "names-1",
        "CHAIN_DIR": str(home),
        "KEYS_CONFIG": str(home.parent / "keys.json"),
        "HOSTNAME": "names-validator-0",
        "GENESIS_HOST": NAME,
        "GENESIS_PORT": port,
        "DOWNLOAD_TIMEOUT": limit,
    }
    flags = ["-t", limit, "-i", "100ms"] if step == GATE else []
    module = f"init_scripts.{step.replace('-', '_')}"
    with subprocess.Popen(
        [*names.prefix, sys.executable, "-W", "error", "-m", module, *flags],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until(said: str, process: "subprocess.Popen[str]") -> str:
    """Read what a program says until a line has ``said``; all of it."""
    assert process.stderr
    told = ""
    while said not in told:
        line = process.stderr.readline()
        assert line, told
        told += line
    return told


@pytest.mark.parametrize("step", [GATE, VALIDATOR])
@pytest.mark.parametrize("reply", FAULTS.values(), ids=FAULTS.keys())
def test_names_that_heal(reply: Reply, step: str, tmp_path: Path) -> None:
    """A name that does not resolve is "not yet", whatever the name server says; the step goes on when it does."""
    write_keys(tmp_path / "keys.json", validators=2)
    with ScriptedServer(LEADER) as leader, NameServer(tmp_path, reply) as names:
        port = leader.place.partition(":")[2]
        with running(step, names, port, tmp_path / "home", "1m") as process:
            until(f"cannot resolve host {NAME}", process)
            names.reply = address
            _, told = process.communicate(timeout=60)

    (code,) = DNS[0].codes
    assert process.returncode == code, told
    assert step == GATE or (tmp_path / "home/config/genesis.json").read_bytes() == GENESIS


@pytest.mark.parametrize("step", [GATE, VALIDATOR])
def test_names_that_never_heal(step: str, tmp_path: Path) -> None:
    """A name server that never answers costs no more than the limit, though a look-up cannot be stopped."""
    write_keys(tmp_path / "keys.json", validators=2)
    with (
        ScriptedServer(LEADER) as leader,
        NameServer(tmp_path, FAULTS["no answer"]) as names,
        running(step, names, leader.place.partition(":")[2], tmp_path / "home", "2s") as process,
    ):
        _, told = process.communicate(timeout=30)
        assert not (tmp_path / "home").exists() or final_files(tmp_path / "home") == []
        names.reply = address
        with running(step, names, leader.place.partition(":")[2], tmp_path / "home", "1m") as again:
            again.communicate(timeout=60)
        assert again.returncode == 0

    (code,) = DNS[1].codes if step == GATE else DNS[2].codes
    assert process.returncode == code, told
    assert f"cannot resolve host {NAME}" in told.splitlines()[-1]


def test_an_address_that_is_silent_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead first address, as IPv6 without a route back, does not take the time of those behind it."""
    with ScriptedServer(answer(204)) as server, ExitStack() as stack:
        port = int(server.place.partition(":")[2])
        silent = stack.enter_context(socket.create_server(("127.0.0.2", port), backlog=0))
        for _ in range(3):  # its queue is full now: further connections get no answer, and no refusal
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(silent.getsockname())
        resolve(monkeypatch, "127.0.0.2", "127.0.0.1")
        with Client(f"http://genesis:{port}", timeout=30) as client:
            assert client.get("/").status == 204
        stack.close()
        for thread in threading.enumerate():
            if thread.name == "connect 127.0.0.2":
                thread.join()
