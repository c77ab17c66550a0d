import stat
from pathlib import Path

import pytest

from exposer.errors import BadInputError
from exposer.network.local.down import down
from exposer.network.local.state import PodRecord, Record, State


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """What up leaves is what status reads, and the ports of pods that are gone are remembered."""
    state = State(tmp_path)
    pod = PodRecord("a-genesis-0", "genesis", 0, "http://127.0.0.1:8081", "http://127.0.0.1:26657", {"rpc": 26657})
    record = Record("net", "2026-01-01T00:00:00Z", (pod,), {"a-validator-0": {"rpc": 5}})
    state.write(record)

    assert state.read() == record
    assert record.ports("a-genesis-0") == {"rpc": 26657}
    assert record.ports("a-validator-0") == {"rpc": 5}
    assert record.ports("b") == {}


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", '{"pods": [{}]}'])
def test_a_damaged_record_is_bad_input(tmp_path: Path, damage: str) -> None:
    """A record that cannot be read is named, with what to do."""
    (tmp_path / "network.json").write_text(damage, encoding="utf-8")

    with pytest.raises(BadInputError, match="is damaged; delete"):
        State(tmp_path).read()


def test_no_record_is_no_network(tmp_path: Path) -> None:
    """An empty directory, one that is not there and a file are no networks."""
    (tmp_path / "file").touch()

    assert [State(tmp_path / name).read() for name in ("", "none", "file")] == [None, None, None]


def test_the_directory_is_private_and_ignored_by_git(tmp_path: Path) -> None:
    """There are keys in it: nobody else reads it, and nobody commits it by accident."""
    state = State(tmp_path / "net")
    state.create()

    assert stat.S_IMODE(state.root.stat().st_mode) == 0o700
    assert (state.root / ".gitignore").read_text() == "*\n"


def test_a_directory_of_somebody_elses_is_refused(tmp_path: Path) -> None:
    """Nothing is written into a directory that holds other files, so that none of them is ever deleted."""
    (tmp_path / "thesis.tex").touch()

    with pytest.raises(BadInputError, match="holds other files"):
        State(tmp_path).create()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_lock_of_another_program_makes_no_network(tmp_path: Path) -> None:
    """A directory with a file called ``lock``, like /var/lib/dpkg, is neither written nor deleted."""
    (tmp_path / "lock").write_text("1", encoding="ascii")
    state = State(tmp_path)

    with pytest.raises(BadInputError, match="holds other files"), state.hold():
        pass
    with pytest.raises(BadInputError, match="there is no network in"):
        down(state, volumes=True)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"lock": "1"}


def test_plan_files_are_written_only_when_they_change(tmp_path: Path) -> None:
    """An equal file keeps its time, a different one is replaced."""
    state = State(tmp_path)
    file = state.files("a", "patch") / "patch.json"
    state.write_file(file, b"1")
    before = file.stat().st_ino
    state.write_file(file, b"1")

    assert file.stat().st_ino == before
    state.write_file(file, b"2")
    assert file.read_bytes() == b"2"


def test_a_fresh_pod_keeps_its_former_volume_aside(tmp_path: Path) -> None:
    """Starting over deletes no volume that was started over from, however often."""
    state = State(tmp_path)
    for content in ("first", "second", "third"):
        state.make_pod("a", fresh=True)
        (state.home("a") / "file").write_text(content)
    state.make_pod("a", fresh=False)

    assert (state.home("a") / "file").read_text() == "third"
    assert (tmp_path / "a/home.old-1/file").read_text() == "first"
    assert (tmp_path / "a/home.old-2/file").read_text() == "second"


def test_a_directory_that_was_being_made_is_a_networks(tmp_path: Path) -> None:
    """A kill right after the first file of a new directory does not leave one that every later run refuses."""
    (tmp_path / "exposer-network.lock").touch()
    State(tmp_path).create()

    assert (tmp_path / ".gitignore").exists()
