import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from project import ROOT

from bench.__main__ import PARTS, main
from bench.download import CLIENTS, download
from bench.process import Process
from bench.profiled import VARIABLE, command
from bench.report import write
from bench.servers import PEER, Server, exposer, peer, servers, turns
from bench.table import OURS, Row, bounded, compared, render, worst
from bench.volume import last_record, make_volume
from bench.waiters import percentile
from exposer.documents import check_genesis
from exposer.server.settings import ChainFiles
from exposer.server.view import View

DOCS = ROOT / "docs/bench.md"


@pytest.fixture(autouse=True, scope="module")
def _fonts_are_open(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Matplotlib keeps its fonts open from the first picture on."""
    write(tmp_path_factory.mktemp("first"), [[compared("x", {OURS: [1.0], "nginx": [1.0]}, "s", "nginx", most=1.2)]])


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    """A round in which the machine was slow for both sides does not move the ratio."""
    row = compared("x", {OURS: [1.0, 30.0, 1.0], "nginx": [1.0, 10.0, 1.0]}, "s", "nginx", most=1.2)

    assert row.reached
    assert row.used == pytest.approx(1 / 1.2)


@pytest.mark.parametrize(("ours", "most", "least"), [(1.3, 1.2, 0), (0.8, None, 0.9)])
def test_a_missed_ratio_is_told(ours: float, most: float | None, least: float) -> None:
    """Too much of a cost and too little of a speed both miss the target."""
    row = compared("x", {OURS: [ours], "nginx": [1.0]}, "s", "nginx", most=most, least=least)

    assert row.reached is False
    assert (row.used or 0) > 1


def test_a_side_that_is_not_there_is_a_missed_target() -> None:
    """Without the other side there is no figure that could reach the target."""
    row = compared("x", {OURS: [1.0], "peer": []}, "s", "peer", most=1.2)

    assert (row.reached, row.against) == (False, "peer: missing")


def test_an_optional_side_that_is_not_here_misses_no_target() -> None:
    """A server that nobody has here is "not measured", and what is held against it is neither reached nor missed."""
    row = compared("x", {OURS: [1.0], "nginx": [2.0]}, "/s", "peer", least=1.5)

    assert (row.reached, row.against) == (None, "peer: not measured; nginx: 2.0 /s")


def test_a_run_without_targets_is_reported(tmp_path: Path) -> None:
    """Where no row has a figure to hold against a target the table and the picture are written all the same."""
    write(tmp_path, [[compared("x", {OURS: [1.0]}, "/s", "peer", least=1.5)]])

    assert "peer: not measured" in (tmp_path / "latest.md").read_text(encoding="utf-8")
    assert (tmp_path / "latest.svg").stat().st_size


def test_the_peer_is_named_or_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Starship's exposer is the program that STARSHIP_EXPOSER names, else ``starship-exposer`` on PATH."""
    monkeypatch.delenv("STARSHIP_EXPOSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert peer() is None
    (tmp_path / "starship-exposer").touch(0o755)
    assert peer() == str(tmp_path / "starship-exposer")
    monkeypatch.setenv("STARSHIP_EXPOSER", sys.executable)
    assert peer() == sys.executable


def test_without_the_peer_the_others_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody has Starship's exposer the other servers of a row run without it."""
    monkeypatch.delenv("STARSHIP_EXPOSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with servers(make_volume(tmp_path / "home", 10_000), OURS, PEER) as running:
        assert list(running) == [OURS]


def test_a_peer_that_is_no_program_is_a_wrong_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """STARSHIP_EXPOSER without an executable behind it ends the run before anything is measured, and tells the cure."""
    monkeypatch.setattr(sys, "argv", ["bench", "requests"])
    monkeypatch.setenv("STARSHIP_EXPOSER", "/nosuch")

    with pytest.raises(SystemExit, match="2"):
        main()

    assert "STARSHIP_EXPOSER: /nosuch is not an executable; give the path" in capsys.readouterr().err


def test_a_bound_holds_for_the_median() -> None:
    """One round above the bound is noise, most of them are not."""
    assert bounded("x", [1, 2, 9], "ms", 2).reached
    assert not bounded("x", [1, 3, 9], "ms", 2).reached


def test_the_worst_run_counts() -> None:
    """Of several runs the table has each median, and the spread and the verdict of the one furthest from its target."""
    runs = [[bounded("x", values, "ms", 2)] for values in ([1.0, 1.0], [1.0, 5.0], [0.0, 3.0])]

    assert worst(runs) == runs[1]
    assert render(runs).splitlines() == [
        "| what | run 1 | run 2 | run 3 | worst | side by side with | target | reached |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        "| x | 1.0 ms | 3.0 ms | 1.5 ms | 3.0 ms (1.0 to 5.0) |  | <= 2 ms | no |",
    ]
    assert render(runs[:1]).splitlines()[0] == "| what | exposer | side by side with | target | reached |"


def test_a_figure_that_is_missing_once_is_the_worst() -> None:
    """A run in which the other side is not there is further from the target than any that has a figure."""
    there, missing = bounded("x", [1.9], "ms", 2), Row("x", "1 ms", "missing", "<= 2 ms", reached=False)

    assert worst([[there], [missing], [there]]) == [missing]


def test_each_round_is_begun_by_another_server() -> None:
    """Nobody always follows the same one."""
    running = {name: Server(0, 0) for name in "abc"}
    order = [(counts, name) for counts, name, _ in turns(running, 2)]

    assert "".join(name for _, name in order) == "abcbcacab"
    assert [counts for counts, _ in order] == [False] * 3 + [True] * 6


def test_every_client_gets_every_byte() -> None:
    """What a download counts is what all clients were sent."""
    with _answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000) as port:
        _, count = download(port)

    assert count == CLIENTS * 100_000


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "503"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 99_999, "1 bytes before the end"),
    ],
)
def test_what_is_not_the_file_ends_the_run(answer: bytes, told: str) -> None:
    """An error or a cut answer is never measured."""
    with _answering(answer) as port, pytest.raises(RuntimeError, match=told):
        download(port, clients=1)


def test_the_volume_is_served_once_its_last_record_is_there(tmp_path: Path) -> None:
    """What is measured is a committed genesis of the size that was asked for."""
    home = make_volume(tmp_path / "home", 300_000)
    genesis = home / "config/genesis.json"
    names = ("genesis", "node_id", "node_key", "priv_validator_key")
    view = View(ChainFiles(home, *(home / f"config/{name}.json" for name in names)))

    assert view.look("genesis").ready
    assert 299_000 < genesis.stat().st_size <= 300_000
    with genesis.open("rb") as stream:
        assert check_genesis(stream).chain_id == "bench-1"
    last_record(home).rename(tmp_path / "held")
    assert not view.look("node_id").ready


def test_the_99th_percentile_of_100_is_the_99th() -> None:
    """Nearest rank: one of a hundred may be later."""
    assert percentile(range(1, 101), 99) == 99


def test_the_docs_name_every_part() -> None:
    """The table in the docs has a row for each part, and no other."""
    rows = [line.split("`")[1] for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]

    assert rows == list(PARTS)


@contextmanager
def _answering(answer: bytes) -> Iterator[int]:
    """The port of a server that gives this answer to everyone and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=CLIENTS)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


def test_a_profile_is_left_by_a_program_that_a_signal_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sidecar runs under the profiler as it does without, and its report is there after SIGTERM."""
    assert command("exposer", "serve") == [sys.executable, "-m", "exposer", "serve"]
    monkeypatch.setenv(VARIABLE, str(tmp_path / "profile.txt"))
    with exposer(make_volume(tmp_path / "home", 10_000)) as server:
        assert server.get("/node_id")[0] == 200

    assert "function calls" in (tmp_path / "profile.txt").read_text()


def test_the_cpu_of_ended_threads_and_of_children_counts() -> None:
    """A process is charged with what its threads used that are gone, and with what its children use."""
    burn = "import time, threading, subprocess, sys\ndef burn():\n while time.thread_time() < 0.1: pass\n"
    burn += "one = threading.Thread(target=burn)\none.start()\none.join()\n"
    child = burn + "print(flush=True)\ninput()"
    command = f"{burn}subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        used = Process(process.pid).cpu()
        process.communicate(b"\n")

    assert used > 0.2


def test_a_peak_can_be_forgotten() -> None:
    """What was freed before does not count as the peak of what follows."""
    command = "data = bytearray(64 << 20)\ndel data\nprint(flush=True)\ninput()"
    with subprocess.Popen([sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        measured = Process(process.pid)
        before = measured.peak()
        measured.forget_peak()
        after = measured.peak()
        process.communicate(b"\n")

    assert before > 64 > after
