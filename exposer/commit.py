"""The commit of a step as the volume sees it: files put in place, and taken back; both can be repeated.

What is in the way is never deleted: it goes to ``.exposer/aside/<step>/``, named by its content.
"""

import contextlib
import errno
import itertools
import logging
import os
import shutil
import stat
from pathlib import Path

from exposer.durable import make_directories, sync_directory
from exposer.errors import MismatchError
from exposer.records import STATE_DIR, Artifact, Record, digest_file, newest_artifacts, read_records

log = logging.getLogger(__name__)
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}


def roll_forward(root: Path, prepared: Path) -> None:
    """Carry out the commit on the volume at ``root`` that the record ``prepared`` describes."""
    record = Record.load(prepared)
    stage = root / STATE_DIR / "stage" / record.step
    for artifact in record.artifacts:
        if (stage / artifact.path).exists():
            _put(root, stage, record.step, artifact)
        elif not artifact.state:
            check(root / artifact.path, artifact)
    remove(stage)  # first: what completes the step is the last thing that happens
    prepared.rename(prepared.with_suffix(".json"))
    sync_directory(prepared.parent)


def undo(root: Path, record_path: Path) -> None:
    """Take back the step whose record, at ``record_path``, is marked to be taken back (``.undo``)."""
    record = Record.load(record_path)
    log.info("taking %s back; its files are kept in %s", record.step, _aside(root, record.step))
    earlier = newest_artifacts(read_records(root))
    for artifact in record.artifacts:
        target = root / artifact.path
        if artifact.state or not target.exists():
            continue
        before = earlier.get(artifact.path)
        replaced = _kept_at(root, record.step, artifact.path, before.sha256) if before else None
        if before is None:
            _keep_former(root, record.step, artifact.path)
            target.unlink(missing_ok=True)
        elif replaced and replaced.exists():
            _keep_former(root, record.step, artifact.path)
            replaced.rename(target)
        sync_directory(target.parent)
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
    (root / STATE_DIR / "stage" / step).rename(leftovers)


def discard_leftovers(root: Path, step: str) -> None:
    """Delete what unfinished runs of ``step`` staged."""
    remove(root / STATE_DIR / "stage" / step)
    remove(_aside(root, step) / "stage")


def remove(tree: Path) -> None:
    """Delete a directory, if it is there, whatever is in it."""
    if tree.exists():
        for parent, names, _ in os.walk(tree):
            for name in names:
                open_to_owner(Path(parent, name))
        shutil.rmtree(tree)


def open_to_owner(path: Path) -> None:
    """Let its owner change a file, or what is in a directory, which those of Go's module cache refuse, say."""
    mode = path.lstat().st_mode
    needed = stat.S_IRWXU if stat.S_ISDIR(mode) else stat.S_IRUSR | stat.S_IWUSR
    if not stat.S_ISLNK(mode) and mode & needed != needed:
        path.chmod(stat.S_IMODE(mode) | needed)


def _put(root: Path, stage: Path, step: str, artifact: Artifact) -> None:
    source, target = stage / artifact.path, root / artifact.path
    make_directories(target.parent, root)
    for staged in source.parents[: len(Path(artifact.path).parts) - 1]:
        _narrow(root / staged.relative_to(stage), staged)
    if target.exists() or target.is_symlink():
        if artifact.state:
            return  # a signing state is never reset
        _keep_former(root, step, artifact.path)
    source.rename(target)
    sync_directory(target.parent)


def _narrow(directory: Path, staged: Path) -> None:
    """Make ``directory`` no more open than ``staged``: a keyring's stays private.

    Where this user may not, modes are the volume's own affair: of its mount, or of who made the directory.
    """
    mode = directory.stat().st_mode
    if mode & staged.stat().st_mode != mode:
        with contextlib.suppress(PermissionError):
            directory.chmod(mode & staged.stat().st_mode)


def _keep_former(root: Path, step: str, path: str) -> None:
    """Keep what is about to go. A file stays in place as well, so that a reader never misses it."""
    former = root / path
    if former.is_file() and not former.is_symlink():
        kept = _kept_at(root, step, path, digest_file(former)[1])
        make_directories(kept.parent, root)
        if not kept.exists():
            _link(former, kept)
    else:
        numbered = (_kept_at(root, step, path, str(number)) for number in itertools.count(1))
        kept = next(name for name in numbered if not name.exists() and not name.is_symlink())
        make_directories(kept.parent, root)
        former.rename(kept)
    sync_directory(kept.parent)


def _link(former: Path, kept: Path) -> None:
    """Give the file a second name, or a copy where the file system has no links (SMB, say)."""
    try:
        os.link(former, kept)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        whole, mode = kept.with_name(f"{kept.name}.tmp"), former.stat().st_mode & 0o777
        with (
            former.open("rb") as source,
            open(whole, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as copy,
        ):
            shutil.copyfileobj(source, copy)
            copy.flush()
            os.fsync(copy.fileno())
        whole.rename(kept)


def _aside(root: Path, step: str) -> Path:
    return root / STATE_DIR / "aside" / step


def _kept_at(root: Path, step: str, path: str, name: str) -> Path:
    """Where a former file is kept: by its digest, so that nothing that is kept is ever overwritten by another."""
    return _aside(root, step) / f"{path}.{name[:12]}"
