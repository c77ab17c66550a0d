"""The genesis pod's last word on its genesis: presets, then ``GENESIS_PATCH``, written in one pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exposer.errors import BadInputError
from exposer.genesis import document, presets
from exposer.genesis.patch import patch
from exposer.genesis.source import Source


@dataclass(frozen=True)
class Wishes:
    """What a genesis is to be changed by: names of presets, and the patch, a JSON file."""

    presets: Sequence[str]
    patch: Path | None


def patch_genesis(source: Path, target: Path, wishes: Wishes) -> None:
    """Write the genesis at ``source`` to ``target`` with presets and a patch, of which the patch wins.

    Raises:
        BadInputError: there is no such preset, or the genesis has not what is to be changed.
    """
    own = _load(wishes.patch) if wishes.patch else {}
    with Source(source) as genesis, target.open("wb") as stream:
        genesis.rewrite(stream, patch(genesis, [*presets.wishes(genesis, wishes.presets), *own.items()]))


def _load(file: Path) -> Mapping[str, Any]:
    own = document.load(file, "GENESIS_PATCH")
    if not isinstance(own, dict):
        raise BadInputError("GENESIS_PATCH: not a JSON object")
    return own
