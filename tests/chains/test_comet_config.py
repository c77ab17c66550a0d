"""What the real CometBFT takes in its ``config.toml``, and what ``init-config`` refuses there."""

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from comet_texts import LOST, REFUSED, SILENT, TAKEN, WAITING
from waiting import eventually

from exposer.comet_config import fault
from init_scripts.toml import edit

pytestmark = pytest.mark.cometbft


@pytest.fixture(scope="module")
def home(cometbft: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that ``cometbft init`` made, whose node has no port in common with another."""
    directory = tmp_path_factory.mktemp("comet")
    subprocess.run([cometbft, "init", "--home", directory], check=True, capture_output=True)
    config = directory / "config/config.toml"
    ports = {"rpc.laddr": "tcp://127.0.0.1:0", "p2p.laddr": "tcp://127.0.0.1:0", "instrumentation.prometheus": True}
    config.write_text(edit(config.read_text(), ports | {"instrumentation.prometheus_listen_addr": "127.0.0.1:0"}))
    return directory


@contextmanager
def started(cometbft: str, home: Path, key: str, value: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """The node with one key set, and its log."""
    config, log = home / "config/config.toml", home / "node.log"
    before = config.read_text()
    application = [] if key == "proxy_app" else ["--proxy_app=noop"]
    config.write_text(edit(before, {key: value}))
    try:
        with (
            log.open("wb") as output,
            subprocess.Popen(
                [cometbft, "start", "--home", home, *application], cwd=home, stdout=output, stderr=output
            ) as node,
        ):
            try:
                yield node, log
            finally:
                node.kill()
    finally:
        config.write_text(before)


@pytest.mark.parametrize(("key", "value"), [*TAKEN, *SILENT], ids=json.dumps)
def test_the_node_starts_with_what_is_taken(cometbft: str, home: Path, key: str, value: str) -> None:
    """It comes as far as its p2p server."""
    with started(cometbft, home, key, value) as (node, log):
        eventually("the node runs", lambda: b"Started node" in log.read_bytes() or node.poll() is not None)
        assert node.poll() is None, log.read_text()


@pytest.mark.parametrize(("key", "value", "words"), WAITING, ids=json.dumps)
def test_the_node_waits_for_another_program(cometbft: str, home: Path, key: str, value: str, words: str) -> None:
    """The address is right, and nobody is there."""
    with started(cometbft, home, key, value) as (_, log):
        eventually("the node has said so", lambda: words.encode() in log.read_bytes())


def test_every_duration_of_the_file_is_checked(home: Path) -> None:
    """Whatever looks like one in the file that CometBFT wrote."""
    config = tomllib.loads((home / "config/config.toml").read_text())
    keys = [
        (f"{table}.{name}", value)
        for table, section in config.items()
        if isinstance(section, dict)
        for name, value in section.items()
    ]
    durations = [key for key, value in keys if isinstance(value, str) and re.fullmatch("([0-9.]+[a-z]+)+", value)]

    assert len(durations) > 15
    assert [key for key in durations if not fault(key, "1S")] == []


@pytest.mark.parametrize(("key", "value"), REFUSED, ids=json.dumps)
def test_the_node_ends_with_what_is_refused(cometbft: str, home: Path, key: str, value: str) -> None:
    """It ends by itself with a failure."""
    with started(cometbft, home, key, value) as (node, log):
        assert node.wait(60) != 0, log.read_text()


@pytest.mark.parametrize(("key", "value"), LOST, ids=json.dumps)
def test_the_node_does_without_what_is_lost(cometbft: str, home: Path, key: str, value: str) -> None:
    """It logs an error, runs, and nobody is the wiser."""
    with started(cometbft, home, key, value) as (node, log):
        eventually("the node has said so", lambda: b"\nE[" in log.read_bytes() or node.poll() is not None)
        assert node.poll() is None, log.read_text()
