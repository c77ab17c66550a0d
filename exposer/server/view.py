"""What a pod's volume has to offer right now: one verdict per artifact. Everything here blocks: call it in a thread.

On a volume that our steps fill, a document counts when the record of init-config exists and the file is the one
that the newest record naming it describes. This holds for the keys too: before that record a step may still start
over with other keys. On a volume that somebody else fills, a document counts when it is complete.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar

from exposer.documents import NODE_ID_DOCUMENT_LIMIT, check_genesis, parse_node_id, render_node_id
from exposer.errors import MismatchError
from exposer.identity import node_id, node_public_key, validator_public_key
from exposer.records import Record, record_path
from exposer.server.file import Identity, Sight, State, WatchedFile
from exposer.server.ledger import LAST_STEP, Ledger
from exposer.server.settings import ChainFiles

log = logging.getLogger(__name__)

Name = Literal["node_id", "genesis", "keys", "pub_key"]
Records = tuple[Record, ...] | None
T = TypeVar("T")

_KEY_FILE_LIMIT = 1 << 16  # bytes; the largest key file that CometBFT writes has less than 1,000
_TRIES = 5


@dataclass(frozen=True)
class Verdict:
    """Whether an artifact can be served, and if so what: its `body`, or the file at `path` with this `identity`.

    ``size`` (bytes) and ``sha256`` (hex) are those of the bytes that are served.
    """

    state: State
    reason: str = ""
    size: int | None = None
    sha256: str | None = None
    body: bytes | None = None
    path: Path | None = None
    identity: Identity | None = None

    @property
    def ready(self) -> bool:
        """Whether it can be served."""
        return self.state is State.READY


class View:
    """The chain artifacts on one volume."""

    def __init__(self, files: ChainFiles) -> None:
        self._root = files.root
        self._ledger = Ledger(files.root)
        # A committed genesis is known by its digest; only one that nobody vouches for has to be parsed.
        self._committed_genesis = _file(files.genesis, lambda _: True)
        self._genesis = _file(files.genesis, check_genesis)
        self._node_id = _file(files.node_id, _whole(parse_node_id), NODE_ID_DOCUMENT_LIMIT)
        self._node_key = _file(files.node_key, _whole(node_public_key), _KEY_FILE_LIMIT)
        self._priv_val = _file(files.priv_val, _whole(validator_public_key), _KEY_FILE_LIMIT)
        self._judges: dict[Name, Callable[[Records], Verdict]] = {
            "node_id": self._judge_node_id,
            "genesis": self._judge_genesis,
            "keys": self._judge_keys,
            "pub_key": self._judge_pub_key,
        }
        self._told: dict[Name, tuple[State, str]] = {}

    def look(self, name: Name) -> Verdict:
        """The verdict on ``name`` at this moment; a change since the last one is logged."""
        verdict = self._look(name)
        if self._told.get(name) != (verdict.state, verdict.reason):
            self._told[name] = verdict.state, verdict.reason
            log.info("%s is %s%s", name, verdict.state, verdict.reason and f": {verdict.reason}")
        return verdict

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every path whose change can change a verdict; the directory stands for the records in it."""
        files = (self._genesis, self._node_id, self._node_key, self._priv_val)
        records = (record_path(self._root, LAST_STEP).parent,) if self._root else ()
        return (*(file.path for file in files if file), *records)

    def _look(self, name: Name) -> Verdict:
        """Judge between two equal readings of the records, so that file and record belong together."""
        for _ in range(_TRIES):
            try:
                records = self._ledger.records()
                verdict = self._judge(name, records)
                if self._ledger.records() == records:
                    return verdict
            except FileNotFoundError:
                continue  # a record was taken back while it was read
            except OSError:
                return Verdict(State.NOT_READY, "the volume cannot be read")
            except MismatchError:
                return Verdict(State.MISMATCH, "a step's record is damaged")
        return Verdict(State.NOT_READY, "the volume is changing")

    def _judge(self, name: Name, records: Records) -> Verdict:
        needed = {
            "node_id": (self._node_id,),
            "genesis": (self._genesis,),
            "keys": (self._node_key, self._priv_val),
            "pub_key": (self._priv_val,),
        }
        if None in needed[name]:
            return Verdict(State.NOT_CONFIGURED, "not configured")
        if records is not None and all(record.step != LAST_STEP for record in records):
            return Verdict(State.NOT_READY, f"{LAST_STEP} is not complete")
        try:
            return self._judges[name](records)
        except _UnreadyError as error:
            return error.verdict

    def _judge_genesis(self, records: Records) -> Verdict:
        file: WatchedFile[Any] | None = self._genesis if records is None else self._committed_genesis
        _, sight = self._take(file, records, must_be_named=records is not None)
        size = sight.identity and sight.identity.size
        return Verdict(State.READY, "", size, sight.sha256, path=file.path if file else None, identity=sight.identity)

    def _judge_node_id(self, records: Records) -> Verdict:
        found, _ = self._take(self._node_id, records)
        if self._node_key:
            key, _ = self._take(self._node_key, records, "node key")
            if node_id(key) != found:
                return Verdict(State.MISMATCH, "it is not the id of this node's key")
        return _body(render_node_id(found))

    def _judge_keys(self, records: Records) -> Verdict:
        node, _ = self._take(self._node_key, records, "node key")
        validator, _ = self._take(self._priv_val, records, "validator key")
        return _body(
            _render(
                {
                    "node_id": node_id(node),
                    "node_pub_key": node.to_json(),
                    "validator_address": validator.address.hex().upper(),
                    "validator_pub_key": validator.to_json(),
                }
            )
        )

    def _judge_pub_key(self, records: Records) -> Verdict:
        key, _ = self._take(self._priv_val, records, "validator key")
        return _body(_render({"type": key.type_url, "key": key.value}))

    def _take(
        self, file: WatchedFile[T] | None, records: Records, name: str = "", *, must_be_named: bool = False
    ) -> tuple[T, Sight[T]]:
        """What a file holds; raises `_UnreadyError` unless it is complete and, where records name it, committed."""
        if file is None:
            raise _UnreadyError(State.NOT_CONFIGURED, "not configured")
        sight = file.look()
        committed = records and sight.identity and self._ledger.artifact(file.path, records)
        if committed and (committed.size, committed.sha256) != (sight.identity and sight.identity.size, sight.sha256):
            raise _UnreadyError(State.MISMATCH, _named(name, "not the file that was committed"))
        if sight.value is None:
            raise _UnreadyError(sight.state, _named(name, sight.reason))
        if must_be_named and not committed:
            raise _UnreadyError(State.MISMATCH, _named(name, "no complete step made it"))
        return sight.value, sight


class _UnreadyError(Exception):
    """Ends a judgement."""

    def __init__(self, state: State, reason: str) -> None:
        super().__init__(reason)
        self.verdict = Verdict(state, reason)


def _named(name: str, reason: str) -> str:
    return f"{name}: {reason}" if name else reason


def _file(path: Path | None, read: Callable[[BinaryIO], T], limit: int | None = None) -> WatchedFile[T] | None:
    return WatchedFile(path, read, limit=limit) if path else None


def _whole(parse: Callable[[bytes], T]) -> Callable[[BinaryIO], T]:
    return lambda stream: parse(stream.read())


def _body(body: bytes) -> Verdict:
    return Verdict(State.READY, "", len(body), sha256(body).hexdigest(), body)


def _render(document: dict[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
