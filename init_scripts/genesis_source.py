"""``GENESIS_FROM``: an existing genesis or an exported state that a chain starts from, fetched and verified."""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from exposer.accounts.address import decode_address
from exposer.client import Client
from exposer.errors import BadInputError, MismatchError, TemporaryError, UsageError
from exposer.genesis.exported import operators
from exposer.genesis.source import Source
from init_scripts.backoff import SYSTEM, Backoff, Clock, Patience
from init_scripts.download import Download, Fetched

log = logging.getLogger(__name__)
_FIELD = "GENESIS_FROM"
_PATIENCE = 300.0  # seconds
_BACKOFF = Backoff(first=0.2)
_GZIP = b"\x1f\x8b"


@contextmanager
def open_genesis(where: Path | str, sha256: str, stage: Path, *, clock: Clock = SYSTEM) -> Iterator[Source]:
    """The genesis at a path or an http(s) URL, verified.

    Args:
        where: the path or the URL.
        sha256: of the file, in hex; empty where it is not known.
        stage: a directory on the volume; what is fetched is there until the end.
        clock: to wait by.

    Raises:
        BadInputError: there is no file, it is no JSON object, or it is compressed.
        MismatchError: it is not the file that ``sha256`` names.
        TemporaryError: the server does not give it.
    """
    fetched = stage / "genesis-from.json"
    try:
        path = _verified(where, sha256) if isinstance(where, Path) else _fetch(where, sha256, fetched, clock)
        with Source(path, _FIELD) as source:
            if source.read(source.head)[:2] == _GZIP:
                raise BadInputError(f"{_FIELD}: {where} is compressed; unpack it with gunzip, and name what comes out")
            if source.kind(source.root) != "{":
                raise BadInputError(f"{_FIELD}: {where} is no JSON object")
            yield source
    finally:
        fetched.unlink(missing_ok=True)


def refuse_other_denom(source: Source, denom: str) -> None:
    """Raises `BadInputError` where the validators of the genesis bond another denomination."""
    bond = source.get("app_state", "staking", "params", "bond_denom")
    if bond is not None and bond != denom:
        raise BadInputError(f"{_FIELD}: its validators bond {bond}, and DENOM is {denom}; set DENOM={bond}")


def refuse_old_validators(source: Source, names: Mapping[str, str]) -> None:
    """Raises `BadInputError` where one of the new validators, address -> name of its key, is one of the old ones."""
    old = operators(source)
    for address, name in names.items():
        if decode_address(address)[1] in old:
            raise BadInputError(
                f"KEYS_CONFIG: {name} is a validator of the state in {_FIELD}, which is set aside; "
                f"give the new chain's validators other keys"
            )


def _fetch(url: str, sha256: str, target: Path, clock: Clock) -> Path:
    parts = urlsplit(url)
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    try:
        client = Client(f"{parts.scheme}://{parts.netloc}")
    except UsageError as error:
        raise BadInputError(f"{_FIELD}: {error}") from error
    log.info("%s: fetching it from %s", _FIELD, client.place)
    with target.open("w+b") as stream, client:
        download = Download(client, path, stream, Patience(_PATIENCE, _BACKOFF, clock))
        download.run(partial(_check, sha256))
    return target


def _check(sha256: str, fetched: Fetched) -> None:
    if sha256:
        _compare(fetched.sha256, sha256)
    elif not fetched.bounded:
        raise TemporaryError(
            "the server gives no length, so a cut cannot be told from the end; set GENESIS_FROM_SHA256"
        )


def _verified(path: Path, sha256: str) -> Path:
    if sha256:
        try:
            with path.open("rb") as stream:
                _compare(hashlib.file_digest(stream, "sha256").hexdigest(), sha256)
        except OSError as error:
            raise BadInputError(f"{_FIELD}: {path}: {error.strerror}; mount the file there") from error
    return path


def _compare(found: str, expected: str) -> None:
    if found != expected:
        raise MismatchError(f"{_FIELD}: it has the sha256 {found}, not {expected}: check GENESIS_FROM_SHA256")
