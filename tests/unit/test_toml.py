"""TOML edits: what is asked for changes, and nothing else."""

import tomllib
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exposer.errors import BadInputError
from init_scripts.toml import edit

TEMPLATE = resources.files("init_scripts").joinpath("cometbft.toml").read_text(encoding="utf-8")


def flat(document: dict[str, Any], at: str = "") -> dict[str, Any]:
    """Dotted path -> value."""
    result: dict[str, Any] = {}
    for key, value in document.items():
        path = f"{at}.{key}" if at else key
        result.update(flat(value, path) if isinstance(value, dict) else {path: value})
    return result


KNOWN = flat(tomllib.loads(TEMPLATE))


def nested(path: str, value: object) -> dict[str, Any]:
    """A nested edit of one dotted path."""
    for key in reversed(path.split(".")):
        value = {key: value}
    assert isinstance(value, dict)
    return value


@given(
    path=st.sampled_from(sorted(KNOWN)),
    value=st.booleans() | st.integers(0, 10**6) | st.text("ab:/.0'\\é ", max_size=9),
)
def test_the_changed_keys_are_those_asked_for(path: str, value: object) -> None:
    """Setting any one key of a node's file changes that key alone, and setting it again changes nothing."""
    once = edit(TEMPLATE, nested(path, value))

    assert flat(tomllib.loads(once)) == {**KNOWN, path: value}
    assert edit(once, nested(path, value)) == once


def test_comments_and_order_stay() -> None:
    """Lines that were not asked for are the same to the letter."""
    text = '# head\na = 1 # one\n\n[t]\n# inner\nb = "x"   # two\n'

    assert edit(text, {"t": {"b": "y"}}) == '# head\na = 1 # one\n\n[t]\n# inner\nb = "y"   # two\n'


def test_existing_only_leaves_unknown_keys_out() -> None:
    """A default for a key that this version of a program does not know is left out, with its table."""
    assert edit("a = 1\n", {"b": 2, "t": {"c": 3}}, existing_only=True) == "a = 1\n"


def test_an_override_may_add_keys_and_tables() -> None:
    """A user's override wins even where the file has no such key."""
    assert tomllib.loads(edit("a = 1\n", {"b": 2, "t": {"u": {"c": 3}}})) == {"a": 1, "b": 2, "t": {"u": {"c": 3}}}


@pytest.mark.parametrize(
    ("text", "edits", "what"),
    [
        ("a = \n", {}, "app.toml: not TOML at line 1"),
        ("a = 1\n", {"a": {"b": 2}}, "a.b: a is a value here"),
        ("[a]\nb = 1\n", {"a": 2}, "a is a table here"),
    ],
)
def test_what_cannot_be_edited_is_named(text: str, edits: dict[str, Any], what: str) -> None:
    """A broken file and an edit of the wrong kind say where."""
    with pytest.raises(BadInputError, match=what):
        edit(text, edits, field="app.toml")
