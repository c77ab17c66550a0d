"""Where a step leaves its reason besides its exit code."""

import errno
from pathlib import Path

import pytest

from exposer.errors import BadInputError
from exposer.progress import read_progress
from init_scripts import step
from init_scripts.settings import PodSettings

REASON = "COINS: 5x is no amount; write it like 5stake"


def refuse(_settings: PodSettings, _report: object) -> None:
    """A program that ends with a reason, and what a binary said."""
    raise BadInputError(f"{REASON}\nError: what a binary said")


def run(volume: Path, monkeypatch: pytest.MonkeyPatch, log: Path) -> int:
    """The exit code of a step that refuses, in a pod whose kubelet keeps ``log``."""
    monkeypatch.setattr(step, "TERMINATION_LOG", log)
    argv = ["--chain-id", "x-1", "--chain-dir", str(volume), "--chain-driver", "cometbft"]
    return step.run_program("init-x", PodSettings, refuse, argv, "")


def test_the_reason_is_what_a_kubelet_keeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason, without the log around it; what a binary said is for those who may see logs, and not for HTTP."""
    log = tmp_path / "termination-log"
    log.touch()

    assert run(tmp_path / "volume", monkeypatch, log) == 3
    assert log.read_text() == f"{REASON}\nError: what a binary said"
    assert read_progress(tmp_path / "volume")["init-x"].reason == REASON


def test_a_path_that_is_no_text_changes_no_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kubelet's file takes it escaped: what a retry can mend stays so."""

    def fail(_settings: PodSettings, _report: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", b"/x/\xff")

    (tmp_path / "log").touch()
    monkeypatch.setattr(step, "TERMINATION_LOG", tmp_path / "log")
    argv = ["--chain-id", "x-1", "--chain-dir", str(tmp_path / "volume"), "--chain-driver", "cometbft"]
    assert step.run_program("init-x", PodSettings, fail, argv, "") == 75
    assert "No space left" in (tmp_path / "log").read_text()


def test_nothing_is_made_where_there_is_no_kubelet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is a pod's: elsewhere it is not there, and its absence changes no exit code."""
    assert run(tmp_path / "volume", monkeypatch, tmp_path / "termination-log") == 3
    assert not (tmp_path / "termination-log").exists()
