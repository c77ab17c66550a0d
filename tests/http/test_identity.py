"""``/identity``: which network a pod belongs to, by what its steps committed, and how far its node is."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from node_log import ME, PRECOMMIT, ended, vote, write
from sidecar_world import GENESIS, assert_problem, calling, commit, commit_all, contents, fill

from exposer.records import NETWORK
from exposer.volume import open_volume

DIGEST = hashlib.sha256(GENESIS).hexdigest()


def take(home: Path) -> None:
    """What init-validator leaves: the genesis of a network, and its fact."""
    with open_volume(home) as volume:
        transaction = volume.begin("init-validator", {})
        assert transaction is not None
        (transaction.stage / "config").mkdir()
        (transaction.stage / "config/genesis.json").write_bytes(GENESIS)
        transaction.commit(facts={NETWORK: "test-1"})


@pytest.mark.parametrize("finish", [fill, commit_all, take], ids=["unmanaged", "an-earlier-version", "managed"])
async def test_a_pod_belongs_to_the_network_of_its_genesis(tmp_path: Path, finish: Callable[[Path], object]) -> None:
    """Chain id and digest are those of the genesis that counts on the volume; a node that does not answer is null."""
    finish(tmp_path)
    async with calling(tmp_path) as (client, _):
        body = (await client.get("/identity")).json()

    assert body == {
        "chain_id": "test-1",
        "genesis_sha256": DIGEST,
        "signed_height": 0,
        "peer": None,
        "node": None,
        "consensus": None,
    }


async def test_a_genesis_that_is_not_final_is_of_no_network(tmp_path: Path) -> None:
    """Between init-genesis and init-config, which may patch it, a genesis pod belongs to none: asked again, it may."""
    commit(tmp_path, "init-genesis", contents())
    async with calling(tmp_path) as (client, _):
        assert_problem(await client.get("/identity"), 503, "not-ready")


async def test_a_damaged_genesis_belongs_to_its_network(tmp_path: Path) -> None:
    """Who lost a byte of its genesis still holds a network: the record says which, and no second one may begin."""
    take(tmp_path)
    (tmp_path / "config/genesis.json").write_bytes(GENESIS + b" ")
    async with calling(tmp_path) as (client, _):
        assert (await client.get("/identity")).json()["genesis_sha256"] == DIGEST


async def test_a_damaged_record_is_no_answer(tmp_path: Path) -> None:
    """A pod whose record cannot be read does not say that it belongs to no network."""
    take(tmp_path)
    (tmp_path / ".exposer/steps/init-validator.json").write_bytes(b"{")
    async with calling(tmp_path) as (client, _):
        assert_problem(await client.get("/identity"), 503, "mismatch")


@pytest.mark.parametrize(
    ("state", "signed"),
    [({"height": "0", "round": 0, "step": 0}, 0), ({"height": "7", "round": 0, "step": 3}, 7), ("torn", None)],
)
async def test_how_far_it_has_signed(tmp_path: Path, state: object, signed: int | None) -> None:
    """The signing state says up to which height the validator has signed; one that cannot be read may mean any."""
    take(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/priv_validator_state.json").write_text(json.dumps(state))
    async with calling(tmp_path) as (client, _):
        assert (await client.get("/identity")).json()["signed_height"] == signed


@pytest.mark.parametrize(
    ("address", "known"),
    [('"v-0.peers:26656"', True), ('""', False), ('"a,b:1"', False), ("7", False), ('"v-0', False)],
)
async def test_how_its_node_is_dialled(tmp_path: Path, address: str, *, known: bool) -> None:
    """By its id, at the address that it tells its peers, where its files have both and a node takes them."""
    node = json.loads((fill(tmp_path) / "node_id.json").read_bytes())["node_id"]
    (tmp_path / "config/config.toml").write_text(f"[p2p]\nexternal_address = {address}\n", encoding="utf-8")
    async with calling(tmp_path) as (client, _):
        assert (await client.get("/identity")).json()["peer"] == (f"{node}@v-0.peers:26656" if known else None)
    (tmp_path / "config/node_id.json").unlink()
    async with calling(tmp_path) as (client, _):
        assert (await client.get("/identity")).json()["peer"] is None


async def test_what_is_no_address(tmp_path: Path) -> None:
    """A validator that is asked for is an address, in the form in which nodes write it."""
    take(tmp_path)
    async with calling(tmp_path) as (client, _):
        assert_problem(await client.get("/identity?validator=me"), 400, "bad-request")


@dataclass
class Node:
    """A stand-in for a node's RPC: whether it catches up at height 8, and what its consensus, at 9, has."""

    catching_up: bool
    prevotes: list[str] = field(default_factory=list)
    working: int = 9
    asked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request; what the node said first is no longer so when it is asked again."""
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        self.asked.append(path)
        sync = {"latest_block_height": "8", "catching_up": self.catching_up}
        votes = [{"round": 0, "prevotes": self.prevotes, "precommits": []}]
        state = {"height/round/step": f"{self.working}/1/1", "height_vote_set": votes}
        body = json.dumps({"result": {"sync_info": sync} if path == "/status" else {"round_state": state}}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (len(body), body))
        writer.close()


LOG = [ended(8), vote(9, 0, PRECOMMIT)]
VOTE = f"Vote{{0:{ME[:12]} 9/00/SIGNED_MSG_TYPE_PREVOTE(Prevote) 634ADAF1F402"
NOTHING = {"height": 9, "round": 1, "signed": None, "recorded": False}
RECORDED = {"height": 9, "round": 0, "signed": {"round": 0, "step": 3}, "recorded": True}
ASKED = {
    "in-the-consensus": (Node(catching_up=False), [ended(8)], NOTHING),
    "it-has-a-vote": (Node(False, [VOTE]), [ended(8)], NOTHING | {"signed": {"round": 0, "step": 2}}),
    "it-has-not-read-its-log-again": (Node(catching_up=False), LOG, NOTHING | {"signed": {"round": 0, "step": 3}}),
    "its-log-does-not-tell": (Node(catching_up=False), [], NOTHING),
    "catching-up": (Node(catching_up=True), LOG, RECORDED),
    "catching-up-and-nothing-in-the-log": (Node(catching_up=True), [ended(8)], RECORDED | {"signed": None}),
    "it-caught-up-between-the-two-questions": (Node(catching_up=False, working=5), [ended(8)], None),
    "catching-up-before-its-first-block": (
        Node(catching_up=True, working=1000),  # the initial height of its genesis
        [ended(0), vote(1000, 0, PRECOMMIT)],
        RECORDED | {"height": 1000},
    ),
    "catching-up-and-the-log-does-not-tell": (Node(catching_up=True), [], None),
}


@pytest.mark.parametrize(("node", "log", "expected"), ASKED.values(), ids=ASKED)
async def test_what_a_node_has_of_a_validator(
    tmp_path: Path, node: Node, log: list[bytes], expected: dict[str, Any] | None
) -> None:
    """Where its consensus runs the node says so, and its log has what it had before; else its log alone."""
    take(tmp_path)
    write(tmp_path, log)
    async with await asyncio.start_server(node.serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        async with calling(tmp_path, status_url=f"http://{host}:{port}") as (client, _):
            body = (await client.get(f"/identity?validator={ME}")).json()

    assert body["consensus"] == expected


async def test_a_node_that_stopped_taking_part_is_asked_anew(tmp_path: Path) -> None:
    """An answer that is kept for others may be older than the node's restart: it waits for peers again by now."""
    take(tmp_path)
    write(tmp_path, LOG)
    node = Node(catching_up=False)
    async with await asyncio.start_server(node.serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        async with calling(tmp_path, status_url=f"http://{host}:{port}") as (client, _):
            assert (await client.get("/identity")).json()["node"]["catching_up"] is False
            node.catching_up = True
            body = (await client.get(f"/identity?validator={ME}")).json()

    assert body["consensus"] == RECORDED
    assert node.asked[-1] == "/status"  # after its consensus, which it may have left between the two


@pytest.mark.parametrize("damage", ["torn", "a-directory"])
async def test_a_genesis_that_cannot_be_read_is_no_answer(tmp_path: Path, damage: str) -> None:
    """On a volume that somebody else fills, a genesis that is no complete document does not mean that there is none."""
    path = fill(tmp_path) / "genesis.json"
    if damage == "torn":
        path.write_bytes(GENESIS[:20])
    else:
        path.unlink()
        path.mkdir()
    async with calling(tmp_path) as (client, _):
        assert_problem(await client.get("/identity"), 503, "incomplete")
