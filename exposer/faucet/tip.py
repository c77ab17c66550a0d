"""The tip of the chain: that the node is there, that the chain is the journal's, and the faucet's account on it."""

import logging

from exposer.accounts.purse import Purse
from exposer.errors import TemporaryError
from exposer.faucet.chain import Account, Chain, Status
from exposer.faucet.journal import Journal
from exposer.faucet.ledger import Anchored

log = logging.getLogger(__name__)


class Tip:
    """What is known of the chain: ``funds`` of the faucet by denomination, and the ``earliest`` block that is left."""

    def __init__(self, purse: Purse, chain: Chain, journal: Journal) -> None:
        self.funds: dict[str, int] = {}
        self.earliest = 0
        self._seen = 0  # the highest block so far
        self._purse = purse
        self._chain = chain
        self._journal = journal

    async def meet(self, *, again: bool) -> None:
        """Make sure that the node is at the tip of the chain that the journal is about; ``again`` after an obstacle.

        Raises:
            TemporaryError: it is not.
        """
        status = await self._chain.status()
        if status.chain_id != self._purse.chain_id:
            raise TemporaryError(f"the node at NODE_URL is of {status.chain_id!r}, not of {self._purse.chain_id!r}")
        if status.height < 1 or status.catching_up:
            raise TemporaryError(f"the node is at height {status.height}, not at the chain's tip yet")
        if again or status.height < self._seen:
            await self._anchor(status)
        self._seen, self.earliest = status.height, status.earliest

    async def _anchor(self, status: Status) -> None:
        """Notice a chain that began anew under its old name: a block that is known is another, or came later.

        A chain's block times only grow (CometBFT, BFT time). So a tip below the known block is of a node that is behind
        while it is older, and of another chain where it is younger.
        """
        known = self._journal.ledger.anchor
        if known and known.height < status.earliest:
            return  # that block was pruned, so the chain has gone on
        if known and known.height > status.height:
            if status.time <= known.time:
                raise TemporaryError(f"the node is at height {status.height}, behind what is known of the chain")
        elif known and (await self._chain.block(known.height)).hash == known.hash:
            return
        if known:
            log.warning("%s has begun anew: nothing has been paid on it yet", self._purse.chain_id)
        block = await self._chain.block(status.earliest)
        await self._journal.enter(Anchored(status.earliest, block.hash, block.time))

    async def look(self) -> Account:
        """The account as it is now; `funds` is what it has.

        Raises:
            TemporaryError: the chain knows no such account.
        """
        address = self._purse.address
        account = await self._chain.account(address)
        if account is None:
            raise TemporaryError(f"the chain knows no account {address}; fund it in the genesis")
        self.funds = {denom: await self._chain.balance(address, denom) for denom in self._purse.amounts}
        return account
