"""The desk: takes what clients ask for, or says why not; what it takes is in the journal before anybody is answered."""

import asyncio
import logging
import math
import time
from dataclasses import dataclass

from exposer.accounts.address import decode_address, encode_address, ethereum_address
from exposer.accounts.purse import Purse
from exposer.errors import BadInputError
from exposer.faucet.credit import Credit
from exposer.faucet.journal import Journal
from exposer.faucet.ledger import Accepted
from exposer.faucet.payer import Outcome, Payer
from exposer.faucet.problem import Code, ProblemError

log = logging.getLogger(__name__)
_SOON = 1.0  # seconds; of Retry-After, where time mends it
_LENGTHS = {20, 32}  # bytes of an account's address: of a key, and of a module or a contract


@dataclass(frozen=True)
class Limits:
    """``cooldown`` and ``patience`` in seconds; at most ``queue`` credits are owed at the same time."""

    cooldown: float
    patience: float
    queue: int


class Desk:
    """Where requests come in, and their outcomes go out."""

    def __init__(self, purse: Purse, journal: Journal, limits: Limits) -> None:
        self._purse = purse
        self._journal = journal
        self._ledger = journal.ledger
        self._limits = limits
        self._entering: dict[int, Credit] = {}  # on their way into the journal
        self._waiting: dict[int, asyncio.Future[Outcome | None]] = {}
        self._closing = False
        self.now = time.time

    def tell(self, number: int, outcome: Outcome) -> None:
        """What became of a credit; nobody may be waiting for it any more."""
        future = self._waiting.get(number)
        if future and not future.done():
            future.set_result(outcome)

    def close(self) -> None:
        """Let those who wait go; what was accepted stays owed."""
        self._closing = True
        for future in self._waiting.values():
            if not future.done():
                future.set_result(None)

    async def credit(self, address: str, denom: str, payer: Payer) -> Outcome | None:
        """The outcome of a credit that was accepted; None where it is still open when the patience ends.

        Raises:
            ProblemError: it is not accepted, or the chain refused it.
        """
        account = self._account(address)
        if denom not in self._purse.amounts:
            known = ", ".join(sorted(self._purse.amounts))
            raise ProblemError(Code.UNKNOWN_DENOM, f"this faucet does not give that; it gives {known}")
        self._check(account, denom, payer)
        credit = Credit(self._ledger.number(), account, denom, self._purse.amounts[denom], self.now())
        await self._accept(credit)
        payer.wake()
        outcome = await self._await(credit.number)
        if outcome is None or outcome.transaction:
            return outcome
        if outcome.empty:
            raise ProblemError(Code.EMPTY, f"the faucet has no {denom} left", wait=self._limits.cooldown)
        raise ProblemError(Code.REFUSED, "the chain does not let this address be credited")

    def _account(self, address: str) -> str:
        """The address in the one form that the chain has for it."""
        prefix = self._purse.prefix
        try:
            if self._purse.algorithm == "eth_secp256k1" and address.startswith("0x"):
                return encode_address(prefix, ethereum_address(address))
            found, raw = decode_address(address)
        except BadInputError:
            found, raw = "", b""
        if found != prefix or len(raw) not in _LENGTHS:
            raise ProblemError(Code.BAD_ADDRESS, f"this is no address of an account that begins with {prefix}1")
        return encode_address(prefix, raw)

    def _check(self, address: str, denom: str, payer: Payer) -> None:
        """Raises `ProblemError` where a credit cannot be accepted now."""
        since = self._ledger.times.get((address, denom))
        if since is not None:
            left = self._limits.cooldown - max(self.now() - since, 0.0)
            open_now = any(credit.account == (address, denom) for credit in self._ledger.owed.values())
            if left > 0 or open_now:
                told = "its credit is under way" if open_now else "it was served lately"
                raise ProblemError(Code.COOLING_DOWN, f"{told}; ask again later", wait=max(left, _SOON))
        if payer.obstacle:
            raise ProblemError(Code.NOT_READY, "the faucet cannot pay now", wait=_SOON)
        if len(self._ledger.owed) + len(self._entering) >= self._limits.queue:
            raise ProblemError(Code.BUSY, "too many credits are under way", wait=_SOON)
        promised = self._ledger.sum(denom) + sum(
            entry.amount for entry in self._entering.values() if entry.denom == denom
        )
        if payer.tip.funds.get(denom, 0) - promised < self._purse.amounts[denom]:
            raise ProblemError(Code.EMPTY, f"the faucet has no {denom} left", wait=self._limits.cooldown)

    async def _accept(self, credit: Credit) -> None:
        """Write it down; until it is, its address cools down but nothing is owed."""
        before = self._ledger.times.get(credit.account, -math.inf)
        self._ledger.times[credit.account], self._entering[credit.number] = credit.time, credit
        try:
            await self._journal.enter(Accepted(credit))
        except OSError as error:
            self._ledger.times[credit.account] = before
            log.error("FAUCET_DIR: %s; nothing is accepted that cannot be written down", error.strerror)  # noqa: TRY400 - a full disk
            raise ProblemError(Code.NOT_READY, "the faucet cannot pay now", wait=_SOON) from error
        finally:
            del self._entering[credit.number]

    async def _await(self, number: int) -> Outcome | None:
        if self._closing:
            return None
        future: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            async with asyncio.timeout(self._limits.patience):
                return await future
        except TimeoutError:
            return None
        finally:
            del self._waiting[number]
