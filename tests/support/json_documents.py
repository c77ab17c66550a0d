"""Random JSON documents, and files that hold one."""

import json
from pathlib import Path

from hypothesis import strategies as st

from exposer.genesis.document import render

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=6)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)
documents = st.dictionaries(st.text(min_size=1, max_size=3), values, max_size=4)
styles = st.sampled_from(["  ", "\t", "", "python"])
"""How a document is written: an indent, none, or as Python's ``json.dumps`` does."""


def write(path: Path, document: object, style: str = "  ") -> Path:
    """Write a document to a file in a style; returns the path."""
    path.write_bytes(json.dumps(document).encode() if style == "python" else render(document, style))
    return path
