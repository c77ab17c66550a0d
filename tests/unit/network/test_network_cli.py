import logging
import math
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from network_world import MINIMAL

import exposer
from exposer.cli import main, parser
from exposer.errors import BadInputError, ExitCode
from exposer.network.document import load_document
from exposer.network.local.binaries import find_binaries


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test in an empty directory, where nothing is on PATH; its log goes with it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    yield
    logging.getLogger().handlers.clear()


def run(*arguments: str) -> int:
    """The exit code of the command, also where argparse ends it."""
    try:
        return main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)


@pytest.mark.parametrize("command", [[], ["up"], ["down"], ["status"], ["serve"]])
def test_every_command_explains_itself(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """-h is there everywhere, on stdout, and exits with 0."""
    assert run(*command, "-h") == ExitCode.DONE
    assert "usage: exposer" in capsys.readouterr().out


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """--version is one line."""
    assert run("--version") == ExitCode.DONE
    assert capsys.readouterr().out == f"exposer {exposer.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["upp"],
        ["up", "--validators", "0"],
        ["up", "--validators", "many"],
        ["up", "--timeout", "soon"],
        ["down", "x"],
    ],
)
def test_a_wrong_command_line_is_usage(arguments: list[str]) -> None:
    """What argparse or our own types refuse exits with 2."""
    assert run(*arguments) == ExitCode.USAGE


def test_a_wrong_file_starts_and_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The faults go to stderr, the exit code is 3, and there is no state directory."""
    (tmp_path / "network.yaml").write_text(MINIMAL.replace(": 3", ": 0"), encoding="utf-8")

    assert run("up") == ExitCode.BAD_INPUT
    assert capsys.readouterr().err == "exposer: network.yaml:5: chains[0].numValidators: must be at least 1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["network.yaml"]


REFUSED = {
    "a binary that is not here": ("", "network.yaml:3: chains[0].binary: gaiad is not on this machine; put it on PATH"),
    "a path that is not here": ("    binary: ./gaiad\n", "network.yaml:6: chains[0].binary: "),
    "a build without go": (
        "    build: {enabled: true, source: v1}\n",
        "network.yaml:6: chains[0].build.enabled: go is not on this machine; install it (https://go.dev/dl)",
    ),
    "an upgrade without cosmovisor": (
        "    upgrade: {enabled: true, type: build, genesis: v1, upgrades: []}\n",
        (
            "network.yaml:6: chains[0].upgrade.enabled: cosmovisor is not on this machine; "
            "go install cosmossdk.io/tools/cosmovisor/cmd/cosmovisor@v1.5.0, and put it on PATH\n"
        ),
    ),
}


@pytest.mark.parametrize(("more", "expected"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_run_here_is_refused_before_anything_starts(
    more: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A network that this machine, or this version, cannot run is bad input with its field."""
    (tmp_path / "network.yaml").write_text(MINIMAL + more, encoding="utf-8")

    assert run("up") == ExitCode.BAD_INPUT
    assert capsys.readouterr().err.startswith(f"exposer: {expected}")
    assert not (tmp_path / ".exposer-network").exists()


@pytest.mark.parametrize(
    ("field", "needed"),
    [
        ("build: {enabled: true, source: v1}", ["go", "git"]),
        ("build: {enabled: true, source: example.org/chain@v1}", ["go"]),
        ("upgrade: {enabled: true, genesis: example.org/chain@v1, upgrades: []}", ["cosmovisor", "go"]),
        (
            "upgrade: {enabled: true, genesis: example.org/chain@v1, upgrades: [{name: v2, version: v2}]}",
            ["cosmovisor", "go", "git"],
        ),
    ],
)
def test_what_builds_is_needed_and_what_is_built_is_not(tmp_path: Path, field: str, needed: list[str]) -> None:
    """Every program that is missing is named at once, git only where there is a repository; nodes run by the first."""
    (tmp_path / "network.yaml").write_text(f"{MINIMAL}    {field}\n", encoding="utf-8")
    document = load_document(tmp_path / "network.yaml")
    with pytest.raises(BadInputError) as caught:
        find_binaries(document)
    for name in needed:
        (tmp_path / name).touch(mode=0o755)

    assert re.findall(r"enabled: (\w+) is not on this machine", str(caught.value)) == needed
    assert find_binaries(document) == {"cosmoshub-4": str(tmp_path / needed[0])}


@pytest.mark.parametrize(("text", "seconds"), [("0", math.inf), ("90s", 90.0)])
def test_a_bring_up_may_have_any_limit_or_none(text: str, seconds: float) -> None:
    """0 is without end; without the flag it depends on what is to be done."""
    assert parser().parse_args(["up", "--timeout", text]).timeout == seconds
    assert parser().parse_args(["up"]).timeout is None


def test_a_known_chain_without_its_binary_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """--chain alone names the chain's own binary."""
    assert run("up", "--chain", "simapp") == ExitCode.BAD_INPUT
    assert "the default network of simapp: chains[0].binary: simd is not on this machine" in capsys.readouterr().err


def test_a_stated_port_that_is_taken_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The field of the network file is named, and how to go on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        text = f"chains:\n  - {{id: a, name: cometbft, numValidators: 1, ports: {{rpc: {port}}}}}\n"
        (tmp_path / "other.yaml").write_text(text, encoding="utf-8")

        assert run("up", "other.yaml") == ExitCode.BAD_INPUT
    expected = (
        f"exposer: other.yaml:2: chains[0].ports.rpc: port {port} (rpc of a-genesis-0) is taken by another process"
    )
    assert capsys.readouterr().err.startswith(expected)


@pytest.mark.parametrize("command", ["status", "down"])
def test_no_network_is_bad_input(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A directory without a network is named, and not created."""
    assert run(command, "--state", "none") == ExitCode.BAD_INPUT
    assert f"there is no network in {tmp_path / 'none'}" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_the_state_directory_can_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flag, then EXPOSER_STATE, then the default."""
    assert parser().parse_args(["status"]).state == Path(".exposer-network")
    monkeypatch.setenv("EXPOSER_STATE", "elsewhere")
    assert parser().parse_args(["status"]).state == Path("elsewhere")
    assert parser().parse_args(["status", "--state", "here"]).state == Path("here")


def test_a_refusal_of_the_system_has_its_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A state directory below a file cannot be made: bad input, in one line."""
    (tmp_path / "file").touch()

    assert run("up", "--state", "file/net") == ExitCode.BAD_INPUT
    assert capsys.readouterr().err.startswith(f"exposer: {tmp_path}/file/net: Not a directory")
