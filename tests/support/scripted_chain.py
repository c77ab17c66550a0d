"""A chain in memory whose node says what a test wants, for faults that no real node can be brought to make in time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from networks import fresh_mnemonic
from waiting import until

from exposer.accounts.address import Algorithm, encode_address
from exposer.accounts.hd import derive_secp256k1, standard_path
from exposer.accounts.mnemonic import Mnemonic
from exposer.accounts.purse import Purse
from exposer.faucet.chain import Account, Block, Chain, NodeError, RefusedError, Status
from exposer.faucet.credit import Credit
from exposer.faucet.drafter import Terms
from exposer.faucet.journal import Journal, open_journal
from exposer.faucet.ledger import Accepted
from exposer.faucet.payer import Outcome, Payer
from exposer.faucet.transaction import transaction_hash
from exposer.protobuf import child, count

GAS = 1000
"""What each credit uses."""
ADDRESSES = [encode_address("cosmos", bytes([number]) * 20) for number in range(1, 31)]


def lost() -> None:
    """An answer that nobody understands."""
    raise NodeError("context deadline exceeded")


def refused(text: str = "account sequence mismatch") -> Callable[[], None]:
    """The chain's own no."""

    def answer() -> None:
        raise RefusedError(text)

    return answer


def sends(transaction: bytes) -> int:
    """How many credits are in a transaction."""
    return transaction.count(b"MsgSend")


def gas(transaction: bytes) -> int:
    """What a transaction may use."""
    return count(child(transaction, 2, 2), 2)


@dataclass
class Script:
    """What the chain does; the answers of each list are used up, then all goes well."""

    answers: list[Callable[[], None]] = field(default_factory=list)
    """To broadcasts; the transaction is in the mempool all the same, unless it is refused for the first time."""
    simulations: list[Callable[[], None]] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    """Of transactions in blocks."""
    blocked: set[str] = field(default_factory=set)
    """Addresses to which nobody can send."""
    room: int | None = None
    """Gas in a block; a transaction that asks for more is never in one, if ``told`` is not even set."""
    told: bool = True
    speed: int = 1
    """Blocks from one look to the next."""


class ScriptedChain(Chain):
    """The chain, whose height grows with each look at the account; what is in the mempool is in the next block."""

    def __init__(self, script: Script) -> None:
        super().__init__("http://127.0.0.1:1", httpx.AsyncClient())
        self.script = script
        self.height, self.earliest, self.sequence, self.time = 10, 1, 7, 1000.0
        self.name = "A"
        self.catching_up = False
        self.broadcasts: list[bytes] = []
        self.mempool: list[bytes] = []
        self.blocks: dict[int, list[bytes]] = {}

    @property
    def paid(self) -> list[int]:
        """How many credits were in each transaction that is in a block."""
        return [sends(transaction) for block in self.blocks.values() for transaction in block]

    async def status(self) -> Status:
        """Where it is."""
        await asyncio.sleep(0)
        return Status("chain-1", self.height, self.earliest, self.time, self.catching_up)

    async def account(self, address: str) -> Account:
        """The faucet's account, after some blocks more."""
        assert address
        for _ in range(self.script.speed):
            self._make_block()
        return Account(1, self.sequence, self.height)

    async def balance(self, address: str, denom: str) -> int:
        """Plenty."""
        return len(address + denom) * 1000

    async def most_gas(self) -> int | None:
        """The room that it tells of."""
        return self.script.room if self.script.told else None

    async def simulate(self, transaction: bytes) -> int:
        """As scripted, then what is blocked, then the gas."""
        if self.script.simulations:
            self.script.simulations.pop(0)()
        if any(address.encode() in transaction for address in self.script.blocked):
            raise RefusedError("not allowed to receive funds")
        return GAS * sends(transaction)

    async def broadcast(self, transaction: bytes) -> None:
        """Into the mempool, whatever is answered; but not what is refused when it is seen for the first time."""
        fresh = transaction not in self.broadcasts
        self.broadcasts.append(transaction)
        try:
            if self.script.answers:
                self.script.answers.pop(0)()
        except RefusedError:
            fresh = False
            raise
        finally:
            if fresh:
                self.mempool.append(transaction)

    async def block(self, height: int) -> Block:
        """A block, named after the chain."""
        assert self.earliest <= height <= self.height
        names = tuple(map(transaction_hash, self.blocks.get(height, ())))
        return Block(f"{self.name}{height}", self.time, names)

    async def outcome(self, name: str, height: int, place: int) -> tuple[int, str]:
        """As scripted, then success."""
        assert name
        assert height in self.blocks
        assert place >= 0
        return (self.script.codes.pop(0) if self.script.codes else 0), "out of gas"

    def _make_block(self) -> None:
        self.height += 1
        self.time += 1
        fitting = [one for one in self.mempool if self.script.room is None or gas(one) <= self.script.room]
        if fitting:
            self.mempool.clear()
            self.blocks[self.height] = fitting[:1]
            self.sequence += 1


@dataclass
class Counter:
    """A faucet that pays on a scripted chain, and what it told of each credit."""

    chain: ScriptedChain
    journal: Journal
    payer: Payer
    purse: Purse
    told: dict[int, Outcome]
    owed: set[int]

    async def owe(self, *addresses: str, denom: str = "stake") -> None:
        """Accept a credit for each."""
        numbers = [self.journal.ledger.number() for _ in addresses]
        self.owed.update(numbers)
        credits_ = (Credit(*what, denom, 5, 1000.0) for what in zip(numbers, addresses, strict=True))
        await asyncio.gather(*(self.journal.enter(Accepted(credit)) for credit in credits_))
        self.payer.wake()

    async def until(self, done: Callable[[], object]) -> None:
        """Until it is so."""
        await until(done, pause=0.001)  # what the payer says may be so for a few turns of the loop only

    async def settled(self) -> None:
        """Until nothing is owed, and everybody told."""
        await self.until(lambda: not self.journal.ledger.owed and self.owed == self.told.keys())


def purse(algorithm: Algorithm = "secp256k1") -> Purse:
    """A purse that gives 5stake."""
    key = derive_secp256k1(Mnemonic(fresh_mnemonic()).seed(), standard_path(118))
    return Purse("chain-1", "cosmos", algorithm, "/a.PubKey", {"stake": 5}, key)


@asynccontextmanager
async def paying(
    directory: Path, script: Script | None = None, algorithm: Algorithm = "secp256k1"
) -> AsyncIterator[Counter]:
    """A payer at work."""
    chain, told, own = ScriptedChain(script or Script()), dict[int, Outcome](), purse(algorithm)
    with open_journal(directory, keep=60.0) as journal:
        payer = Payer(own, chain, journal, Terms(10, 1.5, {}), told.__setitem__)
        running = asyncio.create_task(payer.run())
        try:
            yield Counter(chain, journal, payer, own, told, set(journal.ledger.owed))
        finally:
            running.cancel()
            await asyncio.wait([running])
