"""The payer where the blocks that would tell a transaction's fate are gone, which no young chain can show."""

import asyncio
from pathlib import Path

import httpx
import pytest
from networks import fresh_mnemonic

from exposer.accounts.hd import derive_secp256k1, standard_path
from exposer.accounts.mnemonic import Mnemonic
from exposer.accounts.purse import Purse
from exposer.faucet.chain import Account, Block, Chain, Status
from exposer.faucet.credit import Credit
from exposer.faucet.journal import NAME, open_journal
from exposer.faucet.ledger import Accepted, Signed, encode
from exposer.faucet.payer import Outcome, Payer, Terms


class Pruned(Chain):
    """A chain at height 200 that keeps the blocks from 150 on, none of which has a transaction."""

    def __init__(self, sequence: int) -> None:
        super().__init__("http://127.0.0.1:1", httpx.AsyncClient())
        self._sequence = sequence

    async def status(self) -> Status:
        """At the tip."""
        return Status("chain-1", 200, 150, catching_up=False)

    async def account(self, address: str) -> Account:
        """The account with the sequence that the test wants."""
        assert address
        return Account(1, self._sequence, 200)

    async def balance(self, address: str, denom: str) -> int:
        """Plenty."""
        return len(address + denom) * 1000

    async def block(self, height: int) -> Block:
        """An empty block."""
        assert height >= 150, "it is pruned"
        return Block(f"{height:064X}", ())

    async def simulate(self, transaction: bytes) -> int:
        """Nothing is to be paid again before the old one's fate is known, and then the test is over."""
        raise asyncio.CancelledError(str(len(transaction)))


@pytest.mark.parametrize(("sequence", "paid"), [(8, True), (7, False)])
async def test_a_transaction_whose_blocks_are_pruned(tmp_path: Path, sequence: int, paid: bool) -> None:
    """Its sequence decides: used up, it counts as paid, for nothing is paid twice; else it is in no block."""
    credit = Credit(1, "cosmos1a", "stake", 5, 1000.0)
    open_one = (Accepted(credit), Signed("AB", b"tx", 7, 100, 130, (1,)))
    (tmp_path / NAME).write_bytes(b"".join(encode(entry) for entry in open_one))
    key = derive_secp256k1(Mnemonic(fresh_mnemonic()).seed(), standard_path(118))
    purse = Purse("chain-1", "cosmos", "secp256k1", "/a.PubKey", {"stake": 5}, key)
    told: list[tuple[int, Outcome]] = []

    with open_journal(tmp_path, since=0.0) as journal:
        payer = Payer(purse, Pruned(sequence), journal, Terms(10, 1.5, {}), lambda *what: told.append(what))
        paying = asyncio.create_task(payer.run())
        while journal.ledger.signed:  # noqa: ASYNC110 - the ledger has no event of its own
            await asyncio.sleep(0)
        paying.cancel()
        await asyncio.wait([paying])

        assert bool(journal.ledger.owed) is not paid
    assert told == ([(1, Outcome("AB", 0))] if paid else [])
