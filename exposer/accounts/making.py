"""Keys files that are made here: fresh mnemonics from the system's random numbers.

A mnemonic that somebody else knows is never a default: whoever wants one puts it into a keys file of their own, or says
that the network is one to throw away, whose keys anybody can make (`throwaway_keys`).
"""

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from exposer.accounts.keyfile import Keys, load_keys
from exposer.accounts.mnemonic import Mnemonic
from exposer.accounts.secret import Secret
from exposer.durable import sync_directory, write_durably
from exposer.errors import BadInputError, ConflictError

_PRIVATE = 0o600
_LABELS = {"validators": "validator", "keys": "test", "relayers": "relayer", "relayers_cli": "relayer-cli"}


def new_keys(path: Path, counts: Mapping[str, int], *, words: int = 24) -> None:
    """A keys file at ``path`` with as many fresh entries of each role; only its owner can read it.

    It never takes the place of another.

    Raises:
        ConflictError: there is something at ``path``.
        BadInputError: there is no directory to put it into.
    """
    try:
        _create(path, _filled({}, counts, _fresh(words)))
    except FileNotFoundError as error:
        raise BadInputError(f"{path}: there is no directory {path.parent}; make it, or name another file") from error
    except FileExistsError:
        raise ConflictError(f"{path} exists, and keys are never overwritten; name another file") from None
    sync_directory(path.parent)


def _create(path: Path, content: Secret) -> None:
    """A new file, which gets its name when it is whole: a maker that is killed leaves nothing.

    File systems that have no files without a name (NFS, FAT) may have no hard links either: there it is made in place.
    """
    try:
        descriptor, nameless = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, _PRIVATE), True
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        descriptor, nameless = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _PRIVATE), False
    with contextlib.ExitStack() as undo, os.fdopen(descriptor, "wb") as stream:
        if not nameless:
            undo.callback(path.unlink)
        stream.write(content.reveal())
        stream.flush()
        os.fsync(descriptor)
        if nameless:
            os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=descriptor)  # by linkat(2): link(2) follows no link
        undo.pop_all()


def grow_keys(path: Path, counts: Mapping[str, int]) -> None:
    """Leave a keys file at ``path`` with at least as many entries of each role; those that are there stay.

    Further ones are only ever appended, so that those of a chain never change.

    Raises:
        BadInputError: the file that is there is damaged; the text quotes nothing of it.
    """
    try:
        keys = load_keys(path, "") if path.exists() else Keys({})
    except BadInputError as error:
        raise BadInputError(
            f"{path} is damaged; put a copy of it back, or delete it and start over with exposer up --force ({error})"
        ) from None
    if any(len(keys.role(role)) < count for role, count in counts.items()):
        before = json.loads(path.read_bytes()) if path.exists() else {}
        write_durably(path, _filled(before, counts, _fresh(24)).reveal(), mode=_PRIVATE)


def throwaway_keys(network: str, counts: Mapping[str, int]) -> Secret:
    """A keys file that follows from the ``network``'s name alone: the same everywhere, and no secret to anybody.

    The entropy of each mnemonic is SHA-256 of ``exposer throwaway <network> <role> <number>``.
    """

    def mnemonic(role: str, number: int) -> Mnemonic:
        return Mnemonic.of_entropy(hashlib.sha256(f"exposer throwaway {network} {role} {number}".encode()).digest())

    return _filled({}, counts, mnemonic)


def check_keys(path: Path, *, validators: int, faucet: bool = False, relayers: int = 0) -> None:
    """Whether a keys file serves a genesis pod, ``validators`` validator pods, so many relayers, and perhaps a faucet.

    Raises:
        BadInputError: it does not; the text quotes nothing of the file.
    """
    keys = load_keys(path, "")
    if not keys.role("genesis"):
        raise BadInputError(f"{path} has no genesis key; add one entry to the role genesis")
    if validators:
        keys.at("validators", validators - 1)
    if relayers:
        keys.at("relayers", relayers - 1)
    if faucet and not keys.role("faucet"):
        raise BadInputError(f"{path} has no key for the faucet; add one entry to the role faucet")


def _fresh(words: int) -> Callable[[str, int], Mnemonic]:
    return lambda _role, _number: Mnemonic.fresh(words)


def _filled(
    document: dict[str, list[dict[str, str]]], counts: Mapping[str, int], mnemonic: Callable[[str, int], Mnemonic]
) -> Secret:
    for role, count in counts.items():
        entries = document.setdefault(role, [])
        entries.extend(
            {"name": f"{_LABELS.get(role, role)}{number}", "mnemonic": mnemonic(role, number).reveal()}
            for number in range(len(entries), count)
        )
    return Secret(json.dumps(document, indent=2).encode() + b"\n")
