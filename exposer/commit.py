"""The commit of a step as the volume sees it: files put in place, and taken back; both can be repeated.

What is in the way is never deleted: it goes to ``.exposer/aside/<step>/``, named by its content.
"""

import contextlib
import errno
import itertools
import logging
import os
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path

from exposer.durable import make_directories, missing_directories, sync, sync_directory
from exposer.errors import MismatchError
from exposer.landing import LANDING, Landing
from exposer.records import STATE_DIR, Artifact, Record, digest_file, newest_artifacts, read_records
from exposer.trees import copy_file, remove

log = logging.getLogger(__name__)
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS, errno.EXDEV}


def keep_formers(root: Path, step: str, paths: Iterable[str]) -> set[str]:
    """Keep those of ``paths`` that are files, before anything that replaces them is certain; returns which.

    A file that cannot have a second name is copied, and there may be no room for that.

    Raises:
        OSError: a file could not be kept.
    """
    kept = {path for path in paths if (root / path).is_file() and not (root / path).is_symlink()}
    sync({_keep_former(root, step, path) for path in sorted(kept)})
    return kept


def roll_forward(root: Path, prepared: Path, kept: Collection[str] = ()) -> None:
    """Carry out the commit on the volume at ``root`` that the record ``prepared`` describes.

    The files at the paths ``kept`` are kept already. All files of it go one way together: first what they replace is
    kept, then they are put; each is synced as a whole.
    """
    record = Record.load(prepared)
    landing = Landing(root, record.step)
    moves: dict[Path, Path] = {}
    relied: set[Path] = set()
    for artifact in record.artifacts:
        source, target = landing.source(artifact.path), root / artifact.path
        if not source.exists():
            if not artifact.state:
                check(target, artifact)
            continue
        if target.parent not in relied:
            relied |= _make_way(root, landing.stage, Path(artifact.path).parent)
        if target.exists() or target.is_symlink():
            if artifact.state:
                continue  # a signing state is never reset
            if artifact.path not in kept:
                relied.add(_keep_former(root, record.step, artifact.path))
        moves[target] = source
    sync(relied)
    for target, source in moves.items():
        source.rename(target)
    sync({target.parent for target in moves})
    discard_leftovers(root, record.step)  # first: what completes the step is the last thing that happens
    prepared.rename(prepared.with_suffix(".json"))
    sync_directory(prepared.parent)


def undo(root: Path, record_path: Path, kept: Collection[str] = ()) -> None:
    """Take back the step whose record, at ``record_path``, is marked to be taken back (``.undo``).

    The files at the paths ``kept`` are kept already.
    """
    record = Record.load(record_path)
    log.info("taking %s back; its files are kept in %s", record.step, _aside(root, record.step))
    earlier = newest_artifacts(read_records(root))
    replaced: dict[Path, Path | None] = {}
    relied: set[Path] = set()
    for artifact in record.artifacts:
        target = root / artifact.path
        if artifact.state or not target.exists():
            continue
        before = earlier.get(artifact.path)
        former = kept_at(root, record.step, artifact.path, before.sha256) if before else None
        if former is None or former.exists():
            if artifact.path not in kept:
                relied.add(_keep_former(root, record.step, artifact.path))
            replaced[target] = former
    sync(relied)
    for target, former in replaced.items():
        if former is None:
            target.unlink(missing_ok=True)
        else:
            _bring_back(former, target)
    sync({target.parent for target in replaced})
    record_path.unlink()
    sync_directory(record_path.parent)


def check(path: Path, artifact: Artifact) -> None:
    """Raises `MismatchError` unless the file at ``path`` has the bytes of the committed ``artifact``.

    Whose it is, and its mode, may change: Kubernetes gives the files of a volume to the pod's ``fsGroup``.
    """
    try:
        found = digest_file(path)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        found = None
    if found != (artifact.size, artifact.sha256):
        raise MismatchError(
            f"{artifact.path} is {'missing' if found is None else 'not the file'} that was committed "
            f"(sha256 {artifact.sha256}); restore it, or start over with --force or an empty volume"
        )


def set_leftovers_aside(root: Path, step: str) -> None:
    """Move what an unfinished run of ``step`` staged out of the way, in place of what the one before it left."""
    leftovers = _aside(root, step) / "stage"
    remove(leftovers)  # a crash loop must not fill the disk
    leftovers.parent.mkdir(parents=True, exist_ok=True)
    Landing(root, step).clear()
    (root / STATE_DIR / "stage" / step).rename(leftovers)


def discard_leftovers(root: Path, step: str) -> None:
    """Delete what is left of the stage of ``step``, and what unfinished runs of it left."""
    Landing(root, step).clear()
    remove(root / STATE_DIR / "stage" / step)
    remove(_aside(root, step) / "stage")


def _make_way(root: Path, stage: Path, directory: Path) -> set[Path]:
    """Make ``directory`` below the root, and its parents, each no more open than the staged one.

    Returns the directory itself, and those that have a new name in them.
    """
    missing = missing_directories(root / directory, root)
    for path in reversed(missing):
        path.mkdir()
    for inner in (directory, *directory.parents)[:-1]:
        _narrow(root / inner, stage / inner)
    return {root / directory, *(path.parent for path in missing)}


def _narrow(directory: Path, staged: Path) -> None:
    """Make ``directory`` no more open than ``staged``: a keyring's stays private.

    Where this user may not, modes are the volume's own affair: of its mount, or of who made the directory.
    """
    mode = directory.stat().st_mode
    if mode & staged.stat().st_mode != mode:
        with contextlib.suppress(PermissionError):
            directory.chmod(mode & staged.stat().st_mode)


def _keep_former(root: Path, step: str, path: str) -> Path:
    """Keep what is about to go; returns the directory to sync. A file stays in place: a reader never misses it."""
    former = root / path
    if former.is_file() and not former.is_symlink():
        kept = kept_at(root, step, path, digest_file(former)[1])
        make_directories(kept.parent, root)
        if not kept.exists():
            link(former, kept)
    else:
        numbered = (kept_at(root, step, path, str(number)) for number in itertools.count(1))
        kept = next(name for name in numbered if not name.exists() and not name.is_symlink())
        make_directories(kept.parent, root)
        if former.is_symlink():
            kept.symlink_to(former.readlink())
        else:
            shutil.move(former, kept)
    return kept.parent


def link(former: Path, kept: Path) -> None:
    """Give the file a second name, or a copy where that cannot be: on another file system, on one without links."""
    try:
        os.link(former, kept)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _copy(former, kept)


def _bring_back(kept: Path, target: Path) -> None:
    try:
        kept.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(kept, target)


def _copy(source: Path, target: Path) -> None:
    """Copy a file so that ``target`` is there as a whole, or not at all."""
    whole = target.with_name(LANDING + ".tmp")
    try:
        copy_file(source, whole)
        sync((), [whole])
    except OSError:
        whole.unlink(missing_ok=True)  # half of it may be all the room there is
        raise
    whole.rename(target)


def _aside(root: Path, step: str) -> Path:
    return root / STATE_DIR / "aside" / step


def kept_at(root: Path, step: str, path: str, name: str) -> Path:
    """Where what ``step`` replaced is kept: by its digest, so that nothing that is kept is overwritten by another."""
    return _aside(root, step) / f"{path}.{name[:12]}"
