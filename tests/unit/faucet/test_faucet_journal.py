"""The faucet's journal and ledger: whatever a crash leaves, the state is one that was, and nothing is owed twice."""

import asyncio
import errno
import math
import os
import resource
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exposer.errors import MismatchError, TemporaryError
from exposer.faucet.credit import Credit
from exposer.faucet.journal import NAME, Journal, open_journal, read
from exposer.faucet.ledger import (
    Accepted,
    Anchored,
    Cooling,
    Entry,
    Ledger,
    Refused,
    Settled,
    Signed,
    Voided,
    decode,
    encode,
)

ADDRESSES = ("cosmos1a", "cosmos1b", "cosmos1c")


def credit(number: int, address: str = "cosmos1a", time: float = 1000.0) -> Credit:
    """A credit of 5stake."""
    return Credit(number, address, "stake", 5, time)


def signed(name: str, numbers: Iterable[int]) -> Signed:
    """A transaction of these credits."""
    return Signed(name, name.encode(), 1, 10, 40, tuple(numbers))


@contextmanager
def limited(room: int) -> Iterator[None]:
    """The system lets no file grow beyond so many bytes (RLIMIT_FSIZE gives EFBIG)."""
    former = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, former)


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    """Entries as a faucet may write them, one after the other."""
    entries: list[Entry] = [Anchored(1, "A", 0.0)]
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
            options += [Voided(ledger.signed.hash), Anchored(1, f"CHAIN{step}", 0.0)]
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
    assert [decode(encode(entry)) for entry in entries] == [[entry] for entry in entries]
    assert decode(encode(*entries)) == entries
    ledger = summed(entries)
    assert state(summed(ledger.snapshot())) == state(ledger)


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

    with open_journal(tmp_path, keep=math.inf) as journal:
        assert state(journal.ledger) == state(before)
        asyncio.run(journal.enter(Accepted(credit(journal.ledger.number()))))
        assert len(journal.ledger.owed) == len(before.owed) + 1

    assert state(read(path)[0]) == state(journal.ledger)


def test_what_has_cooled_down_is_forgotten_and_what_is_owed_is_not() -> None:
    """Payments that no cool-down needs are forgotten; a credit that is owed stays, and no time is in the future."""
    ledger = summed(
        [
            Accepted(credit(1, "cosmos1a", 10.0)),
            signed("TX", [1]),
            Settled("TX", 3, 0),
            Accepted(credit(2, "cosmos1b", 11.0)),
            Cooling("cosmos1c", "stake", 10.0**9),
        ]
    )
    ledger.forget(since=100.0, now=200.0)
    assert list(ledger.snapshot()) == [Cooling("cosmos1c", "stake", 200.0), Accepted(credit(2, "cosmos1b", 11.0))]


def test_another_chain_owes_what_was_owed_and_knows_no_payment() -> None:
    """With another anchor a signed transaction is nothing, its credits are due, and what was paid can be had again."""
    ledger = summed(
        [
            Anchored(1, "A", 0.0),
            Accepted(credit(1, "cosmos1a")),
            signed("TX", [1]),
            Settled("TX", 3, 0),
            Accepted(credit(2, "cosmos1b")),
            signed("TY", [2]),
            Anchored(1, "B", 0.0),
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
    with pytest.raises(MismatchError, match="damaged"), open_journal(tmp_path, keep=math.inf):
        pass


@pytest.mark.parametrize(
    "line", [b'{"crc":"00000000","entries":[]}\n', encode(Accepted(credit(7))).replace(b"7", b"8")]
)
def test_a_line_that_is_not_what_was_written(tmp_path: Path, line: bytes) -> None:
    """A line with a wrong checksum is damage, which is told with its cure; only as the last one it is a torn write."""
    path = tmp_path / NAME
    path.write_bytes(encode(Accepted(credit(1))) + line + encode(Accepted(credit(2))))
    with pytest.raises(MismatchError, match=r"Restore the volume; or remove"):
        read(path)
    path.write_bytes(encode(Accepted(credit(1))) + line)
    assert list(read(path)[0].owed) == [1]


@pytest.mark.parametrize("page", [0, 8192])
def test_a_torn_batch(tmp_path: Path, page: int) -> None:
    """Of entries that were being written together when the power went, whatever pages are there, none counts."""

    async def write(journal: Journal, *numbers: int) -> None:
        """All at once."""
        await asyncio.gather(*(journal.enter(Accepted(credit(number))) for number in numbers))

    path = tmp_path / NAME
    with open_journal(tmp_path, keep=math.inf) as journal:
        asyncio.run(write(journal, 1))
        begin = path.stat().st_size
        asyncio.run(write(journal, *range(2, 202)))
    whole = bytearray(path.read_bytes())
    whole[begin + page : begin + page + 4096] = bytes(4096)
    path.write_bytes(whole)

    ledger, size = read(path)
    assert (list(ledger.owed), size) == ([1], begin)


def test_a_journal_is_renewed_while_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When it has grown it is replaced by its sum, and goes on in the new file; what comes meanwhile is in it."""
    monkeypatch.setattr("exposer.faucet.journal._LARGE", 10_000)
    path = tmp_path / NAME

    async def use(journal: Journal) -> None:
        """Pay many, and have one more accepted during the renewal."""
        for number in range(1, 101):
            await journal.enter(Accepted(credit(number)))
            await journal.enter(signed(f"TX{number}", [number]))
            await journal.enter(Settled(f"TX{number}", 5, 0))
        large = path.stat().st_size
        await asyncio.gather(journal.check(), journal.enter(Accepted(credit(500))))
        assert path.stat().st_size < large / 10
        await journal.enter(Accepted(credit(501)))

    with open_journal(tmp_path, keep=60.0) as journal:
        asyncio.run(use(journal))
    assert list(read(path)[0].owed) == [500, 501]
    assert state(read(path)[0]) == state(journal.ledger)


def test_a_failed_write_is_an_obstacle_until_one_succeeds(tmp_path: Path) -> None:
    """While the file cannot be written the check fails, and nothing is left behind; with room again it passes."""

    async def fill(journal: Journal) -> None:
        """One that does not fit, and what the check says then."""
        with pytest.raises(OSError, match="too large"):
            await journal.enter(Accepted(credit(2, "cosmos1b" * 20)))
        with pytest.raises(OSError, match="too large"):
            await journal.check()

    (tmp_path / NAME).write_bytes(encode(Accepted(credit(1))))
    with open_journal(tmp_path, keep=math.inf) as journal:
        with limited(len(encode(Accepted(credit(1)))) - 1):
            asyncio.run(fill(journal))
        assert {path.name for path in tmp_path.iterdir()} == {NAME, "journal.lock"}
        asyncio.run(journal.check())
    assert list(read(tmp_path / NAME)[0].owed) == [1]


def test_a_volume_without_room_is_read_all_the_same(tmp_path: Path) -> None:
    """Where the journal cannot be renewed at the start, it is used as it is, without what was torn."""
    line = encode(Accepted(credit(1)))
    (tmp_path / NAME).write_bytes(line + b'{"crc"')
    with limited(5), open_journal(tmp_path, keep=math.inf) as journal:
        assert list(journal.ledger.owed) == [1]
    assert [(path.name, path.stat().st_size) for path in sorted(tmp_path.iterdir())] == [
        (NAME, len(line)),
        ("journal.lock", 0),
    ]


def test_one_faucet_at_a_time(tmp_path: Path) -> None:
    """A second faucet on the same volume is told to try again later."""
    with (
        open_journal(tmp_path, keep=math.inf),
        pytest.raises(TemporaryError, match="another faucet"),
        open_journal(tmp_path, keep=math.inf),
    ):
        pass


def test_what_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    """Where the file cannot grow, all who wait are told, and none of their entries is in it, not even a part."""
    line = len(encode(Accepted(credit(1))))

    async def fill(journal: Journal) -> list[BaseException | None]:
        """One entry, then seven at once."""
        await journal.enter(Accepted(credit(1)))
        entries = (journal.enter(Accepted(credit(number))) for number in range(2, 9))
        return await asyncio.gather(*entries, return_exceptions=True)

    with open_journal(tmp_path, keep=math.inf) as journal, limited(line * 3 + 5):
        outcomes = asyncio.run(fill(journal))

    assert {error.errno for error in outcomes if isinstance(error, OSError)} == {errno.EFBIG}
    assert len(outcomes) == 7
    assert (tmp_path / NAME).read_bytes() == encode(Accepted(credit(1)))


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

    with open_journal(tmp_path, keep=math.inf) as journal:
        syncs.clear()
        asyncio.run(many(journal))

    assert list(read(tmp_path / NAME)[0].owed) == list(range(1, 201))
    assert 1 <= len(syncs) <= 5
