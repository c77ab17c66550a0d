import hashlib
import json
import os
import pty
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from waiting import LIMIT, eventually

from exposer.network.local.leftovers import kill_leftovers, leftovers
from exposer.network.local.state import State

pytestmark = pytest.mark.ports

EXPOSER = [sys.executable, "-W", "error", "-m", "exposer"]


class Network:
    """A network in a directory of its own, driven by the real command; ``path`` is what is on PATH."""

    def __init__(self, directory: Path, path: str = "/nowhere") -> None:
        self.state = directory / "net"
        self.directory = directory
        self.environment = {"PATH": path, "EXPOSER_STATE": str(self.state), "LANG": "C.UTF-8"}

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        return subprocess.run(
            [*EXPOSER, *arguments],
            env=self.environment,
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    @contextmanager
    def up(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A running ``exposer up``; what it leaves behind is killed in the end."""
        process = subprocess.Popen(
            [*EXPOSER, "up", *arguments],
            env=self.environment,
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()
                kill_leftovers(self.state)

    def complete(self, process: subprocess.Popen[str]) -> str:
        """The summary of ``process``, as soon as it is there."""
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("State, keys and logs"):
                return "".join(lines)
        assert process.stderr is not None
        pytest.fail(process.stderr.read())

    def end(self, process: subprocess.Popen[str], number: int = signal.SIGINT) -> int:
        """Its exit code after a signal; by then none of its processes is left."""
        process.send_signal(number)
        process.communicate(timeout=LIMIT)
        assert list(leftovers(self.state)) == []
        return process.returncode

    def pods(self) -> list[dict[str, Any]]:
        """What ``exposer status --json`` says."""
        pods: list[dict[str, Any]] = json.loads(self.command("status", "--json").stdout)["pods"]
        return pods


@pytest.fixture
def network(tmp_path: Path) -> Network:
    """A network without any chain binary."""
    return Network(tmp_path)


def get(url: str) -> bytes:
    """The body of a URL of this machine."""
    with urlopen(url, timeout=10) as answer:
        body: bytes = answer.read()
    return body


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether a pod's exposer answers that it is ready."""
    try:
        return bool(get(f"{pod['exposer_url']}/readyz"))
    except OSError:
        return False


def test_the_default_network_comes_up_without_any_binary(network: Network) -> None:
    """One genesis pod and three validators hold the same genesis, every exposer answers, Ctrl-C ends every process."""
    with network.up() as process:
        summary = network.complete(process)
        pods = network.pods()
        genesis = [get(f"{pod['exposer_url']}/genesis") for pod in pods]
        identities = {json.loads(get(f"{pod['exposer_url']}/node_id"))["node_id"] for pod in pods}
        keys = json.loads(get(f"{pods[0]['exposer_url']}/keys"))
        exit_code = network.end(process)

    assert [(pod["name"], pod["role"], pod["ordinal"]) for pod in pods] == [
        ("cometbft-1-genesis-0", "genesis", 0),
        *((f"cometbft-1-validator-{number}", "validator", number) for number in range(3)),
    ]
    assert all(pod["phase"] == "ready" and pod["node"] is None for pod in pods)
    assert {hashlib.sha256(body).hexdigest() for body in genesis} == {pods[0]["genesis_sha256"]}
    assert {pod["genesis_sha256"] for pod in pods} == {pods[0]["genesis_sha256"]}
    assert len(json.loads(genesis[0])["validators"]) == 4
    assert len(identities) == 4
    assert keys["node_id"] in identities
    assert f"all 4 pods hold the same genesis, sha256 {pods[0]['genesis_sha256']}" in summary
    assert "go install github.com/cometbft/cometbft/cmd/cometbft@" in summary
    assert f"curl {pods[0]['exposer_url']}/node_id" in summary
    assert exit_code == 0
    assert {pod["phase"] for pod in network.pods()} == {"stopped"}


def test_no_mnemonic_is_told_to_anybody(network: Network) -> None:
    """The words of the fresh keys are in the keys file alone: in no output, no log and no other file of the network."""
    with network.up("--validators", "2") as process:
        network.complete(process)
        process.send_signal(signal.SIGINT)
        output = "".join(process.communicate(timeout=LIMIT))
    keys = State(network.state).keys
    words = [entry["mnemonic"] for entries in json.loads(keys.read_bytes()).values() for entry in entries]
    files = [path for path in network.state.rglob("*") if path.is_file() and path != keys]
    texts = [output, *(path.read_text(encoding="utf-8", errors="replace") for path in files)]

    assert len(files) > 20
    assert not any(sentence in text for sentence in words for text in texts)


def test_a_network_that_was_killed_comes_up_again_as_it_was(network: Network) -> None:
    """SIGKILL in the middle leaves no process; the next run ends with the same ports, and one genesis everywhere."""
    state = State(network.state)
    with network.up("--validators", "2") as process:
        eventually(
            "the validator waits",
            lambda: state.read() and state.log("cometbft-1-validator-0", "wait-for-chains").exists(),
        )
        process.kill()
        process.wait()
        eventually("no process is left", lambda: not list(leftovers(network.state)))
    first = state.read()
    digests = []
    for _ in range(2):
        with network.up("--validators", "2") as process:
            network.complete(process)
            digests.append({pod["genesis_sha256"] for pod in network.pods()})
            network.end(process)

    assert state.read() == first
    assert len(digests[0]) == 1
    assert digests[0] == digests[1]


def test_every_step_and_exposer_killed_once_is_made_up_for(network: Network) -> None:
    """SIGKILL to each program of each pod, the first time it is seen, does not keep the network from coming up."""
    killed: set[tuple[str, str]] = set()

    def kill_new_ones() -> bool:
        for pid in leftovers(network.state):
            with suppress(OSError):
                pod = Path(f"/proc/{pid}/cwd").readlink().name
                module = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[3].decode()
                if (pod, module) not in killed:
                    os.kill(pid, signal.SIGKILL)
                    killed.add((pod, module))
        return len(killed) == len(programs)

    steps = {
        "genesis-0": ["init_genesis", "init_config"],
        "validator-0": ["wait_for_chains", "init_validator", "init_config"],
    }
    programs = {(f"cometbft-1-{pod}", f"init_scripts.{step}") for pod, names in steps.items() for step in names}
    programs |= {(f"cometbft-1-{pod}", "exposer") for pod in steps}
    with network.up("--validators", "2") as process:
        eventually("all are killed", kill_new_ones, pause=0.01)  # or one would have ended before
        summary = network.complete(process)

        assert network.end(process) == 0
    assert killed == programs
    assert "all 2 pods hold the same genesis" in summary


@pytest.mark.timeout(LIMIT)
def test_a_terminal_gets_a_live_table(network: Network) -> None:
    """On a terminal the pods are rows that are drawn anew, and Ctrl-C typed there ends the network in order."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(network.directory)
        os.execve(EXPOSER[0], [*EXPOSER, "up", "--validators", "1"], network.environment)
    screen = b""
    try:
        while b"stops the network; so does Ctrl-C" not in screen:
            screen += os.read(terminal, 65536)
        os.write(terminal, b"\x03")
        with suppress(OSError):  # how Linux tells the end of a terminal
            while True:
                screen += os.read(terminal, 65536)
    finally:
        os.close(terminal)
        kill_leftovers(network.state)

    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
    assert "│ cometbft-1-genesis-0 │ 2/2  │ ready".encode() in screen


def test_a_killed_exposer_is_replaced_at_the_same_address(network: Network) -> None:
    """After the bring-up a sidecar that dies comes back, and peers find it where it was."""
    with network.up("--validators", "1") as process:
        network.complete(process)
        (pod,) = network.pods()
        (victim,) = leftovers(network.state)
        os.kill(victim, signal.SIGKILL)
        eventually("another is ready", lambda: victim not in leftovers(network.state) and is_ready(pod))

        assert network.pods() == [pod]
        assert network.end(process) == 0


@pytest.mark.parametrize("flags", [[], ["--detach"]], ids=["foreground", "background"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_end_of_the_bring_up_is_told(network: Network, number: int, flags: list[str]) -> None:
    """A network that was stopped before it was up, wherever it runs, exits with 128 + n and leaves no process."""
    with network.up("--validators", "1", *flags) as process:
        eventually("a process runs", lambda: list(leftovers(network.state)))

        assert network.end(process, number) == 128 + number


def test_a_bring_up_that_takes_too_long_is_ended(network: Network) -> None:
    """The time limit ends it with 124, says where to look, and leaves no process."""
    ended = network.command("up", "--timeout", "10ms")

    assert ended.returncode == 124
    assert f"exposer: the network is not up after 0.01 s; the logs in {network.state} tell more" in ended.stderr
    assert "not ready:\n    cometbft-1-genesis-0: init-" in ended.stderr
    assert list(leftovers(network.state)) == []


def test_what_is_waited_for_is_told(network: Network) -> None:
    """A bring-up that has taken a part of its time says of each pod that is not ready what it does."""
    ended = network.command("up", "--validators", "2", "--timeout", "1s")

    assert ended.returncode == 124
    assert "exposer up: not ready yet: cometbft-1-genesis-0: init-genesis running" in ended.stderr


def test_a_network_in_the_background(network: Network) -> None:
    """--detach returns when all is up; the network is held by one process; down ends it, and deletes on request."""
    started = network.command("up", "--validators", "2", "--detach")
    try:
        pods = network.pods()
        second = network.command("up")
        stopped = network.command("down")
    finally:
        kill_leftovers(network.state)

    assert started.returncode == 0
    assert "all 2 pods hold the same genesis" in started.stderr
    assert [pod["phase"] for pod in pods] == ["ready", "ready"]
    assert second.returncode == 75
    assert "stop it with exposer down" in second.stderr
    assert stopped.returncode == 0
    assert State(network.state).holder() is None
    assert network.command("down", "--volumes").returncode == 0
    assert not network.state.exists()


def test_a_failure_in_the_background_is_told_in_the_foreground(network: Network) -> None:
    """The exit code and the text of a bring-up that fails are those of the command that was typed."""
    ended = network.command("up", "--detach", "--timeout", "10ms")

    assert ended.returncode == 124
    assert "the network is not up after 0.01 s" in ended.stderr


@pytest.mark.parametrize("flags", [[], ["--detach"]], ids=["foreground", "background"])
def test_what_is_in_the_place_of_a_volume(network: Network, flags: list[str]) -> None:
    """One line says what is in the way and the cure, whoever of the two writes it, and nothing is started."""
    place = network.state / "cometbft-1-genesis-0"
    State(network.state).create()
    place.mkdir()
    (place / "home").write_text("a file")
    ended = network.command("up", "--validators", "1", *flags)

    assert ended.returncode == 3
    assert ended.stderr == (
        f"exposer: {place}/home: File exists; something else is there: move it away, or point the setting elsewhere\n"
    )
    assert (place / "home").read_text() == "a file"


def test_other_inputs_are_a_conflict_until_it_is_forced(network: Network) -> None:
    """A larger network on the same volumes stops with 5; --force starts over and keeps what there was."""
    with network.up("--validators", "1") as process:
        network.complete(process)
        network.end(process)
    before = network.state / "cometbft-1-genesis-0/home/config/genesis.json"
    former = before.read_bytes()
    refused = network.command("up", "--validators", "2")
    with network.up("--validators", "2", "--force") as process:
        summary = network.complete(process)
        network.end(process)

    assert refused.returncode == 5
    assert "cometbft-1-genesis-0: init-genesis ended with exit code 5 (conflict); the end of its log" in refused.stderr
    assert "NUM_VALIDATORS" in refused.stderr
    assert "exposer up --force" in refused.stderr
    assert "all 2 pods hold the same genesis" in summary
    assert (network.state / "cometbft-1-genesis-0/home.old-1/config/genesis.json").read_bytes() == former


def test_a_chain_that_came_up_alone_comes_up_with_the_others(network: Network) -> None:
    """Further chains and their keys change nothing for a chain that is there; status has both genesis pods first."""
    text = "chains:\n" + "".join(
        f"  - {{id: {name}, name: cometbft, numValidators: {size}}}\n" for name, size in (("aa-1", 2), ("bb-1", 1))
    )
    (network.directory / "net.yaml").write_text(text, encoding="utf-8")
    with network.up("net.yaml", "--chain", "aa-1") as process:
        network.complete(process)
        alone = network.pods()
        network.end(process)
    with network.up("net.yaml") as process:
        network.complete(process)
        pods = network.pods()
        network.end(process)

    assert [pod["role"] for pod in pods] == ["genesis"] * 2 + ["validator"]
    assert [pod for pod in pods if pod["name"].startswith("aa-1")] == alone


def test_overrides_of_all_pods_and_of_single_ones(network: Network) -> None:
    """A pod has the keys that the file sets for all, and then its own; nobody else has those."""
    config = "{config.toml: {mempool: {size: 7}}, pods: {validator-0: {config.toml: {mempool: {size: 8}}}}}"
    text = f"chains: [{{id: a-1, name: cometbft, numValidators: 2, config: {config}}}]\n"
    (network.directory / "network.yaml").write_text(text, encoding="utf-8")
    with network.up() as process:
        network.complete(process)
        files = {pod: network.state / f"a-1-{pod}/home/config/config.toml" for pod in ("genesis-0", "validator-0")}
        sizes = {pod: tomllib.loads(path.read_text(encoding="utf-8"))["mempool"]["size"] for pod, path in files.items()}

        assert network.end(process) == 0
    assert sizes == {"genesis-0": 7, "validator-0": 8}


def test_a_wrong_key_of_a_nodes_file_is_told_with_the_right_one(network: Network) -> None:
    """A node would pass it over in silence; the step that writes the file does not."""
    text = "chains: [{id: a-1, name: cometbft, numValidators: 1, config: {config.toml: {mempool: {sice: 7}}}}]\n"
    (network.directory / "network.yaml").write_text(text, encoding="utf-8")
    ended = network.command("up")

    assert ended.returncode == 3
    assert "CONFIG_OVERRIDES: config.toml: mempool.sice: this node's file has no such key; did you mean" in ended.stderr
    assert "did you mean mempool.size?" in ended.stderr


def test_two_networks_run_side_by_side(tmp_path: Path) -> None:
    """Each gets ports of its own, without being told."""
    networks = [Network(tmp_path / name) for name in ("a", "b")]
    for each in networks:
        each.directory.mkdir()
    with networks[0].up("--validators", "1") as first, networks[1].up("--validators", "1") as second:
        networks[0].complete(first)
        networks[1].complete(second)
        urls = {pod["exposer_url"] for each in networks for pod in each.pods()}

        assert len(urls) == 2
        assert [networks[0].end(first), networks[1].end(second)] == [0, 0]


def test_json_is_json_on_both_streams(network: Network) -> None:
    """With --log-format json stderr has one object a line, and stdout the pods as status --json has them."""
    with network.up("--validators", "1", "--log-format", "json") as process:
        assert process.stdout is not None
        pods = json.loads(process.stdout.readline())["pods"]
        assert pods == network.pods()
        process.send_signal(signal.SIGINT)
        lines = [json.loads(line) for line in process.communicate(timeout=LIMIT)[1].splitlines()]

    changes = {(line.get("pod"), line.get("program"), line.get("state")) for line in lines}
    assert ("cometbft-1-genesis-0", "init-genesis", "done") in changes
