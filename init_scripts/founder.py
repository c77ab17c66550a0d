"""The founder's question: before it commits a genesis, the genesis pod asks whether the others have one already."""

import logging
import mmap
import shutil
from collections import defaultdict
from pathlib import Path

from exposer.accounts.keyfile import Key
from exposer.errors import MismatchError, TemporaryError
from init_scripts.backoff import SYSTEM, Clock
from init_scripts.join import JoinerSettings
from init_scripts.members import Answers, Member, ask_others, places

log = logging.getLogger(__name__)

_STARTING = 40.0
"""Seconds for a name to get an address, which a resolver may deny for 30 more; a pod without one does not run."""
_OTHERS = 5.0
"""Seconds for the rest, once somebody belongs to a network; also where ``--force`` goes on without an answer."""


def find_network(settings: JoinerSettings, key: Key, own: str, *, clock: Clock = SYSTEM) -> list[Member]:
    """The pods of the network that this pod was part of before it lost its volume; none where it is new.

    ``own``: the digest (SHA-256 in hex) of the genesis that it has just made.

    Raises:
        MismatchError: there is one that this pod cannot join again, or there are several.
        TemporaryError: somebody is there, and does not say whether its pod belongs to one.
        BadInputError: an exposer refuses the credentials.
    """
    answers = ask_others(
        settings.exposers,
        settings.credentials,
        key.consensus_key.address.hex().upper(),
        within=_OTHERS if settings.force else settings.download_timeout,
        done=_is_enough,
        clock=clock,
    )
    members = answers.members
    if settings.force:
        return _forced(settings, answers, own)
    if not members and (answers.silent or (answers.absent and settings.download_timeout < _STARTING)):
        longer = f" (DOWNLOAD_TIMEOUT: wait {_STARTING:g}s or more for them)" if not answers.silent else ""
        raise TemporaryError(
            "PEER_EXPOSERS: this pod's volume is new, and not all other pods say whether they belong to a network "
            f"already, beside which a genesis would begin a second one ({answers}){longer}: let them run, or, where "
            "they are gone for good, scale them down; or, if none of them holds a network, run this step with --force"
        )
    if not members:
        if answers.absent:
            log.warning("begins a network; these pods do not run: %s", ", ".join(answers.absent))
        return []
    _refuse_several(settings, members)
    theirs = members[0].genesis_sha256
    if not settings.derived:
        raise MismatchError(
            f"this pod's volume is new, but {len(members)} other pods belong to a network already, with the genesis "
            f"sha256 {theirs} ({places(members)}); the genesis made here has {own}, and this pod's "
            "random keys are gone with its former volume. Restore that volume; or, to start another network, empty "
            "the other pods' volumes too, or run this step with --force"
        )
    log.info("this pod's volume is new; it joins its network again, that of %s", places(members))
    return members


def _forced(settings: JoinerSettings, answers: Answers, own: str) -> list[Member]:
    """The pods whose genesis is this one, which a derived key must not sign twice with; all others are passed over."""
    same = answers.of(settings.chain_id, own).members
    if others := [one for one in answers.members if one not in same]:
        log.warning("--force: this pod begins a network beside that of %s", places(others))
    if str(answers):
        log.warning("--force: these may hold a network in which this pod's validator has signed: %s", answers)
    return same


def _is_enough(answers: Answers, spent: float) -> bool:
    """Whether nothing more has to be asked to tell a new pod from one that lost its volume."""
    if answers.members:
        return spent >= _OTHERS or not (answers.silent or answers.absent)
    return not answers.silent and (spent >= _STARTING or not answers.absent)


def empty(stage: Path) -> None:
    """Take back what was made in the stage."""
    for path in stage.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def refuse_stranger(genesis: Path, key: Key) -> None:
    """Raises `MismatchError` where a genesis does not have the consensus key of ``key``."""
    wanted = key.consensus_key.value.encode()
    with genesis.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(wanted) < 0:
            raise MismatchError(
                "KEYS_CONFIG: the genesis of the network that the other pods belong to does not name the consensus key "
                f"derived from key {key.name!r}; use the keys of that network, or, to start another network, empty the "
                "other pods' volumes too"
            )


def _refuse_several(settings: JoinerSettings, members: list[Member]) -> None:
    holders = defaultdict[str, list[Member]](list)
    for member in members:
        if member.chain_id != settings.chain_id:
            raise MismatchError(
                f"PEER_EXPOSERS: {member.place} belongs to the chain {member.chain_id!r}, not to "
                f"{settings.chain_id!r}: check CHAIN_ID and PEER_EXPOSERS"
            )
        holders[member.genesis_sha256].append(member)
    if len(holders) > 1:
        held = "; ".join(f"sha256 {digest}: {places(pods)}" for digest, pods in holders.items())
        raise MismatchError(
            f"the other pods belong to {len(holders)} networks of this name ({held}); empty the volumes of all but one"
        )
