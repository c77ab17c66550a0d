"""Files for ``/artifacts/NAME``: how they are named in the settings, and which must never be served."""

import os
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import BinaryIO

from exposer.records import STATE_DIR
from exposer.server.file import RefusedError, real_path

PREFIX = "artifact:"
"""Before an artifact's name wherever it stands among those of the chain; a gate's ``--for`` spells it so too."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CHUNK = 1 << 20  # bytes
_OVERLAP = 64  # bytes that two windows share, so that no mark of a key falls between them
_ARMOUR = (b"-----BEGIN", b"PRIVATE KEY")  # PEM's (RFC 7468) and OpenPGP's
_MARKS = (b"AGE-SECRET-KEY-1", b"PuTTY-User-Key-File-")
# As CometBFT, and our and Starship's keys files, have them: at any depth, in lines of JSON too.
_FIELDS = (b"priv_key", b"mnemonic")
_FIELD = re.compile(rb'"(?:priv_key|mnemonic)"[ \t\r\n]{0,32}:')


def parse_artifacts(text: str, home: Path | None, secrets: Iterable[Path]) -> dict[str, Path]:
    """The files of ``NAME=PATH, NAME=PATH`` in their order; a relative path lies below ``home``.

    Raises:
        ValueError: what is wrong, and the cure; ``secrets`` are files that must not be among them.
    """
    hidden = tuple(secrets)
    result: dict[str, Path] = {}
    for item in filter(None, map(str.strip, text.split(","))):
        name, _, value = (part.strip() for part in item.partition("="))
        if not _NAME.fullmatch(name):
            raise ValueError("a name is 1 to 64 letters, digits, '.', '_' and '-'; write NAME=PATH,NAME=PATH")
        if name in result:
            raise ValueError(f"{name} is in it twice; give each file a name of its own")
        if not value:
            raise ValueError(f"{name} has no path; write {name}=PATH")
        path = result[name] = _path(name, value, home)
        if is_private(path, hidden, home):
            raise ValueError(f"{name} is a private file, which is never served; take it out")
    return result


def _path(name: str, value: str, home: Path | None) -> Path:
    inner = Path(os.path.normpath(value))  # records have no detours in their paths
    if inner.is_absolute():
        return inner
    if home is None:
        raise ValueError(f"the path of {name} is relative; set the home that it lies below, or write the whole path")
    if inner.parts[:1] == ("..",):  # on purpose outside, and so not to be taken for a path below the home
        return Path(os.path.normpath(home / inner))
    return home / inner


def is_private(path: Path, secrets: Iterable[Path], home: Path | None) -> bool:
    """Whether a path leads to one of ``secrets``, or into a place of keys; what is in the file is not asked."""
    return os.path.realpath(path) in map(os.path.realpath, secrets) or _is_internal(path, home)


def check_public(stream: BinaryIO, *, secrets: Iterable[Path], root: Path | None) -> bool:
    """True for an open file that may be shown to anybody, by where it lies and what is in it, all of which is read.

    Raises:
        RefusedError: it is one of ``secrets`` under whatever name, has a private key in it, or is in a place of keys.
    """
    found = os.fstat(stream.fileno())
    if any(_is_same(found, path) for path in secrets) or _is_internal(real_path(stream), root and root.resolve()):
        raise RefusedError("a private file, which is never served")
    if _has_private_key(stream):
        raise RefusedError("a private key, which is never served")
    return True


def _is_internal(path: PurePath, root: Path | None) -> bool:
    """Whether it lies in the bookkeeping of our steps, whose stages hold unfinished keys, or in a keyring of an SDK."""
    inner = path.relative_to(root) if root and path.is_relative_to(root) else path
    return any(part == STATE_DIR or fnmatchcase(part, "keyring-*") for part in inner.parts)


def _is_same(found: os.stat_result, path: Path) -> bool:
    try:
        return os.path.samestat(found, path.stat())
    except OSError:
        return False


def _has_private_key(stream: BinaryIO) -> bool:
    """Whether anything in a file calls itself a private key, however large the file is."""
    armour, window = dict.fromkeys(_ARMOUR, False), b""
    while chunk := stream.read(_CHUNK):
        window = window[-_OVERLAP:] + chunk
        armour = {mark: seen or mark in window for mark, seen in armour.items()}
        if all(armour.values()) or any(mark in window for mark in _MARKS):
            return True
        if any(name in window for name in _FIELDS) and _FIELD.search(window):
            return True
    return False
