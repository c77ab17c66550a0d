"""What the faucet owes and what it has paid: a state that is nothing but the sum of its journal's entries.

accepted   a client may rely on it: it is paid once, whatever happens to the faucet or the node, or it is refused
signed     the very bytes, written down before any node sees them: no others are made until their fate is known
settled    they are in a block; with code 0 their credits are paid, with another they are owed again
voided     they are in no block and can never be (their timeout height has passed, or their sequence is used up)
refused    not owed any more: the chain does not take the credit, or it was in three transactions that failed in a block
anchored   which chain this is: one of its oldest blocks
"""

import base64
import json
from binascii import crc32
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from exposer.errors import MismatchError
from exposer.faucet.credit import Credit

_DAMAGED = (
    "FAUCET_DIR: journal.jsonl is damaged; it is never repaired silently, because a credit might be paid twice. "
    "Restore the volume; or remove the file: then what was owed is not paid, and every address may ask again"
)
_CRC = len('{"crc":"00000000",')


@dataclass(frozen=True)
class Accepted:
    """A credit that is owed; ``failures`` is how often it was in a transaction that failed in its block."""

    credit: Credit
    failures: int = 0


@dataclass(frozen=True)
class Signed:
    """A transaction that may be on its way: signed at the height ``after``, in no block later than ``until``."""

    hash: str
    transaction: bytes
    sequence: int
    after: int
    until: int
    credits: tuple[int, ...]


@dataclass(frozen=True)
class Settled:
    """The signed transaction is in a block."""

    hash: str
    height: int
    code: int


@dataclass(frozen=True)
class Voided:
    """The signed transaction will never be in a block."""

    hash: str


@dataclass(frozen=True)
class Refused:
    """A credit that is not owed any more."""

    number: int


@dataclass(frozen=True)
class Cooling:
    """A credit that was paid, as far as anybody still cares."""

    address: str
    denom: str
    time: float


@dataclass(frozen=True)
class Anchored:
    """The chain that all later entries are about, by one of its blocks; ``time`` is the block's."""

    height: int
    hash: str
    time: float


Entry = Accepted | Signed | Settled | Voided | Refused | Cooling | Anchored


class Ledger:
    """The state; it changes by `apply` alone."""

    KINDS: ClassVar[dict[str, type[Entry]]] = {
        kind.__name__.lower(): kind for kind in (Accepted, Signed, Settled, Voided, Refused, Cooling, Anchored)
    }

    def __init__(self) -> None:
        self.anchor: Anchored | None = None
        self.signed: Signed | None = None
        self.owed: dict[int, Credit] = {}
        self.failures: dict[int, int] = {}
        self.times: dict[tuple[str, str], float] = {}
        """Address and denomination -> when its last credit was accepted."""
        self._next = 1

    def number(self) -> int:
        """The number of a further credit."""
        self._next += 1
        return self._next - 1

    def due(self) -> list[Credit]:
        """What is owed and in no signed transaction, the oldest first."""
        under_way = set(self.signed.credits) if self.signed else set()
        return [credit for number, credit in self.owed.items() if number not in under_way]

    def sum(self, denom: str) -> int:
        """How much is owed of a denomination."""
        return sum(credit.amount for credit in self.owed.values() if credit.denom == denom)

    def apply(self, entry: Entry) -> None:
        """Make ``entry`` part of the state; raises `MismatchError` where it does not follow from what was before."""
        match entry:
            case Accepted(credit, failures):
                self.owed[credit.number] = credit
                self.failures[credit.number] = failures
                self.times[credit.account] = credit.time
                self._next = max(self._next, credit.number + 1)
            case Signed(credits=numbers):
                if self.signed or not set(numbers) <= self.owed.keys():
                    raise MismatchError(_DAMAGED)
                self.signed = entry
            case Settled(hash=name, code=code):
                self._end(name, paid=code == 0)
            case Voided(hash=name):
                self._close(name)
            case Refused(number):
                self._drop(number)
            case Cooling(address, denom, time):
                self.times[address, denom] = time
            case Anchored():
                self._anchor(entry)

    def forget(self, since: float, now: float) -> None:
        """Drop what has cooled down ``since``; what a wrong clock once put after ``now`` cools down from now on."""
        owed = {credit.account for credit in self.owed.values()}
        self.times = {
            account: min(time, now) for account, time in self.times.items() if time > since or account in owed
        }

    def snapshot(self) -> Iterator[Entry]:
        """The entries that lead to this state."""
        if self.anchor:
            yield self.anchor
        owed = {credit.account for credit in self.owed.values()}
        for (address, denom), time in self.times.items():
            if (address, denom) not in owed:
                yield Cooling(address, denom, time)
        for number, credit in self.owed.items():
            yield Accepted(credit, self.failures[number])
        if self.signed:
            yield self.signed

    def _end(self, name: str, *, paid: bool) -> None:
        for number in self._close(name).credits:
            if paid:
                self._drop(number)
            else:
                self.failures[number] += 1

    def _close(self, name: str) -> Signed:
        signed, self.signed = self.signed, None
        if signed is None or signed.hash != name:
            raise MismatchError(_DAMAGED)
        return signed

    def _drop(self, number: int) -> Credit:
        self.failures.pop(number, None)
        try:
            return self.owed.pop(number)
        except KeyError:
            raise MismatchError(_DAMAGED) from None

    def _anchor(self, entry: Anchored) -> None:
        """On another chain nothing has been paid; what is owed is still owed."""
        if self.anchor and self.anchor != entry:
            self.signed = None
            self.times = {credit.account: credit.time for credit in self.owed.values()}
        self.anchor = entry


def encode(*entries: Entry) -> bytes:
    """Entries that become durable together, as one line of the journal: JSON, with the CRC-32 of all behind it."""
    text = json.dumps({"entries": [*map(_fields, entries)]}, separators=(",", ":"))[1:].encode()
    return b'{"crc":"%08x",%s\n' % (crc32(text), text)


def is_whole(line: bytes) -> bool:
    """Whether a line is as it was written."""
    return line.endswith(b"\n") and line[:_CRC] == b'{"crc":"%08x",' % crc32(line[_CRC:-1])


def decode(line: bytes) -> list[Entry]:
    """The entries in a line; raises `MismatchError`."""
    if not is_whole(line):
        raise MismatchError(_DAMAGED)
    try:
        return [*map(_entry, json.loads(line)["entries"])]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise MismatchError(_DAMAGED) from error


def _fields(entry: Entry) -> dict[str, Any]:
    fields = asdict(entry)
    if isinstance(entry, Signed):
        fields["transaction"] = base64.b64encode(entry.transaction).decode()
    return {"is": type(entry).__name__.lower(), **fields}


def _entry(fields: dict[str, Any]) -> Entry:
    kind = Ledger.KINDS[fields.pop("is")]
    if kind is Accepted:
        fields["credit"] = Credit(**fields["credit"])
    if kind is Signed:
        fields["transaction"] = base64.b64decode(fields["transaction"], validate=True)
        fields["credits"] = tuple(fields["credits"])
    return kind(**fields)
