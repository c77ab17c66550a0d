"""What the other pods' exposers say of the network (``/identity``): who belongs to one already, and how far it is.

A pod on an empty volume is either new, or it has lost its volume. Only the others can tell: a genesis pod must not make
a second genesis under pods that hold the first, and a validator whose key is derived must not sign again what it may
have signed before. So no answer is not the answer "none".
"""

import logging
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpcore

from exposer.client import Client, base_url
from exposer.credentials import Credentials
from exposer.dialer import look_up
from exposer.documents import DocumentError, parse_object
from exposer.errors import BadInputError, TemporaryError
from init_scripts.backoff import SYSTEM, Backoff, Clock, Patience
from init_scripts.signing_state import Position

log = logging.getLogger(__name__)

_OK, _UNAVAILABLE = 200, 503
_REFUSALS = {401, 403}
_CLIP = 200  # characters of a server's own words
_LOOK_UP = 10.0  # seconds
_ANSWER = 8.0  # seconds; the exposer may look at its volume for five of them, and ask its node for two
_BACKOFF = Backoff(first=0.1, cap=1.0)
_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
T = TypeVar("T")


@dataclass(frozen=True)
class Member:
    """A pod that belongs to a network, by what its exposer at ``url`` says; ``place`` is that exposer, for people.

    ``signed_height``: up to there its own validator may have signed; None is unknown. ``height``: its node's newest
    block, 0 while that does not answer. ``position``: the latest place at which the validator that was asked for may
    have signed, as far as this pod's node knows; None while it takes no part in the consensus.
    """

    url: str
    place: str
    chain_id: str
    genesis_sha256: str
    signed_height: int | None = 0
    height: int = 0
    position: Position | None = None

    def withholds(self, newest: Position | None) -> bool:
        """Whether it may know later messages than ``newest``, the latest place that is known, and does not say so.

        Whoever has not signed for some heights has seen nothing of the last ones.
        """
        if self.position or self.signed_height == 0:
            return False
        return newest is None or self.signed_height is None or self.signed_height >= newest.height - 1


@dataclass(frozen=True)
class Answers:
    """What the exposers that were asked say: those that are named nowhere belong to no network yet.

    ``silent``: who has an address and does not say whether it belongs to one, and why. ``absent``: the names without
    an address.
    """

    members: list[Member] = field(default_factory=list)
    silent: dict[str, str] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Who did not say, for people."""
        absent = [f"{name}: its name has no address" for name in self.absent]
        return "; ".join([*(f"{place}: {why}" for place, why in self.silent.items()), *absent])

    @property
    def newest(self) -> Position | None:
        """The latest place that a member knows."""
        return max((member.position for member in self.members if member.position), default=None)

    @property
    def withholding(self) -> list[Member]:
        """Those that took part in the consensus, and do not say what they know from there."""
        return [member for member in self.members if member.withholds(self.newest)]


def places(members: Iterable[Member]) -> str:
    """Their places, for people."""
    return ", ".join(member.place for member in members)


def ask_others(
    targets: Sequence[str],
    credentials: Credentials,
    validator: str,
    *,
    within: float,
    done: Callable[[Answers, float], bool],
    clock: Clock = SYSTEM,
) -> Answers:
    """What the exposers at ``targets`` say, which are looked up and asked, all at once, until that is enough.

    Args:
        targets: as for `base_url`; a name stands for all of its addresses.
        credentials: what each of them is shown.
        validator: the address whose `Member.position` is wanted; 40 hex digits in upper case.
        within: seconds, after which the last answers count as they are.
        done: whether the answers, this many seconds after the first question, are enough.
        clock: for tests.

    Raises:
        BadInputError: one of them refuses the credentials.
    """
    patience = Patience(within, _BACKOFF, clock)
    members: dict[str, Member] = {}
    said = ""
    while True:
        answers = _ask_all(targets, credentials, validator)
        # Who belonged to a network still does when it no longer answers; what its node knows may have changed.
        kept = {place: replace(members[place], position=None) for place in answers.silent if place in members}
        members = kept | {member.place: member for member in answers.members}
        answers = replace(answers, members=[members[place] for place in sorted(members)])
        if done(answers, patience.spent) or not patience.left:
            return answers
        if str(answers) != said:
            said = str(answers)
            log.info("asking the other pods which network they belong to; not known yet: %s", said or "how far it is")
        patience.pause()


def _ask_all(targets: Sequence[str], credentials: Credentials, validator: str) -> Answers:
    """One round of questions."""
    members: dict[str, Member] = {}
    silent: dict[str, str] = {}
    absent: list[str] = []
    found: dict[tuple[int, str], tuple[str, str]] = {}
    families: list[list[list[str]]] = []

    def find(target: str) -> None:
        url = base_url(target, scheme=credentials.scheme)
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            addresses = look_up(parts.hostname or "", port, _LOOK_UP)
        except httpcore.ConnectError as error:
            cause = error.args[0] if error.args else None
            if isinstance(cause, socket.gaierror) and cause.errno in _NO_SUCH_NAME:
                absent.append(parts.netloc)
            else:
                silent[parts.netloc] = f"its name cannot be looked up: {error}"
            return
        several = len(addresses) > 1
        shown = {
            address: found.setdefault(
                (port, address), (url, f"{parts.netloc} ({address})" if several else parts.netloc)
            )[1]
            for address in addresses
        }
        families.append([[shown[one] for one in addresses if (":" in one) is six] for six in (False, True)])

    def ask(entry: tuple[tuple[int, str], tuple[str, str]]) -> None:
        (_, address), (url, place) = entry
        try:
            with Client(url, timeout=_ANSWER, credentials=credentials, address=address) as client:
                if member := _ask(client, place, validator):
                    members[place] = member
        except TemporaryError as error:
            silent[place] = str(error)

    _in_threads(find, targets)
    _in_threads(ask, found.items())
    for four, six in families:  # of a pod that has an address of each kind and listens on one
        if four and six:
            worse = max((four, six), key=lambda shown: sum(place in silent for place in shown))
            for place in worse:
                silent.pop(place, None)
    return Answers([members[place] for place in sorted(members)], dict(sorted(silent.items())), sorted(absent))


def _ask(client: Client, place: str, validator: str) -> Member | None:
    """What an exposer says of its pod; None is a pod that belongs to no network yet.

    Raises:
        TemporaryError: it cannot tell, or there is no answer.
        BadInputError: it refuses the credentials.
    """
    answer = client.get(f"/identity?validator={validator}")
    if answer.status in _REFUSALS:
        raise BadInputError(
            f"{place} answers {answer.status}: give this pod the token or the client certificate that exposers ask for"
        )
    try:
        body = parse_object(answer.body)
        if answer.status == _OK:
            return _read(client.url, place, body)
        if answer.status == _UNAVAILABLE and body.get("code") == "not-ready":
            return None
        raise TemporaryError(f"it answers {answer.status}: {str(body.get('detail', 'no reason'))[:_CLIP]}")
    except (DocumentError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise TemporaryError(f"it answers /identity with {answer.status} and something else: {error}") from error


def _read(url: str, place: str, body: dict[str, Any]) -> Member:
    node, consensus, signed_height = body["node"], body["consensus"], body["signed_height"]
    position = None
    if node and consensus and not node["catching_up"]:
        signed = consensus["signed"] or {"round": 0, "step": 0}
        here = Position(int(consensus["height"]), int(consensus["round"]), 0)
        # A pod that has just joined again has signed, by its signing state, at heights that its node has not reached.
        if signed_height is not None and here.height >= signed_height:
            position = max(here, Position(here.height, int(signed["round"]), int(signed["step"])))
    return Member(
        url,
        place,
        chain_id=str(body["chain_id"]),
        genesis_sha256=str(body["genesis_sha256"]),
        signed_height=None if signed_height is None else int(signed_height),
        height=int(node["height"]) if node else 0,
        position=position,
    )


def _in_threads(work: Callable[[T], None], items: Iterable[T]) -> None:
    """Call ``work`` with each item, all at the same time; raises the first of their errors."""
    failures: list[Exception] = []

    def act(item: T) -> None:
        try:
            work(item)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller raises it
            failures.append(error)

    threads = [threading.Thread(target=act, args=(item,), daemon=True) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
