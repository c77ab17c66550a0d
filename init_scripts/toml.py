"""A node's TOML files, edited key by key: comments, order and every other key stay as they are."""

from collections.abc import Iterator, Mapping
from typing import Any

import tomlkit
from tomlkit.exceptions import ParseError
from tomlkit.items import Table

from exposer.errors import BadInputError

Edits = Mapping[str, Any]
"""Nested like the file: ``{"p2p": {"laddr": "tcp://0.0.0.0:26656"}}``."""


def edit(text: str, edits: Edits, *, existing_only: bool = False, field: str = "config") -> str:
    """``text`` with the keys of ``edits`` set.

    Args:
        text: a TOML document.
        edits: what to set.
        existing_only: leave out keys that the file has not (a default that this version of the program does not know).
        field: what to name in an error.

    Raises:
        BadInputError: ``text`` is not TOML, or an edit puts a table where a value is or the reverse.
    """
    try:
        document = tomlkit.parse(text)
    except ParseError as error:
        raise BadInputError(f"{field}: not TOML at line {error.line}, column {error.col}") from error
    for path, value in _leaves(edits):
        _set(document, path, value, existing_only=existing_only, field=field)
    return tomlkit.dumps(document)


def _leaves(edits: Edits, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in edits.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*at, key))
        else:
            yield (*at, key), value


def _set(document: Any, path: tuple[str, ...], value: Any, *, existing_only: bool, field: str) -> None:
    table = document
    for key in path[:-1]:
        if key not in table:
            if existing_only:
                return
            table[key] = tomlkit.table()
        table = table[key]
        if not isinstance(table, Table | Mapping):
            raise BadInputError(f"{field}: {'.'.join(path)}: {key} is a value here, not a table")
    last = path[-1]
    if last not in table:
        if not existing_only:
            table[last] = value
        return
    if isinstance(table[last], Mapping):
        raise BadInputError(f"{field}: {'.'.join(path)} is a table here, not a value")
    former = table[last].unwrap() if hasattr(table[last], "unwrap") else table[last]
    if (type(former), former) != (type(value), value):  # 1, 1.0 and true are equal to Python, not to TOML
        table[last] = value
