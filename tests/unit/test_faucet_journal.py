"""The faucet's journal and ledger: whatever a crash leaves, the state is one that was, and nothing is owed twice."""

import asyncio
import errno
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exposer.errors import MismatchError, TemporaryError
from exposer.faucet.credit import Credit
from exposer.faucet.journal import NAME, Journal, open_journal, read
from exposer.faucet.ledger import Accepted, Anchored, Entry, Ledger, Refused, Settled, Signed, Voided, decode, encode

ADDRESSES = ("cosmos1a", "cosmos1b", "cosmos1c")


def credit(number: int, address: str = "cosmos1a", time: float = 1000.0) -> Credit:
    """A credit of 5stake."""
    return Credit(number, address, "stake", 5, time)


def signed(name: str, numbers: Iterable[int]) -> Signed:
    """A transaction of these credits."""
    return Signed(name, name.encode(), 1, 10, 40, tuple(numbers))


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    """Entries as a faucet may write them, one after the other."""
    entries: list[Entry] = [Anchored(1, "A")]
    ledger = Ledger()
    ledger.apply(entries[0])
    for step in range(draw(st.integers(0, 25))):
        free = sorted(set(ADDRESSES) - {entry.address for entry in ledger.owed.values()})
        options: list[Entry] = [Accepted(credit(ledger.number(), address, 1000.0 + step)) for address in free]
        if due := ledger.due():
            options.append(Refused(due[0].number))
            if not ledger.signed:
                options.append(signed(f"TX{step}", [entry.number for entry in due]))
        if ledger.signed:
            options += [Settled(ledger.signed.hash, 5, code) for code in (0, 11)]
            options += [Voided(ledger.signed.hash), Anchored(1, f"CHAIN{step}")]
        if not options:
            continue
        entry = draw(st.sampled_from(options))
        ledger.apply(entry)
        entries.append(entry)
    return entries


def state(ledger: Ledger) -> tuple[object, ...]:
    """All that a ledger knows."""
    return ledger.anchor, ledger.signed, ledger.owed, ledger.failures, ledger.times


def summed(entries: Iterable[Entry]) -> Ledger:
    """The ledger of these entries."""
    ledger = Ledger()
    for entry in entries:
        ledger.apply(entry)
    return ledger


@given(entries=histories())
def test_entries_and_snapshots_round_trip(entries: list[Entry]) -> None:
    """Every entry is read as it was written, and the entries of a snapshot lead to the same state."""
    assert [decode(encode(entry)) for entry in entries] == entries
    ledger = summed(entries)
    assert state(summed(ledger.snapshot(since=0.0))) == state(ledger)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(entries=histories(), data=st.data())
def test_a_journal_cut_at_any_byte_is_one_that_was(tmp_path: Path, entries: list[Entry], data: st.DataObject) -> None:
    """Cut anywhere, the journal has the state of its whole lines, and goes on from there."""
    lines = [encode(entry) for entry in entries]
    whole = b"".join(lines)
    cut = data.draw(st.integers(0, len(whole)))
    path = tmp_path / NAME
    path.write_bytes(whole[:cut])
    kept = whole[:cut].count(b"\n")
    before = summed(entries[:kept])

    with open_journal(tmp_path, since=0.0) as journal:
        assert state(journal.ledger) == state(before)
        asyncio.run(journal.enter(Accepted(credit(journal.ledger.number()))))
        assert len(journal.ledger.owed) == len(before.owed) + 1

    assert state(read(path)) == state(journal.ledger)


def test_what_has_cooled_down_is_forgotten_and_what_is_owed_is_not() -> None:
    """A snapshot leaves out the payments that no cool-down needs; a credit that is owed stays, however old it is."""
    ledger = summed(
        [
            Accepted(credit(1, "cosmos1a", 10.0)),
            signed("TX", [1]),
            Settled("TX", 3, 0),
            Accepted(credit(2, "cosmos1b", 11.0)),
        ]
    )
    kept = list(ledger.snapshot(since=100.0))
    assert kept == [Accepted(credit(2, "cosmos1b", 11.0))]


def test_another_chain_owes_what_was_owed_and_knows_no_payment() -> None:
    """With another anchor a signed transaction is nothing, its credits are due, and what was paid can be had again."""
    ledger = summed(
        [
            Anchored(1, "A"),
            Accepted(credit(1, "cosmos1a")),
            signed("TX", [1]),
            Settled("TX", 3, 0),
            Accepted(credit(2, "cosmos1b")),
            signed("TY", [2]),
            Anchored(1, "B"),
        ]
    )
    assert ledger.signed is None
    assert [entry.number for entry in ledger.due()] == [2]
    assert set(ledger.times) == {("cosmos1b", "stake")}


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b"[]",
        b'"x"',
        b"\x00" * 20,
        b'{"is":"voided","hash":"TX"}',
        b'{"is":"refused","number":9}',
        b'{"is":"signed","hash":"T","transaction":"","sequence":1,"after":1,"until":2,"credits":[9]}',
        b'{"is":"accepted","credit":{}}',
        b'{"is":"gone"}',
    ],
)
def test_a_damaged_journal_is_refused(tmp_path: Path, line: bytes) -> None:
    """A whole line that is no entry, or follows from nothing, is never skipped: a credit might be paid twice."""
    (tmp_path / NAME).write_bytes(encode(Accepted(credit(1))) + line + b"\n" + encode(Accepted(credit(2))))
    with pytest.raises(MismatchError, match="damaged"), open_journal(tmp_path, since=0.0):
        pass


def test_one_faucet_at_a_time(tmp_path: Path) -> None:
    """A second faucet on the same volume is told to try again later."""
    with (
        open_journal(tmp_path, since=0.0),
        pytest.raises(TemporaryError, match="another faucet"),
        open_journal(tmp_path, since=0.0),
    ):
        pass


@contextmanager
def small_journal(directory: Path, room: int) -> Iterator[tuple[Journal, Path]]:
    """A journal in a file that the system lets grow to so many bytes (RLIMIT_FSIZE gives EFBIG)."""
    import resource  # noqa: PLC0415 - of this test alone
    import signal  # noqa: PLC0415

    former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open_journal(directory, since=0.0) as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            yield journal, directory / NAME
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, former)


def test_what_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    """Where the file cannot grow, all who wait are told, and none of their entries is in it, not even a part."""
    line = len(encode(Accepted(credit(1))))

    async def fill(journal: Journal) -> list[BaseException | None]:
        """One entry, then seven at once."""
        await journal.enter(Accepted(credit(1)))
        entries = (journal.enter(Accepted(credit(number))) for number in range(2, 9))
        return await asyncio.gather(*entries, return_exceptions=True)

    with small_journal(tmp_path, line * 3 + 5) as (journal, path):
        outcomes = asyncio.run(fill(journal))

    assert {error.errno for error in outcomes if isinstance(error, OSError)} == {errno.EFBIG}
    assert len(outcomes) == 7
    assert [json.loads(entry)["credit"]["number"] for entry in path.read_bytes().splitlines()] == [1]


def test_entries_that_come_together_are_synced_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 entries at once take far fewer syncs than 200, and are all there in their order."""
    syncs: list[int] = []
    sync = os.fsync

    def counted(descriptor: int) -> None:
        syncs.append(descriptor)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", counted)

    async def many(journal: Journal) -> None:
        """All at once."""
        await asyncio.gather(*(journal.enter(Accepted(credit(number))) for number in range(1, 201)))

    with open_journal(tmp_path, since=0.0) as journal:
        syncs.clear()
        asyncio.run(many(journal))

    assert list(read(tmp_path / NAME).owed) == list(range(1, 201))
    assert len(syncs) <= 5
