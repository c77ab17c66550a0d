"""A Go module as a source: the version of it that is meant, and a tree of that version to build in."""

import json
import re
import shutil
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
    version = f"v{version}" if re.fullmatch(r"\d+\.\d+\.\d+\S*", version) else version
    failures: list[BadInputError | TemporaryError] = []
    for module in _candidates(path, version):
        try:
            found = _download(go, module, version, tree)
        except (BadInputError, TemporaryError) as error:
            failures.append(error)
            continue
        shutil.copytree(found["Dir"], tree, dirs_exist_ok=True, copy_function=shutil.copyfile)  # the cache is read-only
        tree.chmod(0o755)
        for directory in (path for path in tree.rglob("*") if path.is_dir()):
            directory.chmod(0o755)
        return module, str(found["Version"]), f".{path[len(module) :]}"
    for failure in failures:
        if isinstance(failure, TemporaryError):
            raise failure
    raise _unknown(go, path, version, tree) from failures[0]


def _download(go: Tool, module: str, version: str, cwd: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(go.run("mod", "download", "-json", f"{module}@{version}", cwd=cwd))
    return found


def _candidates(path: str, version: str) -> Iterator[str]:
    """The modules that may hold a package, the longest first; from v2 on a module's path ends with its version."""
    parts = path.split("/")
    major = re.match(r"v(\d+)\.", version)
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
