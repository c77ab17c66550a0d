"""``GENESIS_FROM``: an existing genesis or an exported state that a chain starts from, fetched and verified."""

import hashlib
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from exposer.accounts.address import decode_address
from exposer.client import Client, Stream
from exposer.errors import BadInputError, MismatchError, UsageError, from_input_error
from exposer.genesis.exported import operators
from exposer.genesis.source import Source
from init_scripts.backoff import SYSTEM, Backoff, Clock, Patience
from init_scripts.download import Download, Fetched

log = logging.getLogger(__name__)
_FIELD = "GENESIS_FROM"
_PATIENCE = 300.0  # seconds
_BACKOFF = Backoff(first=0.2)
_GZIP = b"\x1f\x8b"
_TARGET = re.compile(r"/[!-~]*")
_PASSING = {408, 416, 425, 429}  # answers to a faulty request that another one may not get


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
        TemporaryError: the server does not give it now; what it will never give is bad input.
    """
    fetched = stage / "genesis-from.json"
    try:
        path = where if isinstance(where, Path) else _fetch(where, sha256, fetched, clock)
        with Source(path, _FIELD) as source:
            if sha256 and path == where:
                _verify(path, sha256)
            if source.read(source.head)[:2] == _GZIP:
                raise BadInputError(f"{_FIELD}: the file is compressed; unpack it with gunzip, and name what comes out")
            if source.kind(source.root) != "{":
                raise BadInputError(f"{_FIELD}: the file is no JSON object")
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
    try:
        parts = urlsplit(url)
        client = Client(f"{parts.scheme}://{parts.netloc}")
    except (UsageError, ValueError) as error:  # neither tells more of it than may be seen
        told = error if isinstance(error, UsageError) else "not a URL; write http(s)://host:port/path"
        raise BadInputError(f"{_FIELD}: {told}") from error
    path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
    if not _TARGET.fullmatch(path):
        raise BadInputError(f"{_FIELD}: a character in it stands in no URL; write it as %XX")
    log.info("%s: fetching it from %s", _FIELD, client.place)
    with target.open("w+b") as stream, client:
        download = Download(client, path, stream, Patience(_PATIENCE, _BACKOFF, clock), _lasting)
        download.run(partial(_check, sha256))
    return target


def _lasting(stream: Stream) -> str:
    """What an answer says that no retry mends."""
    if 300 <= stream.status < 400:  # noqa: PLR2004 - redirections
        return f"answers {stream.status}: redirects are not followed; set {_FIELD} to where this one leads"
    if 400 <= stream.status < 500 and stream.status not in _PASSING:  # noqa: PLR2004 - faults of the request
        return f"answers {stream.status}: check {_FIELD}, and who may read it there"
    if (encoding := stream.headers.get("content-encoding", "identity")) != "identity":
        return f"sends it encoded as {encoding!r}, which was not asked for: set {_FIELD} to where it is plain"
    return ""


def _check(sha256: str, fetched: Fetched) -> None:
    if sha256:
        _compare(fetched.sha256, sha256)
    elif not fetched.bounded:
        raise BadInputError("the server gives no length, so a cut cannot be told from the end; set GENESIS_FROM_SHA256")


def _verify(path: Path, sha256: str) -> None:
    try:
        with path.open("rb") as stream:
            _compare(hashlib.file_digest(stream, "sha256").hexdigest(), sha256)
    except OSError as error:
        raise from_input_error(error, f"{_FIELD}: {path}") from error


def _compare(found: str, expected: str) -> None:
    if found != expected:
        raise MismatchError(f"{_FIELD}: it has the sha256 {found}, not {expected}: check GENESIS_FROM_SHA256")
