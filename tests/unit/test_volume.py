"""The transaction on the volume: what completes a step, what a rerun does, what is refused."""

import fcntl
import hashlib
import io
import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sample import examples
from steps_world import INPUTS, OTHER, kept, run

from exposer.errors import BadInputError, ConflictError, MismatchError, TemporaryError
from exposer.records import RECORD_LIMIT, Artifact, Record, digest_input, read_record, read_records
from exposer.trees import remove
from exposer.volume import open_volume


def test_commit_puts_every_file_and_the_record(tmp_path: Path) -> None:
    """After a commit the files are at their paths and the record tells size and digest of each."""
    run(tmp_path, "init-genesis", {"config/genesis.json": b"{}", "data/x": b"abc"})

    assert (tmp_path / "config/genesis.json").read_bytes() == b"{}"
    record = read_record(tmp_path, "init-genesis")
    assert record is not None
    assert [(artifact.path, artifact.size) for artifact in record.artifacts] == [
        ("config/genesis.json", 2),
        ("data/x", 3),
    ]
    assert not (tmp_path / ".exposer/stage/init-genesis").exists()


def test_nothing_is_at_a_final_path_before_the_commit(tmp_path: Path) -> None:
    """A step that ends without a commit has done nothing, and the next run starts over with an empty stage."""
    abandon(tmp_path, "s")

    assert not (tmp_path / "f").exists()
    with open_volume(tmp_path) as volume:
        again = volume.begin("s", INPUTS)
        assert again is not None
        assert list(again.stage.iterdir()) == []


def abandon(root: Path, step: str) -> None:
    """Leave what a killed run leaves: a stage with a file in it."""
    with open_volume(root) as volume:
        transaction = volume.begin(step, INPUTS)
        assert transaction is not None
        (transaction.stage / "f").write_bytes(b"half")


def left(root: Path) -> list[str]:
    """The files on a volume that a killed run has left, wherever they are by now."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("f") if path.read_bytes() == b"half")


def test_an_abandoned_stage_is_deleted(tmp_path: Path) -> None:
    """What a killed run has staged is gone once a step begins, also that of a step which is never run again."""
    abandon(tmp_path, "s.v1")
    abandon(tmp_path, "s.v1")
    with open_volume(tmp_path) as volume:
        assert volume.begin("s.v2", INPUTS) is not None
        assert left(tmp_path) == []


def test_what_a_founder_left_is_set_aside_until_it_is_complete(tmp_path: Path) -> None:
    """The latest killed run of a founder can be looked at, and no key of it is there beside the finished one."""
    for _ in range(2):
        abandon(tmp_path, "s")
        with open_volume(tmp_path) as volume:
            transaction = volume.begin("s", INPUTS, founds=True)
            assert transaction is not None
            assert left(tmp_path) == [".exposer/aside/s/stage/f"]
            (transaction.stage / "f").write_bytes(b"half")
    with open_volume(tmp_path) as volume:
        transaction = volume.begin("s", INPUTS, founds=True)
        assert transaction is not None
        (transaction.stage / "g").write_bytes(b"whole")
        transaction.commit()
    assert left(tmp_path) == []


def test_rerun_with_equal_inputs_touches_nothing(tmp_path: Path) -> None:
    """A complete step with the same inputs is left exactly as it is, times included."""
    run(tmp_path, "s", {"f": b"1"})
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != "lock"}

    assert run(tmp_path, "s", {"f": b"2"}) is False
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != "lock"} == before


def test_other_inputs_are_a_conflict_that_names_them(tmp_path: Path) -> None:
    """A complete step with other inputs stops, says which differ and how to go on, and changes nothing."""
    run(tmp_path, "s", {"f": b"1"})

    with pytest.raises(ConflictError, match=r"CHAIN_ID.*--force"):
        run(tmp_path, "s", {"f": b"2"}, OTHER)
    assert (tmp_path / "f").read_bytes() == b"1"


def test_an_input_that_an_earlier_version_did_not_know_is_no_conflict_at_its_default(tmp_path: Path) -> None:
    """A record may lack what is at its default now and nothing else; what it has must be equal."""
    run(tmp_path, "s", {"f": b"1"})
    newer = {**INPUTS, "METRICS": "0" * 64}

    with open_volume(tmp_path) as volume:
        assert volume.begin("s", newer, negligible={"METRICS"}) is None
        with pytest.raises(ConflictError, match="METRICS"):
            volume.begin("s", newer)
        with pytest.raises(ConflictError, match="CHAIN_ID"):
            volume.begin("s", OTHER, negligible=OTHER)


def test_a_complete_step_leaves_what_a_founder_left(tmp_path: Path) -> None:
    """It begins before the founder does, and does nothing: nor to what is to be set aside."""
    run(tmp_path, "build", {"g": b"1"})
    abandon(tmp_path, "s")
    with open_volume(tmp_path) as volume:
        assert volume.begin_each({"build": INPUTS}) == {}
    with open_volume(tmp_path) as volume:
        assert volume.begin("s", INPUTS, founds=True) is not None
    assert left(tmp_path) == [".exposer/aside/s/stage/f"]


def test_what_a_refused_change_left_goes_with_the_former_inputs(tmp_path: Path) -> None:
    """Also where the step has nothing to do then."""
    before = {**INPUTS, "METRICS": "0" * 64}
    run(tmp_path, "s", {"g": b"1"}, before)
    with open_volume(tmp_path) as volume:
        transaction = volume.begin("s", {**INPUTS, "METRICS": "1" * 64}, changeable={"METRICS"})
        assert transaction is not None
        (transaction.stage / "f").write_bytes(b"half")

    assert not run(tmp_path, "s", {}, before)
    assert left(tmp_path) == []


def test_a_changeable_input_has_the_step_made_anew(tmp_path: Path) -> None:
    """From what earlier steps left, and in its former place: later steps, and taking it back, are as before."""
    run(tmp_path, "first", {"f": b"1", "g": b"1"})
    run(tmp_path, "second", {"f": b"2", "h": b"2"}, {**INPUTS, "METRICS": "0" * 64})
    run(tmp_path, "third", {"i": b"3"})
    for number, data in (("1", b"21"), ("2", b"22")):
        with open_volume(tmp_path) as volume:
            transaction = volume.begin("second", {**INPUTS, "METRICS": number * 64}, changeable={"METRICS"})
            assert transaction is not None
            assert transaction.former == read_record(tmp_path, "second")
            assert [transaction.found(path).read_bytes() for path in "fgi"] == [b"1", b"1", b"3"]
            for path in "fh":
                (transaction.stage / path).write_bytes(data)
            transaction.commit()

    assert [(tmp_path / path).read_bytes() for path in "fghi"] == [b"22", b"1", b"22", b"3"]
    assert [(record.step, record.sequence) for record in read_records(tmp_path)] == [
        ("first", 1),
        ("second", 2),
        ("third", 3),
    ]
    assert run(tmp_path, "second", {"h": b"new"}, OTHER, force=True)
    assert [(tmp_path / path).read_bytes() for path in "fgh"] == [b"1", b"1", b"new"]
    assert not (tmp_path / "i").exists()


def test_a_changeable_input_excuses_no_other(tmp_path: Path) -> None:
    """What may not change is named alone; a run that is not committed leaves the step complete as it was."""
    before = {**INPUTS, "METRICS": "0" * 64}
    run(tmp_path, "s", {"f": b"1"}, before)

    with open_volume(tmp_path) as volume:
        with pytest.raises(ConflictError, match=r"now: CHAIN_ID\."):
            volume.begin("s", {**OTHER, "METRICS": "1" * 64}, changeable={"METRICS"})
        assert volume.begin("s", {**INPUTS, "METRICS": "1" * 64}, changeable={"METRICS"}) is not None
    with open_volume(tmp_path) as volume:
        assert volume.begin("s", before) is None
    assert (tmp_path / "f").read_bytes() == b"1"


def test_what_a_step_was_made_from_must_be_there_to_make_it_anew(tmp_path: Path) -> None:
    """Who has emptied the directory of what was replaced is told; nothing is made from the wrong file."""
    run(tmp_path, "first", {"f": b"1"})
    run(tmp_path, "second", {"f": b"2"})
    shutil.rmtree(tmp_path / ".exposer/aside")

    with open_volume(tmp_path) as volume:
        transaction = volume.begin("second", OTHER, changeable=OTHER)
        assert transaction is not None
        with pytest.raises(
            ConflictError, match=r"second: the f that it was made from is gone .*give the former inputs"
        ):
            transaction.found("f")


def test_an_input_that_is_none_any_more_is_no_conflict(tmp_path: Path) -> None:
    """A record may have what is negligible now; what else it alone has is a conflict, and so is what has changed."""
    then = {**INPUTS, "NUM_VALIDATORS": "1" * 64, "STEP_SCRIPT": "2" * 64}
    run(tmp_path, "s", {"f": b"1"}, then)
    scripted = {**INPUTS, "STEP_SCRIPT": then["STEP_SCRIPT"]}

    with open_volume(tmp_path) as volume:
        assert volume.begin("s", scripted, negligible={"NUM_VALIDATORS"}) is None
        with pytest.raises(ConflictError, match=r"now: STEP_SCRIPT\."):
            volume.begin("s", INPUTS, negligible={"NUM_VALIDATORS"})
        with pytest.raises(ConflictError, match=r"now: NUM_VALIDATORS\."):
            volume.begin("s", {**then, "NUM_VALIDATORS": "3" * 64}, negligible={"NUM_VALIDATORS"})


def test_force_starts_over_and_keeps_what_was_there(tmp_path: Path) -> None:
    """Force takes the step and all later ones back; the former files are set aside, not deleted."""
    run(tmp_path, "one", {"f": b"1", "g": b"1"})
    run(tmp_path, "two", {"h": b"1"})

    assert run(tmp_path, "one", {"f": b"2"}, OTHER, force=True)
    assert (tmp_path / "f").read_bytes() == b"2"
    assert not (tmp_path / "g").exists()
    assert [record.step for record in read_records(tmp_path)] == ["one"]
    assert kept(tmp_path, "one") == {"f": [b"1"], "g": [b"1"]}
    assert kept(tmp_path, "two") == {"h": [b"1"]}


def test_no_key_is_ever_lost_however_often_a_step_is_forced(tmp_path: Path) -> None:
    """Every former content is kept, not just the latest."""
    for number in range(4):
        run(tmp_path, "s", {"key": b"%d" % number}, force=True)

    assert (tmp_path / "key").read_bytes() == b"3"
    assert kept(tmp_path, "s") == {"key": [b"0", b"1", b"2"]}


def test_force_goes_on_where_an_interrupted_commit_lost_its_stage(tmp_path: Path) -> None:
    """A prepared commit whose files are gone is exit 4, and what the message says, --force, helps."""
    run(tmp_path, "s", {"f": b"1"})
    steps = tmp_path / ".exposer/steps"
    (steps / "s.json").rename(steps / "s.prepared")
    (tmp_path / "f").unlink()

    with pytest.raises(MismatchError, match="--force"):
        run(tmp_path, "s", {"f": b"2"})
    assert run(tmp_path, "s", {"f": b"2"}, force=True)
    assert (tmp_path / "f").read_bytes() == b"2"


def test_force_for_steps_by_themselves_takes_back_no_other(tmp_path: Path) -> None:
    """Of steps that nothing depends on, force takes back the changed and the interrupted, and no later step."""
    for step, path in (("a", "f"), ("b", "g"), ("c", "i"), ("later", "h")):
        run(tmp_path, step, {path: b"1"})
    (tmp_path / ".exposer/steps/c.json").rename(tmp_path / ".exposer/steps/c.prepared")
    (tmp_path / "i").unlink()

    with open_volume(tmp_path) as volume:
        begun = volume.begin_each({"a": INPUTS, "b": OTHER, "c": INPUTS}, force=True)
    assert list(begun) == ["b", "c"]
    assert [record.step for record in read_records(tmp_path)] == ["a", "later"]
    assert [(tmp_path / path).exists() for path in "fgh"] == [True, False, True]
    assert kept(tmp_path, "b") == {"g": [b"1"]}


def test_force_on_a_later_step_restores_what_it_replaced(tmp_path: Path) -> None:
    """Taking back a step that replaced a file brings the earlier step's file back, so that it can run again on it."""
    run(tmp_path, "init-genesis", {"genesis": b"plain"})
    run(tmp_path, "init-config", {"genesis": b"patched", "node_id": b"x"})

    with open_volume(tmp_path) as volume:
        assert volume.begin("init-config", OTHER, force=True) is not None
    assert (tmp_path / "genesis").read_bytes() == b"plain"
    assert not (tmp_path / "node_id").exists()


def test_a_later_record_supersedes_an_earlier_digest(tmp_path: Path) -> None:
    """A later step may replace an earlier step's file; the earlier step stays complete."""
    run(tmp_path, "init-genesis", {"genesis": b"plain"})
    run(tmp_path, "init-config", {"genesis": b"patched"})

    assert run(tmp_path, "init-genesis", {}) is False
    assert (tmp_path / "genesis").read_bytes() == b"patched"


@pytest.mark.parametrize("damage", ["change", "delete", "directory"])
def test_a_committed_file_that_changed_is_a_mismatch(tmp_path: Path, damage: str) -> None:
    """A committed file that is not what its record says stops every step, with its name; it is never repaired."""
    run(tmp_path, "s", {"dir/f": b"1"})
    target = tmp_path / "dir/f"
    target.unlink()
    if damage == "change":
        target.write_bytes(b"2")
    elif damage == "directory":
        target.mkdir()

    with pytest.raises(MismatchError, match="dir/f"):
        run(tmp_path, "s", {})
    with pytest.raises(MismatchError, match="dir/f"):
        run(tmp_path, "later", {})


def test_a_state_file_is_put_once_and_may_change(tmp_path: Path) -> None:
    """A signing state is never reset: not by a rerun, not by force, and its change is no mismatch."""
    run(tmp_path, "s", {"state": b"0"}, state=("state",))
    (tmp_path / "state").write_bytes(b"41")

    assert run(tmp_path, "s", {}) is False
    run(tmp_path, "s", {"state": b"0"}, OTHER, force=True, state=("state",))
    assert (tmp_path / "state").read_bytes() == b"41"


def test_a_foreign_file_in_the_way_is_set_aside(tmp_path: Path) -> None:
    """What somebody else left at a final path does not count, and is kept."""
    (tmp_path / "f").write_bytes(b"theirs")
    run(tmp_path, "s", {"f": b"ours"})

    assert (tmp_path / "f").read_bytes() == b"ours"
    assert kept(tmp_path, "s") == {"f": [b"theirs"]}


def test_a_foreign_directory_in_the_way_is_set_aside(tmp_path: Path) -> None:
    """A directory where a file must go is moved away with its content."""
    (tmp_path / "f").mkdir()
    (tmp_path / "f/inner").write_bytes(b"theirs")
    run(tmp_path, "s", {"f": b"ours"})

    assert (tmp_path / "f").read_bytes() == b"ours"
    assert (tmp_path / ".exposer/aside/s/f.1/inner").read_bytes() == b"theirs"


def test_a_second_step_at_the_same_time_is_temporary(tmp_path: Path) -> None:
    """Two steps never work on one volume at once."""
    with open_volume(tmp_path), pytest.raises(TemporaryError, match="another step"):
        run(tmp_path, "s", {})


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    """A lock file that is left behind holds nobody up: the lock is the kernel's, not the file's."""
    run(tmp_path, "s", {})
    with (tmp_path / ".exposer/lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
    assert run(tmp_path, "s", {}) is False


def test_a_damaged_record_is_a_mismatch(tmp_path: Path) -> None:
    """A record that cannot be read is not taken for a missing one."""
    run(tmp_path, "s", {"f": b"1"})
    (tmp_path / ".exposer/steps/s.json").write_text("{")

    with pytest.raises(MismatchError, match="record"):
        run(tmp_path, "s", {})


def test_a_record_of_any_size_can_be_read_again(tmp_path: Path) -> None:
    """A record of a mebibyte and more (that of 6,000 files) completes its step, and a rerun reads it."""
    with open_volume(tmp_path) as volume:
        transaction = volume.begin("s", INPUTS)
        assert transaction is not None
        (transaction.stage / "f").write_bytes(b"1")
        transaction.commit(facts={"x": "x" * (3 << 20)})

    assert run(tmp_path, "s", {}) is False
    assert run(tmp_path, "later", {"g": b"1"}) is True


def test_a_record_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    """What is beyond the limit of readers is refused before the commit is certain."""
    with open_volume(tmp_path) as volume:
        transaction = volume.begin("s", INPUTS)
        assert transaction is not None
        (transaction.stage / "f").write_bytes(b"1")
        with pytest.raises(BadInputError, match=r"record of 1 files .* leave fewer files"):
            transaction.commit(facts={"x": "x" * RECORD_LIMIT})

    assert not (tmp_path / "f").exists()
    assert run(tmp_path, "s", {"f": b"2"})


def test_a_name_that_no_record_can_hold_is_refused(tmp_path: Path) -> None:
    """A name that is not UTF-8 is refused, with the name, before the commit is certain."""
    with open_volume(tmp_path) as volume:
        transaction = volume.begin("s", INPUTS)
        assert transaction is not None
        (transaction.stage / os.fsdecode(b"f\xff")).write_bytes(b"1")
        with pytest.raises(BadInputError, match=r"rename 'f\\udcff'"):
            transaction.commit()

    assert run(tmp_path, "s", {"f": b"2"})


def leave_link_to_directory(path: Path) -> None:
    """A link to a directory beside it."""
    path.with_name("there").mkdir()
    path.symlink_to("there")


def leave_socket(path: Path) -> None:
    """A socket that nobody listens on; its path may be longer than a socket's."""
    here = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(f"/proc/self/fd/{here}/{path.name}")
    os.close(here)


@pytest.mark.parametrize(
    ("leave", "what"),
    [
        (leave_link_to_directory, "a link that does not lead to a file"),
        (lambda path: path.symlink_to("nowhere"), "a link that does not lead to a file"),
        (os.mkfifo, "not a file"),
        (leave_socket, "not a file"),
    ],
    ids=["a link to a directory", "a link to nothing", "a FIFO", "a socket"],
)
def test_what_a_commit_would_lose_is_refused(tmp_path: Path, leave: Callable[[Path], object], what: str) -> None:
    """A step is not done without it; nothing is at a final path, and the next run starts over."""
    with open_volume(tmp_path) as volume:
        transaction = volume.begin("s", INPUTS)
        assert transaction is not None
        (transaction.stage / "data").mkdir()
        (transaction.stage / "f").write_bytes(b"1")
        leave(transaction.stage / "data/x")
        with pytest.raises(BadInputError, match=f"^s: data/x in the stage is {what}; let .* remove it$"):
            transaction.commit()
    assert [path.name for path in tmp_path.iterdir()] == [".exposer"]

    assert run(tmp_path, "s", {"f": b"2"})


def test_a_link_to_a_file_is_committed_and_an_empty_directory_is_not(tmp_path: Path) -> None:
    """The one has content that a record vouches for, the other has none."""
    with open_volume(tmp_path) as volume:
        transaction = volume.begin("s", INPUTS)
        assert transaction is not None
        (transaction.stage / "f").write_bytes(b"1")
        (transaction.stage / "link").symlink_to("f")
        (transaction.stage / "empty").mkdir()
        record = transaction.commit()

    assert [artifact.path for artifact in record.artifacts] == ["f", "link"]
    assert (tmp_path / "link").read_bytes() == b"1"
    assert not (tmp_path / "empty").exists()


def test_a_long_name(tmp_path: Path) -> None:
    """A name that is too long to be kept under another is refused: no forced run could take its file back."""
    with pytest.raises(BadInputError, match="240 bytes"):
        run(tmp_path, "s", {"n" * 241: b"1"})

    assert list((tmp_path / ".exposer/steps").iterdir()) == []
    assert run(tmp_path, "s", {"n" * 240: b"1"})
    assert run(tmp_path, "s", {"n" * 240: b"2"}, OTHER, force=True)


LEVELS = 200


@pytest.fixture
def few_calls() -> Iterator[None]:
    """Python's limit of calls in each other is `LEVELS`: with its own of 1000 the trees would take seconds."""
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(LEVELS)
    yield
    sys.setrecursionlimit(usual)


@pytest.mark.usefixtures("few_calls")
def test_a_deep_tree(tmp_path: Path) -> None:
    """More directories in each other than Python makes calls are committed, taken back and deleted like any others."""
    with open_volume(tmp_path) as volume:
        transaction = volume.begin("s", INPUTS)
        assert transaction is not None
        deep = make_deep(transaction.stage)
        (deep / "f").write_bytes(b"1")
        transaction.commit()
    with open_volume(tmp_path) as volume:
        again = volume.begin("s", OTHER, force=True)
        assert again is not None
        make_deep(again.stage)
    assert run(tmp_path, "s", {"f": b"2"}, OTHER)

    assert list((tmp_path / ".exposer/stage").iterdir()) == []
    for left in (tmp_path / "d", tmp_path / ".exposer/aside"):  # pytest's own way to delete them has no end
        remove(left)


def make_deep(directory: Path) -> Path:
    """The deepest of very many directories in each other; ``mkdir`` with parents makes fewer."""
    for _ in range(LEVELS + 50):
        directory /= "d"
        directory.mkdir()
    return directory


def test_the_lock_is_let_go_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who finds it free ends the processes that hold the scripts' lock: never a step that is just ending."""
    closed = []

    class Noted(io.FileIO):
        """A file that notes when it is closed."""

        def close(self) -> None:
            """Close it, once."""
            if not self.closed:
                closed.append(Path(str(self.name)).name)
            super().close()

    monkeypatch.setattr(Path, "open", lambda path, mode: Noted(path, mode.replace("b", "")))
    with open_volume(tmp_path):
        pass

    assert closed == ["lock.script", "lock"]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: path.symlink_to("nowhere"), "config: a directory is needed here, and this is a link that leads"),
        (lambda path: path.write_bytes(b""), "config: a directory is needed here, and this is a file"),
    ],
    ids=["a link to nothing", "a file"],
)
def test_what_is_no_directory_is_refused(tmp_path: Path, spoil: Callable[[Path], object], why: str) -> None:
    """A file or a dead link where a directory must be is named before the commit; without it a rerun goes through."""
    spoil(tmp_path / "config")
    with pytest.raises(BadInputError, match=why):
        run(tmp_path, "s", {"a": b"1", "config/genesis.json": b"1"})
    assert [path.name for path in tmp_path.iterdir() if path.name != ".exposer"] == ["config"]

    (tmp_path / "config").unlink()
    assert run(tmp_path, "s", {"config/genesis.json": b"1"})


def test_a_commit_of_many_files(tmp_path: Path) -> None:
    """Of very many files each is put, found unchanged by a rerun, and taken back by force."""
    files = {f"data/{number:04}": b"%d" % number for number in range(300)}
    run(tmp_path, "s", files, state=tuple(list(files)[:10]))

    assert {f"data/{path.name}": path.read_bytes() for path in (tmp_path / "data").iterdir()} == files
    assert run(tmp_path, "s", {}) is False
    assert run(tmp_path, "s", {"g": b"1"}, OTHER, force=True)
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [f"{number:04}" for number in range(10)]
    assert len(kept(tmp_path, "s")) == 290


def test_private_directories_stay_private(tmp_path: Path) -> None:
    """A directory that a step made for itself alone, like a keyring's, has the same mode after the commit."""
    with open_volume(tmp_path) as volume:
        transaction = volume.begin("s", INPUTS)
        assert transaction is not None
        (transaction.stage / "keyring").mkdir(mode=0o700)
        (transaction.stage / "keyring/key").write_bytes(b"k")
        transaction.commit()

    assert (tmp_path / "keyring").stat().st_mode & 0o777 == 0o700


def test_records_hold_no_times_and_no_values(tmp_path: Path) -> None:
    """Equal inputs leave equal records, on any volume at any time."""
    for name in ("a", "b"):
        run(tmp_path / name, "s", {"f": b"1"})

    assert (tmp_path / "a/.exposer/steps/s.json").read_bytes() == (tmp_path / "b/.exposer/steps/s.json").read_bytes()


def test_the_last_file_is_recorded_last(tmp_path: Path) -> None:
    """A file that is the sign of readiness is the last one that a commit puts."""
    with open_volume(tmp_path) as volume:
        transaction = volume.begin("s", INPUTS)
        assert transaction is not None
        for name in ("a", "m", "z"):
            (transaction.stage / name).write_bytes(b"x")
        record = transaction.commit(last=["a"])

    assert [artifact.path for artifact in record.artifacts] == ["m", "z", "a"]


names = st.sampled_from(["a", "b", "dir/c", "dir/deep/d"])
contents = st.dictionaries(names, st.binary(max_size=8), min_size=1, max_size=4)


class VolumeMachine(RuleBasedStateMachine):
    """Any order of runs, reruns, conflicts and forced runs of three steps, against a model of what must be there."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="volume-"))
        self.model: list[tuple[str, int, dict[str, bytes]]] = []

    def teardown(self) -> None:
        """The volume goes with its example."""
        shutil.rmtree(self.root)

    def _complete(self, step: str) -> int | None:
        return next((position for position, entry in enumerate(self.model) if entry[0] == step), None)

    @rule(step=st.sampled_from("xyz"), number=st.integers(0, 1), files=contents)
    def run_step(self, step: str, number: int, files: dict[str, bytes]) -> None:
        """A run does its work once; after that equal inputs do nothing and others conflict."""
        position = self._complete(step)
        inputs = {"n": digest_input(number)}
        if position is None:
            assert run(self.root, step, files, inputs) is True
            self.model.append((step, number, files))
        elif self.model[position][1] == number:
            assert run(self.root, step, files, inputs) is False
        else:
            with pytest.raises(ConflictError):
                run(self.root, step, files, inputs)

    @precondition(lambda self: self.model)
    @rule(number=st.integers(0, 1), files=contents, data=st.data())
    def force(self, number: int, files: dict[str, bytes], data: st.DataObject) -> None:
        """A forced run takes back the step and all later ones."""
        position = data.draw(st.integers(0, len(self.model) - 1))
        step = self.model[position][0]
        assert run(self.root, step, files, {"n": digest_input(number)}, force=True) is True
        self.model[position:] = [(step, number, files)]

    @invariant()
    def the_volume_is_what_the_steps_left(self) -> None:
        """Every path holds what the latest complete step put there, and nothing else is there."""
        expected: dict[str, bytes] = {}
        for _, _, files in self.model:
            expected.update(files)
        found = {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file() and ".exposer" not in path.parts
        }
        assert found == expected


ORDERS = (10, 300)
TestVolumeMachine = pytest.mark.sampled(examples=ORDERS, of="orders of steps")(VolumeMachine.TestCase)
TestVolumeMachine.settings = settings(max_examples=examples(*ORDERS), stateful_step_count=12, deadline=None)


def test_records_are_json_that_a_person_can_read(tmp_path: Path) -> None:
    """A record is indented JSON with the step, its inputs and its artifacts."""
    run(tmp_path, "s", {"f": b"1"})
    document = json.loads((tmp_path / ".exposer/steps/s.json").read_text())

    assert list(document) == ["step", "sequence", "tool_version", "inputs", "artifacts", "facts"]


def test_what_is_discarded_and_what_is_kept(tmp_path: Path) -> None:
    """A step that failed for a while gives back what it staged; a commit that is certain keeps all it needs."""
    with open_volume(tmp_path) as volume:
        transaction = volume.begin("step", {})
        assert transaction
        (transaction.stage / "file").write_bytes(b"staged")
        volume.discard("step")
        assert not transaction.stage.exists()

        again = volume.begin("step", {})
        assert again
        (again.stage / "file").write_bytes(b"staged")
        artifact = Artifact("file", 6, hashlib.sha256(b"staged").hexdigest())
        volume.prepare(Record("step", 1, "0", {}, (artifact,)))
        volume.discard("step")
        assert (again.stage / "file").exists()
