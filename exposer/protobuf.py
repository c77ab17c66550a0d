"""Protobuf messages by hand (https://protobuf.dev/programming-guides/encoding): the few that a chain is asked with.

A message is the concatenation of its fields in the order of their numbers; a field with its default value is left out,
as every encoder of a chain does (ADR-027 asks that of what is signed).
"""

from collections.abc import Iterator

_VARINT, _BYTES = 0, 2


def varint(value: int) -> bytes:
    """A number of seven bits a byte, the lowest first."""
    encoded = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def number(field: int, value: int) -> bytes:
    """A field of an integer or enumeration type; nothing for 0."""
    return varint(field << 3 | _VARINT) + varint(value) if value else b""


def data(field: int, value: bytes) -> bytes:
    """A field of bytes; nothing where there are none."""
    return message(field, value) if value else b""


def string(field: int, value: str) -> bytes:
    """A field of text; nothing where it is empty."""
    return data(field, value.encode())


def message(field: int, value: bytes) -> bytes:
    """A field with a message in it, or an element of a repeated field: there also where it is empty."""
    return varint(field << 3 | _BYTES) + varint(len(value)) + value


def fields(message: bytes) -> dict[int, int | bytes]:
    """Field number -> value of the varint and length-delimited fields; of a repeated one the last."""
    return dict(parse(message))


def child(message: bytes, *path: int) -> bytes:
    """The bytes at a path of field numbers; empty where there are none."""
    for field in path:
        found = fields(message).get(field, b"")
        message = found if isinstance(found, bytes) else b""
    return message


def count(message: bytes, field: int) -> int:
    """The number in a field; 0 where there is none."""
    found = fields(message).get(field, 0)
    return found if isinstance(found, int) else 0


def parse(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The varint and length-delimited fields in their order, as far as the bytes are a message."""
    position = 0
    while position < len(message):
        tag, position = _read_varint(message, position)
        value, position = _read_varint(message, position)
        if tag & 7 == _VARINT:
            yield tag >> 3, value
        elif tag & 7 == _BYTES:
            yield tag >> 3, message[position : position + value]
            position += value
        else:
            return  # fixed-width fields stand in none of these messages


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(message):
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    return value, position
