"""`exposer faucet` as a process beside a real node: what it answers, how it waits, how it ends."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from faucet_world import FaucetWorld, credit_all
from live_network import get_json
from waiting import LIMIT, eventually

from exposer.faucet.credit import Credit
from exposer.faucet.ledger import Accepted, Entry, Signed, encode
from exposer.faucet.transaction import transaction_hash

pytestmark = pytest.mark.simd

BLOCKED = "cosmos1fl48vsnmsdzcv85q5d2q4z5ajdha8yu34mf0eh"
"""The module account that holds what is bonded: the bank module lets nobody send to it."""


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory, simd: str) -> Iterator[FaucetWorld]:
    """A real chain that runs, with its faucet in position."""
    with FaucetWorld(tmp_path_factory.mktemp("chain"), simd, MINIMUM_GAS_PRICES="0.001stake") as made:
        made.start_node()
        yield made


@pytest.fixture
def world(chain: FaucetWorld) -> Iterator[FaucetWorld]:
    """The chain; the faucet, which the test starts, has ended after it."""
    chain.environment["GAS_PRICES"] = "0.01stake"
    yield chain
    if chain.faucet and chain.faucet.poll() is None:
        chain.kill(chain.faucet)


def height(world: FaucetWorld) -> int:
    """The chain's height."""
    return int(get_json(f"{world.node_url}/status")["result"]["sync_info"]["latest_block_height"])


async def test_one_that_the_chain_refuses_does_not_hinder_the_others(world: FaucetWorld) -> None:
    """Among 20 credits is one to a blocked address: it is told so, and the others are paid, in one transaction."""
    world.start_faucet()
    addresses = world.coin.addresses(20)

    told = await credit_all(world.url, "stake", [*addresses[:10], BLOCKED, *addresses[10:]])
    again = await credit_all(world.url, "stake", [BLOCKED])

    assert told == {(200, "ok"): 20, (422, "refused"): 1}
    assert again == {(429, "cooling-down"): 1}  # else anybody could fill the journal with it
    assert world.held(*addresses) == [world.coin.amount] * 20


async def test_more_than_there_is(world: FaucetWorld) -> None:
    """A credit beyond what the account has left, after what it owes already, is refused as empty."""
    world.start_faucet(FAUCET_AMOUNT="60000000000000stake")
    told = await credit_all(world.url, "stake", world.coin.addresses(3))
    status = world.status()

    assert told == {(200, "ok"): 1, (503, "empty"): 2}
    assert status["availableTokens"] == []
    assert status["chainTokens"] == ["stake"]
    assert status["amounts"] == [{"denom": "stake", "amount": "60000000000000"}]


async def test_a_full_queue(world: FaucetWorld) -> None:
    """Beyond the limit of credits under way one is told to come again; none of those in the queue is lost."""
    world.start_faucet(FAUCET_MAX_QUEUE="5")
    told = await credit_all(world.url, "stake", world.coin.addresses(30))

    assert told[200, "ok"] >= 5
    assert told[503, "busy"] >= 10
    assert sum(told.values()) == 30


async def test_patience_ends_before_the_block(world: FaucetWorld) -> None:
    """A request whose patience ends is told that its credit is pending, which is paid all the same, once."""
    world.start_faucet(FAUCET_PATIENCE="10ms")
    (address,) = world.coin.addresses(1)

    told = await credit_all(world.url, "stake", [address])
    during = await credit_all(world.url, "stake", [address])
    await asyncio.to_thread(eventually, "it is paid", world.settled)

    assert told == {(202, "pending"): 1}
    assert during == {(429, "cooling-down"): 1}
    assert world.held(address) == [world.coin.amount]


async def test_a_cooldown_ends(world: FaucetWorld) -> None:
    """An address can have another credit when its cool-down is over, and not before."""
    world.start_faucet(FAUCET_COOLDOWN="2s")
    (address,) = world.coin.addresses(1)

    async with httpx.AsyncClient(trust_env=False, timeout=LIMIT) as client:
        body = {"address": address, "denom": "stake"}
        first = await client.post(f"{world.url}/credit", json=body)
        second = await client.post(f"{world.url}/credit", json=body)
        while (third := await client.post(f"{world.url}/credit", json=body)).status_code == 429:  # noqa: ASYNC110 - a client knows no event
            await asyncio.sleep(0.05)

    assert (first.status_code, second.status_code, third.status_code) == (200, 429, 200)
    assert 1 <= int(second.headers["retry-after"]) <= 2
    assert world.held(address) == [2 * world.coin.amount]


async def test_a_price_that_the_node_does_not_accept(world: FaucetWorld) -> None:
    """While the node refuses the fee the faucet is not ready, and says why in its log; with the right price it pays."""
    (address,) = world.coin.addresses(1)
    world.start_faucet(GAS_PRICES="0.0001stake")
    asking = asyncio.create_task(credit_all(world.url, "stake", [address]))
    await asyncio.to_thread(eventually, "the faucet cannot pay", lambda: not world.is_ready())
    log = world.log.read_text(encoding="utf-8")
    world.kill(world.faucet)
    with pytest.raises(httpx.HTTPError):
        await asking
    await asyncio.to_thread(world.start_faucet)
    await asyncio.to_thread(eventually, "it is paid", world.settled)

    assert "insufficient fee" in log
    assert world.held(address) == [world.coin.amount]


@pytest.mark.parametrize(("sequence", "life"), [(0, 1000), (10**6, 3)])
def test_a_transaction_that_is_lost_is_replaced(world: FaucetWorld, sequence: int, life: int) -> None:
    """What was signed and can be in no block any more, by its sequence or its timeout height, is paid by another."""
    world.start_faucet()
    asyncio.run(credit_all(world.url, "stake", world.coin.addresses(1)))
    world.kill(world.faucet)
    (address,) = world.coin.addresses(1)
    lost, now = b"lost", height(world)
    entries: list[Entry] = [
        Accepted(Credit(10**6, address, "stake", 7, 0.0)),
        Signed(transaction_hash(lost), lost, sequence, now, now + life, (10**6,)),
    ]
    with (world.volume / "journal.jsonl").open("ab") as journal:
        journal.write(b"".join(map(encode, entries)) + b'{"is":"torn')

    world.start_faucet(ready=False)
    eventually("it is paid", lambda: world.held(address) != [0])

    assert world.held(address) == [7]


def test_sigterm_lets_those_who_wait_have_their_answer(world: FaucetWorld) -> None:
    """After SIGTERM who waits gets the answer of his block, and then the process ends by the signal."""
    world.start_faucet()
    addresses = world.coin.addresses(30)

    async def ask() -> object:
        """Ask for all, and end the faucet once it has accepted them."""
        asking = asyncio.create_task(credit_all(world.url, "stake", addresses))
        await asyncio.to_thread(eventually, "all are accepted", lambda: world.status()["pending"] == 30, pause=0.01)
        assert world.faucet is not None
        world.faucet.send_signal(signal.SIGTERM)
        return await asking

    told = asyncio.run(ask())

    assert told == {(200, "ok"): 30}
    assert world.faucet is not None
    assert world.faucet.wait(LIMIT) == -signal.SIGTERM


def test_a_drain_that_is_too_short(world: FaucetWorld) -> None:
    """Where the drain ends before the block, who waits is told that it is pending; the next process pays."""
    world.start_faucet(FAUCET_DRAIN="0s")
    (address,) = world.coin.addresses(1)
    told = asyncio.run(_stopped_while_asking(world, address))
    world.start_faucet()
    eventually("it is paid", world.settled)

    assert told in ({(202, "pending"): 1}, {(200, "ok"): 1})
    assert world.held(address) == [world.coin.amount]


async def _stopped_while_asking(world: FaucetWorld, address: str) -> object:
    asking = asyncio.create_task(credit_all(world.url, "stake", [address]))
    await asyncio.to_thread(eventually, "it is accepted", lambda: world.status()["pending"] == 1, pause=0.01)
    assert world.faucet is not None
    world.faucet.send_signal(signal.SIGTERM)
    return await asking


async def test_another_node_is_no_node_to_pay_through(world: FaucetWorld) -> None:
    """Pointed at something that is no node's RPC the faucet says so, and serves on; nothing is accepted."""
    world.start_faucet(ready=False, NODE_URL=world.url)
    await asyncio.to_thread(eventually, "it answers", lambda: world.status()["status"] == "waiting")

    told = await credit_all(world.url, "stake", world.coin.addresses(1))

    assert told == {(503, "not-ready"): 1}
    eventually("it says why", lambda: "no node's RPC" in world.log.read_text(encoding="utf-8"))


def failing(*arguments: str, **environment: str) -> tuple[int, str]:
    """Exit code and log of a faucet that does not start."""
    command = [sys.executable, "-W", "error", "-m", "exposer", "faucet", *arguments]
    variables = {"PATH": os.environ["PATH"], **environment}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_a_faucet_that_cannot_start_says_why(world: FaucetWorld, tmp_path: Path) -> None:
    """No position, a wrong setting: 3. Another key than the committed one: 4. A port in use: 1. A second faucet: 75."""
    volume = str(world.volume)
    port = str(world.listener.getsockname()[1])
    key = world.volume / "faucet_key.json"
    right = key.read_bytes()
    world.start_faucet()

    second = failing("--dir", volume, "--port", "0", "--host", "127.0.0.1")
    world.kill(world.faucet)
    key.write_bytes(right.replace(b"a", b"b"))
    damaged = failing("--dir", volume)
    key.write_bytes(right)

    assert (second[0], "another faucet" in second[1]) == (75, True)
    assert (damaged[0], "faucet_key.json" in damaged[1]) == (4, True)
    assert failing("--dir", str(tmp_path))[0] == 3
    assert failing("--dir", volume, "--cooldown", "soon")[0] == 3
    assert failing("--dir", volume, FAUCET_AMOUNT="many")[0] == 3
    assert failing("--dir", volume, "--host", "127.0.0.1", "--port", port)[0] == 1
    assert failing("--gone")[0] == 2
