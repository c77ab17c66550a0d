"""What the real CometBFT takes in its ``config.toml``, and what ``init-config`` refuses there."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from comet_texts import LOST, REFUSED, TAKEN
from waiting import eventually

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
    config.write_text(edit(before, {key: value}))
    try:
        with (
            log.open("wb") as output,
            subprocess.Popen(
                [cometbft, "start", "--home", home, "--proxy_app=noop"], stdout=output, stderr=output
            ) as node,
        ):
            try:
                yield node, log
            finally:
                node.kill()
    finally:
        config.write_text(before)


@pytest.mark.parametrize(("key", "value"), TAKEN, ids=json.dumps)
def test_the_node_starts_with_what_is_taken(cometbft: str, home: Path, key: str, value: str) -> None:
    """It comes as far as its p2p server."""
    with started(cometbft, home, key, value) as (node, log):
        eventually("the node runs", lambda: b"Started node" in log.read_bytes() or node.poll() is not None)
        assert node.poll() is None, log.read_text()


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
