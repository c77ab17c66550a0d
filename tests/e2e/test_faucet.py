"""The faucet on a real chain: each credit exactly once, whoever asks at the same time and whatever is killed."""

import asyncio
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from faucet_world import SEQUENCE_ERROR, Coin, FaucetWorld, credit_all, insist
from project import real_binary
from waiting import eventually

pytestmark = pytest.mark.simd


@pytest.fixture
def world(tmp_path: Path, simd: str) -> Iterator[FaucetWorld]:
    """A real chain with its faucet in position; nothing runs yet."""
    with FaucetWorld(tmp_path, simd) as made:
        yield made


async def test_two_hundred_at_once_are_credited_exactly_once(world: FaucetWorld) -> None:
    """200 concurrent requests for 200 addresses: each has its own once, in few transactions, in sequence."""
    world.start_node()
    world.start_faucet()
    addresses = world.coin.addresses(200)

    told = await credit_all(world.url, world.coin.denom, addresses)

    assert told == {(200, "ok"): 200}
    assert world.held(*addresses) == [world.coin.amount] * 200
    print(f"200 credits in {world.status()['transactions']} transactions")
    assert 2 <= world.status()["transactions"] <= 6
    assert not SEQUENCE_ERROR.search(world.logs())


async def test_one_address_two_hundred_times_is_credited_once(world: FaucetWorld) -> None:
    """Of 200 requests for one address one is paid; the others are told of the cool-down, which survives a kill."""
    world.start_node()
    world.start_faucet(FAUCET_COOLDOWN="1h")
    (address,) = world.coin.addresses(1)

    told = await credit_all(world.url, world.coin.denom, [address] * 200)
    world.kill(world.faucet)
    world.start_faucet(FAUCET_COOLDOWN="1h")
    later = await credit_all(world.url, world.coin.denom, [address])

    assert told == {(200, "ok"): 1, (429, "cooling-down"): 199}
    assert later == {(429, "cooling-down"): 1}
    assert world.held(address) == [world.coin.amount]


@pytest.mark.sampled(kind=lambda seed: None, size=2)  # noqa: ARG005 - the names are those of the parameters
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_kills_of_the_faucet_lose_nothing_and_pay_nothing_twice(world: FaucetWorld, seed: int) -> None:
    """The faucet is killed while 200 clients insist, after so and so many entries: each has its credit exactly once."""
    chance = random.Random(seed)
    world.start_node()
    world.start_faucet(FAUCET_MAX_BATCH="20")
    addresses = world.coin.addresses(200)

    asking = asyncio.create_task(insist(world.url, world.coin.denom, addresses))
    kills, more = 0, chance.randint(1, 200)
    while kills < 8 and await asyncio.to_thread(world.goes_on, lambda: asking.done() and world.settled(), more):
        world.kill(world.faucet)
        await asyncio.to_thread(world.start_faucet, FAUCET_MAX_BATCH="20")
        kills, more = kills + 1, chance.randint(1, 5)
    told = await asking
    await asyncio.to_thread(eventually, "nothing is owed", world.settled)

    assert sum(told.values()) == 200
    assert set(told) <= {(200, "ok"), (429, "cooling-down")}
    assert world.held(*addresses) == [world.coin.amount] * 200
    assert kills >= 2
    print(f"seed {seed}: {kills} kills, {dict(told)}")


async def test_a_node_that_is_killed_in_between_costs_nothing(world: FaucetWorld) -> None:
    """The node is killed while credits are under way: they wait, and each is paid exactly once when it is back."""
    world.start_node()
    world.start_faucet(FAUCET_MAX_BATCH="20")
    addresses = world.coin.addresses(200)

    asking = asyncio.create_task(insist(world.url, world.coin.denom, addresses))
    await asyncio.to_thread(eventually, "some are paid", lambda: world.status()["transactions"] > 1)
    for _ in range(2):
        world.kill(world.node)
        await asyncio.to_thread(eventually, "the faucet notices", lambda: not world.is_ready())
        await asyncio.to_thread(world.start_node)
        await asyncio.to_thread(eventually, "the faucet can pay again", world.is_ready)
    told = await asking

    assert told == {(200, "ok"): 200}
    assert world.held(*addresses) == [world.coin.amount] * 200
    assert not SEQUENCE_ERROR.search(world.logs())


@pytest.mark.parametrize(("binary", "prefix"), [("simd-0.46", "cosmos"), ("simd-0.47", "cosmos"), ("wasmd", "wasm")])
async def test_other_versions_of_the_sdk(tmp_path: Path, binary: str, prefix: str) -> None:
    """The same faucet pays on chains of SDK 0.46, 0.47 and 0.53, also when it is killed in between."""
    coin = Coin(prefix=prefix)
    with FaucetWorld(tmp_path, real_binary(binary), coin) as world:
        world.start_node()
        world.start_faucet(FAUCET_MAX_BATCH="20")
        addresses = coin.addresses(60)

        asking = asyncio.create_task(insist(world.url, coin.denom, addresses))
        await asyncio.to_thread(world.goes_on, asking.done, 40)
        world.kill(world.faucet)
        await asyncio.to_thread(world.start_faucet)
        told = await asking
        await asyncio.to_thread(eventually, "nothing is owed", world.settled)

        assert sum(told.values()) == 60
        assert world.held(*addresses) == [coin.amount] * 60
        assert not SEQUENCE_ERROR.search(world.logs())


async def test_a_chain_of_ethereum_keys_and_fees(tmp_path: Path) -> None:
    """On evmosd, with its keys, hashes and fees, 50 concurrent credits are paid exactly once."""
    coin = Coin("aevmos", "100000000000000000000000000aevmos", 10**23, "evmos")
    settings = {"CHAIN_ID": "evmos_9000-1", "COIN_TYPE": "60", "GAS_PRICES": "2000000000aevmos"}
    with FaucetWorld(tmp_path, real_binary("evmosd"), coin, **settings) as world:
        world.start_node()
        world.start_faucet()
        addresses = coin.addresses(50)

        told = await credit_all(world.url, coin.denom, addresses)

        assert told == {(200, "ok"): 50}
        assert world.held(*addresses) == [coin.amount] * 50
        (left,) = world.held(world.status()["holder"]["address"])
        assert left < int(coin.coins.removesuffix(coin.denom)) - 50 * coin.amount  # there were fees


def test_the_account_of_the_faucet_is_used_by_somebody_else(world: FaucetWorld) -> None:
    """Transactions of others from the faucet's account move its sequence: the faucet goes on from there."""
    world.start_node()
    world.start_faucet()
    first, second, other = world.coin.addresses(3)
    flags = ("--keyring-backend", "test", "--home", str(world.home))
    roles = json.loads(Path(world.environment["KEYS_CONFIG"]).read_bytes())
    world.tx(("keys", "add", "faucet", "--recover", *flags), stdin=roles["faucet"][0]["mnemonic"])

    told = asyncio.run(credit_all(world.url, "stake", [first]))
    sent = ("tx", "bank", "send", "faucet", other, "5stake", "--yes", "--chain-id", "simapp-1", *flags)
    world.tx((*sent, "--node", world.node_url.replace("http", "tcp")))
    again = asyncio.run(credit_all(world.url, "stake", [second]))
    eventually("the other transaction is in a block", lambda: world.held(other) != [0])

    assert told == again == {(200, "ok"): 1}
    assert world.held(first, second, other) == [world.coin.amount, world.coin.amount, 5]


async def test_a_chain_that_begins_anew_is_paid_on_anew(world: FaucetWorld) -> None:
    """With a fresh chain of the same name the journal's payments do not count: the same address is credited again."""
    world.start_node()
    world.start_faucet(FAUCET_COOLDOWN="1h")
    (address,) = world.coin.addresses(1)
    told = await credit_all(world.url, "stake", [address])
    world.kill(world.node)
    await asyncio.to_thread(eventually, "the faucet notices", lambda: not world.is_ready())
    world.begin_anew()
    world.start_node()
    await asyncio.to_thread(eventually, "the faucet can pay", world.is_ready)

    again = await credit_all(world.url, "stake", [address])

    assert told == again == {(200, "ok"): 1}
    assert world.held(address) == [world.coin.amount]
