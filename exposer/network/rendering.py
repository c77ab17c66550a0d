"""What a renderer makes of a plan: files below a directory of the user's choice, none of which it writes itself."""

from dataclasses import dataclass

import exposer
from exposer.network.document import Document

READABLE = 0o644
"""Of files that containers read under a user of their own; a directory of mode 0700 keeps secrets from others."""
PRIVATE = 0o600
"""Of files with values that came from outside: of ``${NAME}`` in the network file, where passwords may stand."""
MADE = b"# Made by: exposer render "
"""What the YAML begins with that is made here: such a file may be replaced, and no other."""


@dataclass(frozen=True)
class RenderedFile:
    """One file: its path below the output directory, with ``/`` between names, its bytes and its permissions."""

    path: str
    content: bytes
    mode: int = READABLE
    directory_mode: int = 0o755


def header(what: str, document: Document) -> bytes:
    """The first line of each YAML file."""
    source = document.source.name.rpartition("/")[2]
    told = f"{what} {source} -o DIR   (exposer {exposer.__version__}; edit that file, and render again)"
    return MADE + told.encode() + b"\n"
