"""The one sender: pays what the ledger says is owed, one transaction after the other.

No transaction is signed while the fate of another is open, and none is broadcast before it is in the journal. So
account sequences cannot break, and whatever ends the faucet or the node, each credit is paid exactly once: what was
signed is either found in a block between its signing and its timeout height, or it can never be in one.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from exposer.accounts.purse import Purse
from exposer.errors import TemporaryError
from exposer.faucet.chain import Account, Chain, RefusedError
from exposer.faucet.credit import Credit
from exposer.faucet.journal import Journal
from exposer.faucet.ledger import Refused, Settled, Signed, Voided
from exposer.faucet.tip import Tip
from exposer.faucet.transaction import Draft, Prices, transaction_hash

log = logging.getLogger(__name__)
_LIFETIME = 30
"""Blocks in which a transaction may be; a lost one is given up after them."""
_GATHER = 0.05  # seconds that the first credit waits for others
_LOOK = 0.2  # seconds between looks for a block
_IDLE = 2.0  # seconds between looks at the node while there is nothing to pay
_AGAIN, _RARELY = 1.0, 30.0  # seconds after a failure, and after many that are the transaction's own
_OTHERS = "incorrect account sequence"  # the SDK's ErrWrongSequence: somebody else uses the account just now
_FAILURES = 3  # of one credit in a block, then it is refused


@dataclass(frozen=True)
class Terms:
    """How transactions are made: at most so many credits in one, so much gas above the estimate, at these prices."""

    batch: int
    adjustment: float
    prices: Prices


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
        self._terms = terms
        self._tell = tell
        self._work = asyncio.Event()
        self._most = terms.batch
        self._looked = 0  # the block up to which the signed transaction was looked for
        self._sent: float | None = None  # when it was last handed to the node by this process
        self._refusals = 0  # of transactions, since the node last took one
        self._doubted: set[int] = set()  # credits that the chain has refused once

    def wake(self) -> None:
        """There is something to pay."""
        self._work.set()

    async def run(self) -> None:
        """Pay until cancelled."""
        while True:
            try:
                await self._turn()
            except (TemporaryError, RefusedError, OSError) as error:
                self._hinder(str(error))
            except Exception as error:  # noqa: BLE001 - a node's answer in another form must not end the payments
                self._hinder(f"{type(error).__name__}, a fault of the faucet or of the node's answer", error)
            else:
                continue
            await asyncio.sleep(min(_AGAIN * 2**self._refusals, _RARELY))

    def _hinder(self, obstacle: str, cause: Exception | None = None) -> None:
        if obstacle != self.obstacle:
            log.warning("cannot pay: %s", obstacle, exc_info=cause)
        self.obstacle = obstacle

    def _clear(self) -> None:
        if self.obstacle and not self._refusals:
            log.info("ready: %s pays on %s", self._purse.address, self._purse.chain_id)
            self.obstacle = ""

    async def _turn(self) -> None:
        await self.tip.meet(again=bool(self.obstacle))
        if self._ledger.signed:
            await self._follow(self._ledger.signed)
            return
        account = await self.tip.look()
        self._clear()
        if not self._ledger.due():
            self._work.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._work.wait(), _IDLE)
            await asyncio.sleep(_GATHER)
            return
        await self._pay(account)

    # -- paying -------------------------------------------------------------------------------------------------

    async def _pay(self, account: Account) -> None:
        draft = await self._draft(self._ledger.due()[: self._most], account)
        if draft is None:
            return
        transaction = draft.sign(self._purse)
        numbers = tuple(credit.number for credit in draft.credits)
        name = transaction_hash(transaction)
        signed = Signed(name, transaction, draft.sequence, account.height, draft.until, numbers)
        await self._journal.enter(signed)
        self._looked = account.height
        await self._send(signed)

    async def _draft(self, batch: Sequence[Credit], account: Account) -> Draft | None:
        """A transaction that the chain would take, of as many of these credits as it takes together."""
        while batch:
            draft = Draft(batch, account.number, account.sequence, account.height + _LIFETIME)
            try:
                used = await self._chain.simulate(draft.sign(self._purse))
            except RefusedError as error:
                log.info("the chain refuses %d credits together: %s", len(batch), error)
                batch = [] if _OTHERS in str(error) else await self._sift(batch, draft)
            else:
                worst = max(self._ledger.failures[credit.number] for credit in batch)
                return draft.with_gas(int(used * self._terms.adjustment * (1 + worst)), self._terms.prices)
        await asyncio.sleep(_LOOK)
        return None

    async def _sift(self, batch: Sequence[Credit], draft: Draft) -> Sequence[Credit]:
        """Those of the credits that the chain takes alone; where it takes each, then half of them.

        One refusal may be an accident; the second is an answer.
        """
        good = [credit for credit in batch if await self._is_taken(credit, draft)]
        if len(good) == len(batch):
            return good[: len(good) // 2]
        await self.tip.look()
        for credit in batch:
            if credit not in good and credit.number in self._doubted:
                await self._refuse(credit, empty=self.tip.funds[credit.denom] < credit.amount)
        self._doubted = {credit.number for credit in batch if credit not in good} & self._ledger.owed.keys()
        return good

    async def _is_taken(self, credit: Credit, draft: Draft) -> bool:
        alone = Draft([credit], draft.account_number, draft.sequence, draft.until)
        try:
            await self._chain.simulate(alone.sign(self._purse))
        except RefusedError as error:
            log.info("the chain refuses to credit %s: %s", credit.address, error)
            return False
        return True

    async def _refuse(self, credit: Credit, *, empty: bool) -> None:
        await self._journal.enter(Refused(credit.number))
        self._tell(credit.number, Outcome(empty=empty))

    async def _send(self, signed: Signed) -> None:
        """Hand a transaction to the node. One that no node has seen before and that is refused will never be paid."""
        fresh, self._sent = self._sent is None, time.monotonic()
        try:
            await self._chain.broadcast(signed.transaction)
        except RefusedError as error:
            if not fresh:
                return  # it may be in a block by now
            self._most = max(1, len(signed.credits) // 2)
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
        self._clear()
        if account.height >= signed.until or account.sequence > signed.sequence:
            log.warning("transaction %s is in no block and never will be; its credits get another", signed.hash)
            await self._void(signed)
        elif self._sent is None or time.monotonic() - self._sent > _IDLE:
            self._sent = self._sent or time.monotonic()  # what an earlier process signed may have been seen
            await self._send(signed)
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
        self._sent = None
        self.transactions += 1
        count = len(signed.credits)
        if code == 0:
            log.info("paid %d credits with %s in block %d", count, signed.hash, height)
            self._most = min(self._terms.batch, 2 * max(self._most, count))
            for number in signed.credits:
                self._tell(number, Outcome(signed.hash, height))
            return
        log.warning("transaction %s failed in block %d with code %d: %s", signed.hash, height, code, text)
        self._most = max(1, count // 2)
        for number in signed.credits:
            if self._ledger.failures[number] >= _FAILURES:
                await self._refuse(self._ledger.owed[number], empty=False)

    async def _void(self, signed: Signed) -> None:
        await self._journal.enter(Voided(signed.hash))
        self._sent = None
