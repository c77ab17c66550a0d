"""Which network is meant: what the command line says, and the document that it is."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from exposer.network.document import Document, embedded_document, load_document

DEFAULT_FILE = Path("network.yaml")


@dataclass(frozen=True)
class Wanted:
    """Which network is asked for; None stands for what the file or the default says."""

    file: Path | None = None
    chain: str | None = None
    validators: int | None = None
    strict: bool = False

    @classmethod
    def of(cls, options: argparse.Namespace) -> Self:
        """What the flags of `exposer.network.flags` say."""
        return cls(options.file, options.chain, options.validators, options.strict)


def choose_document(wanted: Wanted) -> Document:
    """The network that is asked for; raises `BadInputError` with all its faults."""
    file = wanted.file or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    if file:
        return load_document(file, strict=wanted.strict).narrowed(wanted.chain, wanted.validators)
    document = embedded_document(wanted.chain) if wanted.chain else embedded_document()
    return document.narrowed(None, wanted.validators)
