"""Finds a transaction that the chain takes, and the credits that it takes from nobody, by asking for its simulation."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from exposer.accounts.purse import Purse
from exposer.errors import TemporaryError
from exposer.faucet.chain import Account, Chain, RefusedError
from exposer.faucet.credit import Credit
from exposer.faucet.ledger import Ledger
from exposer.faucet.tip import Tip
from exposer.faucet.transaction import Draft, Prices

log = logging.getLogger(__name__)
_LIFETIME = 30
"""Blocks in which a transaction may be; a lost one is given up after them."""
_OTHERS = "incorrect account sequence"  # the SDK's ErrWrongSequence: somebody else uses the account just now


@dataclass(frozen=True)
class Terms:
    """How transactions are made: at most so many credits in one, so much gas above the estimate, at these prices."""

    batch: int
    adjustment: float
    prices: Prices


class Drafter:
    """Drafts one transaction after the other."""

    def __init__(self, purse: Purse, chain: Chain, tip: Tip, ledger: Ledger, terms: Terms) -> None:
        self.refused: dict[int, bool] = {}
        """Numbers of the credits that the latest draft showed to be refused -> whether for lack of funds."""
        self._purse = purse
        self._chain = chain
        self._tip = tip
        self._ledger = ledger
        self._terms = terms
        self._doubted: set[int] = set()  # credits that the chain has refused once

    async def draft(self, batch: Sequence[Credit], account: Account) -> Draft | None:
        """A transaction that the chain would take, of as many of these credits as it takes together; or None as yet.

        Raises:
            TemporaryError: it takes nothing at all.
        """
        self.refused = {}
        room = await self._chain.most_gas()
        while batch:
            draft = Draft(batch, account.number, account.sequence, account.height + _LIFETIME)
            try:
                used = await self._chain.simulate(draft.sign(self._purse))
            except RefusedError as error:
                log.info("the chain refuses %d credits together: %s", len(batch), error)
                batch = [] if _OTHERS in str(error) else await self._sift(batch, draft)
                continue
            worst = max(self._ledger.failures[credit.number] for credit in batch)
            gas = int(used * self._terms.adjustment * (1 + worst))
            if room and gas > room and len(batch) > 1:
                batch = batch[: max(1, len(batch) * room // gas)]
                continue
            return draft.with_gas(min(gas, room or gas), self._terms.prices)
        return None

    async def _sift(self, batch: Sequence[Credit], draft: Draft) -> Sequence[Credit]:
        """Those of the credits that the chain takes alone; where it takes each, then half of them.

        One refusal may be an accident; the second is an answer, where the chain does take something else.
        """
        refused = {credit.number: text for credit in batch if (text := await self._refusal(credit, draft))}
        good = [credit for credit in batch if credit.number not in refused]
        if not refused:
            return good[: len(good) // 2]
        await self._tip.look()
        for credit in batch:
            if credit.number not in refused:
                continue
            funds = self._tip.funds.get(credit.denom)
            if funds is None:  # owed since before the faucet's amounts were changed
                funds = await self._chain.balance(self._purse.address, credit.denom)
            empty = funds < credit.amount
            if not (good or empty):
                back = replace(credit, address=self._purse.address)
                if text := await self._refusal(back, draft):
                    raise TemporaryError(f"the chain refuses every credit, even to the faucet's own account: {text}")
            if credit.number in self._doubted:
                log.warning("the chain refuses to credit %s: %s", credit.address, refused[credit.number])
                self.refused[credit.number] = empty
        self._doubted = refused.keys() - self.refused.keys()
        return good

    async def _refusal(self, credit: Credit, draft: Draft) -> str:
        """Why the chain does not take a credit alone; empty where it does."""
        try:
            await self._chain.simulate(replace(draft, credits=[credit]).sign(self._purse))
        except RefusedError as error:
            return str(error) or "it does not say why"
        return ""
