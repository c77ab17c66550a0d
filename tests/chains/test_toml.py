"""TOML edits: what is asked for changes, and nothing else, in the files that real binaries write."""

import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from project import real_binary

from exposer.errors import BadInputError
from init_scripts.toml import edit

OURS = resources.files("init_scripts").joinpath("cometbft.toml").read_text(encoding="utf-8")
BINARIES = ["cometbft", "simd", "simd-0.46", "simd-0.47", "wasmd", "evmosd"]
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
KINDS = {
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63 - 1),
    str: st.text(),
    list: st.lists(VALUES, max_size=3),
}


def flat(document: Mapping[str, Any], at: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Path -> value."""
    result: dict[tuple[str, ...], Any] = {}
    for key, value in document.items():
        result.update(flat(value, (*at, key)) if isinstance(value, dict) else {(*at, key): value})
    return result


def nested(edits: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    """The edits of some paths, nested like the file."""
    result: dict[str, Any] = {}
    for path, value in edits.items():
        table = result
        for key in path[:-1]:
            table = table.setdefault(key, {})
        table[path[-1]] = value
    return result


def texts(binary: str, home: Path) -> list[str]:
    """Every TOML file that ``binary init`` writes."""
    if binary == "ours":
        return [OURS]
    arguments = [] if binary == "cometbft" else ["moniker", "--chain-id", "evmos_9000-1"]
    subprocess.run([real_binary(binary), "init", *arguments, "--home", home], check=True, capture_output=True)
    return [path.read_text(encoding="utf-8") for path in sorted((home / "config").glob("*.toml"))]


@pytest.fixture(scope="session", params=["ours", *BINARIES])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The TOML files of one binary."""
    return texts(request.param, tmp_path_factory.mktemp(request.param))


def assignments(before: str, after: str) -> Iterator[tuple[str, str]]:
    """The lines that differ, one assignment (which may have several lines) after the other: as it was, as it is."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    while old and new:
        if old[0] == new[0]:
            del old[0], new[0]
        else:
            yield _assignment(old), _assignment(new)
    assert old == new == []


def _assignment(lines: list[str]) -> str:
    """The first assignment, taken off ``lines``."""
    for end in range(1, len(lines) + 1):
        text = "".join(lines[:end])
        try:
            tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            continue
        assert not text.startswith(("#", "[", "\n"))
        del lines[:end]
        return text
    pytest.fail(f"no assignment at {lines[:3]}")


@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_the_changed_keys_are_those_asked_for(written: list[str], data: st.DataObject) -> None:
    """In a file that a real binary wrote, any keys are set to values of their type: no other line differs.

    Asked for again, nothing changes.
    """
    for before in written:
        known = flat(tomllib.loads(before))
        paths = data.draw(st.lists(st.sampled_from(sorted(known)), unique=True, max_size=4))
        edits = {path: data.draw(KINDS[type(known[path])]) for path in paths}
        after = edit(before, nested(edits))
        changed = {path[-1] for path, value in edits.items() if repr(known[path]) != repr(value)}

        assert repr(flat(tomllib.loads(after))) == repr(known | edits)
        differing = list(assignments(before, after))
        assert [tomllib.loads(old).keys() for old, _ in differing] == [
            tomllib.loads(new).keys() for _, new in differing
        ]
        assert {name for old, _ in differing for name in tomllib.loads(old)} == changed
        assert edit(after, nested(edits)) == after


def test_what_a_file_says_already_is_left_as_it_is_written(written: list[str]) -> None:
    """Every key set to the value that it has, and even the blanks inside of its lists stay."""
    for before in written:
        assert edit(before, tomllib.loads(before)) == before


def test_comments_and_order_stay() -> None:
    """Lines that were not asked for are the same to the letter, and so is a comment behind a value."""
    text = '# head\na = 1 # one\n\n[t]\n# inner\nb = "x"   # two\n'

    assert edit(text, {"t": {"b": "y"}}) == '# head\na = 1 # one\n\n[t]\n# inner\nb = "y"   # two\n'


def test_existing_only_leaves_unknown_keys_out() -> None:
    """A default for a key that this version of a program does not know is left out, with its table."""
    assert edit("a = 1\n", {"b": 2, "t": {"c": 3}}, existing_only=True) == "a = 1\n"


def test_a_key_is_added_where_it_is_meant() -> None:
    """A name with + is added, a table with all that is below it; where it is there already, + means nothing."""
    text = "a = 1\n\n[t]\nx = 1\n"
    once = edit(text, {"+b": 2, "+a": 4, "t": {"+y": 2}, "+u": {"v": {"c": 3}}})

    assert tomllib.loads(once) == {"a": 4, "b": 2, "t": {"x": 1, "y": 2}, "u": {"v": {"c": 3}}}
    assert edit(once, {"+b": 2, "+u": {"v": {"c": 3}}}) == once


def test_a_dotted_path_is_the_key_in_its_table() -> None:
    """Paths and tables are two ways to write one thing, and where both do, the later one wins."""
    text = "[p2p]\nladdr = 1\nseeds = 2\n"

    assert edit(text, {"p2p.laddr": 3, "p2p": {"seeds": 4}}) == edit(text, {"p2p": {"laddr": 3, "seeds": 4}})
    assert edit(text, {"+u.+v": 1}) == edit(text, {"+u": {"v": 1}})


WRONG = {
    "text for a number": (
        "[p2p]\npeers = 1\n",
        {"p2p": {"peers": "hundred"}},
        "app.toml: p2p.peers: is a whole number in this file, and 'hundred' is text",
    ),
    "a number for text": (
        "a = 'x'\n",
        {"a": 100},
        "a: is text in this file, and 100 is a whole number; put it in quotes",
    ),
    "a switch for a number": ("a = 1\n", {"a": True}, "a: is a whole number in this file, and True is true or false"),
    "a fraction for a whole number": ("a = 1\n", {"a": 1.5}, "a: is a whole number in this file, and 1.5 is a number"),
    "a value for a list": ("a = []\n", {"a": "x"}, "a: is a list in this file, and 'x' is text"),
    "no name": ("a = 1\n", {"+": 1}, "a key without a name"),
    "no TOML": ("a = \n", {}, "app.toml: not TOML at line 1"),
    "a table for a value": ("a = 1\n", {"a": {"b": 2}}, "app.toml: a.b: what stands above it is a value in this file"),
    "a value for a table": ("[a]\nb = 1\n", {"a": 2}, "app.toml: a: is a table in this file, not a value"),
    "a typing error": ("[p2p]\nladdr = 1\n", {"p2p": {"ladr": 2}}, "has no such key; did you mean p2p.laddr\\?"),
    "another table's key": ("[p2p]\nladdr = 1\n", {"laddr": 2}, "laddr: .* did you mean p2p.laddr\\?"),
    "a table's typing error": (
        "[api]\non = 1\n",
        {"apis": {"on": 2}},
        "did you mean api.on\\? write apis.\\+on to add",
    ),
    "nothing near": (
        "a = 1\n",
        {"zzz": 2},
        "zzz: this node's file has no such key; write \\+zzz to add it all the same",
    ),
    "no value": ("a = 1\n", {"a": None}, "app.toml: a: TOML has no null; give it a value, or leave it out"),
    "no value inside": ("a = 1\n", {"a": [1, None]}, "a: TOML has no null"),
    "a list of mappings": ("a = 1\n", {"a": [{"b": 1}]}, "a: is a list of mappings"),
}


@pytest.mark.parametrize(("text", "edits", "what"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_edited_is_named(text: str, edits: dict[str, Any], what: str) -> None:
    """A broken file and an edit that it cannot take say file, key and cure."""
    with pytest.raises(BadInputError, match=what):
        edit(text, edits, field="app.toml")
