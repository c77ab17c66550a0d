import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waiting import eventually

from exposer.cli import main
from exposer.errors import BadInputError, ExitCode, TemporaryError
from exposer.network.local.log_file import LogFile
from exposer.network.local.state import PodRecord, Record, State
from exposer.network.pick import pick

PODS = ("one-genesis-0", "one-validator-0", "two-genesis-0")


@pytest.fixture
def state(tmp_path: Path) -> State:
    """The directory of a network of two chains, in which one step of the first pod has run, and its node."""
    state = State(tmp_path / "net")
    state.create()
    state.write(Record("devnet", "now", tuple(PodRecord(name, "genesis", 0, "u", "r", {}) for name in PODS)))
    for pod in PODS:
        state.make_pod(pod, fresh=False)
    for number, (step, text) in enumerate((("init-genesis", "made\n"), ("node", "height=1\nheight=2\n"))):
        state.log(PODS[0], step).write_text(text)
        os.utime(state.log(PODS[0], step), (number, number))
    return state


def run(state: State, *arguments: str) -> int:
    """The exit code of ``exposer logs``."""
    return main(["logs", *arguments, "--state", str(state.root)])


def test_a_log_is_shown_as_it_is(state: State, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Bytes that are no text too, and only the last lines on request."""
    state.log(PODS[0], "node").write_bytes(b"one\n\xff\n")

    assert run(state, PODS[0], "node") == run(state, "one-genesis-0", "node", "--tail", "1") == ExitCode.DONE
    assert capfdbinary.readouterr().out == b"one\n\xff\n\xff\n"


def test_without_a_step_the_logs_are_listed(state: State, capsys: pytest.CaptureFixture[str]) -> None:
    """Pod, step, size and time of the last change, oldest first; of one pod or of all."""
    assert run(state) == run(state, PODS[1]) == ExitCode.DONE
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["POD", "STEP", "BYTES", "CHANGED"],
        [PODS[0], "init-genesis", "5", "1970-01-01T00:00:00+00:00"],
        [PODS[0], "node", "18", "1970-01-01T00:00:01+00:00"],
        ["POD", "STEP", "BYTES", "CHANGED"],
    ]


REFUSED = {
    "two pods": (["genesis-0"], "pod genesis-0: there are one-genesis-0, two-genesis-0; name one of them"),
    "no pod": (["one-gensis-0"], "there is none of this name; did you mean one-genesis-0?"),
    "no step": ([PODS[0], "init-genesys"], "one-genesis-0: log init-genesys: there is none of this name; did you mean"),
    "nothing yet": ([PODS[1], "node"], "one-validator-0: log node: there is none of this name; there is none"),
}


@pytest.mark.parametrize(("names", "message"), REFUSED.values(), ids=REFUSED)
def test_a_name_that_is_none_is_told_with_the_nearest(
    names: list[str], message: str, state: State, capsys: pytest.CaptureFixture[str]
) -> None:
    """Short names are taken where they are clear."""
    assert run(state, *names) == ExitCode.BAD_INPUT
    assert message in capsys.readouterr().err


def test_without_a_network_there_are_no_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The directory is named, and how to name another."""
    assert run(State(tmp_path / "none")) == ExitCode.BAD_INPUT
    assert f"there is no network in {tmp_path / 'none'}" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_fault(state: State) -> None:
    """As in ``exposer logs POD STEP | head -1``: no error, also at the interpreter's end."""
    state.log(PODS[0], "node").write_bytes(b"line\n" * 100_000)
    command = [sys.executable, "-m", "exposer", "logs", PODS[0], "node", "--state", str(state.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(4) == b"line"
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(60) == ExitCode.DONE


def test_a_reader_that_never_was_is_none_either(state: State) -> None:
    """What could not be written is not tried again when the interpreter ends."""
    command = [sys.executable, "-m", "exposer", "logs", PODS[0], "node", "--state", str(state.root)]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, env=buffered, timeout=60, check=False)
    finally:
        os.close(writing)

    assert (done.returncode, done.stderr) == (ExitCode.DONE, b"")


def lines_of(content: bytes, count: int) -> bytes:
    """The last ``count`` lines, the plain way."""
    return b"".join(content.splitlines(keepends=True)[-count:]) if count else b""


@given(content=st.lists(st.sampled_from([b"a", b"\n", b"bc" * 40_000]), max_size=12), count=st.integers(0, 8))
def test_a_tail_is_the_last_lines(tmp_path_factory: pytest.TempPathFactory, content: list[bytes], count: int) -> None:
    """Whatever is in the file: empty lines, long ones, a last one without its end."""
    path = tmp_path_factory.getbasetemp() / "tail.log"
    path.write_bytes(b"".join(content))

    assert b"".join(LogFile(path).read(count)) == lines_of(b"".join(content), count)


def followed(path: Path) -> tuple[list[bytes], list[Exception], Thread]:
    """What a reader that follows ``path`` has read, and why it stopped."""
    read: list[bytes] = []
    failed: list[Exception] = []
    thread = Thread(target=_collect, args=(path, read, failed))
    thread.start()
    return read, failed, thread


def _collect(path: Path, read: list[bytes], failed: list[Exception]) -> None:
    try:
        for chunk in LogFile(path).read(1, follow=True):
            read.append(chunk)  # noqa: PERF402 - as it comes
    except TemporaryError as error:
        failed.append(error)


ENDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "deleted": (lambda path: path.unlink(), "was deleted while it was followed"),
    "replaced": (lambda path: path.with_suffix(".new").rename(path), "was replaced or cut while it was followed"),
    "cut": (lambda path: os.truncate(path, 0), "was replaced or cut while it was followed"),
}


@pytest.mark.parametrize(("how", "message"), ENDS.values(), ids=ENDS)
def test_a_log_is_followed_until_it_is_another(tmp_path: Path, how: Callable[[Path], object], message: str) -> None:
    """What is appended comes; a log that was deleted, rotated or cut ends it with a word, not with silence."""
    path = tmp_path / "node.log"
    path.with_suffix(".new").write_bytes(b"another\n")
    path.write_bytes(b"one\ntwo\n")
    read, failed, thread = followed(path)
    eventually("the last line", lambda: b"".join(read) == b"two\n")
    with path.open("ab") as log:
        log.write(b"three\n")
    eventually("what came then", lambda: b"".join(read) == b"two\nthree\n")
    how(path)
    thread.join(60)

    assert message in str(failed[0])


def test_a_log_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A file that was deleted between the list and the look."""
    with pytest.raises(BadInputError, match="is not there; exposer logs lists what there is"):
        list(LogFile(tmp_path / "node.log").read())


def test_a_name_may_be_the_end_of_one() -> None:
    """The end is taken after a dash alone, and a whole name always."""
    assert pick("genesis-0", ["a-genesis-0", "a-validator-0"], "pod") == "a-genesis-0"
    assert pick("a", ["a", "b-a"], "pod") == "a"
    with pytest.raises(BadInputError, match="did you mean a-genesis-0"):
        pick("enesis-0", ["a-genesis-0", "a-validator-0"], "pod")
