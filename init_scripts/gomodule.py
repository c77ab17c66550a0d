"""A Go module as a source: the version of it that is meant, and a tree of that version to build in."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exposer.errors import BadInputError, TemporaryError
from init_scripts.repository import nearest
from init_scripts.tool import Tool

_HOSTS = {"github.com", "gitlab.com", "bitbucket.org"}
"""Hosts whose modules have three elements at least (https://go.dev/ref/mod#vcs-find)."""


def check_out(go: Tool, path: str, version: str, tree: Path) -> tuple[str, str, str]:
    """Fill ``tree``, an empty directory, with the module that holds the package ``path``, out of Go's module cache.

    Returns:
        The module's path, its version, and the package below it (``.`` for the module's own).

    Raises:
        BadInputError: there is no such module or version; the message has the nearest.
        TemporaryError: the module proxy cannot be reached.
    """
    version = f"v{version}" if re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+\S*", version) else version
    failures: list[BadInputError] = []
    for module in _candidates(path, version):
        try:
            found = _download(go, module, version, tree)
        except BadInputError as error:  # no other: a shorter path may be a module that had the package before
            failures.append(error)
            continue
        _copy(Path(found["Dir"]), tree)
        return module, str(found["Version"]), f".{path[len(module) :]}"
    raise _unknown(go, path, version, tree) from failures[0]


def _download(go: Tool, module: str, version: str, cwd: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(go.run("mod", "download", "-json", f"{module}@{version}", cwd=cwd))
    return found


def _copy(source: Path, tree: Path) -> None:
    """Files and directories that can be written, unlike those of the module cache."""
    for path in sorted(source.rglob("*")):
        target = tree / path.relative_to(source)
        if path.is_dir():
            target.mkdir()
        else:
            target.write_bytes(path.read_bytes())  # an error names the volume, where copyfile's names the source


def _candidates(path: str, version: str) -> Iterator[str]:
    """The modules that may hold a package, the longest first; from v2 on a module's path ends with its version."""
    parts = path.split("/")
    major = re.match(r"v([0-9]+)\.", version)
    fewest = 3 if parts[0] in _HOSTS else 1
    prefixes = ["/".join(parts[:count]) for count in range(len(parts), min(fewest, len(parts)) - 1, -1)]
    if major and int(major[1]) > 1 and not version.endswith("+incompatible"):
        yield from [prefix for prefix in prefixes if re.search(rf"[/.]v{major[1]}$", prefix)] or prefixes[-1:]
    else:
        yield from prefixes


def _unknown(go: Tool, path: str, version: str, cwd: Path) -> BadInputError:
    known: list[str] = []
    for module in _candidates(path, version):
        try:
            known += go.run("list", "-m", "-versions", module, cwd=cwd).split()[1:]
        except (BadInputError, TemporaryError):
            continue
    hint = "" if known else f"; for a git repository write https://{path}"
    return BadInputError(f"there is no Go module for {path}@{version}{nearest(version, known)}{hint}")
