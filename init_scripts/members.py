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
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import httpcore

from exposer.client import Client, base_url
from exposer.comet_config import is_peer
from exposer.credentials import Credentials
from exposer.dialer import look_up
from exposer.documents import DocumentError, parse_object
from exposer.errors import BadInputError, TemporaryError
from init_scripts.backoff import SYSTEM, Backoff, Clock, Patience
from init_scripts.download import wants_credentials
from init_scripts.signing_state import Position

log = logging.getLogger(__name__)

_OK, _UNAVAILABLE = 200, 503
_CLIP = 200  # characters of a server's own words
_LOOK_UP = 10.0  # seconds
_ANSWER = 9.0  # seconds; the exposer asks its node for up to four, then looks into its log for two
_AWAY = 10  # heights; whoever has not signed for as many is taken for one that does not run
PEERS = "peers"
"""The fact that tells a genesis pod how to dial nodes of the network that it has joined again."""
_PEERS = 10  # nodes that are dialled until a connection stands, whatever becomes of it
_BACKOFF = Backoff(first=0.1, cap=1.0)
_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
T = TypeVar("T")


class Exposer(NamedTuple):
    """Where an exposer answers: a URL, and which of the addresses of its name; None is any."""

    url: str
    address: str | None = None


@dataclass(frozen=True)
class Member:
    """A pod that belongs to a network, by what its ``exposer`` says; ``place`` is that exposer, for people.

    ``signed_height``: up to there its own validator may have signed; None is unknown. ``height``: its node's newest
    block, 0 while that does not answer. ``position``: the latest place at which the validator that was asked for may
    have signed, as far as this pod's node has ever said. It ``has_told`` all that it knows of that where its node takes
    part in the consensus, or waits for that and its exposer has read its log; in the first case it ``is_current``, too.
    ``peer`` is how its node is dialled, where it says so.
    """

    exposer: Exposer
    place: str
    chain_id: str
    genesis_sha256: str
    signed_height: int | None = 0
    height: int = 0
    position: Position | None = None
    is_current: bool = False
    has_told: bool = False
    peer: str = ""

    def withholds(self, newest: Position | None) -> bool:
        """Whether it may know later messages than ``newest``, the latest place that is known, and does not say so.

        One that joined some blocks ago, and whose node has not come up yet, must not hold the next one up for long.
        """
        if self.has_told or self.signed_height == 0:
            return False
        return newest is None or self.signed_height is None or self.signed_height >= newest.height - _AWAY


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
    def is_current(self) -> bool:
        """Whether one of them takes part in the consensus now."""
        return any(member.is_current for member in self.members)

    @property
    def withholding(self) -> list[Member]:
        """Those that took part in the consensus, and do not say what they know from there."""
        return [member for member in self.members if member.withholds(self.newest)]

    def of(self, chain_id: str, genesis_sha256: str) -> "Answers":
        """The same, with the members of one network alone."""
        own = [one for one in self.members if (one.chain_id, one.genesis_sha256) == (chain_id, genesis_sha256)]
        return replace(self, members=own)


def places(members: Iterable[Member]) -> str:
    """Their places, for people."""
    return ", ".join(member.place for member in members)


def peers_of(members: Iterable[Member]) -> dict[str, str]:
    """The fact that tells how their nodes are dialled, of some of them: nodes tell each other of the rest."""
    peers = sorted({member.peer for member in members if member.peer})[:_PEERS]
    return {PEERS: ",".join(peers)} if peers else {}


def ask_others(
    targets: Sequence[str],
    credentials: Credentials,
    validator: str,
    *,
    within: float,
    done: Callable[[Answers, float], bool],
    known: Iterable[Member] = (),
    clock: Clock = SYSTEM,
) -> Answers:
    """What the exposers at ``targets`` say, which are looked up and asked, all at once, until that is enough.

    Who has said that it belongs to a network does so until it says the contrary.

    Args:
        targets: as for `base_url`; a name stands for all of its addresses.
        credentials: what each of them is shown.
        validator: the address whose `Member.position` is wanted; 40 hex digits in upper case.
        within: seconds, after which the last answers count as they are; a round of questions may take some more.
        done: whether the answers, this many seconds after the first question, are enough.
        known: what was said before.
        clock: for tests.

    Raises:
        BadInputError: one of them refuses the credentials.
    """
    patience = Patience(within, _BACKOFF, clock)
    members = {member.exposer: member for member in known}
    said = ""
    while True:
        answers, new = _ask_all(targets, credentials, validator)
        kept = {
            one: replace(member, is_current=False, has_told=False) for one, member in members.items() if one not in new
        }
        members = kept | {one.exposer: _with_former(one, kept.get(one.exposer)) for one in answers.members}
        answers = replace(answers, members=sorted(members.values(), key=lambda member: member.place))
        if done(answers, patience.spent) or not patience.left:
            return answers
        if str(answers) != said:
            said = str(answers)
            log.info("asking the other pods which network they belong to; not known yet: %s", said or "how far it is")
        patience.pause()


def _with_former(member: Member, former: Member | None) -> Member:
    """A member with the latest place that it has ever said."""
    said = [one.position for one in (member, former) if one and one.position]
    return replace(member, position=max(said, default=None))


def _ask_all(targets: Sequence[str], credentials: Credentials, validator: str) -> tuple[Answers, set[Exposer]]:
    """One round of questions; also who belongs to no network."""
    members: list[Member] = []
    silent: dict[str, str] = {}
    absent: list[str] = []
    new: set[Exposer] = set()

    def ask(exposer: Exposer, place: str) -> bool:
        """Whether it says which network it belongs to, or none."""
        try:
            with Client(exposer.url, timeout=_ANSWER, credentials=credentials, address=exposer.address) as client:
                if member := _ask(client, exposer, place, validator):
                    members.append(member)
                else:
                    new.add(exposer)
                return True
        except TemporaryError as error:
            silent[place] = str(error)
            return False

    def ask_target(url: str) -> None:
        parts = urlsplit(url)
        try:
            addresses = look_up(parts.hostname or "", parts.port or 80, _LOOK_UP)
        except httpcore.ConnectError as error:
            cause = error.args[0] if error.args else None
            if isinstance(cause, socket.gaierror) and cause.errno in _NO_SUCH_NAME:
                absent.append(parts.netloc)
            else:
                silent[parts.netloc] = f"its name cannot be looked up: {error}"
            return
        shown = {one: f"{parts.netloc} ({one})" if len(addresses) > 1 else parts.netloc for one in addresses}
        answered: set[str] = set()
        _in_threads(lambda one: answered.add(one) if ask(Exposer(url, one), shown[one]) else None, addresses)
        six = {one for one in addresses if ":" in one}
        four = set(addresses) - six
        if len(six) == len(four) and (six <= answered or four <= answered):  # pods with both may listen on one of them
            for one in set(addresses) - answered:
                silent.pop(shown[one], None)  # two paths of one host have one place

    _in_threads(ask_target, dict.fromkeys(base_url(target, scheme=credentials.scheme) for target in targets))
    return Answers(members, dict(sorted(silent.items())), sorted(absent)), new


def _ask(client: Client, exposer: Exposer, place: str, validator: str) -> Member | None:
    """What an exposer says of its pod; None is a pod that belongs to no network yet.

    Raises:
        TemporaryError: it cannot tell, or there is no answer.
        BadInputError: it refuses the credentials.
    """
    answer = client.get(f"/identity?validator={validator}")
    if reason := wants_credentials(answer):
        raise BadInputError(f"{place} {reason}")
    try:
        body = parse_object(answer.body)
        if answer.status == _OK:
            return _read(exposer, place, body)
        if answer.status == _UNAVAILABLE and body.get("code") == "not-ready":
            return None
        raise TemporaryError(f"it answers {answer.status}: {str(body.get('detail', 'no reason'))[:_CLIP]}")
    except (DocumentError, LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise TemporaryError(f"it answers /identity with {answer.status} and something else: {error}") from error


def _read(exposer: Exposer, place: str, body: dict[str, Any]) -> Member:
    node, consensus, signed_height = body["node"], body["consensus"], body["signed_height"]
    position, recorded = None, bool(consensus and consensus.get("recorded"))
    if node and consensus and (recorded or not node["catching_up"]):
        signed = consensus["signed"] or {"round": 0, "step": 0}
        here = Position(int(consensus["height"]), int(consensus["round"]), 0)
        # A pod that has just joined again has signed, by its signing state, at heights that its node has not reached.
        if signed_height is not None and here.height >= signed_height:
            position = max(here, Position(here.height, int(signed["round"]), int(signed["step"])))
    return Member(
        exposer,
        place,
        chain_id=str(body["chain_id"]),
        genesis_sha256=str(body["genesis_sha256"]),
        signed_height=None if signed_height is None else int(signed_height),
        height=int(node["height"]) if node else 0,
        position=position,
        is_current=position is not None and not recorded,
        has_told=position is not None,
        peer=peer if is_peer(peer := str(body.get("peer") or "")) else "",
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
