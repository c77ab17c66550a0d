"""A compose file's text: what services have in common stands in it once, with an anchor, and is referred to by name."""

from collections.abc import Mapping
from typing import Any, Self

from ruamel.yaml.anchor import Anchor
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from exposer.network.yaml_text import Representer, to_yaml


class Block(dict[str, Any]):
    """A mapping that has what ``base`` has besides, by YAML's merge key.

    With a ``name`` it is written out where it first stands, with that anchor, and is an alias everywhere else.
    """

    def __init__(self, content: Mapping[str, Any], *, name: str = "", base: Self | None = None) -> None:
        super().__init__(content)
        self.name = name
        self.base = base


class _Representer(Representer):
    """Knows anchors, and writes a list of words and a mapping of one word on one line."""

    def ignore_aliases(self, data: object) -> bool:
        """Only what has a name is one thing."""
        return not (isinstance(data, Block) and data.name)


def _block(representer: _Representer, block: Block) -> MappingNode:
    node: MappingNode = representer.represent_mapping("tag:yaml.org,2002:map", dict(block), flow_style=False)
    if block.name:
        node.anchor = Anchor()
        node.anchor.value, node.anchor.always_dump = block.name, True
    if block.base is not None:
        merge = ScalarNode("tag:yaml.org,2002:merge", "<<")
        node.value.insert(0, (merge, representer.represent_data(block.base)))
    return node


def _mapping(representer: _Representer, mapping: dict[str, Any]) -> MappingNode:
    short = len(mapping) <= 1 and all(isinstance(value, str) for value in mapping.values())
    node: MappingNode = representer.represent_mapping("tag:yaml.org,2002:map", mapping, flow_style=short)
    return node


def _list(representer: _Representer, entries: list[Any]) -> SequenceNode:
    short = all(isinstance(entry, str) for entry in entries)
    node: SequenceNode = representer.represent_sequence("tag:yaml.org,2002:seq", entries, flow_style=short)
    return node


_Representer.add_representer(Block, _block)
_Representer.add_representer(dict, _mapping)
_Representer.add_representer(list, _list)


def compose_yaml(document: Mapping[str, Any]) -> bytes:
    """The document as YAML, which compose reads as version 1.2 with merge keys."""
    return to_yaml(dict(document), representer=_Representer)
