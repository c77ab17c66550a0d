"""The faucet is killed at chosen system calls, between accepting a credit and having noted its payment."""

import asyncio
import signal
from collections.abc import Iterator

import pytest
from faucet_world import FaucetWorld, insist
from waiting import LIMIT, eventually

pytestmark = pytest.mark.simd

# Each thread counts its own calls. The journal's are those of one thread: 1 accepted, 2 signed, 3 settled; the first
# syncs are of the journal's renewal at the start. What is sent are questions to the node and answers to the client.
POINTS = [
    *(("pwrite64", number) for number in (1, 2, 3)),
    *(("fsync", number) for number in (1, 2, 3)),
    *(("sendto", number) for number in (2, 5, *range(8, 30, 2))),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, simd: str) -> Iterator[FaucetWorld]:
    """A real chain that runs, and a faucet that has been there."""
    with FaucetWorld(tmp_path_factory.mktemp("chain"), simd) as made:
        made.start_node()
        made.start_faucet()
        made.kill(made.faucet)
        yield made


@pytest.mark.sampled(kind=lambda call, number: (call, number if call != "sendto" else None), size=9)
@pytest.mark.parametrize(("call", "number"), POINTS)
def test_a_credit_is_paid_exactly_once(world: FaucetWorld, call: str, number: int) -> None:
    """A faucet that is killed at this call and started again has paid its one client exactly once."""
    (address,) = world.coin.addresses(1)
    inject = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}")
    world.start_faucet(*inject, "-e", f"inject={call}:signal=SIGKILL:when={number}", ready=False)

    async def ask() -> None:
        """Insist while the faucet ends and starts again."""
        asking = asyncio.create_task(insist(world.url, "stake", [address]))
        assert world.faucet is not None
        ended = asyncio.create_task(asyncio.to_thread(world.faucet.wait, LIMIT))
        await asyncio.wait([asking, ended], return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():  # it was answered; the call is to come, or never made
            world.faucet.terminate()
        assert await ended == -signal.SIGKILL or call == "sendto"
        await asyncio.to_thread(world.start_faucet)
        told = await asking
        assert set(told) <= {(200, "ok"), (429, "cooling-down")}

    asyncio.run(ask())
    eventually("nothing is owed", world.settled)
    world.kill(world.faucet)
    assert world.held(address) == [world.coin.amount]
