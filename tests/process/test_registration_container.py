"""``create-validator`` as a container beside a node: a script in its place, a late node, and ``--stay``."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from name_server import FAULTS, NameServer, Reply, address
from project import ROOT
from registration_world import ABSENT, command, node, run, validator_pod, validator_with
from scripted_server import Exchange, ScriptedServer
from waiting import eventually

SENDS = 'echo "$VAL_NAME $VAL_ADDR $CHAIN_DIR $NODE_URL" >> "$COUNT"\n'
MOST = 10 << 10  # KiB that staying may take


@pytest.fixture
def pod(tmp_path: Path) -> dict[str, str]:
    """A validator pod's environment."""
    return validator_pod(tmp_path)


def scripted(pod: dict[str, str], script: str) -> dict[str, str]:
    """The pod with a script that sends the transaction."""
    path = Path(pod["COUNT"]).with_name("create-validator.sh")
    path.write_text(script)
    return {**pod, "STEP_SCRIPT": str(path)}


def test_a_script_sends_what_makes_the_validator(pod: dict[str, str]) -> None:
    """It is run once, when the node is at the tip and the account funded; the chain says whether that has worked."""
    count = Path(pod["COUNT"])
    with ScriptedServer(node(dict, lambda: validator_with(bytes(32)) if count.exists() else ABSENT)) as server:
        told = {**scripted(pod, SENDS), "NODE_URL": server.url}
        first, again = run(told), run(told)

    assert [first.returncode, again.returncode] == [0, 0], first.stderr
    assert count.read_text().splitlines() == [f"validator-0 cosmos1address {pod['CHAIN_DIR']} {server.url}"]


@pytest.mark.parametrize(("end", "code", "runs"), [("exit 1", 3, 1), ("exit 3", 3, 1), ("exit 75", 75, 2)])
def test_a_script_that_fails_ends_the_step(pod: dict[str, str], end: str, code: int, runs: int) -> None:
    """Only 75 asks for another try, which there is until the time is up."""
    with ScriptedServer(node(dict)) as server:
        done = run({**scripted(pod, f"{SENDS}{end}\n"), "NODE_URL": server.url}, limit="10s")

    assert done.returncode == code, done.stderr
    assert min(len(Path(pod["COUNT"]).read_text().splitlines()), 2) == runs


def test_a_script_that_changes_nothing_is_no_success(pod: dict[str, str]) -> None:
    """It ends well, and the chain has no such validator: that is told, and it is not run again at once."""
    with ScriptedServer(node(dict)) as server:
        done = run({**scripted(pod, SENDS), "NODE_URL": server.url}, limit="3s")

    assert (done.returncode, "is no validator after it" in done.stderr) == (75, True), done.stderr
    assert len(Path(pod["COUNT"]).read_text().splitlines()) == 1


@pytest.mark.parametrize("reply", FAULTS.values(), ids=FAULTS.keys())
def test_a_node_whose_name_comes_late(pod: dict[str, str], reply: Reply, tmp_path: Path) -> None:
    """DNS lags behind a pod's start: a NODE_URL that does not resolve is "not yet"."""
    with (
        ScriptedServer(node(dict, lambda: validator_with(bytes(32)))) as server,
        NameServer(tmp_path, reply) as names,
        subprocess.Popen(
            [*names.prefix, *command(pod, limit="1m")],
            env={
                **pod,
                "PYTHONPATH": str(ROOT),
                "NODE_URL": f"http://node.names.test:{server.place.partition(':')[2]}",
            },
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stderr
        told = ""
        while "cannot resolve host node.names.test" not in told:
            line = process.stderr.readline()
            assert line, told
            told += line
        names.reply = address
        _, rest = process.communicate(timeout=60)

    assert process.returncode == 0, told + rest


@contextmanager
def staying(pod: dict[str, str], *prefix: str) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
    """The step with ``--stay`` against a node where the validator is there, and the file that will say so."""
    sign = Path(pod["COUNT"]).with_name("registered")
    with ScriptedServer(node(dict, lambda: validator_with(bytes(32)))) as server:
        process = subprocess.Popen(
            [*prefix, *command(pod), "--stay", "--stay-file", str(sign)],
            env={**pod, "NODE_URL": server.url},
            stderr=subprocess.DEVNULL,
            text=True,
            process_group=0,
        )
        try:
            yield process, sign
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(timeout=20)


def until_there(path: Path, process: "subprocess.Popen[str]") -> None:
    """Until the file is there."""
    eventually(f"{path.name}, or the end", lambda: path.exists() or process.poll() is not None)
    assert process.poll() is None


def until_small(process: "subprocess.Popen[str]") -> int:
    """KiB that the process takes, as soon as it is the other program."""
    status = Path(f"/proc/{process.pid}")
    line = status / "cmdline"
    eventually("sigwait, or the end", lambda: b"sigwait" in line.read_bytes() or process.poll() is not None)
    assert process.poll() is None
    free = "SigBlk:\t0000000000000000\n"  # proc(5): the signals that it waits for are not blocked
    eventually("it waits for signals", lambda: free in (status / "status").read_text())
    lines = dict(line.split(":", 1) for line in (status / "status").read_text().splitlines())
    return int(lines["VmRSS"].split()[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stays_in_little_memory(pod: dict[str, str], number: signal.Signals, tell: Callable[[str], None]) -> None:
    """A container that has registered its validator says so in a file, and waits for its end in less than 10 MiB."""
    with staying(pod) as (process, sign):
        until_there(sign, process)
        taken = until_small(process)
        process.send_signal(number)
        process.wait(timeout=20)
        tell(f"staying takes {taken} KiB")

    assert taken < MOST
    assert process.returncode == 128 + number


def test_no_signal_is_lost_on_the_way_to_staying(pod: dict[str, str]) -> None:
    """One that comes between the success and the other program's start is taken by that program."""
    late = ["strace", "-qq", "-o", "/dev/null", "-e", "trace=execve", "-e", "inject=execve:delay_enter=1s:when=1"]
    with staying(pod, *late) as (process, sign):
        until_there(sign, process)
        (child,) = map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
        assert b"sigwait" not in Path(f"/proc/{child}/cmdline").read_bytes()
        os.kill(child, signal.SIGTERM)
        process.wait(timeout=20)

    assert process.returncode == 128 + signal.SIGTERM


def test_a_restarted_container_stays_again(pod: dict[str, str]) -> None:
    """What the run before it said does not count: /tmp of a pod may outlive a container."""
    sign = Path(pod["COUNT"]).with_name("registered")
    sign.touch()
    found: list[bool] = []
    plain = node(dict, lambda: validator_with(bytes(32)))

    def script(exchange: Exchange) -> bool:
        found.append(sign.exists())
        return plain(exchange)

    with ScriptedServer(script) as server:
        told = {**pod, "NODE_URL": server.url, "STAY": "true", "STAY_FILE": str(sign)}
        with subprocess.Popen(command(pod), env=told, stderr=subprocess.DEVNULL, text=True) as process:
            eventually("the node is asked, or the end", lambda: found or process.poll() is not None)
            until_there(sign, process)
            process.terminate()

    assert found
    assert not any(found)


def test_where_nothing_is_to_be_created_it_stays_as_well(pod: dict[str, str]) -> None:
    """A network whose genesis names all validators may have that container too."""
    sign = Path(pod["COUNT"]).with_name("registered")
    told = {**pod, "CHAIN_DRIVER": "cometbft", "STAY": "true", "STAY_FILE": str(sign)}
    with subprocess.Popen(
        [sys.executable, "-m", "init_scripts.create_validator"], env=told, stderr=subprocess.DEVNULL, text=True
    ) as process:
        until_there(sign, process)
        until_small(process)
        process.terminate()

    assert process.returncode == 128 + signal.SIGTERM
