"""YAML that readers of version 1.1, as kubectl and Python's are, and of 1.2 take for the same data."""

import io
import re
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import SafeRepresenter

_PLAIN = re.compile(r"[A-Za-z/$][A-Za-z0-9/$().:_-]*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""Booleans and nothing, in version 1.1 or 1.2; numbers and dates begin with other characters than plain text here."""


class Representer(SafeRepresenter):
    """Puts text in quotes unless every reader takes it for text, writes lines as lines, and repeats what is equal."""

    def ignore_aliases(self, data: object) -> bool:
        """No anchors: whoever edits one place means that one."""
        del data
        return True


def _text(representer: SafeRepresenter, text: str) -> ScalarNode:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS and not text.endswith(":")
    style = None if plain else "|" if _is_block(text) else '"'
    node: ScalarNode = representer.represent_scalar("tag:yaml.org,2002:str", text, style=style)
    return node


def _is_block(text: str) -> bool:
    """Whether a literal block shows it: lines that are printable, with no blank at an end that nobody would see."""
    lines = text.split("\n")
    return (
        len(lines) > 1 and all(line.isprintable() and line == line.rstrip() for line in lines) and text[0] not in " \n"
    )


Representer.add_representer(str, _text)


def to_yaml(*documents: Any, representer: type[Representer] = Representer) -> bytes:
    """The documents (JSON's types) as one stream, ``---`` between them; mappings keep their order."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = representer
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment] # the library says None, and reads a bool
    yaml.width = 1 << 16  # a long value on one line: folding would show it with line ends in it
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.allow_unicode = True
    stream = io.BytesIO()
    for place, document in enumerate(documents):
        if place:
            stream.write(b"---\n")
        yaml.dump(document, stream)
    return stream.getvalue()
