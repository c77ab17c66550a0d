"""The payer where it counts: whatever a node answers or a chain does, each credit is paid once, or known not to be."""

import math
from pathlib import Path

import pytest
from scripted_chain import ADDRESSES, GAS, Script, gas, lost, paying, refused

from exposer.faucet import payer
from exposer.faucet.credit import Credit
from exposer.faucet.journal import NAME, open_journal
from exposer.faucet.ledger import Accepted, Anchored, Cooling, Signed, encode
from exposer.faucet.payer import Outcome


@pytest.fixture(autouse=True)
def _failures_are_soon_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The payer rests and looks again twenty times sooner than it would with a real node."""
    for pause in ("_AGAIN", "_LOOK"):
        monkeypatch.setattr(payer, pause, getattr(payer, pause) / 20)


@pytest.mark.parametrize(("sequence", "paid"), [(8, True), (7, False)])
async def test_a_transaction_whose_blocks_are_pruned(tmp_path: Path, sequence: int, paid: bool) -> None:
    """Its sequence decides: used up, it counts as paid, for nothing is paid twice; else it is in no block."""
    credit = Credit(1, ADDRESSES[0], "stake", 5, 1000.0)
    (tmp_path / NAME).write_bytes(encode(Accepted(credit)) + encode(Signed("AB", b"tx", 7, 100, 130, (1,))))

    async with paying(tmp_path) as counter:
        counter.chain.height, counter.chain.earliest, counter.chain.sequence = 200, 150, sequence
        await counter.settled()

        assert (counter.told[1] == Outcome("AB", 0)) is paid
        assert counter.chain.paid == ([] if paid else [1])


async def test_an_answer_that_nobody_understands(tmp_path: Path) -> None:
    """After a JSON-RPC error the node may have the transaction: it stays the only one, and is paid once."""
    async with paying(tmp_path, Script(answers=[lost])) as counter:
        await counter.owe(*ADDRESSES[:5])
        await counter.settled()

        assert counter.chain.paid == [5]
        assert len(set(counter.chain.broadcasts)) == 1


async def test_a_transaction_that_is_refused_when_it_is_sent_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a node may have had before is not void when it is refused: it is in a block later, and paid once."""
    monkeypatch.setattr(payer, "_IDLE", payer._IDLE / 20)
    async with paying(tmp_path, Script(answers=[lost, refused(), refused()], speed=0)) as counter:
        await counter.owe(*ADDRESSES[:5])
        await counter.until(lambda: len(counter.chain.broadcasts) > 2)
        counter.chain.script.speed = 1
        await counter.settled()

        assert counter.chain.paid == [5]
        assert len(set(counter.chain.broadcasts)) == 1


async def test_a_transaction_that_the_chain_refuses_at_first_sight(tmp_path: Path) -> None:
    """It is void at once, for no mempool has it; its credits are paid by others, of fewer credits."""
    async with paying(tmp_path, Script(answers=[refused()])) as counter:
        await counter.owe(*ADDRESSES[:8])
        await counter.settled()

        assert counter.chain.paid == [4, 4]


async def test_a_block_without_room_for_so_many(tmp_path: Path) -> None:
    """What is in no block until its timeout height is paid in smaller transactions, until they fit."""
    async with paying(tmp_path, Script(room=4 * GAS, told=False, speed=40)) as counter:
        await counter.owe(*ADDRESSES[:8])
        await counter.settled()

        assert sum(counter.chain.paid) == 8
        assert max(counter.chain.paid) == 2


async def test_the_gas_of_a_block_is_kept_to(tmp_path: Path) -> None:
    """Where the chain tells how much gas a block has room for, no transaction asks for more; one credit gets all."""
    async with paying(tmp_path, Script(room=4 * GAS)) as counter:
        await counter.owe(*ADDRESSES[:8])
        await counter.settled()
        counter.chain.script.room = GAS
        await counter.owe(ADDRESSES[9])
        await counter.settled()

        assert counter.chain.paid == [2, 2, 2, 2, 1]
        assert len(counter.chain.broadcasts) == 5
        assert gas(counter.chain.broadcasts[-1]) == GAS


async def test_a_credit_that_fails_in_its_blocks(tmp_path: Path) -> None:
    """Each failure is answered with more gas; after the third the credit is given up, and its client told."""
    async with paying(tmp_path, Script(codes=[11, 11, 11])) as counter:
        await counter.owe(ADDRESSES[0])
        await counter.settled()

        assert [gas(transaction) for transaction in counter.chain.broadcasts] == [1500, 3000, 4500]
        assert counter.told == {1: Outcome()}


async def test_one_of_a_denomination_that_is_given_no_more(tmp_path: Path) -> None:
    """The faucet's amounts have changed since it was accepted: it is paid, or refused, and holds nobody up."""
    async with paying(tmp_path, Script(blocked={ADDRESSES[0]})) as counter:
        await counter.owe(*ADDRESSES[:2], denom="gone")
        await counter.owe(ADDRESSES[3])
        await counter.settled()

        assert sum(counter.chain.paid) == 2


async def test_one_that_the_chain_refuses(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is refused, alone or among others, as the chain takes something else; the log says whom and why."""
    async with paying(tmp_path, Script(blocked={ADDRESSES[0]})) as counter:
        await counter.owe(*ADDRESSES[:3])
        await counter.settled()
        await counter.owe(ADDRESSES[0])
        await counter.settled()

        assert counter.chain.paid == [2]
        assert (counter.told[1], counter.told[4]) == (Outcome(), Outcome())
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == [f"the chain refuses to credit {ADDRESSES[0]}: not allowed to receive funds"] * 2


async def test_a_chain_that_refuses_everything(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where it does not even take a send to the faucet's own account, that is an obstacle, and nobody is refused."""
    async with paying(tmp_path) as counter:
        counter.chain.script.blocked = {*ADDRESSES[:3], counter.purse.address}
        await counter.owe(*ADDRESSES[:3])
        await counter.until(lambda: "every credit" in counter.payer.obstacle)
        await counter.until(lambda: not counter.chain.script.simulations)
        counter.chain.script.blocked = set()
        await counter.settled()

        assert counter.chain.paid == [3]
    assert sum("cannot pay: the chain refuses every credit" in record.getMessage() for record in caplog.records) == 1


@pytest.mark.parametrize("answer", [lost, refused("incorrect account sequence")])
async def test_simulations_that_fail_for_a_reason_of_their_own(
    tmp_path: Path, answer: object, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a node's own error nor somebody else's use of the account is a refusal of anybody."""
    script = Script(simulations=[answer] * 5)  # type: ignore[list-item]  # of the parameters
    async with paying(tmp_path, script) as counter:
        await counter.owe(*ADDRESSES[:3])
        await counter.settled()

        assert counter.chain.paid == [3]
    assert "refuses every credit" not in caplog.text


async def test_a_node_that_is_catching_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is paid through a node that is behind, and it is told once, however far it gets."""
    async with paying(tmp_path) as counter:
        counter.chain.catching_up = True
        await counter.owe(ADDRESSES[0])
        await counter.until(lambda: "height 10," in counter.payer.obstacle)
        counter.chain.height = 20
        await counter.until(lambda: "height 20," in counter.payer.obstacle)

        assert counter.chain.broadcasts == []
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


@pytest.mark.parametrize(("known", "paid"), [(Anchored(5000, "Z5000", 900.0), [1]), (Anchored(5, "Z5", 1e9), [1])])
async def test_a_chain_that_began_anew(tmp_path: Path, known: Anchored, paid: list[int]) -> None:
    """A younger tip below the known block, or another block at its height, is of a new chain: what is owed is due."""
    credit = Credit(1, ADDRESSES[0], "stake", 5, 1000.0)
    signed = Signed("AB", b"tx", 7, 1, 10**6, (1,))
    entries = (known, Cooling(ADDRESSES[1], "stake", math.inf), Accepted(credit), signed)
    (tmp_path / NAME).write_bytes(encode(*entries))

    async with paying(tmp_path) as counter:
        await counter.settled()

        assert counter.chain.paid == paid
        assert (ADDRESSES[1], "stake") not in counter.journal.ledger.times


async def test_a_node_that_is_far_behind(tmp_path: Path) -> None:
    """An older tip below the known block is no new chain: what was signed stays signed, and nothing is paid."""
    credit = Credit(1, ADDRESSES[0], "stake", 5, 1000.0)
    signed = Signed("AB", b"tx", 7, 1, 10**6, (1,))
    (tmp_path / NAME).write_bytes(encode(Anchored(5000, "A5000", 2000.0), Accepted(credit), signed))

    async with paying(tmp_path) as counter:
        await counter.until(lambda: "behind what is known" in counter.payer.obstacle)

        assert counter.journal.ledger.signed == signed


async def test_the_first_transaction_after_a_new_chain_is_new(tmp_path: Path) -> None:
    """What was sent on the old chain tells nothing about the new one: a refusal voids, and the credit is paid."""
    async with paying(tmp_path, Script(answers=[lost, refused()], speed=0)) as counter:
        await counter.owe(ADDRESSES[0])
        await counter.until(lambda: counter.chain.broadcasts)
        counter.chain.name, counter.chain.mempool, counter.chain.sequence = "B", [], 0
        counter.chain.script.speed = 1
        await counter.settled()

        assert counter.chain.paid == [1]
        assert len(set(counter.chain.broadcasts)) == len(counter.chain.broadcasts) == 3


async def test_a_volume_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While little is left nothing is accepted, which is told with its cure; what is owed is paid all the same."""
    import os  # noqa: PLC0415 - to make a volume full

    real = os.fstatvfs
    async with paying(tmp_path) as counter:
        await counter.until(lambda: not counter.payer.obstacle)
        full = os.statvfs_result((*real(0)[:4], 0, *real(0)[5:10]))
        monkeypatch.setattr(os, "fstatvfs", lambda _: full)
        await counter.owe(*ADDRESSES[:3])
        await counter.settled()
        await counter.until(
            lambda: counter.payer.obstacle.startswith("FAUCET_DIR: No space left on device; free space")
        )
        monkeypatch.setattr(os, "fstatvfs", real)
        await counter.until(lambda: not counter.payer.obstacle)

        assert counter.chain.paid == [3]


async def test_the_ledger_after_all_that_is_read_as_it_is(tmp_path: Path) -> None:
    """What a run wrote is what the next one reads."""
    async with paying(tmp_path, Script(codes=[11], blocked={ADDRESSES[1]})) as counter:
        await counter.owe(*ADDRESSES[:5])
        await counter.settled()
        times = dict(counter.journal.ledger.times)
    with open_journal(tmp_path, keep=math.inf) as journal:
        assert journal.ledger.times.keys() == times.keys()
        assert journal.ledger.owed == {}
