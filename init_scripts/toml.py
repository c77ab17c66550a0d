"""A node's TOML files, edited key by key: comments, order and every other line stay as they are.

The files are those that the node's program wrote, and it lists every key that it reads; one that it does not know it
ignores without a word. So a key that the file has not is a typing error, unless whoever wrote it says that it is meant:
a name that begins with ``+`` is added.
"""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

import tomlkit
from tomlkit.exceptions import ParseError

from exposer.errors import BadInputError

Edits = Mapping[str, Any]
"""Nested like the file, ``{"p2p": {"laddr": "tcp://0.0.0.0:26656"}}``, or by dotted paths: ``{"p2p.laddr": ...}``."""
_ADD = "+"
_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", list: "a list"}
_Path = tuple[str, ...]


def edit(text: str, edits: Edits, *, existing_only: bool = False, field: str = "config") -> str:
    """``text`` with the keys of ``edits`` set.

    Args:
        text: a TOML document.
        edits: what to set; a key that is not there must begin with ``+``.
        existing_only: leave out keys that the file has not (a default that this version of the program does not know).
        field: what to name in an error.

    Raises:
        BadInputError: ``text`` is not TOML, it has no such key, an edit puts a table where a value is or the reverse,
            or a value is none that TOML has, or of another type than the file's.
    """
    try:
        document = tomlkit.parse(text)
    except ParseError as error:
        raise BadInputError(f"{field}: not TOML at line {error.line}, column {error.col}") from error
    for path, value in _leaves(edits):
        _refuse_foreign(value, f"{field}: {_spell(path)}")
        _set(document, path, value, existing_only=existing_only, field=field)
    return tomlkit.dumps(document)


def _leaves(edits: Edits, at: _Path = ()) -> Iterator[tuple[_Path, Any]]:
    for key, value in edits.items():
        path = (*at, *key.split("."))
        if isinstance(value, Mapping):
            yield from _leaves(value, path)
        else:
            yield path, value


def _set(document: Any, path: _Path, value: Any, *, existing_only: bool, field: str) -> None:
    where, names = f"{field}: {_spell(path)}", tuple(key.removeprefix(_ADD) for key in path)
    if not all(names):
        raise BadInputError(f"{where}: a key without a name; write the one that is meant behind the + or the dot")
    if not _has(document, names, where):
        if existing_only:
            return
        if names == path:
            raise _unknown(document, path, where)
    table = document
    for name in names[:-1]:
        table = table.setdefault(name, tomlkit.table())
    last, unset = names[-1], object()
    former = table.get(last, unset)
    former = getattr(former, "value", former)
    if former is not unset and not existing_only:
        _refuse_another_type(former, value, where)
    if repr(former) != repr(value):  # 1, 1.0 and true are equal to Python, not to TOML
        table[last] = value


def _has(document: Any, names: _Path, where: str) -> bool:
    """Whether the file has this key; raises `BadInputError` where it is a table, or below a value."""
    found = document
    for name in names:
        if not isinstance(found, Mapping):
            raise BadInputError(f"{where}: what stands above it is a value in this file; remove {names[-1]}")
        if name not in found:
            return False
        found = found[name]
    if isinstance(found, Mapping):
        raise BadInputError(f"{where}: is a table in this file, not a value; name the keys below it")
    return True


def _refuse_foreign(value: Any, where: str) -> None:
    """Raises `BadInputError` for a value without a form in TOML, or with one that a list of values cannot hold."""
    if value is None:
        raise BadInputError(f"{where}: TOML has no null; give it a value, or leave it out")
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, Mapping):
            raise BadInputError(f"{where}: is a list of mappings; a node's files have lists of values alone")
        _refuse_foreign(entry, where)


def _refuse_another_type(former: Any, value: Any, where: str) -> None:
    """Raises `BadInputError` for what the node would not start with, or take for something else."""
    expected, given = (next((kind for kind in _KINDS if isinstance(one, kind)), None) for one in (former, value))
    if expected and given is not expected and (expected, given) != (float, int):
        said = _KINDS[given] if given else type(value).__name__
        quotes = "; put it in quotes" if expected is str else ""
        raise BadInputError(f"{where}: is {_KINDS[expected]} in this file, and {value!r} is {said}{quotes}")


def _unknown(document: Any, path: _Path, where: str) -> BadInputError:
    """The refusal, with the nearest key that there is: of the same name elsewhere, else of a similar one."""
    wanted, known = _spell(path), [_spell(path) for path, _ in _leaves(document)]
    same = [name for name in known if name.rpartition(".")[2] == path[-1]]
    near = difflib.get_close_matches(wanted, same, n=1, cutoff=0.0) or difflib.get_close_matches(wanted, known, n=1)
    added = ".".join((*path[:-1], f"{_ADD}{path[-1]}"))
    hint = f"did you mean {near[0]}? " if near else ""
    return BadInputError(f"{where}: this node's file has no such key; {hint}write {added} to add it all the same")


def _spell(path: _Path) -> str:
    return ".".join(key.removeprefix(_ADD) for key in path)
