"""No secret leaves the keys files of a network: not by an argument, an environment, a log, an error, a file or HTTP."""

import base64
import contextlib
import itertools
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest
from leaks import Secrets
from live_network import LiveNetwork, get
from networks import write_keys
from scripted_server import Exchange, ScriptedServer, answer, by_path, file
from waiting import eventually
from zygote import Zygote, zygote

pytestmark = [pytest.mark.simd, pytest.mark.timeout(600)]

STEPS = {"genesis": ("init-genesis", "init-config"), "validator": ("init-validator", "init-config", "create-validator")}
HOLDERS = ("config/node_key.json", "config/priv_validator_key.json", "faucet/faucet_key.json", "keys.json")
"""The only files that secrets belong into."""
FAILING = """#!/bin/sh
number=$(($(cat "$COUNT" 2>/dev/null || echo 0) + 1)); echo $number > "$COUNT"
[ "$number" -ne "$FAIL_AT" ] && exec "$REAL" "$@"
case "$*" in *--recover*) words=$(cat) ;; esac
echo "panic: $words"; echo "Error: $words $*" >&2; echo "$words" | tr ' ' '\\n' >&2; exit 1
"""
"""A chain binary that fails at one start, and shouts what it was told on its standard input."""


class World:
    """Two pods of a real chain, and what is secret there."""

    def __init__(self, warm: Zygote, directory: Path, binary: str, leader: str, identities: str) -> None:
        self.warm = warm
        self.directory = directory
        self.keys = directory / "keys.json"
        self.log = directory / "log"
        self.common = {
            "CHAIN_BIN": binary,
            "CHAIN_ID": "secret-1",
            "KEYS_CONFIG": str(self.keys),
            "NUM_VALIDATORS": "2",
            "IDENTITIES": identities,
            "EXPOSER_LOG_LEVEL": "debug",
            "DOWNLOAD_TIMEOUT": "1s",
            "TIMEOUT": "1s",
        }
        self.leader = leader

    def environment(self, pod: str, home: Path) -> dict[str, str]:
        """The environment of a pod's steps."""
        own = {"CHAIN_DIR": str(home), "HOSTNAME": f"secret-{pod}-0", "NODE_URL": "http://127.0.0.1:9"}
        return {**self.common, **own, **({} if pod == "genesis" else {"GENESIS_HOST": self.leader})}

    def secrets(self) -> Secrets:
        """All there are by now, on all volumes."""
        found = Secrets()
        found.learn_keys(self.keys)
        found.learn_node(self.directory)
        return found


@pytest.fixture(params=["random", "derived"])
def world(request: pytest.FixtureRequest, tmp_path: Path, simd: str) -> Iterator[World]:
    """A chain with keys of its own; its genesis pod's exposer serves whatever genesis is there."""
    write_keys(tmp_path / "keys.json", validators=2, accounts=2)
    genesis = tmp_path / "genesis/config/genesis.json"

    def serve(exchange: Exchange) -> bool:
        return file(genesis.read_bytes())(exchange)

    served = by_path(
        {
            "/genesis": serve,
            "/identity": serve,
            "/node_id": answer(200, b'{"node_id":"%s"}' % (b"0a" * 20)),
        }
    )
    with zygote() as warm, ScriptedServer(served) as leader:
        yield World(warm, tmp_path, simd, leader.url, request.param)


def files(directory: Path, *, but: tuple[str, ...] = HOLDERS) -> Iterator[tuple[str, bytes]]:
    """All files below a directory but those that hold secrets, with their content."""
    for path in directory.rglob("*"):
        if path.is_file() and not str(path).endswith(but) and not re.search(r"_key\.json\.[0-9a-f]+$", path.name):
            yield str(path.relative_to(directory)), path.read_bytes()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed; see scripts/")
def test_every_start_and_every_write(world: World, tmp_path: Path, tell: Callable[[str], None]) -> None:
    """Of all that the steps and their binary start and write, only the pods' own key files and a pipe have secrets.

    Traced, not sampled: each argument and each variable of each program, each byte that is written anywhere.
    """
    starts, writes = [], []
    for pod, steps in STEPS.items():
        for number, step in enumerate(steps):
            trace = tmp_path / f"{pod}-{number}.trace"
            status = world.warm.record(step, world.environment(pod, tmp_path / pod), trace, world.log)
            assert status == (75 if step == "create-validator" else 0), world.log.read_text()
            calls = list(recorded(trace))
            trace.unlink()
            starts += [data for name, _, data in calls if name == "execve"]
            writes += [(where, data) for name, where, data in calls if name != "execve"]
    secrets = world.secrets()
    told = list(secrets.hits(("an argument or a variable", data) for data in starts))
    places = {where for where, data in writes if secrets.seen_in(data)}
    left = list(secrets.hits(files(tmp_path)))
    tell(f"{len(starts)} starts, {len(writes)} writes, {len(secrets)} secrets: {len(told) + len(left)} hits")

    assert told == []
    assert left == []
    assert len(starts) >= 12
    assert len(writes) > 100
    assert {where for where in places if not re.search(r"^pipe:|_key\.json|write-file-atomic-", where)} == set()
    assert any(where.startswith("pipe:") for where in places), "a mnemonic travels by standard input"


def recorded(trace: Path) -> Iterator[tuple[str, str, bytes]]:
    """(system call, the file that is written to, all bytes of its arguments) of a trace in hex."""
    for line in trace.read_text(errors="replace").splitlines():
        call = re.match(r"(?:\d+ +)?(\w+)\((?:\d+<(.*?)>, )?", line)
        if call:
            strings = re.findall(r'"((?:\\x[0-9a-f]{2})*)"', line)
            place = bytes.fromhex(call[2].replace("\\x", "")).decode() if (call[2] or "").startswith("\\x") else call[2]
            yield call[1], place or "", b"\0".join(bytes.fromhex(one.replace("\\x", "")) for one in strings)


def test_every_failure_of_the_binary(world: World, tmp_path: Path, tell: Callable[[str], None]) -> None:
    """Whichever start of the binary fails, however it shouts what it was told, no log, error or record repeats it."""
    loud = tmp_path / "loud"
    loud.write_text(FAILING)
    loud.chmod(0o755)
    for pod, steps in STEPS.items():
        for step in steps:
            if step != "create-validator":
                assert world.warm.run(step, world.environment(pod, tmp_path / pod), world.log) == 0
    logs: list[tuple[str, bytes]] = []
    for pod, step in [(pod, step) for pod, steps in STEPS.items() for step in steps]:
        for number in itertools.count(1):
            home = tmp_path / f"failed-{pod}-{step}-{number}"
            if step != STEPS[pod][0]:
                shutil.copytree(tmp_path / pod, home)
            environment = world.environment(pod, home) | {"FAIL_AT": str(number), "COUNT": str(tmp_path / "count")}
            (tmp_path / "count").unlink(missing_ok=True)
            status = world.warm.run(
                step,
                environment | {"CHAIN_BIN": str(loud), "REAL": world.common["CHAIN_BIN"], "EXPOSER_FORCE": "true"},
                world.log,
            )
            logs.append((f"{step} {number}", world.log.read_bytes()))
            started = int((tmp_path / "count").read_text()) if (tmp_path / "count").exists() else 0
            if started < number:
                break
            assert status or step == "create-validator" or "--help" in world.log.read_text(), f"{step} {number}"
    secrets = world.secrets()
    hits = list(secrets.hits([*logs, *files(tmp_path)]))
    tell(f"{len(logs)} failing runs, {len(list(files(tmp_path)))} files, {len(secrets)} secrets: {len(hits)} hits")

    assert hits == []
    assert sum(b"***" in data for _, data in logs) >= 2
    assert sum(b"Traceback" in data for _, data in logs) > 10


class Sampler:
    """Reads all command lines and environments of this machine, as fast as it can."""

    def __init__(self, word: str) -> None:
        self.samples = 0
        self.seen: set[bytes] = set()
        self._word = word.encode()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.is_set():
            for entry in os.scandir("/proc"):
                if entry.name.isdigit():
                    self._look(entry.path)

    def _look(self, process: str) -> None:
        with contextlib.suppress(OSError):
            data = b"\0".join(Path(process, name).read_bytes() for name in ("cmdline", "environ"))
            self.samples += 1
            if self._word in data:
                self.seen.add(data)


NETWORKS = {
    "funded in the genesis": "{id: simapp-1, name: simapp, numValidators: 3}",
    "funded by the faucet": "{id: simapp-1, name: simapp, numValidators: 3, faucet: {enabled: true}}",
}


@pytest.mark.parametrize("chain", NETWORKS.values(), ids=NETWORKS.keys())
def test_a_whole_network(chain: str, tmp_path: Path, simd: str, tell: Callable[[str], None]) -> None:
    """In a network that bonds its validators no secret is in any command line, environment, answer, log or file."""
    with LiveNetwork(tmp_path, simd) as network:
        with Sampler(str(network.state)) as sampler:
            (tmp_path / "network.yaml").write_text(f"chains: [{chain}]\n", encoding="utf-8")
            network.start("network.yaml")
            eventually("the network is up", network.is_up)
            answers = list(answered(network))
        keys = network.state / "keys.json"
        shown = [network.command("keys", "show", str(keys)), network.command("status"), network.command("nonsense")]
        assert network.end() == 0
    secrets = Secrets()
    secrets.learn_keys(keys)
    secrets.learn_node(network.state)
    commands = [("a command line or an environment", data) for data in sampler.seen]
    outputs = [("an output", (done.stdout + done.stderr).encode()) for done in shown]
    left = list(files(network.state))
    hits = list(secrets.hits([*commands, *answers, *outputs, ("exposer up", network.output().encode()), *left]))
    sampled = f"{sampler.samples} samples of {len(commands)} processes"
    tell(f"{sampled}, {len(answers)} answers, {len(left)} files, {len(secrets)} secrets: {len(hits)} hits")

    assert hits == []
    assert any(b"keys\0add" in data for _, data in commands)
    assert len(left) > 40
    holding = {path.name for path in network.state.rglob("*key*.json") if secrets.seen_in(path.read_bytes())}
    assert {Path(place).name for place in HOLDERS} - {"faucet_key.json"} <= holding


def answered(network: LiveNetwork) -> Iterator[tuple[str, bytes]]:
    """What every sidecar answers to everything that it knows."""
    paths = ["/", "/node_id", "/genesis", "/keys", "/pub_key", "/status", "/artifacts", "/metrics", "/openapi.json",
             "/livez", "/readyz"]  # fmt: skip
    for pod in network.pods():
        for path in paths:
            with contextlib.suppress(OSError):  # an error status: its body went through the witness of all tests
                yield f"{path} of {pod['name']}", get(pod["exposer_url"] + path)


PLANTS = {
    "an argument": ("sh", "-c", ": {words}"),
    "half a mnemonic": ("sh", "-c", ": {half}"),
    "hex": ("sh", "-c", ": {hex}"),
    "base64": ("sh", "-c", ": {base64}"),
}


@pytest.mark.parametrize("how", PLANTS)
def test_a_planted_leak_is_seen(how: str, tmp_path: Path) -> None:
    """A secret on a command line is found, in each of its forms, by the very sampler and search of the tests above."""
    keys = write_keys(tmp_path / "keys.json", validators=1)
    words = json.loads(keys.read_bytes())["genesis"][0]["mnemonic"]
    secrets = Secrets()
    secrets.learn_keys(keys)
    seed = next(secret for secret, name in secrets.private.items() if name.startswith("the consensus key"))
    half = "\n".join(words.split()[:12])
    forms = {"words": words, "half": half, "hex": seed.hex().upper(), "base64": base64.b64encode(b"x" + seed).decode()}
    command = [word.format(**forms) for word in PLANTS[how]]
    with (
        Sampler(str(tmp_path)) as sampler,
        subprocess.Popen([*command[:2], f"{command[2]}; read line", str(tmp_path)], stdin=subprocess.PIPE) as leaking,
    ):
        eventually("the sampler sees it", lambda: sampler.seen)
        leaking.communicate(b"\n")

    assert list(secrets.hits(("it", data) for data in sampler.seen))
