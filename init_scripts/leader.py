"""What a joining pod asks of the genesis pod's exposer: its node id, and the genesis."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from exposer.client import Client
from exposer.documents import DocumentError, GenesisFacts, check_genesis, parse_node_id, parse_object
from exposer.errors import MismatchError, TemporaryError
from init_scripts.backoff import SYSTEM, Backoff, Clock, Patience
from init_scripts.conditions import NODE_ID
from init_scripts.download import Download, Fetched
from init_scripts.gate import long_poll

_BACKOFF = Backoff(first=0.2)
_OK = 200


@dataclass(frozen=True)
class Expected:
    """What the genesis must be: of this chain, and, where ``sha256`` (hex) is given, these very bytes."""

    chain_id: str
    sha256: str | None = None


def fetch_node_id(client: Client, *, within: float, clock: Clock = SYSTEM) -> str:
    """The leader's node id (40 hex digits), as soon as its exposer has one.

    Raises:
        TemporaryError: there was none ``within`` that many seconds; the message has the last cause.
    """
    try:
        answer = long_poll(partial(NODE_ID.ask, client), Patience(within, _BACKOFF, clock))
    except TemporaryError as error:
        raise TemporaryError(f"no node id from {client.place} within {within:.3g} s: {error}") from error
    return parse_node_id(answer.body)


def refuse_another_genesis(client: Client, own: str) -> None:
    """Raises `MismatchError` where the leader says that its genesis is not the one with this SHA-256 (hex).

    It may have lost its volume after this pod took its genesis, and have made another before anybody held the first.
    """
    answer = client.get("/identity")
    try:
        theirs = parse_object(answer.body).get("genesis_sha256", own) if answer.status == _OK else own
    except DocumentError:
        return
    if theirs != own:
        raise MismatchError(
            f"this pod has the genesis with sha256 {own}, and {client.place} has another by now, {theirs}: "
            "empty this pod's volume, and it takes that one"
        )


def download_genesis(
    client: Client, destination: Path, expected: Expected, *, within: float, clock: Clock = SYSTEM
) -> GenesisFacts:
    """Stream the leader's genesis to ``destination``, verified; nothing is left there when it fails.

    The caller makes it durable.

    Raises:
        TemporaryError: no whole file came ``within`` that many seconds.
        MismatchError: a whole file came that is no genesis, of another chain, or with another digest.
        BadInputError: the leader wants credentials.
        OSError: the file cannot be written.
    """
    with destination.open("w+b") as target:
        try:
            download = Download(client, "/genesis", target, Patience(within, _BACKOFF, clock))
            return download.run(partial(_check, client.place, expected))
        except BaseException:
            destination.unlink()
            raise


def _check(place: str, expected: Expected, fetched: Fetched) -> GenesisFacts:
    try:
        facts = check_genesis(fetched.file)
    except DocumentError as error:
        kind = MismatchError if fetched.bounded else TemporaryError  # without a length it may have been cut
        raise kind(f"what {place} serves as /genesis is no complete genesis: {error}") from error
    if facts.chain_id != expected.chain_id:
        raise MismatchError(
            f"the genesis of {place} is of chain {facts.chain_id!r}, not {expected.chain_id!r}:"
            " check CHAIN_ID and GENESIS_HOST"
        )
    if expected.sha256 and fetched.sha256 != expected.sha256.lower():
        raise MismatchError(
            f"the genesis of {place} has the sha256 {fetched.sha256}, not {expected.sha256}:"
            " check GENESIS_SHA256 and GENESIS_HOST"
        )
    return facts
