"""`exposer status TARGET`: what it makes of answers, also of those that no sidecar gives."""

import copy
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scripted_server import Script, ScriptedServer, answer

from exposer.cli import main
from exposer.errors import ExitCode

DIGEST = "9ad2af4e" * 8
READY: dict[str, Any] = {
    "pod": "genesis-0",
    "version": "1.2.3",
    "started": "2026-01-02T03:04:05.678+00:00",
    "phase": "ready",
    "ready": True,
    "reason": None,
    "step": {"name": None, "number": 2, "count": 2},
    "steps": [
        {"name": "init-genesis", "state": "done", "started": "x", "seconds": 4.25, "exit_code": 0, "reason": ""},
        {"name": "init-config", "state": "done", "started": "x", "seconds": 0.25, "exit_code": 0, "reason": ""},
    ],
    "bootstrap": {"started": "x", "seconds": 3725.0},
    "artifacts": [
        {"name": "genesis", "state": "ready", "size": 125829120, "sha256": DIGEST},
        {"name": "artifact:snapshot", "state": "not-ready", "size": None, "sha256": None},
    ],
    "waiters": 3,
    "waiting": {"artifact:snapshot": 3},
    "downloads": 1,
    "fetches": [
        {
            "artifact": "genesis",
            "peer": f"10.0.0.{number}",
            "state": "running" if number == 0 else "complete",
            "sent": 1536 if number == 0 else 125829120,
            "size": 125829120,
            "started": "2026-01-02T03:05:00.000+00:00",
            "seconds": 70.0,
        }
        for number in range(12)
    ],
    "node": {"height": 42, "catching_up": True},
}


def _with(**changes: object) -> bytes:
    """The status with other facts, which Python's JSON may write and the standard's may not."""
    return json.dumps({**READY, **changes}).encode()


@pytest.fixture(autouse=True)
def _quiet_log() -> Iterator[None]:
    """The log's handler goes with the test."""
    yield
    logging.getLogger().handlers.clear()


def told(script: Script, *arguments: str) -> int:
    """The exit code where the sidecar gives this answer."""
    with ScriptedServer(script) as server:
        return main(["status", server.place, *arguments])


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Everything that the page shows is there in plain aligned lines, and a pod that is ready is exit 0."""
    assert told(answer(200, json.dumps(READY).encode())) == ExitCode.DONE
    assert capsys.readouterr().out.splitlines()[:20] == [
        "genesis-0  ready",
        "2 of 2 steps done; the bootstrap took 1 h 02 min; node at height 42, catching up; exposer 1.2.3",
        "",
        "STEP          STATE  TOOK    REASON",
        "init-genesis  done   4.2 s",
        "init-config   done   250 ms",
        "",
        "ARTIFACT           STATE      SIZE     SHA256",
        f"genesis            ready      120 MiB  {DIGEST}",
        "artifact:snapshot  not-ready  -        -",
        "",
        "WAITED FOR         REQUESTS",
        "artifact:snapshot  3",
        "",
        "PEER      ARTIFACT  STATE     SENT                STARTED                        TOOK",
        "10.0.0.0  genesis   running   1.5 KiB of 120 MiB  2026-01-02T03:05:00.000+00:00  1 min 10 s",
        *(
            f"10.0.0.{number}  genesis   complete  120 MiB             2026-01-02T03:05:00.000+00:00  1 min 10 s"
            for number in range(1, 5)
        ),
    ]


def test_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """A step that failed is told with exit code and reason, and a pod that is not ready is exit 75."""
    failed = {"name": "init-genesis", "state": "failed", "seconds": 1.5, "exit_code": 3, "reason": "no keys"}
    step = {"name": "init-genesis", "number": 1, "count": 1}
    document = {
        **READY,
        "ready": False,
        "phase": "init-genesis",
        "reason": "it failed",
        "step": step,
        "steps": [failed],
    }
    document |= {"pod": None, "node": None, "waiting": {}, "fetches": []}
    assert told(answer(200, json.dumps(document).encode())) == ExitCode.TEMPORARY
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("http://127.0.0.1:")
    assert lines[0].endswith("  init-genesis failed")
    assert lines[1:3] == ["it failed", "0 of 1 steps done; 1 h 02 min since the first step began; exposer 1.2.3"]
    assert lines[5] == "init-genesis  failed (3)  1.5 s  no keys"


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """``--json`` is the document of `/status`, in ASCII, with the same exit codes."""
    document = {**READY, "ready": False, "reason": "\x9b2J \u202e"}
    assert told(answer(200, json.dumps(document, ensure_ascii=False).encode()), "--json") == ExitCode.TEMPORARY
    output = capsys.readouterr().out
    assert output.isascii()
    assert json.loads(output) == document


@given(text=st.text(st.characters(codec="utf-8", categories=["Cc", "Cf", "Zl", "Zp", "L"]), min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
def test_nothing_commands_the_terminal(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """No control character, and none that reorders text, comes from the network to the terminal."""
    document = copy.deepcopy(READY) | {"pod": text, "version": text, "reason": text, "waiting": {text: 1}}
    document["steps"][0] |= {"name": text, "reason": text, "state": text}
    document["fetches"][0] |= {"peer": text, "artifact": text, "state": text, "started": text}
    document["artifacts"][0] |= {"name": text, "sha256": text, "state": text}
    capsys.readouterr()
    told(answer(200, json.dumps(document).encode()))
    output = capsys.readouterr().out
    assert output.replace("\n", "").isprintable()
    assert len(output.splitlines()) == 27


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        (answer(401, b"{}"), ExitCode.BAD_INPUT, "asks for a token"),
        (answer(403, b"{}"), ExitCode.BAD_INPUT, "asks for a client certificate"),
        (answer(404, b"<html>"), ExitCode.TEMPORARY, "answers /status with 404 and no status of a pod"),
        (answer(200, b"[]"), ExitCode.TEMPORARY, "no status of a pod"),
        (answer(200, b'{"ready":true}'), ExitCode.TEMPORARY, "no status of a pod"),
        (answer(200, b"[" * 100_000), ExitCode.TEMPORARY, "no status of a pod"),
        (answer(200, _with(bootstrap={"seconds": float("inf")})), ExitCode.TEMPORARY, "no status of a pod"),
        (answer(200, _with(artifacts=[{**READY["artifacts"][0], "size": 10**400}])), ExitCode.TEMPORARY, "no status"),
        (answer(200, b" " * (5 << 20)), ExitCode.TEMPORARY, "more than"),
    ],
)
@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_no_status(
    capsys: pytest.CaptureFixture[str], script: Script, code: ExitCode, words: str, arguments: tuple[str, ...]
) -> None:
    """What is no status is one line on stderr with its exit code, and nothing on stdout."""
    assert told(script, *arguments) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert words in err


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    """A sidecar that cannot be reached is exit 75, a target that is none exit 2; each is one line."""
    with ScriptedServer(listening=False) as server:
        assert main(["status", server.place]) == ExitCode.TEMPORARY
        assert capsys.readouterr().err == f"exposer: {server.place} refused the connection\n"
    assert main(["status", "no target"]) == ExitCode.USAGE
    assert capsys.readouterr().err.count("\n") == 1
