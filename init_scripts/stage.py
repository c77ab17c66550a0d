"""A step's stage for a script: what earlier steps committed is laid out there, and only what changed stays."""

import os
import shutil
import stat
from pathlib import Path

from exposer.errors import BadInputError
from exposer.records import STATE_DIR, Artifact, digest_file, newest_artifacts, read_records
from exposer.trees import open_to_owner
from exposer.volume import Transaction
from init_scripts.identity_files import NODE_KEY, VALIDATOR_KEY

_IDENTITY = (NODE_KEY, VALIDATOR_KEY)
_BINARIES = "cosmovisor/"  # large, in position where they are, and no later step's to change
_OF_THE_NODE = "data/"


def lay_out(transaction: Transaction) -> None:
    """Copy the files that earlier steps committed, with their modes and those of their directories."""
    for path in _committed(transaction):
        source, target = transaction.root / path, transaction.stage / path
        for parent in reversed(Path(path).parents[:-1]):
            staged = transaction.stage / parent
            if not staged.exists():
                staged.mkdir((transaction.root / parent).stat().st_mode & 0o777)
        os.close(os.open(target, os.O_CREAT | os.O_EXCL, source.stat().st_mode & 0o777))
        shutil.copyfile(source, target)


def keep_changes(transaction: Transaction) -> None:
    """Leave those files in the stage that are new or changed.

    Raises:
        BadInputError: a file is gone, or one of the pod's identity or of the node is another.
    """
    for path in _committed(transaction):
        staged = transaction.stage / path
        if not staged.is_file():
            raise BadInputError(f"STEP_SCRIPT: it removed {path}; a script may change and add files, not remove them")
        if digest_file(staged) == digest_file(transaction.root / path):
            staged.unlink()
        elif path in _IDENTITY or path.startswith(_OF_THE_NODE):
            raise BadInputError(f"STEP_SCRIPT: it changed {path}, which is the node's own; let it leave that as it is")


def admit(stage: Path, name: str = "STEP_SCRIPT") -> None:
    """Take what the script ``name`` left, open to its owner: a commit moves it, and a step edits it.

    Raises:
        BadInputError: it left what no commit can take: a link, a socket, the state of a step.
    """
    for path in stage.rglob("*"):
        kept = stat.S_ISDIR(mode := path.lstat().st_mode) or stat.S_ISREG(mode)
        if not kept or path.relative_to(stage).parts[0] == STATE_DIR:
            what = path.relative_to(stage)
            raise BadInputError(f"{name}: it left {what}, which is no file of a home; let it remove that again")
        open_to_owner(path)


def of_the_node(stage: Path) -> list[str]:
    """The staged files that the node goes on with by itself, so that a commit puts them once and then leaves them."""
    return [path.relative_to(stage).as_posix() for path in (stage / _OF_THE_NODE).rglob("*") if path.is_file()]


def _committed(transaction: Transaction) -> dict[str, Artifact]:
    """The files, but for what a node has removed since that was its own."""
    newest = newest_artifacts(read_records(transaction.root))
    return {
        path: artifact
        for path, artifact in newest.items()
        if not path.startswith(_BINARIES) and (transaction.root / path).exists()
    }
