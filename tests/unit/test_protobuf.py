"""Protobuf by hand: what is written is read back, and no bytes break the reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exposer.protobuf import child, count, data, fields, message, number, parse, string, varint


@given(body=st.binary(max_size=60))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    """Whatever bytes a node sends, reading them ends."""
    assert isinstance(fields(body), dict)
    assert isinstance(child(body, 1, 2), bytes)
    assert isinstance(count(body, 1), int)


@given(place=st.integers(1, 2**29 - 1), text=st.text(min_size=1, max_size=300), value=st.integers(1, 2**64 - 1))
def test_fields_round_trip(place: int, text: str, value: int) -> None:
    """A field of text and one of a number are read back, whatever their numbers."""
    assert list(parse(string(place, text) + number(place, value))) == [(place, text.encode()), (place, value)]


@pytest.mark.parametrize(
    ("value", "encoded"), [(1, "01"), (150, "9601"), (300, "ac02"), (2**64 - 1, "ffffffffffffffffff01")]
)
def test_varints_are_those_of_the_specification(value: int, encoded: str) -> None:
    """The examples of protobuf's own description of its encoding."""
    assert varint(value).hex() == encoded


def test_defaults_are_left_out() -> None:
    """Of nothing there is no field, as ADR-027 asks of what is signed; an element of a repeated field stays."""
    assert (number(1, 0), string(2, ""), data(3, b""), message(4, b"")) == (b"", b"", b"", b"\x22\x00")


def test_a_path_leads_to_what_is_nested() -> None:
    """A path of field numbers leads to bytes, and into nothing where there is nothing."""
    nested = message(1, message(2, string(3, "deep")) + number(4, 7))
    assert child(nested, 1, 2, 3) == b"deep"
    assert count(child(nested, 1), 4) == 7
    assert child(nested, 1, 9, 3) == child(nested, 1, 4) == b""
