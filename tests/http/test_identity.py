"""``/identity``: which network a pod belongs to, by what its steps committed, and how far its node is."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
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


async def test_what_is_no_address(tmp_path: Path) -> None:
    """A validator that is asked for is an address, in the form in which nodes write it."""
    take(tmp_path)
    async with calling(tmp_path) as (client, _):
        assert_problem(await client.get("/identity?validator=me"), 400, "bad-request")


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
