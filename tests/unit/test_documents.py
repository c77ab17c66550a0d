"""What a complete document is: nothing torn, empty or foreign counts."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exposer.documents import DocumentError, check_genesis, parse_node_id, parse_object, render_node_id

GENESIS = {"genesis_time": "2026-01-01T00:00:00Z", "chain_id": "c-1", "app_state": {"x": [1, 2.5, "ü"]}}
WHOLE = json.dumps(GENESIS).encode()
NODE_ID = "0123456789abcdef0123456789abcdef01234567"


def test_a_whole_genesis_tells_its_chain() -> None:
    """Chain id and time come out of a complete document."""
    facts = check_genesis(io.BytesIO(WHOLE))

    assert (facts.chain_id, facts.genesis_time) == ("c-1", "2026-01-01T00:00:00Z")


@given(cut=st.integers(0, len(WHOLE) - 1))
def test_no_part_of_a_genesis_counts(cut: int) -> None:
    """Cut at any byte, a genesis is not complete."""
    with pytest.raises(DocumentError):
        check_genesis(io.BytesIO(WHOLE[:cut]))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        b"<html></html>",
        WHOLE + b"{}",
        b"\xff\xfe{}",
        json.dumps({**GENESIS, "chain_id": ""}).encode(),
        json.dumps({**GENESIS, "chain_id": "c" * 51}).encode(),
        json.dumps({**GENESIS, "chain_id": 7}).encode(),
        json.dumps({"chain_id": "c-1", "app_state": {}}).encode(),
        json.dumps({"chain_id": "c-1", "genesis_time": "t"}).encode(),
        json.dumps({"app_state": {"chain_id": "c-1", "genesis_time": "t"}}).encode(),
    ],
)
def test_what_is_no_genesis_is_refused(data: bytes) -> None:
    """Other documents, trailing bytes, and ids in the wrong place are no genesis."""
    with pytest.raises(DocumentError):
        check_genesis(io.BytesIO(data))


@pytest.mark.parametrize("number", ["18446744073709551615", "-1" + "0" * 4000, "1.5e400", "0.1", "-0"])
def test_numbers_of_any_size_are_numbers(number: str) -> None:
    """A number beyond 64 bits is no fault of a genesis."""
    whole = WHOLE.replace(b"2.5", number.encode())

    assert check_genesis(io.BytesIO(whole)).chain_id == "c-1"


@pytest.mark.parametrize("hostile", ["9" * 5000, "1e" + "9" * 30, "[" * 200_000, '{"a":' * 200_000])
def test_hostile_numbers_and_nesting_are_refused_again_and_again(hostile: str) -> None:
    """What breaks parsers (numbers without bounds, nesting without end) is an incomplete document, every time."""
    for _ in range(10):
        with pytest.raises(DocumentError):
            check_genesis(io.BytesIO(WHOLE.replace(b"2.5", hostile.encode())))


def test_a_real_genesis_of_2019_passes(shared_genesis: Path) -> None:
    """An old main network's genesis passes the same checks as a new one."""
    with shared_genesis.open("rb") as stream:
        assert check_genesis(stream).chain_id == "cosmoshub-2"


@given(node_id=st.text("0123456789abcdef", min_size=40, max_size=40))
def test_a_node_id_round_trips_in_its_one_form(node_id: str) -> None:
    """The document is exactly ``{"node_id":"..."}`` and gives the id back."""
    assert render_node_id(node_id) == b'{"node_id":"' + node_id.encode() + b'"}'
    assert parse_node_id(render_node_id(node_id)) == node_id


@pytest.mark.parametrize(
    "data",
    [b"", b" \n", b"{", b"[]", b"{}", b'{"node_id":5}', b'{"node_id":"AB"}', b'{"node_id":"' + b"A" * 40 + b'"}'],
)
def test_what_is_no_node_id_is_refused(data: bytes) -> None:
    """Empty, torn and foreign documents, upper case and other lengths are no node id."""
    with pytest.raises(DocumentError):
        parse_node_id(data)


def test_errors_hold_nothing_of_the_document() -> None:
    """What is wrong with a document is said without quoting it: it may be a key."""
    with pytest.raises(DocumentError) as refused:
        parse_object(b'{"priv_key": "c2VjcmV0')
    assert "c2VjcmV0" not in str(refused.value)
