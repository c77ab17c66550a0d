"""Small JSON documents: digits kept, and the text that Go's encoder writes."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from json_documents import documents

from exposer.errors import BadInputError
from exposer.genesis.document import load, render


@given(document=documents)
def test_a_document_survives_being_written_and_read(document: dict[str, Any]) -> None:
    """What is written is JSON with the same content and the same order of keys."""
    text = render(document)

    assert json.loads(text) == document
    assert list(json.loads(text)) == list(document)


@pytest.mark.parametrize("number", ["1.10", "0.000000000000000001", "123456789012345678901234567890", "-0.50", "1e400"])
def test_numbers_keep_their_value_exactly(tmp_path: Path, number: str) -> None:
    """No number goes through a float."""
    path = tmp_path / "genesis.json"
    path.write_text(f'{{"n": {number}}}')

    assert Decimal(render(load(path)).decode().split(":")[1].strip(" \n}")) == Decimal(number)


def test_the_text_is_that_of_gos_encoder() -> None:
    """Two spaces, escaped angle brackets, empty containers on one line, no newline at the end."""
    assert render({"app_name": "<appd>", "a": [], "b": {}, "ö": "&"}) == (
        '{\n  "app_name": "\\u003cappd\\u003e",\n  "a": [],\n  "b": {},\n  "ö": "\\u0026"\n}'.encode()
    )


def test_a_value_inside_a_document_is_indented_as_its_neighbours() -> None:
    """Only the first line is not: it follows its key; without an indent all of it is one line without spaces."""
    assert render({"a": [1]}, "\t", 2) == b'{\n\t\t\t"a": [\n\t\t\t\t1\n\t\t\t]\n\t\t}'
    assert render({"a": [1, 2]}, "", 2) == b'{"a":[1,2]}'


@pytest.mark.parametrize("text", ["", "{", "[1,]", "nope"])
def test_what_is_not_json_is_refused_with_its_place(tmp_path: Path, text: str) -> None:
    """A broken file is named with line and column."""
    path = tmp_path / "patch.json"
    path.write_text(text)

    with pytest.raises(BadInputError, match=r"GENESIS_PATCH: not JSON at line 1, column \d"):
        load(path, "GENESIS_PATCH")


@pytest.mark.parametrize("data", [b'"\xff"', b"[" * 100_000, b"9" * 5000, b'"\\ud800"', b'{"a": 1, "a": 2}'])
def test_what_cannot_be_held_is_refused(tmp_path: Path, data: bytes) -> None:
    """No UTF-8, half a character, what is beyond all bounds and a name that is twice are bad input, no fault."""
    path = tmp_path / "patch.json"
    path.write_bytes(data)

    with pytest.raises(BadInputError, match="GENESIS_PATCH"):
        load(path, "GENESIS_PATCH")
