"""What a pod's volume has to offer right now: one verdict per artifact. Everything here blocks: call it in a thread.

On a volume that our steps fill, a document counts when the record of init-config exists and the file is the one
that the newest record naming it describes. This holds for the keys too: before that record a step may still start
over with other keys. On a volume that somebody else fills, a document counts when it is complete.

An artifact, which is of no kind that is known here, counts on a volume of ours when a record names it, whatever steps
that system has; elsewhere when it is a regular file with something in it.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from exposer.documents import NODE_ID_DOCUMENT_LIMIT, GenesisFacts, check_genesis, parse_node_id, render_node_id
from exposer.errors import MismatchError
from exposer.identity import node_id, node_public_key, validator_public_key
from exposer.records import STATE_DIR, Record
from exposer.server.artifact import PREFIX, check_public
from exposer.server.basis import Basis
from exposer.server.file import Sight, State, WatchedFile
from exposer.server.ledger import LAST_STEP, Ledger
from exposer.server.mount import Mounts
from exposer.server.settings import ChainFiles
from exposer.stamps import Identity

log = logging.getLogger(__name__)

Name = str
"""``node_id``, ``genesis``, ``keys``, ``pub_key``, or ``artifact:`` and the name of one in the settings."""
Records = tuple[Record, ...] | None
T = TypeVar("T")

_KEY_FILE_LIMIT = 1 << 16  # bytes; the largest key file that CometBFT writes has less than 1,000
_TRIES = 5
_NOBODYS = "no complete step made it"


@dataclass(frozen=True)
class Verdict:
    """Whether an artifact can be served, and if so what: its `body`, or the file at `path` with this `identity`.

    ``size`` (bytes) and ``sha256`` (hex) are those of the bytes that are served. One that is ``lasting`` holds for as
    long as a stat finds all of its files the same.
    """

    state: State
    reason: str = ""
    size: int | None = None
    sha256: str | None = None
    body: bytes | None = None
    path: Path | None = None
    identity: Identity | None = None
    lasting: bool = True

    @property
    def ready(self) -> bool:
        """Whether it can be served."""
        return self.state is State.READY


_NOT_CONFIGURED = Verdict(State.NOT_CONFIGURED, "not configured")


class View:
    """The chain artifacts on one volume, and the further ``artifacts``, by name; none of ``secrets`` is ever one."""

    def __init__(
        self, files: ChainFiles, artifacts: Mapping[str, Path] | None = None, secrets: Sequence[Path] = ()
    ) -> None:
        self._root = root = files.root
        self._ledger = Ledger(root)
        public = partial(check_public, secrets=secrets, root=root)
        # A committed genesis is known by its digest; only one that nobody vouches for has to be parsed.
        self._committed_genesis = _file(files.genesis, root, public)
        self._genesis = _file(files.genesis, root, partial(_public_genesis, public))
        self._node_id = _file(files.node_id, root, _whole(parse_node_id), NODE_ID_DOCUMENT_LIMIT)
        self._node_key = _file(files.node_key, root, _whole(node_public_key), _KEY_FILE_LIMIT)
        self._priv_val = _file(files.priv_val, root, _whole(validator_public_key), _KEY_FILE_LIMIT)
        self._subjects = {
            "node_id": _Subject(self._judge_node_id, (files.node_id,), tuple(filter(None, (files.node_key,)))),
            "genesis": _Subject(self._judge_genesis, (files.genesis,)),
            "keys": _Subject(self._judge_keys, (files.node_key, files.priv_val)),
            "pub_key": _Subject(self._judge_pub_key, (files.priv_val,)),
        }
        for name, path in (artifacts or {}).items():
            file = WatchedFile(path, public, root=root)
            judge = partial(self._judge_artifact, file)
            self._subjects[PREFIX + name] = _Subject(judge, (path,), tuple(secrets), is_of_chain=False)
        self._kept: dict[Name, tuple[Verdict, Basis]] = {}
        self.mounts = Mounts()
        self._told: dict[Name, tuple[State, str]] = {}

    def look(self, name: Name) -> Verdict:
        """The verdict on ``name`` at this moment; a change since the last one is logged."""
        if name not in self._subjects:
            return _NOT_CONFIGURED
        basis = Basis(self._paths_of(name))
        verdict = self._look(name)
        if verdict.lasting and basis.settled and self._is_local(basis) and basis.holds():
            self._kept[name] = verdict, basis
        else:
            self._kept.pop(name, None)
        if self._told.get(name) != (verdict.state, verdict.reason):
            self._told[name] = verdict.state, verdict.reason
            log.info("%s is %s%s", name, verdict.state, verdict.reason and f": {verdict.reason}")
        return verdict

    def kept(self, name: Name) -> Verdict | None:
        """The last verdict on ``name``, if whatever it was made from is the same; this alone does not block.

        None on a volume that is not local: there even a stat may wait for a network.
        """
        verdict, basis = self._kept.get(name, (None, None))
        return verdict if basis and basis.holds() else None

    @property
    def names(self) -> tuple[Name, ...]:
        """What `/status` lists, in its order."""
        return tuple(name for name in self._subjects if name != "pub_key")

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every path whose change can change a verdict; a directory stands for what is in it."""
        return tuple(map(Path, dict.fromkeys(path for name in self._subjects for path in self._paths_of(name))))

    def _paths_of(self, name: Name) -> tuple[str, ...]:
        subject = self._subjects[name]
        state = [self._root / STATE_DIR / part for part in ("steps", "stage")] if self._root else []
        return tuple(str(path) for path in (*subject.files, *subject.others, *state) if path)

    def _is_local(self, basis: Basis) -> bool:
        return all(self.mounts.is_local(path, device) for path, device in basis.devices)

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
                return Verdict(State.NOT_READY, "the volume cannot be read", lasting=False)
            except MismatchError:
                return Verdict(State.MISMATCH, "a step's record is damaged", lasting=False)
        return Verdict(State.NOT_READY, "the volume is changing", lasting=False)

    def _judge(self, name: Name, records: Records) -> Verdict:
        subject = self._subjects[name]
        if None in subject.files:
            return _NOT_CONFIGURED
        if subject.is_of_chain and records is not None and all(record.step != LAST_STEP for record in records):
            return Verdict(State.NOT_READY, f"{LAST_STEP} is not complete")
        try:
            return subject.judge(records)
        except _UnreadyError as error:
            return error.verdict

    def _judge_genesis(self, records: Records) -> Verdict:
        file: WatchedFile[Any] | None = self._genesis if records is None else self._committed_genesis
        _, sight = self._take(file, records)
        if file and records is not None and not self._ledger.artifact(file.path, records):
            return Verdict(State.MISMATCH, _NOBODYS)
        return _served(file, sight)

    def _judge_artifact(self, file: WatchedFile[bool], records: Records) -> Verdict:
        if records is not None and self._root and file.path.is_relative_to(self._root):
            committed = self._ledger.artifact(file.path, records)
            if not committed:
                return Verdict(State.NOT_READY, _NOBODYS)
        _, sight = self._take(file, records)
        return _served(file, sight)

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

    def _take(self, file: WatchedFile[T] | None, records: Records, name: str = "") -> tuple[T, Sight[T]]:
        """What a file holds; raises `_UnreadyError` unless it is complete and, where records name it, committed."""
        if file is None:
            raise _UnreadyError(_NOT_CONFIGURED)
        sight = file.look()
        committed = records and sight.identity and self._ledger.artifact(file.path, records)
        if committed and (committed.size, committed.sha256) != (sight.identity and sight.identity.size, sight.sha256):
            raise _UnreadyError(Verdict(State.MISMATCH, _named(name, "not the file that was committed")))
        if sight.value is None:
            raise _UnreadyError(Verdict(sight.state, _named(name, sight.reason), lasting=sight.lasting))
        return sight.value, sight


@dataclass(frozen=True)
class _Subject:
    """What there is a verdict on: ``files`` are what it is about (None: not configured), ``others`` matter for it."""

    judge: Callable[[Records], Verdict]
    files: tuple[Path | None, ...]
    others: tuple[Path, ...] = ()
    is_of_chain: bool = True


class _UnreadyError(Exception):
    """Ends a judgement."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


def _named(name: str, reason: str) -> str:
    return f"{name}: {reason}" if name else reason


def _file(
    path: Path | None, root: Path | None, read: Callable[[BinaryIO], T], limit: int | None = None
) -> WatchedFile[T] | None:
    return WatchedFile(path, read, limit=limit, root=root) if path else None


def _public_genesis(check: Callable[[BinaryIO], bool], stream: BinaryIO) -> GenesisFacts:
    facts = check_genesis(stream)
    stream.seek(0)
    check(stream)
    return facts


def _whole(parse: Callable[[bytes], T]) -> Callable[[BinaryIO], T]:
    return lambda stream: parse(stream.read())


def _served(file: WatchedFile[Any] | None, sight: Sight[Any]) -> Verdict:
    size = sight.identity and sight.identity.size
    return Verdict(State.READY, "", size, sight.sha256, path=file.path if file else None, identity=sight.identity)


def _body(body: bytes) -> Verdict:
    return Verdict(State.READY, "", len(body), sha256(body).hexdigest(), body)


def _render(document: dict[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
