"""Which network this pod belongs to, by what its steps committed. Everything here blocks: call it in a thread.

Records alone are read, not the genesis: the answer is there at once, however large the genesis is, and a pod whose
genesis was damaged still belongs to its network.
"""

import json
from dataclasses import dataclass

from exposer.comet_config import is_peer
from exposer.documents import DocumentError, GenesisFacts, check_genesis, parse_node_id
from exposer.errors import MismatchError
from exposer.records import NETWORK, Record
from exposer.server.file import State, WatchedFile
from exposer.server.ledger import LAST_STEP, Ledger
from exposer.server.pace import node_settings
from exposer.server.settings import ChainFiles
from exposer.server.view import Verdict
from exposer.stamps import UnfitError, read_regular

_SIGNING_STATE = "data/priv_validator_state.json"
_LIMIT = 1 << 16  # bytes; a signing state with its last vote has less than 1,000


@dataclass(frozen=True)
class Membership:
    """A pod's network, up to which height its validator has signed, and how its node is dialled; None is unknown."""

    chain_id: str
    genesis_sha256: str
    signed_height: int | None
    peer: str | None


class Belonging:
    """The network of the pod whose documents ``files`` are."""

    def __init__(self, files: ChainFiles) -> None:
        self._files = files
        self._ledger = Ledger(files.root)
        self._genesis = WatchedFile(files.genesis, check_genesis, root=files.root) if files.genesis else None

    def look(self) -> Membership | Verdict:
        """The network, or why there is none: `State.NOT_READY` is a pod that belongs to none yet."""
        if self._genesis is None:
            return Verdict(State.NOT_CONFIGURED, "not configured")
        try:
            return self._look(self._genesis, self._ledger.records())
        except OSError:
            return Verdict(State.INCOMPLETE, "the volume cannot be read")
        except MismatchError:
            return Verdict(State.MISMATCH, "a step's record is damaged")

    def _look(self, genesis: WatchedFile[GenesisFacts], records: tuple[Record, ...] | None) -> Membership | Verdict:
        if records is None:
            return self._judge(genesis)
        named = [str(record.facts[NETWORK]) for record in records if NETWORK in record.facts]
        committed = self._ledger.artifact(genesis.path, records)
        if committed and named:
            return Membership(named[-1], committed.sha256, self._signed_height(), self._peer())
        if committed and any(record.step == LAST_STEP for record in records):  # by an earlier version
            return self._judge(genesis, committed.sha256)
        return Verdict(State.NOT_READY, "this pod belongs to no network yet")

    def _judge(self, genesis: WatchedFile[GenesisFacts], sha256: str | None = None) -> Membership | Verdict:
        sight = genesis.look()
        if sight.value is None:  # but for a genesis that is not there, nobody can say that there is none
            missing = sha256 is None and sight.state is State.NOT_READY and not genesis.path.exists()
            return Verdict(State.NOT_READY if missing else State.INCOMPLETE, sight.reason)
        return Membership(sight.value.chain_id, sha256 or sight.sha256, self._signed_height(), self._peer())

    def _peer(self) -> str | None:
        """The node's id and the address that it tells its peers, as they write it; None where there is none."""
        root, document = self._files.root, self._files.node_id
        address = node_settings(root, "p2p").get("external_address") if root else None
        if not (document and address):
            return None
        try:
            peer = f"{parse_node_id(read_regular(document, _LIMIT))}@{address}"
        except (OSError, DocumentError):
            return None
        return peer if is_peer(peer) else None

    def _signed_height(self) -> int | None:
        """The height of the signing state; None where it cannot be read, so that it may be any."""
        if self._files.root is None:
            return 0  # a genesis without a home is no validator's
        try:
            return int(json.loads(read_regular(self._files.root / _SIGNING_STATE, _LIMIT))["height"])
        except FileNotFoundError:
            return 0
        except (OSError, UnfitError, ValueError, TypeError, KeyError):
            return None
