"""A pod takes the genesis of a network that is there: its own identity, the verified genesis, a safe signing state."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from exposer.accounts.keyfile import Key
from exposer.client import Client, base_url
from exposer.errors import MismatchError, TemporaryError
from exposer.hosts import bracketed
from exposer.records import NETWORK, digest_file
from exposer.volume import Transaction
from init_scripts import cometbft, cosmos
from init_scripts.backoff import SYSTEM, Clock, Patience
from init_scripts.leader import Expected, download_genesis
from init_scripts.members import Answers, Exposer, Member, ask_others, peers_of, places
from init_scripts.scripted_home import make_home
from init_scripts.settings import AskingSettings, IdentitySettings, parse_url
from init_scripts.signing_state import PATH as SIGNING_STATE
from init_scripts.signing_state import resume
from init_scripts.stage import of_the_node

GENESIS = "config/genesis.json"
_OK = 200
log = logging.getLogger(__name__)

_WITHIN = 20.0
"""Seconds for the nodes that run to say how far they are: one that restarts with the others needs some of them."""
_SETTLING = 3.0
"""Seconds for which a name that stands for all pods is looked up again where the network runs: some may be starting."""
_FORCED = 5.0
"""Seconds where ``--force`` goes on without an answer."""


class JoinerSettings(IdentitySettings, AskingSettings):
    """What a step knows that may join a network."""

    peer_exposers: str = Field(
        "",
        description="the exposers of the chain's pods, host:port with commas between them, this pod's may be among "
        "them; a name stands for all of its addresses",
    )

    @property
    def others(self) -> int | None:
        """How many other pods the network has, where that is known."""
        return None

    @property
    def exposers(self) -> list[str]:
        """``PEER_EXPOSERS``, one by one."""
        return [target for target in map(str.strip, self.peer_exposers.split(",")) if target]

    @field_validator("peer_exposers")
    @classmethod
    def _are_targets(cls, value: str) -> str:
        for target in filter(None, map(str.strip, value.split(","))):
            parse_url(target)
        return value


def join(
    settings: JoinerSettings,
    transaction: Transaction,
    key: Key,
    *,
    sources: Sequence[Exposer],
    sha256: str | None,
    known: Sequence[Member] = (),
    judge: Callable[[Path], object] = lambda _: None,
) -> None:
    """Fill the stage with the home of ``key`` and the genesis that the exposers at ``sources`` have, and commit it.

    ``judge`` is called with the genesis, and may refuse it. ``known``: what other pods said before.

    Raises:
        TemporaryError: the genesis did not come, or how far the network is cannot be known yet.
        MismatchError: what came is not the genesis of this chain, or its digest is not ``sha256`` (hex), or other pods
            belong to another network.
    """
    facts = _home(settings, transaction, key)
    path = transaction.stage / GENESIS
    path.unlink(missing_ok=True)  # what `init` of a chain binary left there, or a script: all have one genesis
    source = _serving(settings, sources)
    with Client(source.url, credentials=settings.credentials, address=source.address) as client:
        download_genesis(client, path, Expected(settings.chain_id, sha256), within=settings.download_timeout)
    judge(path)
    resume_signing(settings, transaction.stage, key, [*(one.url for one in sources), *settings.exposers], known=known)
    state = [SIGNING_STATE, *of_the_node(transaction.stage)]
    transaction.commit(state=state, facts={**facts, NETWORK: settings.chain_id, **peers_of(known)})


def _serving(settings: JoinerSettings, sources: Sequence[Exposer]) -> Exposer:
    """Which of the exposers serves its genesis: a pod between two of its steps may wait for this one."""
    patience = Patience(settings.download_timeout)
    while len(sources) > 1 and patience.left:
        for source in sources:
            if _serves(settings, source):
                return source
        patience.pause()
    return sources[0]


def _home(settings: JoinerSettings, transaction: Transaction, key: Key) -> Mapping[str, Any]:
    """The pod's keys in a home, by the script or by the driver; returns facts for the record."""
    if settings.step_script:
        make_home(settings, transaction, key)
        return {}
    make = cosmos.make_validator if settings.chain_driver == "cosmos" else cometbft.make_validator
    return make(settings, transaction.stage, key)


def _serves(settings: JoinerSettings, source: Exposer) -> bool:
    client = Client(source.url, credentials=settings.credentials, address=source.address)
    try:
        with client, client.stream("/genesis") as stream:
            return stream.status == _OK
    except TemporaryError:
        return False


def resume_signing(
    settings: JoinerSettings,
    stage: Path,
    key: Key,
    targets: Sequence[str],
    *,
    known: Sequence[Member] = (),
    clock: Clock = SYSTEM,
) -> None:
    """Start the signing state behind all that a validator with a derived key may have signed on another volume.

    It starts at the height and the round that the network's consensus works on, behind what the other nodes have of
    this validator there. Nothing older can be signed again. What no node has got is nobody's evidence, and a network
    that stands because it needs this validator's vote must get just that vote: it never comes to a later round.

    With ``--force`` it starts behind what is known, whatever is not; no cure where that `FOUNDS` another network.
    ``known``: what other pods said before.

    Raises:
        TemporaryError: the network may be running, and a node that took part in its consensus does not say where it is.
        MismatchError: other pods belong to a network with another genesis than the one in ``stage``.
        BadInputError: an exposer refuses the credentials.
    """
    if not settings.derived:
        return
    own = settings.chain_id, digest_file(stage / GENESIS)[1]
    settling = _SETTLING if any(map(_is_name, settings.exposers)) else 0.0
    answers = ask_others(
        targets,
        settings.credentials,
        key.consensus_key.address.hex().upper(),
        within=min(_FORCED if settings.force else _WITHIN, settings.download_timeout),
        done=lambda answers, spent: _is_enough(settings, answers.of(*own), spent, settling=settling),
        known=known,
        clock=clock,
    )
    if not settings.force:
        _refuse_others(settings, own, answers)
    answers = answers.of(*own)
    lost = answers.withholding or ([] if answers.newest else [one for one in answers.members if one.height])
    may_run = answers.newest and not _is_known(settings, answers)
    if lost or not answers.members or (answers.silent and not answers.is_current) or may_run:
        where = "; ".join(filter(None, [places(lost), str(answers)])) or ", ".join(targets)
        what = (
            f"no node takes part in the consensus, and not all other pods say what they have ({where})"
            if answers.members and not lost and not answers.silent
            else f"the network may be running, and these do not say at which height and round ({where})"
        )
        reason = f"{what}: this pod's key is derived and its volume is new, so it could sign twice"
        if not settings.force:
            raise TemporaryError(
                f"{reason}. Start those nodes, or restore this pod's volume. If they will never run again, "
                + ("and others do, stop their exposers too" if settings.FOUNDS else "run this step with --force")
            )
        log.warning("--force: %s", reason)
    elif answers.silent or answers.absent:
        log.warning("goes on with what the others say; these did not answer: %s", answers)
    if answers.newest:
        resume(stage, answers.newest)


def _is_name(target: str) -> bool:
    """Whether the host of a target is a name, and not an address."""
    host = urlsplit(base_url(target)).hostname or ""
    return bracketed(host) == host and not host.replace(".", "").isdecimal()


def _is_enough(settings: JoinerSettings, answers: Answers, spent: float, *, settling: float) -> bool:
    """Whether nothing more has to be asked: all have said where the network is, or that it has no block yet."""
    if answers.silent or answers.absent or answers.withholding or not answers.members:
        return False
    runs = any(member.signed_height != 0 or member.height for member in answers.members)
    return not runs or (spent >= settling and answers.newest is not None and _is_known(settings, answers))


def _is_known(settings: JoinerSettings, answers: Answers) -> bool:
    """Whether nobody can be further than who has answered: a node that runs is at the tip, others may be behind."""
    told = {member.peer or member.place for member in answers.members if member.has_told}
    everybody = settings.others is not None and len(told) >= settings.others
    return answers.is_current or (everybody and not answers.silent and not answers.absent)


def _refuse_others(settings: JoinerSettings, own: tuple[str, str], answers: Answers) -> None:
    """Raises `MismatchError` where a member has another chain id or genesis (SHA-256 in hex) than ``own``."""
    others = [one for one in answers.members if (one.chain_id, one.genesis_sha256) != own]
    if others:
        theirs = "; ".join(f"{one.place}: chain {one.chain_id!r}, sha256 {one.genesis_sha256}" for one in others)
        raise MismatchError(
            f"this pod took the genesis of {own[0]!r} with sha256 {own[1]}, and other pods belong to another "
            f"network ({theirs}): empty the volumes of all but one network"
            + ("" if settings.FOUNDS else ", or run this step with --force")
        )
