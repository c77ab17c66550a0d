"""Where the keys of a network come from that is not run by `exposer up`: its file, its name, or the system's random."""

import json
from collections.abc import Mapping
from pathlib import Path

from exposer.accounts.making import grow_keys, throwaway_keys
from exposer.accounts.secret import Secret
from exposer.errors import BadInputError, from_input_error
from exposer.network.document import Document
from exposer.network.file.model import Network

KEYS_FILE = "keys.json"
_PARTS = {"validators.json": "validators", "faucet.json": "faucet"}
"""Parts of the keys file -> the role that is in it."""
KEY_FILES = (KEYS_FILE, *_PARTS)
_OF_STEPS = {
    "init-faucet": "faucet.json",
    "init-validator": "validators.json",
    "create-validator": "validators.json",
}
_COUNTS: Mapping[str, int] = {"genesis": 1, "validators": 1, "faucet": 1, "keys": 3}


def counts(network: Network) -> dict[str, int]:
    """How many entries of each role fresh keys have.

    One for the validators serves any number of them, by HD address index: a StatefulSet may be scaled. So does one for
    the relayers.
    """
    return {**_COUNTS, **({"relayers": 1} if network.relayers else {})}


def keys_file_of(step: str) -> str:
    """Which of the `key_files` a step gets: ``init-genesis``, which funds all accounts, the whole."""
    return _OF_STEPS.get(step, KEYS_FILE)


def key_files(keys: Secret) -> dict[str, Secret]:
    """The keys file, and its parts, by file name; raises `BadInputError` where it is none."""
    try:
        roles = dict(json.loads(keys.reveal()))
    except (ValueError, TypeError):
        raise BadInputError("keys: the file is not a JSON object; make one with exposer keys new") from None
    parts = {name: json.dumps({role: roles.get(role, [])}, indent=2) + "\n" for name, role in _PARTS.items()}
    return {KEYS_FILE: keys, **{name: Secret(text.encode()) for name, text in parts.items()}}


def keys_of(document: Document, kept: Path | None) -> Secret:
    """The keys file of a network; fresh ones are at ``kept``, where a later rendering finds them again.

    Raises:
        BadInputError: the network file's cannot be read, or fresh ones have no place to be kept, or not their own.
    """
    network = document.network
    if network.keys is not None:
        path = document.directory / network.keys
    elif network.throwaway:
        return throwaway_keys(network.name, counts(network))
    elif kept is not None:
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if kept.exists() and kept.read_bytes() == throwaway_keys(network.name, counts(network)).reveal():
            text = f"{kept} has the keys of a network to throw away, which anybody can make; delete it for fresh ones"
            raise BadInputError(text)
        grow_keys(kept, counts(network))
        path = kept
    else:
        cure = "name a keys file (exposer keys new FILE), or a directory with -o, in which fresh ones are kept"
        raise BadInputError(f"{document.source.name}: keys: is not there, and a stream keeps none; {cure}")
    try:
        return Secret(path.read_bytes())
    except OSError as error:
        raise from_input_error(error, f"keys: {path}", "name a keys file that is there") from error
