"""A pod takes the genesis of a network that is there: its own identity, the verified genesis, a safe signing state."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from exposer.accounts.keyfile import Key
from exposer.client import Client
from exposer.errors import TemporaryError
from exposer.records import NETWORK
from exposer.volume import Transaction
from init_scripts import cometbft, cosmos
from init_scripts.leader import Expected, download_genesis
from init_scripts.members import find_members
from init_scripts.scripted_home import make_home
from init_scripts.settings import AskingSettings, IdentitySettings, parse_url
from init_scripts.signing_state import PATH as SIGNING_STATE
from init_scripts.signing_state import resume
from init_scripts.stage import of_the_node

GENESIS = "config/genesis.json"
_WITHIN = 20.0
"""Seconds for the nodes that run to say how far they are: one that restarts with the others needs some of them."""


class JoinerSettings(IdentitySettings, AskingSettings):
    """What a step knows that may join a network."""

    peer_exposers: str = Field(
        "",
        description="the exposers of the chain's pods, host:port with commas between them, this pod's may be among "
        "them; a name stands for all of its addresses",
    )

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
    source: str,
    sha256: str | None,
    judge: Callable[[Path], object] = lambda _: None,
) -> None:
    """Fill the stage with the home of ``key`` and the genesis that the exposer at ``source`` has, and commit it.

    ``judge`` is called with the genesis, and may refuse it.

    Raises:
        TemporaryError: the genesis did not come, or how far the network is cannot be known yet.
        MismatchError: what came is not the genesis of this chain, or its digest is not ``sha256`` (hex).
    """
    facts = _home(settings, transaction, key)
    with Client(source, credentials=settings.credentials) as client:
        path = transaction.stage / GENESIS
        path.unlink(missing_ok=True)  # what `init` of a chain binary left there, or a script: all have one genesis
        download_genesis(client, path, Expected(settings.chain_id, sha256), within=settings.download_timeout)
    judge(path)
    if settings.derived and not settings.force:
        _resume(settings, transaction, key, [source, *settings.exposers])
    state = [SIGNING_STATE, *of_the_node(transaction.stage)]
    transaction.commit(state=state, facts={**facts, NETWORK: settings.chain_id})


def _home(settings: JoinerSettings, transaction: Transaction, key: Key) -> Mapping[str, Any]:
    """The pod's keys in a home, by the script or by the driver; returns facts for the record."""
    if settings.step_script:
        make_home(settings, transaction, key)
        return {}
    make = cosmos.make_validator if settings.chain_driver == "cosmos" else cometbft.make_validator
    return make(settings, transaction.stage, key)


def _resume(settings: JoinerSettings, transaction: Transaction, key: Key, targets: Sequence[str]) -> None:
    """Start the signing state behind all that a validator with this derived key may have signed on another volume.

    It starts at the height and the round that the network's consensus works on, behind what the other nodes have of
    this validator there. Nothing older can be signed again. What no node has got is nobody's evidence, and a network
    that stands because it needs this validator's vote must get just that vote: it never comes to a later round.
    """
    members = find_members(
        targets,
        settings.credentials,
        key.consensus_key.address.hex().upper(),
        within=min(_WITHIN, settings.download_timeout),
        enough=lambda member: not member.has_signed or member.position is not None,
    )
    positions = [member.position for member in members if member.position]
    if not positions and (not members or any(member.has_signed for member in members)):
        places = ", ".join(member.place for member in members if member.has_signed) or ", ".join(targets)
        raise TemporaryError(
            f"the network may be running, and no node says at which height and round ({places}): this pod's key is "
            "derived and its volume is new, so it could sign twice. Start those nodes, or restore this pod's volume; "
            "if the network has ended, run this step with --force"
        )
    if positions:
        resume(transaction.stage, max(positions))
