"""How a step's end is told beside its exit code."""

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


def test_nothing_is_made_where_there_is_no_kubelet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is a pod's: elsewhere it is not there, and its absence changes no exit code."""
    assert run(tmp_path / "volume", monkeypatch, tmp_path / "termination-log") == 3
    assert not (tmp_path / "termination-log").exists()
