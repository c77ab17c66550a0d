"""Keys files that are made here: fresh, private, whole or not at all, and never in place of another."""

import json
import stat
from itertools import pairwise
from pathlib import Path

import pytest
from mnemonic import Mnemonic
from networks import fresh_mnemonic

from exposer.accounts.making import check_keys, grow_keys, new_keys
from exposer.accounts.mnemonic import WORD_COUNTS
from exposer.errors import BadInputError, ConflictError

COUNTS = {"genesis": 1, "validators": 3, "faucet": 1, "keys": 2}


@pytest.mark.parametrize("words", WORD_COUNTS)
def test_new_keys_are_valid_private_and_all_different(tmp_path: Path, words: int) -> None:
    """Every entry has a sentence of its own, of as many words as were asked for; only the owner can read the file."""
    path = tmp_path / "keys.json"
    new_keys(path, COUNTS, words=words)
    roles = json.loads(path.read_bytes())
    sentences = [entry["mnemonic"] for entries in roles.values() for entry in entries]

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {role: len(entries) for role, entries in roles.items()} == COUNTS
    assert len(set(sentences)) == sum(COUNTS.values())
    assert all(Mnemonic("english").check(text) and len(text.split()) == words for text in sentences)
    assert [path.name for path in tmp_path.iterdir()] == ["keys.json"]


def test_new_keys_never_replace_a_file(tmp_path: Path) -> None:
    """What is there stays, whatever it is, and nothing is left beside it."""
    path = tmp_path / "keys.json"
    path.write_text("mine")

    with pytest.raises(ConflictError, match="never overwritten"):
        new_keys(path, COUNTS)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"keys.json": "mine"}


def test_keys_of_a_chain_never_change_when_others_join(tmp_path: Path) -> None:
    """Whatever sizes a network has had, each role's former entries are the first of its later ones."""
    path = tmp_path / "keys.json"
    seen: list[dict[str, list[dict[str, str]]]] = []
    for validators in (1, 1, 3, 1, 2, 4):  # as `up --chain` and `up` follow each other
        grow_keys(path, {"genesis": 1, "validators": validators})
        seen.append(json.loads(path.read_bytes()))

    for before, after in pairwise(seen):
        assert list(before) == list(after)
        assert all(after[role][: len(entries)] == entries for role, entries in before.items())
    assert [len(keys["validators"]) for keys in seen] == [1, 1, 3, 3, 3, 4]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_suffices_is_not_written_again(tmp_path: Path) -> None:
    """Nothing is added to a file that has enough, and what a user put into it stays as it is."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"own": 1, "genesis": [{"name": "g", "mnemonic": fresh_mnemonic(), "more": 2}]}))
    before = path.read_bytes(), path.stat().st_ino
    grow_keys(path, {"genesis": 1})
    assert (path.read_bytes(), path.stat().st_ino) == before

    grow_keys(path, {"genesis": 2})
    after = json.loads(path.read_bytes())
    assert (after["own"], after["genesis"][0]["more"]) == (1, 2)


@pytest.mark.parametrize(
    "damage", ["", '{"genesis": [{"name": "a", "mnemonic": "secret wo', "[]", '{"faucet": {}}', '{"keys": [{}]}']
)
def test_a_damaged_file_is_bad_input(tmp_path: Path, damage: str) -> None:
    """A torn keys file is named with the cure, not quoted, and left as it is."""
    path = tmp_path / "keys.json"
    path.write_text(damage, encoding="utf-8")

    with pytest.raises(BadInputError, match=f"^{path} is damaged; put a copy of it back, or delete it") as caught:
        grow_keys(path, {"validators": 1})
    assert "secret" not in str(caught.value)
    assert path.read_text() == damage


KEY = {"name": "a", "mnemonic": "abandon " * 11 + "about"}
WRONG_KEYS = {
    "not an object": ([], "is not a JSON object of roles"),
    "a role of another kind": ({"genesis": {}}, "genesis is not a list"),
    "no genesis key": ({"validators": [KEY]}, "has no genesis key; add one"),
    "no mnemonic": ({"genesis": [{"name": "a"}]}, r"genesis\[0\].mnemonic is missing"),
    "no BIP-39": ({"genesis": [{"name": "a", "mnemonic": "abandon secret"}]}, r"genesis\[0\].mnemonic is not a BIP-39"),
    "too few": ({"genesis": [KEY], "validators": [KEY, KEY]}, "has 2 entries and ordinal 2 needs one more"),
    "none": ({"genesis": [KEY]}, "has 0 entries"),
}


@pytest.mark.parametrize(("document", "expected"), WRONG_KEYS.values(), ids=WRONG_KEYS)
def test_a_wrong_keys_file_is_refused_without_being_quoted(tmp_path: Path, document: object, expected: str) -> None:
    """The text names the file, the role and the cure, and no word of a mnemonic."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(document), encoding="utf-8")

    with pytest.raises(BadInputError, match=rf"^{path}.*{expected}") as caught:
        check_keys(path, validators=3)
    assert "abandon" not in str(caught.value)


def test_one_validators_key_serves_any_number_of_pods(tmp_path: Path) -> None:
    """Pods derive theirs from a single entry by HD index; a file that is no JSON is refused."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"genesis": [KEY], "validators": [KEY]}), encoding="utf-8")
    check_keys(path, validators=9)

    path.write_text("genesis: []", encoding="utf-8")
    with pytest.raises(BadInputError, match="is not JSON"):
        check_keys(path, validators=1)
