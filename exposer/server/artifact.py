"""Files for ``/artifacts/NAME``: how they are named in the settings, and which must never be served."""

import json
import os
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import BinaryIO

from exposer.records import STATE_DIR
from exposer.server.file import RefusedError, real_path

PREFIX = "artifact:"
"""Before an artifact's name wherever it stands among those of the chain; a gate's ``--for`` spells it so too."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KEY_FILE_LIMIT = 1 << 16  # bytes; private keys are smaller


def parse_artifacts(text: str, home: Path | None, secrets: Iterable[Path]) -> dict[str, Path]:
    """The files of ``NAME=PATH, NAME=PATH`` in their order; a relative path lies below ``home``.

    Raises:
        ValueError: what is wrong, and the cure; ``secrets`` are files that must not be among them.
    """
    hidden = {os.path.realpath(path) for path in secrets}
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
        if os.path.realpath(path) in hidden or _is_internal(path, home):
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


def check_public(stream: BinaryIO, *, secrets: Iterable[Path], root: Path | None) -> bool:
    """True for an open file that may be shown to anybody, by where it lies and what is in it.

    Raises:
        RefusedError: it is one of ``secrets`` under whatever name, looks like a private key, or is in a place of keys.
    """
    found = os.fstat(stream.fileno())
    if any(_is_same(found, path) for path in secrets) or _is_internal(real_path(stream), root and root.resolve()):
        raise RefusedError("a private file, which is never served")
    if found.st_size <= _KEY_FILE_LIMIT and _is_private_key(stream.read(_KEY_FILE_LIMIT)):
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


def _is_private_key(data: bytes) -> bool:
    """A key file as CometBFT writes it, or anything in the armour of PEM or OpenPGP that calls itself a private key."""
    if b"PRIVATE KEY" in data and b"-----BEGIN" in data:
        return True
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, Mapping) and "priv_key" in document
