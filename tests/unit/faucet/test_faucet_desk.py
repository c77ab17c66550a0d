"""The desk: what it takes, it takes once for each account, whatever the spelling and the clock."""

import time
from pathlib import Path

import pytest
from scripted_chain import Counter, Script, paying

from exposer.accounts.address import Algorithm, encode_address
from exposer.faucet.desk import Desk, Limits
from exposer.faucet.problem import Code, ProblemError

HEX = "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # of EIP-55's own examples
BECH32 = encode_address("cosmos", bytes.fromhex(HEX))
SPELLINGS = [BECH32, BECH32.upper(), f"0x{HEX}", f"0x{HEX.lower()}", f"0x{HEX.upper()}"]


async def desk(counter: Counter, patience: float = 0.01) -> Desk:
    """A desk whose faucet can pay."""
    await counter.until(lambda: not counter.payer.obstacle)
    return Desk(counter.purse, counter.journal, Limits(cooldown=60.0, patience=patience, queue=10))


@pytest.mark.parametrize(("algorithm", "spellings"), [("secp256k1", SPELLINGS[:2]), ("eth_secp256k1", SPELLINGS)])
@pytest.mark.parametrize("first", range(5))
async def test_an_account_in_every_spelling_cools_down(
    tmp_path: Path, algorithm: Algorithm, spellings: list[str], first: int
) -> None:
    """However its address is written, an account is credited once, and the chain gets it in its own spelling."""
    async with paying(tmp_path, algorithm=algorithm) as counter:
        counter_desk = await desk(counter)
        await counter_desk.credit(spellings[first % len(spellings)], "stake", counter.payer)
        for spelling in spellings:
            with pytest.raises(ProblemError) as told:
                await counter_desk.credit(spelling, "stake", counter.payer)
            assert told.value.code is Code.COOLING_DOWN
        await counter.until(lambda: not counter.journal.ledger.owed)

        (transaction,) = counter.chain.broadcasts
        assert BECH32.encode() in transaction


async def test_a_clock_that_goes_back(tmp_path: Path) -> None:
    """It makes nobody wait for longer than the cool-down."""
    async with paying(tmp_path) as counter:
        counter_desk = await desk(counter)
        await counter_desk.credit(BECH32, "stake", counter.payer)
        counter_desk.now = lambda: time.time() - 3600.0
        with pytest.raises(ProblemError) as told:
            await counter_desk.credit(BECH32, "stake", counter.payer)
        assert told.value.wait == 60.0


async def test_who_is_accepted_when_the_drain_has_ended_does_not_wait(tmp_path: Path) -> None:
    """Once those who wait were let go, nobody begins to wait; what was accepted is owed."""
    async with paying(tmp_path, Script(speed=0)) as counter:
        counter_desk = await desk(counter, patience=1000.0)
        counter_desk.close()
        assert await counter_desk.credit(BECH32, "stake", counter.payer) is None
        assert len(counter.journal.ledger.owed) == 1
