"""The one sender: pays what the ledger says is owed, one transaction after the other.

No transaction is signed while the fate of another is open, and none is broadcast before it is in the journal. So
account sequences cannot break, and whatever ends the faucet or the node, each credit is paid exactly once: what was
signed is either found in a block between its signing and its timeout height, or it can never be in one.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from exposer.accounts.purse import Purse
from exposer.errors import TemporaryError
from exposer.faucet.chain import Account, Chain, RefusedError
from exposer.faucet.drafter import Drafter, Terms
from exposer.faucet.journal import Journal
from exposer.faucet.ledger import Refused, Settled, Signed, Voided
from exposer.faucet.tip import Tip
from exposer.faucet.transaction import transaction_hash

log = logging.getLogger(__name__)
_GATHER = 0.05  # seconds that the first credit waits for others
_LOOK = 0.2  # seconds between looks for a block
_IDLE = 2.0  # seconds between looks at the node while there is nothing to pay
_AGAIN, _RARELY = 1.0, 30.0  # seconds after a failure, and after many that are the transaction's own
_FAILURES = 3  # of one credit in a block, then it is refused


@dataclass(frozen=True)
class Outcome:
    """What became of a credit: the transaction that paid it and its block, or that nobody can pay it."""

    transaction: str = ""
    height: int = 0
    empty: bool = False
    """It was refused because the faucet has not enough."""


class Payer:
    """Pays; ``obstacle`` says why it cannot now, and is empty while it can."""

    def __init__(
        self,
        purse: Purse,
        chain: Chain,
        journal: Journal,
        terms: Terms,
        tell: Callable[[int, Outcome], None],
    ) -> None:
        """``tell`` gets the number of each credit that is not owed any more, and its outcome."""
        self.obstacle = "the chain has not been reached yet"
        self.transactions = 0
        self.tip = Tip(purse, chain, journal)
        self._purse = purse
        self._chain = chain
        self._journal = journal
        self._ledger = journal.ledger
        self._batch = terms.batch
        self._drafter = Drafter(purse, chain, self.tip, journal.ledger, terms)
        self._tell = tell
        self._work = asyncio.Event()
        self._most = terms.batch
        self._looked = 0  # the block up to which the signed transaction was looked for
        self._sent = 0.0  # when it was last handed to the node by this process
        self._refusals = 0  # of transactions, since the node last took one

    def wake(self) -> None:
        """There is something to pay."""
        self._work.set()

    async def run(self) -> None:
        """Pay until cancelled."""
        while True:
            try:
                await self._turn()
                await self._journal.check()
            except OSError as error:
                self._hinder(f"FAUCET_DIR: {error.strerror}; free space or repair the volume, and it goes on")
            except (TemporaryError, RefusedError) as error:
                self._hinder(str(error))
            except Exception as error:  # noqa: BLE001 - a node's answer in another form must not end the payments
                self._hinder(f"{type(error).__name__}, a fault of the faucet or of the node's answer", error)
            else:
                self._clear()
                if not self._ledger.owed:
                    await self._rest()
                continue
            await asyncio.sleep(min(_AGAIN * 2**self._refusals, _RARELY))

    def _hinder(self, obstacle: str, cause: Exception | None = None) -> None:
        if re.sub(r"[0-9]+", "", obstacle) != re.sub(r"[0-9]+", "", self.obstacle):  # heights go on
            log.warning("cannot pay: %s", obstacle, exc_info=cause)
        self.obstacle = obstacle

    def _clear(self) -> None:
        if self.obstacle:
            log.info("ready: %s pays on %s", self._purse.address, self._purse.chain_id)
            self.obstacle = ""

    async def _rest(self) -> None:
        self._work.clear()
        with suppress(TimeoutError):  # Python 3.11's wait_for() can lose a cancellation
            async with asyncio.timeout(_IDLE):
                await self._work.wait()
        await asyncio.sleep(_GATHER)

    async def _turn(self) -> None:
        """One step; what hindered it is over where it raises nothing."""
        await self.tip.meet(again=bool(self.obstacle))
        if self._ledger.signed:
            await self._follow(self._ledger.signed)
        else:
            account = await self.tip.look()
            if self._ledger.due():
                await self._pay(account)

    # -- paying -------------------------------------------------------------------------------------------------

    async def _pay(self, account: Account) -> None:
        draft = await self._drafter.draft(self._ledger.due()[: self._most], account)
        for number, empty in self._drafter.refused.items():
            await self._refuse(number, empty=empty)
        if draft is None:
            await asyncio.sleep(_LOOK)
            return
        transaction = draft.sign(self._purse)
        numbers = tuple(credit.number for credit in draft.credits)
        name = transaction_hash(transaction)
        signed = Signed(name, transaction, draft.sequence, account.height, draft.until, numbers)
        await self._journal.enter(signed)
        self._looked = account.height
        await self._send(signed, fresh=True)

    async def _refuse(self, number: int, *, empty: bool) -> None:
        await self._journal.enter(Refused(number))
        self._tell(number, Outcome(empty=empty))

    async def _send(self, signed: Signed, *, fresh: bool) -> None:
        """Hand a transaction to the node. One that is ``fresh``, so no node has it, is void where the chain refuses it.

        After any other answer, or none, it may be on its way.
        """
        self._sent = time.monotonic()
        try:
            await self._chain.broadcast(signed.transaction)
        except RefusedError as error:
            if not fresh:
                return  # it may be in a block by now
            await self._void(signed)
            self._refusals += 1
            if self._refusals > 1:  # the first may be due to somebody else who uses the account
                raise TemporaryError(f"the node refuses the transaction: {error}") from error
        else:
            self._refusals = 0

    # -- the fate of what was signed ----------------------------------------------------------------------------

    async def _follow(self, signed: Signed) -> None:
        """Look for the transaction in the blocks since its signing, until it is there or cannot be any more."""
        account = await self.tip.look()
        if await self._found(signed, account):
            return
        if account.height >= signed.until or account.sequence > signed.sequence:
            log.warning("transaction %s is in no block and never will be; its credits get another", signed.hash)
            await self._void(signed)
        elif self.obstacle or time.monotonic() - self._sent > _IDLE:
            await self._send(signed, fresh=False)
        else:
            await asyncio.sleep(_LOOK)

    async def _found(self, signed: Signed, account: Account) -> bool:
        begin, end = max(self._looked, signed.after) + 1, min(account.height, signed.until)
        if begin < self.tip.earliest and account.sequence > signed.sequence:
            log.warning(
                "the blocks since %s was signed are pruned; somebody used its sequence, so it counts as paid",
                signed.hash,
            )
            await self._settle(signed, 0, 0, "")
            return True
        for number in range(max(begin, self.tip.earliest), end + 1):
            block = await self._chain.block(number)
            if signed.hash in block.transactions:
                code, text = await self._chain.outcome(signed.hash, number, block.transactions.index(signed.hash))
                await self._settle(signed, number, code, text)
                return True
            self._looked = number
        return False

    async def _settle(self, signed: Signed, height: int, code: int, text: str) -> None:
        await self._journal.enter(Settled(signed.hash, height, code))
        self.transactions += 1
        count = len(signed.credits)
        if code == 0:
            log.info("paid %d credits with %s in block %d", count, signed.hash, height)
            self._most = min(self._batch, 2 * max(self._most, count))
            for number in signed.credits:
                self._tell(number, Outcome(signed.hash, height))
            return
        log.warning("transaction %s failed in block %d with code %d: %s", signed.hash, height, code, text)
        self._most = max(1, count // 2)
        for number in signed.credits:
            if self._ledger.failures[number] >= _FAILURES:
                await self._refuse(number, empty=False)

    async def _void(self, signed: Signed) -> None:
        """Give it up; a block may have had no room for so many."""
        await self._journal.enter(Voided(signed.hash))
        self._most = max(1, len(signed.credits) // 2)
