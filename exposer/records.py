"""What a volume says about itself: one record per completed step, in ``.exposer/steps/<step>.json``.

A record is written last and whole, so its existence is the completion of its step. Records are numbered in the
order of their commits; when two of them describe one path, the later one tells what the path holds now.
Records have no times in them: the same inputs leave the same bytes.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from exposer.errors import MismatchError
from exposer.stamps import UnfitError, read_regular

STATE_DIR = ".exposer"
NETWORK = "network"
"""The fact of a record by which the pod belongs to a network from then on: the chain's id."""
_CHUNK = 1 << 20
RECORD_LIMIT = 1 << 27
"""Bytes: that of half a million files. What is larger no step writes, and no reader takes into its memory."""


@dataclass(frozen=True)
class Artifact:
    """One committed file: its path below the volume's root, size in bytes and SHA-256 in hex.

    A ``state`` artifact is only put where none exists and is free to change afterwards (a validator's signing state).
    """

    path: str
    size: int
    sha256: str
    state: bool = False


@dataclass(frozen=True)
class Record:
    """A completed step: what went in (name -> SHA-256 in hex), what came out, and facts that later steps reuse."""

    step: str
    sequence: int
    tool_version: str
    inputs: Mapping[str, str]
    artifacts: tuple[Artifact, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The record as it is stored: indented JSON, UTF-8."""
        whole = {**vars(self), "artifacts": [vars(artifact) for artifact in self.artifacts]}
        return (json.dumps(whole, indent=2, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Record":
        """The record in ``data``; raises `MismatchError` where it is not one."""
        try:
            raw = json.loads(data)
            artifacts = tuple(Artifact(**artifact) for artifact in raw.pop("artifacts"))
            record = cls(artifacts=artifacts, **raw)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise MismatchError(_DAMAGED) from error
        if not (_fits(record, _RECORD) and all(_fits(artifact, _ARTIFACT) for artifact in artifacts)):
            raise MismatchError(_DAMAGED)
        return record

    @classmethod
    def load(cls, path: Path) -> "Record":
        """The record at ``path``.

        Raises:
            MismatchError: there is something else at ``path``.
            OSError: it cannot be read.
        """
        try:
            return cls.from_bytes(read_regular(path, RECORD_LIMIT))
        except (UnfitError, MismatchError) as error:
            text = f"{path}: this record of a step is damaged; restore it, or empty this pod's volume and begin anew"
            raise MismatchError(text) from error


_DAMAGED = "a step's record on the volume is damaged"
_RECORD = {"step": str, "sequence": int, "tool_version": str, "inputs": dict, "facts": dict}
_ARTIFACT = {"path": str, "size": int, "sha256": str, "state": bool}


def _fits(found: Record | Artifact, types: Mapping[str, type]) -> bool:
    """Whether each field is of its very type: a bool is no number."""
    return all(type(vars(found)[name]) is wanted for name, wanted in types.items())


def is_managed(root: Path) -> bool:
    """Whether the steps of this project fill the volume, as opposed to somebody else's scripts.

    They do once one has begun; a step that refuses to touch the volume leaves no more than an empty directory.

    Raises:
        OSError: it cannot be told (a glob would take a file, or a directory without permission, for an empty one).
    """
    return any(_has_entries(root / STATE_DIR / part) for part in ("steps", "stage"))


def _has_entries(directory: Path) -> bool:
    try:
        with os.scandir(directory) as entries:
            return any(True for _ in entries)
    except FileNotFoundError:
        return False


def record_path(root: Path, step: str) -> Path:
    """Where the record of ``step`` is, once the step is complete."""
    return root / STATE_DIR / "steps" / f"{step}.json"


def read_record(root: Path, step: str) -> Record | None:
    """The record of ``step``, or None while the step is not complete."""
    try:
        return Record.load(record_path(root, step))
    except FileNotFoundError:
        return None


def read_records(root: Path) -> list[Record]:
    """All records of the volume in the order of their commits."""
    paths = (root / STATE_DIR / "steps").glob("*.json")
    return sorted(map(Record.load, paths), key=lambda record: record.sequence)


def newest_artifacts(records: Iterable[Record]) -> dict[str, Artifact]:
    """What each committed path holds now: for every path the artifact of the latest record that names it."""
    return {artifact.path: artifact for record in records for artifact in record.artifacts}


def digest_stream(stream: BinaryIO) -> tuple[int, str]:
    """Size in bytes and SHA-256 in hex of what is left in ``stream``, in flat memory."""
    size, digest = 0, hashlib.sha256()
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        digest.update(chunk)
    return size, digest.hexdigest()


def digest_file(path: Path) -> tuple[int, str]:
    """Size in bytes and SHA-256 in hex of a file."""
    with path.open("rb") as stream:
        return digest_stream(stream)


def digest_input(value: object) -> str:
    """SHA-256 in hex of one input of a step, as its record keeps it.

    The prefix keeps the digest of a secret apart from any other use of that secret's plain SHA-256 (consensus keys are
    derived from the SHA-256 of a mnemonic, so the plain digest would be the key).
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(b"exposer step input\x00" + text.encode()).hexdigest()
