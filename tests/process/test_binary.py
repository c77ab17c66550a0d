import os
import select
import signal
from pathlib import Path

import pytest
from networks import fresh_mnemonic

from exposer.accounts.mnemonic import Mnemonic
from exposer.errors import ExitCode, TemporaryError
from init_scripts.binary import BinaryFailedError, ChainBinary


def binary(directory: Path, script: str) -> ChainBinary:
    """A chain binary that does what ``script`` says."""
    path = directory / "chaind"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return ChainBinary(str(path), directory)


@pytest.mark.parametrize(
    "printed",
    [
        "Usage:\\n  chaind validate [flags]\\n\\nFlags:\\n  --help  help\\n\\n\\033[90m5:36PM\\033[0m ERR the cause\\n",
        "the cause\\nUsage:\\n  chaind validate [flags]\\n\\nGlobal Flags:\\n      --home string\\n",
    ],
)
def test_a_refusal_is_told_without_the_help(tmp_path: Path, printed: str) -> None:
    """Cobra prints a command's whole help before or behind the cause, and some binaries in colours."""
    with pytest.raises(BinaryFailedError) as caught:
        binary(tmp_path, f'printf "{printed}" >&2; exit 1').run("validate")

    assert str(caught.value).strip().endswith("the cause")
    assert not {"Usage", "help", "\033", "--home"} & set(str(caught.value).replace(":", " ").split())
    assert "\033" not in str(caught.value)


def test_a_panic_keeps_its_cause(tmp_path: Path) -> None:
    """When a Go program panics, the error has the cause without the stack; a retry would panic again."""
    stack = "".join(f"main.f{number}(...)\\n\\tmain.go:{number}\\n" for number in range(40))
    with pytest.raises(BinaryFailedError) as caught:
        binary(tmp_path, f'printf "panic: the cause\\n\\ngoroutine 1 [running]:\\n{stack}" >&2; exit 2').run("init")

    assert str(caught.value).endswith("panic: the cause\n") or str(caught.value).endswith("panic: the cause")
    assert caught.value.exit_code == ExitCode.BAD_INPUT


@pytest.mark.parametrize(
    "words",
    [
        "fatal error: runtime: cannot allocate memory",
        "fatal error: newosproc",
        "memory allocation of 8 bytes failed",
    ],
)
def test_what_the_runtime_lacks_is_temporary(words: str, tmp_path: Path) -> None:
    """Missing memory or threads can be there at the next try; the error has the cause without the stack."""
    stack = "runtime stack:\\n" + "runtime.newobject(0x43)\\n" * 40 + "\\ngoroutine 1 [running]:\\nmain.f()\\n"
    with pytest.raises(TemporaryError, match=words) as caught:
        binary(tmp_path, f'printf "{words}\\n\\n{stack}" >&2; exit 2').run("init")
    assert "newobject" not in str(caught.value)


@pytest.mark.parametrize("words", ["fatal error: all goroutines are asleep - deadlock!", "panic: out of gas"])
def test_what_it_does_by_itself_is_a_refusal(words: str, tmp_path: Path) -> None:
    """A deadlock or a panic would come again at the next try."""
    with pytest.raises(BinaryFailedError, match=words):
        binary(tmp_path, f'printf "{words}\\n\\ngoroutine 1 [running]:\\nmain.f()\\n" >&2; exit 2').run("init")


def test_a_wrapper_whose_binary_was_killed_is_temporary(tmp_path: Path) -> None:
    """A shell reports this as exit code 137."""
    with pytest.raises(TemporaryError):
        binary(tmp_path, "sh -c 'kill -KILL $$'; exit $?").run("init")


@pytest.mark.parametrize("stream", ["1", "2"])
def test_a_full_disk_is_temporary(stream: str, tmp_path: Path) -> None:
    """A binary that finds the disk full fails in a way that time can mend, wherever it says so."""
    with pytest.raises(TemporaryError, match="no space left"):
        binary(tmp_path, f"echo 'write x: no space left on device' >&{stream}; exit 1").run("init")


@pytest.mark.parametrize("how", ["cat", "tr ' ' '\\n'", "cut -d ' ' -f 5-12", "tr ' ' '-'"])
def test_a_binary_that_repeats_its_secret(how: str, tmp_path: Path) -> None:
    """What a binary says of the mnemonic that it was given is masked, in parts and however it is written."""
    words = fresh_mnemonic()
    with pytest.raises(BinaryFailedError) as caught:
        binary(tmp_path, f"{{ echo wrong: ; {how}; }} >&2; exit 1").run("keys", "add", secret=Mnemonic(words))

    told = str(caught.value).partition("failed:")[2]
    assert "***" in told
    assert not any(f" {word} " in f" {told.strip()} " for word in words.split()[4:12])


def test_a_binary_dies_with_its_step(tmp_path: Path) -> None:
    """SIGKILL of the step that runs it leaves no binary behind, which would go on writing where the next try works."""
    started = tmp_path / "started"
    os.mkfifo(started)
    pid = os.fork()
    if not pid:  # the step
        binary(tmp_path, f"echo $$ > {started}; exec sleep 300").run("init")
    descendant = os.pidfd_open(int(started.read_text()))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    ended, _, _ = select.select([descendant], [], [], 30)
    os.close(descendant)

    assert ended
