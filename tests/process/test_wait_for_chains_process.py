import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from project import ROOT
from scripted_server import Exchange, ScriptedServer, answer

from init_scripts.wait_for_chains import parser

NODE_ID = answer(200, b'{"node_id":"%s"}' % (b"0a" * 20))
GATE = [sys.executable, "-W", "error", "-m", "init_scripts.wait_for_chains"]
DOCS = (ROOT / "docs" / "gate.md").read_text(encoding="utf-8")
NOT_OURS = ("GENESIS_HOST", "GENESIS_PORT", "NAMESPACE", "EXPOSER_LOG_FORMAT")


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without what the gate reads, and with ``extra``."""
    return {name: value for name, value in os.environ.items() if name not in NOT_OURS} | {
        "PYTHONPATH": str(ROOT),
        **extra,
    }


def gate(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run the gate to its end, with ``extra`` in its environment."""
    return subprocess.run(
        [*GATE, *arguments], env=environment(extra), capture_output=True, text=True, timeout=30, check=False
    )


@contextmanager
def held(prefix: tuple[str, ...] = ()) -> Iterator[tuple[subprocess.Popen[str], Callable[[], None]]]:
    """A gate whose request is being held by its target, and what lets the target answer."""
    asked, ready = threading.Event(), threading.Event()

    def hold(exchange: Exchange) -> bool:
        asked.set()
        ready.wait()
        return NODE_ID(exchange)

    try:
        with ScriptedServer(hold) as server:
            command = [*prefix, *GATE, server.url]
            with subprocess.Popen(command, env=environment({}), stderr=subprocess.PIPE, text=True) as process:
                try:
                    assert asked.wait(20)
                    yield process, ready.set
                finally:
                    process.kill()
                    ready.set()
    finally:
        ready.set()


def test_it_opens() -> None:
    """A target that answers opens the gate: exit 0, one line that says so with the seconds, stdout untouched."""
    with ScriptedServer(NODE_ID) as server:
        done = gate(server.place)

    assert (done.returncode, done.stdout) == (0, "")
    assert re.search(rf"ready after \d\S* s: {server.place}\n$", done.stderr)


def test_it_opens_the_moment_its_target_is_ready() -> None:
    """A held request is answered and opens the gate; there is no poll in between."""
    with held() as (process, answer_now):
        assert process.poll() is None
        answer_now()

        assert process.wait(20) == 0


def test_the_command_takes_its_place() -> None:
    """The command behind ``--`` runs in the same process, with all its arguments, and its exit code is the gate's."""
    with ScriptedServer(NODE_ID) as server:
        command = [*GATE, "-q", server.place, "--", "sh", "-c", 'echo $$ "$@"; exit 7', "sh", "-t", "--", "x y"]
        with subprocess.Popen(command, env=environment({}), stdout=subprocess.PIPE, text=True) as process:
            output, _ = process.communicate(timeout=30)

    assert (7, f"{process.pid} -t -- x y\n") == (process.returncode, output)


def test_the_command_gets_the_signals_of_the_system() -> None:
    """What Python ignores for itself is not ignored in the command: a reader that leaves ends a writer by SIGPIPE."""
    with ScriptedServer(NODE_ID) as server:
        done = gate("-q", server.place, "--", "grep", "SigIgn", "/proc/self/status")

    assert int(done.stdout.split()[1], 16) & (1 << (signal.SIGPIPE - 1)) == 0


def test_a_command_that_does_not_exist() -> None:
    """A command that cannot be run is a wrong configuration, and is named."""
    with ScriptedServer(NODE_ID) as server:
        done = gate(server.place, "--", "no-such-command")

    assert done.returncode == 3
    assert "cannot run no-such-command: No such file or directory" in done.stderr


def test_it_gives_up() -> None:
    """After its time limit the gate exits with 124, and names each target with its last cause."""
    with ScriptedServer(listening=False) as refusing, ScriptedServer(answer(404)) as unready:
        done = gate("-t", "1s", refusing.place, unready.place, "genesis.invalid", "--", "echo", "open")

    assert (done.returncode, done.stdout) == (124, "")
    last = done.stderr.splitlines()[-1]
    assert f"{refusing.place}: {refusing.place} refused the connection" in last
    assert f"{unready.place}: answers 404" in last
    assert "genesis.invalid: cannot resolve host genesis.invalid" in last


def test_it_gives_up_during_a_held_request() -> None:
    """The time limit ends a gate whose target neither answers nor closes."""

    def hold(exchange: Exchange) -> bool:
        exchange.stall()
        return False

    with ScriptedServer(hold) as server:
        assert gate("-t", "300ms", server.place).returncode == 124


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_end_it(number: signal.Signals, code: int) -> None:
    """A signal ends the gate at once, even while a request is held, with 128 + its number."""
    with held() as (process, _):
        process.send_signal(number)
        _, errors = process.communicate(timeout=5)

    assert process.returncode == code
    assert errors.endswith(f"ended by {number.name}\n")


def test_a_signal_ends_it_as_process_1() -> None:
    """The first process of a container gets no signal that it does not handle; the gate handles SIGTERM."""
    namespace = ("unshare", "--pid", "--fork", "--kill-child")
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not make a process namespace")
    with held(namespace) as (process, _):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        os.kill(int(children[0]), signal.SIGTERM)

        assert process.wait(5) == 143


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "nothing to wait for: name a target, or set GENESIS_HOST"),
        (("a b",), "'a b' is no target"),
        (("a", "--for", "b"), "--for 'b': write node_id"),
        (("a", "-t", "1 week"), "'1 week' is not a duration"),
        (("a", "-i", "0"), "a pause of 0 would hammer the target"),
        (("a", "--time", "1s"), "unrecognized arguments"),
        (("a", "--log-format", "xml"), "invalid choice: 'xml'"),
    ],
)
def test_a_wrong_command_line(arguments: tuple[str, ...], words: str) -> None:
    """What cannot be understood is said and exits with 2, before anything is asked."""
    done = gate(*arguments)

    assert done.returncode == 2
    assert words in done.stderr


@pytest.mark.parametrize(
    ("extra", "target"),
    [
        ({"GENESIS_HOST": "g-genesis.invalid"}, "g-genesis.invalid:8081"),
        ({"GENESIS_HOST": "g", "GENESIS_PORT": "9", "NAMESPACE": "ns"}, "g.ns.svc.cluster.local:9"),
        ({"GENESIS_HOST": "g.other.invalid", "NAMESPACE": "ns"}, "g.other.invalid:8081"),
        ({"GENESIS_HOST": "http://g.invalid/x", "GENESIS_PORT": "9", "NAMESPACE": "ns"}, "http://g.invalid/x"),
        ({"GENESIS_HOST": "g:7", "NAMESPACE": "ns"}, "g.ns.svc.cluster.local:7"),
        ({"GENESIS_HOST": "::1", "GENESIS_PORT": "9", "NAMESPACE": "ns"}, "[::1]:9"),
        ({"GENESIS_HOST": "[::1]:7"}, "[::1]:7"),
    ],
)
def test_the_environment_names_the_target(extra: dict[str, str], target: str) -> None:
    """Without arguments the genesis pod of the environment is waited for, by its name inside the cluster."""
    done = gate("-t", "10ms", **extra)

    assert done.returncode == 124
    assert f"waiting for {target}\n" in done.stderr


@pytest.mark.parametrize(
    ("extra", "quoted"),
    [
        ({"GENESIS_HOST": "genesis", "GENESIS_PORT": "eighty"}, "genesis:eighty"),
        ({"GENESIS_HOST": "::zz", "NAMESPACE": "ns"}, "::zz"),
    ],
)
def test_a_wrong_environment(extra: dict[str, str], quoted: str) -> None:
    """Variables that make no URL are a wrong configuration, and are named; what is quoted was written."""
    done = gate(**extra)

    assert done.returncode == 3
    assert f"GENESIS_HOST, GENESIS_PORT, NAMESPACE: {quoted!r} is no target" in done.stderr


def test_log_lines_for_machines() -> None:
    """With ``--log-format json`` every line is an object, with target, cause and seconds apart from the text."""
    with ScriptedServer(answer(503), NODE_ID) as server:
        done = gate("--log-format", "json", "-i", "10ms", server.place)

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert (server.place, "answers 503") == (lines[1]["target"], lines[1]["cause"])
    assert 0 < lines[1]["seconds"] < lines[-1]["seconds"]


def test_quiet() -> None:
    """With ``-q`` a gate that opens says nothing, and one that gives up says why."""
    with ScriptedServer(NODE_ID) as server:
        assert gate("-q", server.place).stderr == ""
        assert len(gate("-q", "-t", "10ms", "--for", "height:1", server.place).stderr.splitlines()) == 1


def test_a_gate_is_light() -> None:
    """Before its first request a gate imports no web framework, no settings library, and nothing for large files."""
    with ScriptedServer(NODE_ID) as server:
        done = gate(server.place, PYTHONPROFILEIMPORTTIME="1")

    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "httpcore" in imported
    assert not imported & {"fastapi", "starlette", "uvicorn", "pydantic", "pydantic_settings", "httpx", "asyncio"}


def test_help_is_the_documented_one() -> None:
    """The options in docs/gate.md are what ``--help`` prints."""
    if sys.version_info >= (3, 13):
        pytest.skip("argparse writes options in another form from 3.13 on; the docs show that of 3.11")

    assert parser().format_help().strip() in DOCS


@pytest.mark.parametrize("line", re.findall(r"^\$ wait-for-chains(.*)$", DOCS, re.MULTILINE))
def test_documented_commands_run(line: str) -> None:
    """Every command in docs/gate.md is understood, and waits for targets that are not there."""
    arguments = shlex.split(line)
    at = arguments.index("--") if "--" in arguments else len(arguments)
    done = gate(*arguments[:at], "-t", "50ms", *arguments[at:], GENESIS_HOST="genesis.invalid", CHAIN_DIR="/nowhere")

    assert done.returncode == 124
