"""The scanner: it passes JSON and nothing else, of any size and any depth, and knows where each value stands."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_documents import documents, styles, values, write

from exposer.errors import BadInputError
from exposer.genesis.scan import DEEPEST, Span
from exposer.genesis.source import Source


def parsed(path: Path) -> Any:
    """The document in a file, put together from its parts, level by level."""

    def at(source: Source, span: Span) -> Any:
        if source.kind(span) == "{":
            return {name: at(source, inner) for name, inner in source.members(span).items()}
        if source.kind(span) == "[":
            inner = [at(source, element) for element in source.elements(span)]
            assert inner == [value for run in source.runs(span) for value in run.values]
            return inner
        return source.value(span)

    with Source(path) as source:
        return at(source, source.root)


@given(document=documents, style=styles)
def test_every_part_is_where_it_is_said_to_be(document: dict[str, Any], style: str) -> None:
    """The parts of a document, each read from its place alone, are those that another parser finds."""
    with tempfile.TemporaryDirectory() as directory:
        assert parsed(write(Path(directory) / "d.json", document, style)) == document


@given(
    text=st.text('[]{},:"\\ \n0123456789.-+eEtrufalsn\x00\x1fäé', max_size=12) | values.map(json.dumps), data=st.data()
)
def test_what_passes_is_what_json_is(text: str, data: st.DataObject) -> None:
    """A text is passed exactly when Python's parser passes it, also one that a byte was taken from or put into."""
    place = data.draw(st.integers(0, len(text)))
    text = text[:place] + data.draw(st.sampled_from(["", ",", "]", '"', "0", "\n"])) + text[place + 1 :]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "d.json"
        path.write_text(f'{{"a": {text}}}', encoding="utf-8", newline="")

        assert passes(path) == is_json(path)


def passes(path: Path) -> bool:
    """Whether the scanner takes a whole file for JSON."""
    try:
        with Source(path) as source:
            source.members(source.root)
    except BadInputError:
        return False
    return True


def is_json(path: Path) -> bool:
    """Whether Python's parser does, without the constants that only it knows, and no name twice."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        document = json.loads(path.read_bytes(), parse_constant=refuse)
    except ValueError:
        return False
    try:
        json.loads(path.read_bytes(), object_pairs_hook=unique)
    except AssertionError:
        return list(document) != ["a"] or path.read_text(encoding="utf-8").count('"a"') < 2
    return True


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "empty or cut off: it ends at byte 0"),
        (b'{"a": [1, 2', "cut off: it ends at byte 11"),
        (b'{"a": 1} x', "not JSON at byte 8: there is more behind its end"),
        (b'{"a": tru}', "not JSON at byte 6"),
        (b'{"a": [1,]}', "not JSON at byte 9"),
        (b'{"a": "\x01"}', "not JSON at byte 6"),
        (b'{"a": "\xff"}', "not UTF-8 near byte 7"),
        (b'{"a": 1, "a": 2}', "'a' is twice in one object, at byte 9"),
        (b'{"a": ' + b"[" * (DEEPEST + 9) + b"]" * (DEEPEST + 9) + b"}", "nested too deeply"),
        (b'{"a": ' + b"[" * 3000 + b"}", "not JSON at byte 3006"),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(tmp_path: Path, data: bytes, told: str) -> None:
    """Hostile and broken files are bad input; the message has the offset."""
    path = tmp_path / "d.json"
    path.write_bytes(data)
    with Source(path, "GENESIS_FROM") as source, pytest.raises(BadInputError, match=f"GENESIS_FROM: .*{told}"):
        source.members(source.root)


def test_values_may_be_larger_than_what_is_read_at_once(tmp_path: Path) -> None:
    """Strings, keys, numbers, white space and deep nests that span several pieces are found whole."""
    document = {
        "s" * 1_200_000: "é\\\n" * 400_000,
        "list": [str(n) * 50 for n in range(20_000)],
        "deep": "DEEP",
        "end": 1,
    }
    path = write(tmp_path / "d.json", document)
    deep = b'[{"k":' * 3000 + b"1" + b"}]" * 3000
    path.write_bytes(
        path.read_bytes().replace(b'"DEEP"', deep).replace(b'"end": 1', b'"end":' + b" " * 1_200_000 + b"1")
    )
    with Source(path) as source:
        members = source.members(source.root)
        assert list(members) == list(document)
        assert [source.value(members[name]) for name in ("list", "end")] == [document["list"], 1]
        assert source.read(members["deep"]) == deep
        assert sum(len(run.values) for run in source.runs(members["list"])) == 20_000


def test_the_main_networks_genesis_is_walked(shared_genesis: Path) -> None:
    """A genesis of 2019 holds what another parser finds in it."""
    document = json.loads(shared_genesis.read_bytes())
    with Source(shared_genesis) as source:
        assert list(source.members(source.find("app_state") or Span(0, 0))) == list(document["app_state"])
        accounts = [account for run in source.runs(source.find("app_state", "accounts")) for account in run.values]
    assert accounts == document["app_state"]["accounts"]
