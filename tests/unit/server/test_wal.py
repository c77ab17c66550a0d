"""What a node's write-ahead log has of a validator, in files as CometBFT writes them."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from node_log import ME, OTHER, PRECOMMIT, PREVOTE, ended, part, proposal, record, vote, write

from exposer.protobuf import child, data, message, number
from exposer.server.consensus import Signed
from exposer.server.wal import WriteAheadLog

OTHERS = [record(message(1, data(2, b"RoundStepPropose"))), record(message(3, number(2, 9))), vote(9, 5, 2, OTHER)]
"""Messages that are not the validator's."""


def latest(home: Path, *files: Sequence[bytes], height: int = 9) -> tuple[int, int] | None:
    """Round and step of the latest message in these files."""
    write(home, *files)
    found = WriteAheadLog(home).latest(ME, height)
    return (found.round, found.step) if found else None


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([], None),
        (OTHERS, None),
        ([vote(9, 0, PREVOTE)], (0, 2)),
        ([vote(9, 0, PRECOMMIT), *OTHERS], (0, 3)),
        ([vote(9, 0, PRECOMMIT), vote(9, 1, PREVOTE)], (1, 2)),
        ([vote(9, 1, PREVOTE), proposal(9, 1), part(9, 2)], (2, 1)),
        ([vote(9, 1, PREVOTE), proposal(9, 3)], (3, 1)),
        ([vote(8, 7, PRECOMMIT), part(8, 7)], None),  # late ones of the block that is there
        ([vote(9, 1, PREVOTE), vote(10**15, 2**31 - 1, PRECOMMIT)], (1, 2)),  # whatever a peer sends is written
        ([vote(9, 1, PREVOTE), ended(9), vote(10, 0, PREVOTE)], (1, 2)),
    ],
)
def test_the_latest_of_the_height(tmp_path: Path, messages: list[bytes], expected: tuple[int, int] | None) -> None:
    """Of all that was signed at the height that the node works on the latest counts, by round and step."""
    assert latest(tmp_path, [ended(0), vote(8, 9, PRECOMMIT), ended(8), *messages]) == expected


def test_a_height_in_several_files(tmp_path: Path) -> None:
    """Files are read from the newest to the one in which an earlier height ends."""
    files = [ended(7), vote(9, 9, PRECOMMIT)], [ended(8), vote(9, 4, PREVOTE)], [part(9, 3)], [vote(9, 2, PRECOMMIT)]
    assert latest(tmp_path, *files) == (4, 2)


def test_a_file_that_was_empty_when_its_node_started(tmp_path: Path) -> None:
    """The log of a height goes on behind the mark of height 0, which stands where a file begins; one log begins so."""
    assert latest(tmp_path, [ended(0), ended(8), vote(9, 0, PRECOMMIT)], [ended(0)]) == (0, 3)
    assert latest(tmp_path / "new", [ended(0), vote(1, 0, PREVOTE)], height=1) == (0, 2)


def test_files_of_others_beside_it(tmp_path: Path) -> None:
    """Only those with a number of three digits or more are the node's."""
    newest = write(tmp_path, [ended(8), vote(9, 1, PREVOTE)])
    for name in ("log.bak", "log.1", "log.000.gz"):
        newest.with_name(name).write_bytes(b"")
    found = WriteAheadLog(tmp_path).latest(ME, 9)
    assert found == Signed(round=1, step=2)


UNKNOWN = {
    "no-log": [],
    "nothing-in-it": [[]],
    "its-beginning-is-gone": [[vote(9, 0, PREVOTE)]],
    "it-begins-at-this-height": [[ended(9), vote(9, 0, PREVOTE)]],
    "nothing-that-is-one": [[b"\0" * 64, b"\n" * 64]],
}


@pytest.mark.parametrize("files", UNKNOWN.values(), ids=UNKNOWN)
def test_a_log_that_does_not_tell(tmp_path: Path, files: list[list[bytes]]) -> None:
    """Where the beginning of the height is not there, nobody knows what was in it."""
    with pytest.raises(ValueError, match="beginning of height 9"):
        latest(tmp_path, *files)


def test_a_home_that_is_not_known() -> None:
    """A sidecar of single files has no log."""
    with pytest.raises(ValueError, match="beginning of height 9"):
        WriteAheadLog(None).latest(ME, 9)


@given(kept=st.integers(min_value=0), cut=st.sampled_from([part(3, 0), vote(3, 0, PREVOTE), ended(3)]))
def test_a_record_that_was_cut_and_written_on_behind(
    tmp_path_factory: pytest.TempPathFactory, kept: int, cut: bytes
) -> None:
    """A node that has caught up from its peers opens its log at the end, whatever the last record there is."""
    messages = [ended(2), cut[: kept % len(cut)], ended(7), ended(8), vote(9, 0, PREVOTE), vote(9, 0, PRECOMMIT)]
    assert latest(tmp_path_factory.mktemp("home"), messages) == (0, 3)


@given(kept=st.integers(min_value=0))
def test_a_log_that_was_cut(tmp_path_factory: pytest.TempPathFactory, kept: int) -> None:
    """Those before the message that was cut count, and once that is whole it counts too."""
    whole = [ended(8), vote(9, 0, PREVOTE), part(9, 1), vote(9, 1, PRECOMMIT)]
    content = b"".join(whole)
    begins = len(whole[0])
    kept = begins + kept % (len(content) - begins + 1)
    lengths = [len(b"".join(whole[:count])) for count in (1, 2, 3, 4)]
    home = tmp_path_factory.mktemp("home")
    newest, log = write(home, [content[:kept]]), WriteAheadLog(home)
    found = log.latest(ME, 9)
    newest.write_bytes(content)

    places = [None, (0, 2), (1, 1), (1, 3), (1, 3)]
    whole_ones = sum(kept >= length for length in lengths) - 1
    # A vote of which all but the signature is there counts: that is too much, never too little.
    assert ((found.round, found.step) if found else None) in places[whole_ones : whole_ones + 2]
    assert log.latest(ME, 9) == Signed(round=1, step=3)


def test_a_log_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks again, for any validator and height, costs what is new; a rotated file is still known."""
    newest = write(tmp_path, [ended(8), vote(9, 1, PREVOTE), vote(9, 2, PRECOMMIT, OTHER)])
    log, parsed = WriteAheadLog(tmp_path), list[bytes]()

    def noted(message: bytes, *path: int) -> bytes:
        parsed.append(message)
        return child(message, *path)

    monkeypatch.setattr("exposer.server.wal.child", noted)
    first = [log.latest(who, 9) for who in (ME, OTHER, ME)]
    costs = len(parsed)
    newest.rename(newest.with_name("log.000"))
    newest.write_bytes(vote(9, 3, PREVOTE) + ended(9))
    then = [log.latest(ME, 9), log.latest(ME, 10), log.latest(ME, 10)]

    assert first == [Signed(round=1, step=2), Signed(round=2, step=3), Signed(round=1, step=2)]
    assert then == [Signed(round=3, step=2), None, None]
    assert len(parsed) - costs < costs
    assert log.latest(ME, 9) == Signed(round=3, step=2)  # of a node that has gone back


def test_questions_that_come_out_of_order(tmp_path: Path) -> None:
    """A log may be further than the height that is asked for: what is of the next one is kept for the next question."""
    write(tmp_path, [ended(8), vote(9, 0, PREVOTE), ended(9), vote(10, 1, PREVOTE)])
    log = WriteAheadLog(tmp_path)
    found = [log.latest(ME, height) for height in (9, 10, 9, 10, 30, 9)]

    nine, ten = Signed(round=0, step=2), Signed(round=1, step=2)
    assert found == [nine, ten, nine, ten, None, nine]


def test_a_log_that_was_deleted_and_begun_anew(tmp_path: Path) -> None:
    """Another file may get its inode, and be larger by the time of the next question."""
    newest = write(tmp_path, [ended(0), ended(8)])
    log = WriteAheadLog(tmp_path)
    assert log.latest(ME, 9) is None
    newest.write_bytes(b"\7" + b"".join([ended(0), ended(8), vote(9, 0, PRECOMMIT)])[1:])  # another checksum

    assert log.latest(ME, 9) == Signed(round=0, step=3)
