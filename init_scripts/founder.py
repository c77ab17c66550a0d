"""The founder's question: before it commits a genesis, the genesis pod asks whether the others have one already."""

import logging
import mmap
import shutil
from collections import defaultdict
from pathlib import Path

from exposer.accounts.keyfile import Key
from exposer.errors import MismatchError
from exposer.records import digest_file
from init_scripts.join import GENESIS, JoinerSettings
from init_scripts.members import Member, find_members

log = logging.getLogger(__name__)

WITHIN = 5.0
"""Seconds that the other pods' exposers have for their answers; those of new pods answer as soon as they run."""


def find_network(settings: JoinerSettings, stage: Path, key: Key) -> Member | None:
    """A pod of the network that this pod was part of before it lost its volume; None where there is none.

    Raises:
        MismatchError: there is one that this pod cannot join again, or there are several.
    """
    if settings.force or not settings.exposers:
        return None
    members = find_members(
        settings.exposers, settings.credentials, key.consensus_key.address.hex().upper(), within=WITHIN
    )
    if not members:
        return None
    first = members[0]
    _refuse_several(settings, members)
    if not settings.derived:
        own = digest_file(stage / GENESIS)[1]
        raise MismatchError(
            f"this pod's volume is new, but {len(members)} other pods belong to a network already, with the genesis "
            f"sha256 {first.genesis_sha256} ({_places(members)}); the genesis made here has {own}, and this pod's "
            "random keys are gone with its former volume. Restore that volume; or, to start another network, empty "
            "the other pods' volumes too, or run this step with --force"
        )
    log.info("this pod's volume is new; it joins its network again, with the genesis of %s", first.place)
    return first


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
        held = "; ".join(f"sha256 {digest}: {_places(pods)}" for digest, pods in holders.items())
        raise MismatchError(
            f"the other pods belong to {len(holders)} networks of this name ({held}); empty the volumes of all but one"
        )


def _places(members: list[Member]) -> str:
    return ", ".join(member.place for member in members)
