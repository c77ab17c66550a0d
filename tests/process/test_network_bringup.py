"""A bring-up of pods whose exposers are stand-ins: real processes that say what a test wants."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from network_world import EVERYTHING_OF_OURS, MINIMAL, PaperSite, stand_in

from exposer.errors import MismatchError
from exposer.network.document import load_document
from exposer.network.local.bringup import BringUp, Programs
from exposer.network.local.child import Program
from exposer.network.local.losses import Losses
from exposer.network.local.ports import Held
from exposer.network.local.processes import Supervisor
from exposer.network.local.state import PodRecord, Record, State
from exposer.network.local.survey import PodStatus, Survey
from exposer.network.plan import Plan, Pod, build_plan

EXPOSER = """
import json, os, pathlib, socket, sys
server = socket.socket(fileno=int(sys.argv[2]))
server.listen()
while True:
    connection = server.accept()[0]
    path = connection.recv(65536).split()[1].decode()
    body = {"ready": True}
    if path == "/status":
        tries = pathlib.Path("asked")
        tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
        said = SAYS[min(len(tries.read_text()), len(SAYS)) - 1]
        if said == "dies":
            os._exit(137)
        body = {"phase": "ready", "artifacts": [{"name": "genesis", "sha256": said}], "node": None}
    head = "HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\n"
    connection.sendall((head + json.dumps(body)).encode())
    connection.close()
"""


@dataclass(frozen=True)
class StandIns(Programs):
    """Exposers that say ``says[pod]``, one entry after the other and the last for ever, about their genesis."""

    says: Mapping[str, list[str | None]]
    ports: Mapping[str, int]

    def exposer(self, pod: Pod) -> Program:
        """The stand-in, in a directory of the pod's own."""
        code = f"SAYS = {self.says[pod.name]!r}\n{EXPOSER}"
        return stand_in(self.state.root / pod.name, code, name="exposer", port=self.ports[pod.name])


async def bring_up(directory: Path, leader: list[str | None], validator: list[str | None]) -> list[PodStatus]:
    """What a bring-up of two pods ends with."""
    path = directory / "network.yaml"
    path.write_text(MINIMAL.replace(": 3", ": 2"), encoding="utf-8")
    pods = [
        replace(pod, steps=(), after_start=())
        for pod in build_plan(load_document(path).network, PaperSite(), directory).pods
    ]
    supervisor = Supervisor(lambda _event: None, (0.0,) * 5)
    forced = asyncio.Event()
    forced.set()
    with Held() as held:
        ports = {pod.name: held.hold(0) or 0 for pod in pods}
        programs = StandIns(State(directory), {}, dict(zip(ports, (leader, validator), strict=True)), ports)
        records = tuple(
            PodRecord(pod.name, pod.role, pod.ordinal, f"http://127.0.0.1:{ports[pod.name]}", "", {}) for pod in pods
        )
        plan, record = Plan("net", tuple(pods)), Record("net", "", records)
        async with Survey() as survey, asyncio.timeout(60):
            try:
                losses = Losses(plan, programs.state)
                return await BringUp(plan, record, programs, supervisor, survey, losses, lambda _event: None).run()
            finally:
                await supervisor.stop(forced)


@pytest.fixture
def pods(tmp_path: Path) -> dict[str, Pod]:
    """The pods of a network with everything that a file may ask for."""
    (tmp_path / "exported.json").touch()
    path = tmp_path / "network.yaml"
    path.write_text(EVERYTHING_OF_OURS, encoding="utf-8")
    return {pod.name: pod for pod in build_plan(load_document(path).network, PaperSite(), tmp_path).pods}


def test_nodes_are_what_was_built_or_what_is_on_path(tmp_path: Path, pods: dict[str, Pod]) -> None:
    """Cosmovisor is found on PATH, a built binary in its volume; without any, no node runs."""
    found = Programs(State(tmp_path), {"one-1": "/bin/cosmovisor", "two-1": "/bin/go"})
    upgraded, built = (found.node(pods[name]) for name in ("one-1-genesis-0", "two-1-genesis-0"))

    assert upgraded
    assert upgraded.environment["HOME"] == "/scratch/one-1-genesis-0"  # and not that of the user
    assert upgraded.command[:3] == ("/bin/cosmovisor", "run", "start")
    assert upgraded.environment["DAEMON_NAME"] == "chaind"
    assert built
    assert built.command[0] == "/node/two-1-genesis-0/cosmovisor/genesis/bin/simd"
    assert Programs(State(tmp_path), {}).node(pods["two-1-genesis-0"]) is None


def test_a_faucet_gets_its_socket_and_ends_before_the_node(tmp_path: Path, pods: dict[str, Pod]) -> None:
    """It is a program of the genesis pod alone, and has a node while it tells the last who ask."""
    found = Programs(State(tmp_path), {"one-1": "/bin/cosmovisor"})
    leader = pods["one-1-genesis-0"]
    faucet, node, exposer = found.faucet(leader), found.node(leader), found.exposer(leader)

    assert faucet
    assert node
    assert faucet.command[-2:] == ("exposer", "faucet")
    assert (faucet.port, faucet.environment["FAUCET_DIR"]) == (8000, "/faucet/one-1-genesis-0")
    assert faucet.ends < node.ends < exposer.ends
    assert found.faucet(pods["one-1-validator-0"]) is None


def test_only_a_build_sees_gos_caches_and_proxies(
    tmp_path: Path, pods: dict[str, Pod], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What makes a build possible and short reaches its step alone; where git is at work already reaches nobody."""
    names = ("GOCACHE", "GOPROXY", "https_proxy", "GIT_SSH_COMMAND")
    for name in (*names, "GIT_DIR", "GOOGLE_CREDENTIALS"):
        monkeypatch.setenv(name, "x")
    found, leader = Programs(State(tmp_path), {}), pods["one-1-genesis-0"]
    build, genesis = (found.step(leader, step) for step in leader.steps[:2])

    assert build.name == "init-build-images"
    assert set(names) <= build.environment.keys()
    assert not {"GIT_DIR", "GOOGLE_CREDENTIALS"} & build.environment.keys()
    assert not {*names} & {*genesis.environment, *found.exposer(leader).environment}


@pytest.mark.parametrize("says", [["ab", None], [None, None, "ab"], ["dies", "dies", "ab"], ["ab", "dies", "ab"]])
async def test_a_pod_that_tells_no_digest_is_asked_again(tmp_path: Path, says: list[str | None]) -> None:
    """An exposer that is restarting, or still checking its genesis, is no disagreement, whenever it happens."""
    pods = await bring_up(tmp_path, ["ab"], says)

    assert [pod.genesis_sha256 for pod in pods] == ["ab", "ab"]


async def test_two_digests_are_a_disagreement(tmp_path: Path) -> None:
    """Once both pods have told theirs, different ones are final; the message has both, their pods and the cure."""
    told = "ab in cosmoshub-4-genesis-0; cd in cosmoshub-4-validator-0; .* restore the volume of every other pod"
    with pytest.raises(MismatchError, match=told):
        await bring_up(tmp_path, ["ab"], [None, "cd"])
