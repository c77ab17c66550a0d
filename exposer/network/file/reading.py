"""From the text of a network file to its `Source`."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from exposer.errors import BadInputError
from exposer.network.file.interpolation import Variables, substitute
from exposer.network.file.source import Location, Place, Source, conceal, spell

_TAG = "tag:yaml.org,2002:"
_TRUE = {"true", "yes", "on"}  # the latter two where a file says %YAML 1.1
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
"""What YAML's escapes can write, and neither a path nor UTF-8 can hold."""
_DEEPEST = 100
_EXPANSION, _FREELY = 10, 10_000
"""How many times larger aliases may make a file, and up to which size they may make it any larger."""


class WrittenInt(int):
    """A whole number that remembers how it is ``written``, for fields that are text."""

    written = ""


class WrittenFloat(float):
    """Likewise a number with a fraction or an exponent."""

    written = ""


def read_source(path: Path, variables: Variables, verbatim: Callable[[Location], bool]) -> Source:
    """The file at ``path`` with its variables replaced, but for where it is ``verbatim``.

    Raises:
        BadInputError: it cannot be read, or is not one YAML document.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInputError(f"{path}: {error.strerror}; name the network file that is meant") from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path}: not text in UTF-8; save it as UTF-8") from error
    yaml = YAML(pure=True)
    try:
        return _Reader(str(path), yaml, variables, verbatim).read(yaml.compose(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        cure = "within {} write ${NAME} as $NAME or in quotes" if _is_braced(text, mark) else "correct it there"
        raise BadInputError(f"{path}{line}: not YAML: {error.problem or error.context}; {cure}") from error
    except ReaderError as error:
        number = text.count("\n", 0, error.position) + 1
        told = f"{path}:{number}: not YAML: has the character {error.character!r}; write it without"
        raise BadInputError(told) from error
    except YAMLError as error:
        raise BadInputError(f"{path}: not YAML: {str(error).splitlines()[0]}; correct it there") from error
    except RecursionError as error:
        raise BadInputError(f"{path}: is nested more than {_DEEPEST} levels deep; make it flatter") from error


def _is_braced(text: str, mark: Any) -> bool:
    """Whether YAML stumbles over the brace of a variable: within a ``{}`` of its own it takes that for another."""
    return mark is not None and text[max(mark.index - 1, 0) : mark.index + 1] == "${"


class _Reader:
    """Turns YAML's node graph into plain data. Scalars follow the YAML 1.2 core schema; dates stay text."""

    def __init__(self, name: str, yaml: YAML, variables: Variables, verbatim: Callable[[Location], bool]) -> None:
        self._name = name
        self._resolver = yaml.resolver
        self._variables = variables
        self._verbatim = verbatim
        self._places: dict[Location, Place] = {}
        self._faults: list[str] = []
        self._broken: set[Location] = set()
        self._open: list[Node] = []
        self._distinct: set[int] = set()
        self._visited = 0

    def read(self, node: Node | None) -> Source:
        data = {} if node is None else self._value(node, ())
        written = self._variables.written
        faults = tuple(conceal(fault, written) for fault in self._faults)
        return Source(self._name, data, self._places, faults, frozenset(self._broken), written=written)

    def _value(self, node: Node, location: Location) -> Any:
        line = node.start_mark.line + 1
        self._places.setdefault(location, Place(self._name, line))
        self._bound(node, line)
        if node in self._open:
            raise BadInputError(f"{self._name}:{line}: an alias that contains itself; write it out")
        self._open.append(node)
        try:
            if isinstance(node, MappingNode):
                return self._mapping(node, location)
            if isinstance(node, SequenceNode):
                return [self._value(child, (*location, place)) for place, child in enumerate(node.value)]
            assert isinstance(node, ScalarNode)  # noqa: S101 - YAML has no fourth kind
            return self._scalar(node, location)
        finally:
            self._open.pop()

    def _bound(self, node: Node, line: int) -> None:
        """A few lines of aliases can stand for more than any memory holds, and levels for more than any stack."""
        if len(self._open) > _DEEPEST:
            raise BadInputError(f"{self._name}:{line}: is nested more than {_DEEPEST} levels deep; make it flatter")
        self._visited += 1
        self._distinct.add(id(node))
        if self._visited > _FREELY + _EXPANSION * len(self._distinct):
            raise BadInputError(f"{self._name}:{line}: aliases that repeat too much; write the file with fewer of them")

    def _mapping(self, node: MappingNode, location: Location) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merges: list[Node] = []
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag == f"{_TAG}merge":
                merges.append(value)
                continue
            if not isinstance(key, ScalarNode) or _NO_TEXT.search(str(key.value)):
                self._fault(line, location, "has a name that is no text; write the name out")
                continue
            name = str(key.value)
            inside = (*location, name)
            if name in own:
                text = f"is there twice; keep one (the first is on line {self._places[inside].line})"
                self._fault(line, inside, text)
                continue
            self._places[inside] = Place(self._name, line)
            own[name] = self._value(value, inside)
        return self._merged(merges, location) | own

    def _merged(self, nodes: list[Node], location: Location) -> dict[str, Any]:
        """What ``<<`` brings in, the strongest last; what the mapping has itself keeps its own places."""
        merged: dict[str, Any] = {}
        kept = dict(self._places) if nodes else {}
        for source in (source for node in nodes for source in _merge_sources(node)):
            if isinstance(source, MappingNode):
                merged |= self._value(source, location)
            else:
                line = source.start_mark.line + 1
                self._fault(line, location, "has a << that is no mapping; name one by its alias")
        self._places |= kept
        return merged

    def _scalar(self, node: ScalarNode, location: Location) -> Any:
        tag, text = str(node.tag).removeprefix(_TAG), str(node.value)
        if _NO_TEXT.search(text):
            return self._without(node, location, "has a character that no text has; write it without")
        if "$" in text and not self._verbatim(location):
            try:
                text = substitute(text, self._variables.lookup)
            except ValueError as error:
                return self._without(node, location, str(error))
            self._variables.written[text] = str(node.value)
            self._places[location] = self._places[location]._replace(asks=str(node.value))
            if node.style is None:  # neither quoted nor a block
                tag = str(self._resolver.resolve(ScalarNode, text, (True, False))).removeprefix(_TAG)
        try:
            return _plain(tag, text)
        except ValueError:
            return self._without(node, location, "is not a number that JSON has; put it in quotes")

    def _without(self, node: Node, location: Location, text: str) -> None:
        """A scalar that has no value."""
        self._broken.add(location)
        self._fault(node.start_mark.line + 1, location, text)

    def _fault(self, line: int, location: Location, text: str) -> None:
        field = f"{spell(location)}: " if location else ""
        self._faults.append(f"{self._name}:{line}: {field}{text}")


def _plain(tag: str, text: str) -> Any:
    """A scalar as JSON has it; raises `ValueError` for a number that JSON has not (YAML's ``.inf`` and ``.nan``)."""
    number: WrittenInt | WrittenFloat
    if tag == "int":
        number = WrittenInt(text, {"0x": 16, "0o": 8}.get(text.lstrip("+-")[:2].lower(), 10))
    elif tag == "float":
        number = WrittenFloat(text)
        if number in {float("inf"), float("-inf")}:
            raise ValueError
    else:
        return {"null": None, "bool": text.lower() in _TRUE}.get(tag, text)
    number.written = text
    return number


def _merge_sources(node: Node) -> Iterator[Node]:
    """The nodes that ``<<`` brings in, the strongest last."""
    if isinstance(node, SequenceNode):
        yield from reversed(node.value)
    else:
        yield node
