"""What the other pods' exposers say of the network (``/identity``): who belongs to one already, and how far it is.

A pod on an empty volume is either new, or it has lost its volume. Only the others can tell: a genesis pod must not make
a second genesis under pods that hold the first, and a validator whose key is derived must not sign again what it may
have signed before.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpcore

from exposer.client import Client, base_url
from exposer.credentials import Credentials
from exposer.dialer import look_up
from exposer.documents import DocumentError, parse_object
from exposer.errors import TemporaryError
from init_scripts.backoff import SYSTEM, Backoff, Clock, Patience
from init_scripts.signing_state import Position

log = logging.getLogger(__name__)

_OK, _UNAVAILABLE = 200, 503
_ANSWER = 3.0  # seconds for one answer
_BACKOFF = Backoff(first=0.1, cap=1.0)
T = TypeVar("T")


@dataclass(frozen=True)
class Member:
    """A pod that belongs to a network, by what its exposer at ``url`` says.

    ``has_signed``: its validator has signed. ``position``: the latest place at which the validator that was asked for
    may have signed, as far as this pod's node knows; None while the node does not answer or is catching up.
    """

    url: str
    chain_id: str
    genesis_sha256: str
    has_signed: bool
    position: Position | None

    @property
    def place(self) -> str:
        """Host and port, for people."""
        return urlsplit(self.url).netloc


def find_members(
    targets: Sequence[str],
    credentials: Credentials,
    validator: str,
    *,
    within: float,
    enough: Callable[[Member], bool] = lambda _: True,
    clock: Clock = SYSTEM,
) -> list[Member]:
    """Those that belong to a network, of the exposers at ``targets``, which are all asked at once.

    Each is asked again until it says that its pod belongs to none, or what is ``enough``, or the time is up.

    Args:
        targets: as for `base_url`; a name without a scheme stands for all of its addresses.
        credentials: what each of them is shown.
        validator: the address whose `Member.position` is wanted; 40 hex digits in upper case.
        within: seconds.
        enough: whether nothing more has to be known of a member.
        clock: for tests.
    """
    found: dict[str, Member] = {}
    until = clock.now() + within

    def patience() -> Patience:
        return Patience(max(until - clock.now(), 0.0), _BACKOFF, clock)

    def follow(url: str) -> None:
        """Ask one exposer; what it said last is kept."""
        left = patience()
        with Client(url, timeout=_ANSWER, credentials=credentials) as client:
            member = _retry(partial(_ask, client, validator), left)
            while member is not None:
                found[url] = member
                if enough(member) or not left.left:
                    return
                left.pause()
                member = _retry(partial(_ask, client, validator), left)

    def follow_all(target: str) -> None:
        try:
            _in_threads(follow, _retry(partial(_urls, target, credentials.scheme), patience()))
        except TemporaryError as error:
            log.info("%s does not say whether its pod belongs to a network: %s", target, error)

    _in_threads(follow_all, targets)
    return [found[url] for url in sorted(found)]


def _ask(client: Client, validator: str) -> Member | None:
    """What an exposer says of its pod; None is a pod that belongs to no network yet.

    Raises:
        TemporaryError: it cannot tell, or there is no answer.
    """
    answer = client.get(f"/identity?validator={validator}")
    try:
        body = parse_object(answer.body)
        if answer.status == _UNAVAILABLE and body.get("code") == "not-ready":
            return None
        if answer.status == _OK:
            return _read(client.url, body)
    except (DocumentError, LookupError, TypeError, ValueError) as error:
        raise TemporaryError(f"answers /identity with something else: {error}") from error
    raise TemporaryError(f"answers /identity with {answer.status}")


def _read(url: str, body: dict[str, Any]) -> Member:
    node, consensus = body["node"], body["consensus"]
    position = None
    if node and consensus and not node["catching_up"]:
        signed = consensus["signed"] or {"round": 0, "step": 0}
        here = Position(int(consensus["height"]), int(consensus["round"]), 0)
        position = max(here, Position(here.height, int(signed["round"]), int(signed["step"])))
    return Member(url, str(body["chain_id"]), str(body["genesis_sha256"]), bool(body["has_signed"]), position)


def _urls(target: str, scheme: str) -> list[str]:
    """The URL of an exposer, or those of all addresses of a name; raises `TemporaryError` where it has none yet."""
    url = base_url(target, scheme=scheme)
    parts = urlsplit(url)
    if parts.scheme == "https":  # a certificate has the name in it, so one of the addresses has to do
        return [url]
    try:
        addresses = look_up(parts.hostname or "", parts.port or 80, _ANSWER)
    except httpcore.ConnectError as error:
        raise TemporaryError("its name has no address") from error
    hosts = [f"[{address}]" if ":" in address else address for address in addresses]
    return [f"http://{host}:{parts.port}{parts.path}" for host in hosts]


def _retry(ask: Callable[[], T], patience: Patience) -> T:
    """What ``ask`` returns, tried until the patience ends; at least once."""
    while True:
        try:
            return ask()
        except TemporaryError:
            if not patience.left:
                raise
            patience.pause()


def _in_threads(work: Callable[[T], None], items: Iterable[T]) -> None:
    """Call ``work`` with each item, all at the same time; raises the first of their `TemporaryError`."""
    failures: list[TemporaryError] = []

    def act(item: T) -> None:
        try:
            work(item)
        except TemporaryError as error:
            failures.append(error)

    threads = [threading.Thread(target=act, args=(item,), daemon=True) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
