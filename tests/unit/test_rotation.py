import logging
import os
import time
from pathlib import Path

import pytest

from exposer.errors import BadInputError
from exposer.rotation import Rotating


class Pair:
    """Two files that count only when they are equal, and how often they were read."""

    def __init__(self, directory: Path) -> None:
        self.files = [directory / "certificate", directory / "key"]
        self.reads = 0
        self.during = list[str]()  # what replaces both files while they are read, in turn

    def write(self, *texts: str) -> None:
        """New files of these texts, written a minute ago."""
        for path, text in zip(self.files, texts, strict=False):
            successor = path.with_suffix(".next")
            successor.write_text(text)
            os.utime(successor, (time.time() - 60,) * 2)
            successor.rename(path)

    def make(self) -> str:
        """Their common text."""
        self.reads += 1
        first = self.files[0].read_text()
        if self.during:
            self.write(*[self.during.pop(0)] * 2)
        if first != self.files[1].read_text():
            raise BadInputError("they do not belong together")
        return first


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """A pair that is whole."""
    made = Pair(tmp_path)
    made.write("one", "one")
    return made


def test_what_is_wrong_at_the_start_is_an_error(pair: Pair) -> None:
    """Files that make nothing at the start are the caller's error."""
    pair.write("one", "two")
    with pytest.raises(BadInputError, match="belong together"):
        Rotating(pair.files, pair.make)


def test_a_new_pair_is_taken_when_it_is_whole(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    """Half of a new pair leaves the former in use, with one warning however often it is asked for, and then it goes."""
    rotating = Rotating(pair.files, pair.make)
    pair.write("two")

    assert [rotating.current() for _ in range(3)] == ["one"] * 3
    assert caplog.messages == ["they do not belong together; what was read before stays in use"]
    pair.write("two", "two")
    assert rotating.current() == "two"
    pair.write("three")
    assert rotating.current() == "two"
    assert len(caplog.messages) == 2


def test_files_that_are_gone_leave_the_former(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    """Without its files the former value stays in use."""

    def make() -> str:
        if not pair.files[0].exists():
            raise BadInputError("gone")
        return "one"

    rotating = Rotating(pair.files, make)
    for path in pair.files:
        path.unlink()

    assert rotating.current() == "one"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_what_counts_no_more(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    """Where the former must not stay, something else counts meanwhile, with one error; the same files count again."""
    rotating = Rotating(pair.files, pair.make, otherwise="")
    pair.files[0].rename(pair.files[0].with_suffix(".away"))
    pair.write("two")

    assert [rotating.current() for _ in range(3)] == [""] * 3
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    pair.files[0].with_suffix(".away").rename(pair.files[0])
    assert rotating.current() == "one"


def test_files_replaced_while_they_are_read_are_read_again(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    """A swap between the first file and the second is no torn pair: both are read again, without a warning."""
    rotating = Rotating(pair.files, pair.make)
    pair.write("two", "two")
    pair.during = ["three"]

    assert rotating.current() == "three"
    assert caplog.messages == []


def test_files_that_never_rest_end_the_reading(pair: Pair) -> None:
    """Files that change at every reading are given up, not read for ever."""
    rotating = Rotating(pair.files, pair.make)
    pair.write("two", "two")
    pair.during = [str(number) for number in range(100)]

    assert rotating.current() == "one"
    assert len(pair.during) > 90


def test_files_that_rest_are_not_read_again(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files whose times are older than a file system's tick are read once."""
    now = time.time_ns() + 1_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: now)
    rotating = Rotating(pair.files, pair.make)
    for _ in range(3):
        rotating.current()

    assert pair.reads == 1


def test_files_of_the_future_rest_too(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A time of last modification that lies ahead, which anybody can set, is no reason to read a file again."""
    for path in pair.files:
        os.utime(path, (time.time() + 1e8,) * 2)
    now = time.time_ns() + 1_000_000_000
    monkeypatch.setattr(time, "time_ns", lambda: now)
    rotating = Rotating(pair.files, pair.make)
    rotating.current()

    assert pair.reads == 1


def test_a_change_within_a_tick_is_seen(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """While files are so young that a change might not show in their times, they are read each time."""
    now = pair.files[1].stat().st_ctime_ns
    monkeypatch.setattr(time, "time_ns", lambda: now)
    rotating = Rotating(pair.files, pair.make)
    rotating.current()

    assert pair.reads == 2
