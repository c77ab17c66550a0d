"""What a node's write-ahead log has of a validator, in files as CometBFT writes them."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exposer.protobuf import data, message, number
from exposer.server import wal
from exposer.server.consensus import Consensus, Signed
from exposer.server.wal import WriteAheadLog
from exposer.stamps import read_regular

ME, OTHER = "000001E443FD237E4B616E2FA69DF4EE3D49A94F", "B00BA5ED69DF4EE3D49A94F000001E443FD237E4"
PREVOTE, PRECOMMIT = 1, 2


def record(body: bytes) -> bytes:
    """A message as it stands in a file; nobody here looks at checksums."""
    timed = message(1, number(1, 1_700_000_000)) + message(2, body)
    return b"\1\2\3\4" + len(timed).to_bytes(4) + timed


def ended(height: int) -> bytes:
    """The mark behind the last message of a height."""
    return record(message(4, number(1, height)))


def received(kind: int, body: bytes) -> bytes:
    """A message of the consensus, from a peer."""
    return record(message(2, message(1, message(kind, body)) + data(2, b"peer")))


def vote(height: int, round_: int, type_: int, address: str = ME) -> bytes:
    """A vote of a validator."""
    body = number(1, type_) + number(2, height) + number(3, round_)
    return received(6, message(1, body + message(4, b"") + data(6, bytes.fromhex(address)) + data(8, b"signature")))


def proposal(height: int, round_: int) -> bytes:
    """A proposal of somebody."""
    return received(3, message(1, number(1, 32) + number(2, height) + number(3, round_)))


def part(height: int, round_: int) -> bytes:
    """A part of a block."""
    return received(5, number(1, height) + number(2, round_) + message(3, data(2, b"b" * 60_000)))


OTHERS = [record(message(1, data(2, b"RoundStepPropose"))), record(message(3, number(2, 9))), vote(9, 5, 2, OTHER)]
"""Messages that are not the validator's."""


def recorded(home: Path, height: int, *files: Sequence[bytes]) -> Consensus:
    """What is read of a log in these files, the oldest first, of a node at ``height``."""
    (home / "config").mkdir(exist_ok=True)
    (home / "config/config.toml").write_text('[consensus]\nwal_file = "data/own/log"\n', encoding="utf-8")
    (home / "data/own").mkdir(parents=True, exist_ok=True)
    for place, messages in enumerate(files, start=1):
        name = "log" if place == len(files) else f"log.{place + 997:03}"  # from three digits to four
        (home / "data/own" / name).write_bytes(b"".join(messages))
    return WriteAheadLog(home).recorded(ME, height)


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
    ],
)
def test_the_latest_of_the_height(tmp_path: Path, messages: list[bytes], expected: tuple[int, int] | None) -> None:
    """What counts is above the newest block: of rounds and steps the latest."""
    found = recorded(tmp_path, 8, [ended(0), vote(8, 9, PRECOMMIT), ended(8), *messages])

    signed = Signed(round=expected[0], step=expected[1]) if expected else None
    assert found == Consensus(height=9, round=0, signed=signed, recorded=True)


def test_a_height_in_several_files(tmp_path: Path) -> None:
    """Files are read from the newest to the one in which a height at or below the newest block ends."""
    files = [ended(7), vote(9, 9, PRECOMMIT)], [ended(8), vote(9, 4, PREVOTE)], [part(9, 3)], [vote(9, 2, PRECOMMIT)]
    assert recorded(tmp_path, 8, *files).signed == Signed(round=4, step=2)


def test_a_block_that_is_not_applied_yet(tmp_path: Path) -> None:
    """A height that has ended above the node's newest block hides nothing."""
    assert recorded(tmp_path, 8, [ended(8), vote(9, 0, PRECOMMIT), ended(9)]).signed == Signed(round=0, step=3)


def test_a_log_that_has_not_begun(tmp_path: Path) -> None:
    """The consensus of a node that has never caught up on its volume has got nothing."""
    assert recorded(tmp_path, 8) == Consensus(height=9, round=0, recorded=True)


def test_a_log_without_its_beginning(tmp_path: Path) -> None:
    """Nobody knows what was in the files that are gone."""
    with pytest.raises(ValueError, match="does not go back"):
        recorded(tmp_path, 8, [vote(9, 0, PREVOTE)])


def test_a_config_that_cannot_be_read(tmp_path: Path) -> None:
    """It tells where the log is."""
    with pytest.raises(ValueError, match=r"config\.toml"):
        WriteAheadLog(tmp_path).recorded(ME, 8)


@given(kept=st.integers(min_value=0))
def test_a_log_that_was_cut(tmp_path_factory: pytest.TempPathFactory, kept: int) -> None:
    """A message that is there in part is none; those before it count."""
    whole = [ended(8), vote(9, 0, PREVOTE), part(9, 1), vote(9, 1, PRECOMMIT)]
    content = b"".join(whole)
    kept = min(kept % (len(content) + 200), len(content))
    lengths = [len(b"".join(whole[:count])) for count in (1, 2, 3, 4)]
    home = tmp_path_factory.mktemp("home")
    if kept < lengths[0]:
        with pytest.raises(ValueError, match="does not go back"):
            recorded(home, 8, [content[:kept]])
        return
    expected = [None, (0, 2), (1, 1), (1, 3)][sum(kept >= length for length in lengths) - 1]
    signed = recorded(home, 8, [content[:kept]]).signed
    assert (signed and (signed.round, signed.step)) == expected


def test_a_log_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks again, for any validator, costs nothing until the log or the height is another."""
    recorded(tmp_path, 8, [ended(8), vote(9, 1, PREVOTE), vote(9, 2, PRECOMMIT, OTHER)])
    log, reads = WriteAheadLog(tmp_path), list[Path]()

    def read(path: Path, most: int) -> bytes:
        reads.append(path)
        return read_regular(path, most)

    monkeypatch.setattr(wal, "read_regular", read)
    answers = [log.recorded(who, 8).signed for who in (ME, OTHER, ME)]
    with (tmp_path / "data/own/log").open("ab") as file:
        file.write(vote(9, 3, PREVOTE))

    assert answers == [Signed(round=1, step=2), Signed(round=2, step=3), Signed(round=1, step=2)]
    assert len(reads) == 1
    assert log.recorded(ME, 8).signed == Signed(round=3, step=2)
    assert log.recorded(ME, 9).signed is None
    assert len(reads) == 3
