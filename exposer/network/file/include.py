"""``include``: a network file and those that it includes, as one."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from exposer.errors import BadInputError
from exposer.network.file.explain import explain
from exposer.network.file.interpolation import Variables
from exposer.network.file.model import Include, Includes
from exposer.network.file.outside import TOP, verbatim
from exposer.network.file.reading import read_source
from exposer.network.file.source import Location, Source, refusal

_INCLUDES = TypeAdapter(Includes)
_OF_ONE_FILE = ("name", "version", "include")
"""What an included file says of itself alone: it can be a network of its own."""
_LIST = "must be a list; begin each entry with '- '"


def load_source(path: Path) -> Source:
    """The file at ``path`` with the chains of what it includes before its own.

    Raises:
        BadInputError: a file cannot be read, is not YAML, or includes itself; or a section is in two of them.
    """
    variables = Variables(_own_variables(path.parent))
    return _Loader(path.parent).load(path, path.parent, variables, ())


class _Loader:
    """Loads each file once, whoever includes it; ``root`` is what paths start from in the end."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._loaded: set[Path] = set()

    def load(self, path: Path, directory: Path, variables: Variables, above: tuple[Path, ...]) -> Source:
        """The file at ``path``, whose own paths start from ``directory``, included by those ``above``."""
        source = read_source(path, variables, verbatim)
        if not isinstance(source.data, dict):
            raise BadInputError(source.fault((), "must be a mapping that begins with name and chains"))
        if above:
            _rebase(source.data, os.path.relpath(directory, self._root))
        if "include" not in source.data:
            return source
        self._loaded.add(path.resolve())
        parts = list(self._included(source, directory, variables, (*above, path)))
        return _merge([*parts, source], source)

    def _included(
        self, source: Source, directory: Path, variables: Variables, above: tuple[Path, ...]
    ) -> Iterator[Source]:
        said = source.data["include"]
        try:
            entries: tuple[Include, ...] = _INCLUDES.validate_python(said, by_alias=True, by_name=False)
        except ValidationError as error:
            found = [source.fault(*fault) for fault in explain(error, at=("include",))]
            raise refusal([*source.faults, *found]) from None
        for place, entry in enumerate(entries):
            path = directory / entry.path
            at: Location = ("include", place, "path")
            if path.resolve() in [one.resolve() for one in above]:
                ring = " -> ".join(str(one) for one in (*above, path))
                raise BadInputError(source.fault(at, f"makes the file include itself ({ring}); remove one of them"))
            if not os.path.isfile(path):  # noqa: PTH113 - that of a Path raises for some texts
                raise BadInputError(source.fault(at, f"{path} is no file; write a path from {directory}/"))
            if path.resolve() in self._loaded:
                continue
            self._loaded.add(path.resolve())
            base = path.parent if entry.project_directory is None else directory / entry.project_directory
            files = [directory / file for file in entry.env_file] if entry.env_file else _own_variables(base)
            yield self.load(path, base, Variables(files, variables), above)


def _own_variables(directory: Path) -> list[Path]:
    file = directory / ".env"
    return [file] if file.is_file() else []


def _merge(parts: list[Source], root: Source) -> Source:
    """The ``parts`` as one, in their order; ``root`` is the last of them, and gives the name."""
    data: dict[str, Any] = {name: root.data[name] for name in _OF_ONE_FILE if name in root.data and name != "include"}
    chains: list[Any] = []
    places = {at: place for at, place in root.places.items() if at[:1] == () or at[0] in _OF_ONE_FILE}
    faults: list[str] = []
    own: list[int] = []
    broken: set[Location] = set()
    for part in parts:
        listed = part.data.get("chains", [])
        if not isinstance(listed, list):
            faults.append(part.fault(("chains",), _LIST))
            listed = []
        for name in part.data.keys() - {*_OF_ONE_FILE, "chains"}:
            if name in data and name not in TOP:
                there = places[name,]
                faults.append(part.fault((name,), f"is in {there.file}:{there.line} too; keep one of the two"))
            data.setdefault(name, part.data[name])
        mine = {at: _shifted(at, len(chains)) for at in part.places if at and at[0] not in _OF_ONE_FILE}
        places = {new: part.places[at] for at, new in mine.items()} | places
        broken |= {_shifted(at, len(chains)) for at in part.broken}
        own += part.own or range(len(listed))
        chains += listed
        faults += part.faults
    data["chains"] = chains
    return replace(root, data=data, places=places, faults=tuple(faults), broken=frozenset(broken), own=tuple(own))


def _shifted(location: Location, by: int) -> Location:
    """Where it is once ``by`` chains stand before those of its file."""
    if location[0] == "chains" and len(location) > 1 and isinstance(location[1], int):
        return ("chains", location[1] + by, *location[2:])
    return location


def _rebase(data: dict[str, Any], prefix: str) -> None:
    """Relative paths of an included file, from where those of the whole start."""

    def move(mapping: Any, name: str, *, only: bool = True) -> None:
        if isinstance(mapping, dict) and isinstance(path := mapping.get(name), str) and only and "://" not in path:
            mapping[name] = str(Path(prefix) / path)

    move(data, "keys")
    for chain in data["chains"] if isinstance(data.get("chains"), list) else []:
        if isinstance(chain, dict):
            move(chain, "binary", only="/" in str(chain.get("binary")))
            move(chain.get("genesis"), "from")
            scripts = chain.get("scripts")
            for script in scripts.values() if isinstance(scripts, dict) else []:
                move(script, "file")
