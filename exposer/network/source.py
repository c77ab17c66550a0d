"""A YAML file as plain data that remembers on which line each value is written."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from exposer.errors import BadInputError

Location = tuple[str | int, ...]
"""Where a value is: names and list positions from the top of the file."""
Fault = tuple[Location, str]
"""What is wrong with the value at a location."""
_TAG = "tag:yaml.org,2002:"


class WrittenInt(int):
    """A whole number that remembers how it is ``written``, for fields that are text."""

    written = ""


class WrittenFloat(float):
    """Likewise a number with a fraction or an exponent."""

    written = ""


@dataclass(frozen=True)
class Source:
    """A file's name, its data (JSON's types only) and the line of every location in it, counted from 1.

    ``chosen`` holds the positions of the chains that were picked from the file, so that faults name the file's own.
    """

    name: str
    data: Any
    lines: dict[Location, int] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    chosen: tuple[int, ...] | None = None

    def fault(self, location: Location, text: str) -> str:
        """``FILE:LINE: field.path: text``; a value that is not there is sought on the line of what surrounds it."""
        if self.chosen is not None and len(location) > 1 and location[0] == "chains" and isinstance(location[1], int):
            location = ("chains", self.chosen[location[1]], *location[2:])
        near = next((location[:end] for end in range(len(location), -1, -1) if location[:end] in self.lines), None)
        where = self.name if near is None else f"{self.name}:{self.lines[near]}"
        return f"{where}: {spell(location)}: {text}" if location else f"{where}: {text}"


def spell(location: Location) -> str:
    """A location as people write it: ``chains[0].ports.rpc``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def read_source(path: Path) -> Source:
    """The file at ``path``; raises `BadInputError` where it cannot be read or is not one YAML document."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInputError(f"{path}: {error.strerror}; name the network file that is meant") from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path}: not text in UTF-8; save it as UTF-8") from error
    try:
        node = YAML(pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise BadInputError(f"{path}{line}: not YAML: {error.problem or error.context}; correct it there") from error
    except YAMLError as error:
        raise BadInputError(f"{path}: not YAML: {str(error).splitlines()[0]}; correct it there") from error
    return _Reader(str(path)).read(node)


class _Reader:
    """Turns YAML's node graph into plain data. Scalars follow the YAML 1.2 core schema; dates stay text."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lines: dict[Location, int] = {}
        self._faults: list[str] = []
        self._open: list[Node] = []

    def read(self, node: Node | None) -> Source:
        data = {} if node is None else self._value(node, ())
        return Source(self._name, data, self._lines, tuple(self._faults))

    def _value(self, node: Node, location: Location) -> Any:
        self._lines.setdefault(location, node.start_mark.line + 1)
        if node in self._open:
            raise BadInputError(f"{self._name}:{node.start_mark.line + 1}: an alias that contains itself; write it out")
        self._open.append(node)
        try:
            if isinstance(node, MappingNode):
                return self._mapping(node, location)
            if isinstance(node, SequenceNode):
                return [self._value(child, (*location, place)) for place, child in enumerate(node.value)]
            return self._scalar(node, location)
        finally:
            self._open.pop()

    def _mapping(self, node: MappingNode, location: Location) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == f"{_TAG}merge":
                merged |= {
                    name: entry
                    for source in _merge_sources(value)
                    for name, entry in self._value(source, location).items()
                }
                continue
            name, line = str(key.value), key.start_mark.line + 1
            inside = (*location, name)
            if name in own:
                self._fault(line, inside, f"is there twice; keep one (the first is on line {self._lines[inside]})")
                continue
            self._lines[inside] = line
            own[name] = self._value(value, inside)
        return merged | own

    def _scalar(self, node: Node, location: Location) -> Any:
        tag, text = str(node.tag).removeprefix(_TAG), str(node.value)
        try:
            number: WrittenInt | WrittenFloat | None = None
            if tag == "int":
                number = WrittenInt(text, {"0x": 16, "0o": 8}.get(text.lstrip("+-")[:2].lower(), 10))
            if tag == "float":
                number = WrittenFloat(text)  # YAML's .inf and .nan are not: JSON has no such numbers
            if number is not None:
                number.written = text
                return number
        except ValueError:
            self._fault(node.start_mark.line + 1, location, "is not a number that JSON has; put it in quotes")
        return {"null": None, "bool": text.lower() == "true"}.get(tag, text)

    def _fault(self, line: int, location: Location, text: str) -> None:
        self._faults.append(f"{self._name}:{line}: {spell(location)}: {text}")


def _merge_sources(node: Node) -> Iterator[MappingNode]:
    """The mappings that ``<<`` brings in, the strongest last."""
    if isinstance(node, MappingNode):
        yield node
    elif isinstance(node, SequenceNode):
        yield from reversed([child for child in node.value if isinstance(child, MappingNode)])
