"""Where a commit puts its files, and the checks that come before the commit is certain.

Some files belong on another file system than the stage: ``data`` is a mount, say, or a link to another disk. They are
copied there before the commit, to ``.exposer-landing`` in the highest directory on that file system that this user may
write. So a commit that is certain only renames.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from exposer.durable import sync
from exposer.errors import BadInputError
from exposer.records import STATE_DIR, Artifact
from exposer.trees import copy_file, remove, walk

LANDING = ".exposer-landing"
"""A crash can leave it on the other file system; the next run of the step finishes or removes it."""
# Bytes: a file may be kept later, below .exposer/aside, under a name that is 13 bytes longer (limits.h).
_LONGEST_NAME = 255 - 15
_LONGEST_PATH = 4095 - 15
_MOUNT = re.compile(rb"^mnt_id:\s*([0-9]+)", re.MULTILINE)


class Landing:
    """The places on the volume at ``root`` for the files in the stage of ``step``."""

    def __init__(self, root: Path, step: str) -> None:
        self.stage = root / STATE_DIR / "stage" / step
        self._root = root
        self._own = self.stage.parent
        self._tops: dict[Path, Path] = {}
        self._seen: set[Path] = set()

    def source(self, path: str) -> Path:
        """The file that a rename puts at ``path`` below the root."""
        target = self._root / path
        top = self._top(target.parent)
        return self.stage / path if top == self._own else top / LANDING / target.relative_to(top)

    def prepare(self, artifacts: Iterable[Artifact]) -> list[str]:
        """Copy the files that belong on another file system, all of them durably; returns the paths that are replaced.

        Raises:
            BadInputError: something on the volume would stop the commit half-way; the message names the cure.
            OSError: the other file system refuses a copy; it is full, say.
        """
        copied: list[str] = []
        replaced: list[str] = []
        for artifact in artifacts:
            target = self._root / artifact.path
            self._look_at_name(artifact.path)
            self._look_at_directory(target.parent)
            if target.exists() or target.is_symlink():
                if artifact.state:
                    continue  # it stays
                self._look_at_target(target)
                replaced.append(artifact.path)
            if self._top(target.parent) != self._own:
                copied.append(artifact.path)
        copies = [self.source(path) for path in copied]
        for path, copy in zip(copied, copies, strict=True):
            copy_file(self.stage / path, copy)
        sync({directory for copy in copies for directory in self._directories_of(copy)}, copies)
        return replaced

    def clear(self) -> None:
        """Remove the copies of a commit that is over or was never made; to be called before the stage is removed."""
        staged = walk(self.stage) if self.stage.exists() else ()
        directories = (self._root / Path(at).relative_to(self.stage) for at, _ in staged)
        for top in {self._top(directory) for directory in directories} - {self._own}:
            remove(top / LANDING)

    def _top(self, directory: Path) -> Path:
        """The highest directory from which a rename reaches ``directory``, or that of the stages where it does so."""
        unknown: list[Path] = []
        inner = directory
        while inner not in self._tops and inner != self._root.parent:
            unknown.append(inner)
            inner = inner.parent
        for inner in reversed(unknown):
            above = self._own if inner == self._root else self._tops[inner.parent]
            same = not inner.is_dir() or _file_system(inner) == _file_system(above)
            self._tops[inner] = above if same and (above == self._own or _is_writable(above)) else inner
        return self._tops[directory]

    def _directories_of(self, copy: Path) -> Iterable[Path]:
        for directory in copy.parents:
            yield directory
            if directory.name == LANDING:
                yield directory.parent
                return

    def _look_at_directory(self, directory: Path) -> None:
        """Raise unless files can be put there."""
        while directory not in self._seen:
            self._seen.add(directory)
            if directory == self._root or directory.exists() or directory.is_symlink():
                break
            directory = directory.parent
        else:
            return
        if not directory.is_dir():
            what = "a link that leads nowhere; mount its target" if directory.is_symlink() else "a file; move it away"
            raise BadInputError(f"{directory}: a directory is needed here, and this is {what}")
        if not _is_writable(directory):
            raise BadInputError(f"{directory}: cannot be written; make the path writable for this user")

    def _look_at_name(self, path: str) -> None:
        """Raise unless the file can be kept under another name, should a later run take it back."""
        name, whole = os.path.basename(path), f"{self.stage}/{path}"  # noqa: PTH119 - there may be very many
        if len(os.fsencode(name)) > _LONGEST_NAME or len(os.fsencode(whole)) > _LONGEST_PATH:
            raise BadInputError(
                f"{path}: a file of a step has a name of at most {_LONGEST_NAME} bytes, and a path of at most "
                f"{_LONGEST_PATH}; shorten it"
            )

    def _look_at_target(self, target: Path) -> None:
        """Raise unless the commit can keep what is at a final path, and replace it."""
        if _mount(target, os.O_NOFOLLOW) != _mount(target.parent):
            raise BadInputError(f"{target}: a mount cannot be replaced; unmount it, or mount its directory instead")
        if target.is_dir() and not target.is_symlink() and self._top(target.parent) != self._own:
            raise BadInputError(f"{target}: a file belongs here, and this is a directory; move it away")


def _is_writable(directory: Path) -> bool:
    return os.access(directory, os.W_OK | os.X_OK, effective_ids=True)


def _file_system(directory: Path) -> tuple[int, bytes]:
    """What a rename cannot leave: a device, and a mount of it, for one device may be mounted twice."""
    return directory.stat().st_dev, _mount(directory)


def _mount(path: Path, flags: int = 0) -> bytes:
    """The number of the mount that ``path`` is on (proc(5)); empty where the kernel does not say."""
    descriptor = os.open(path, os.O_PATH | flags)
    try:
        found = _MOUNT.search(Path(f"/proc/self/fdinfo/{descriptor}").read_bytes())
    except FileNotFoundError:
        return b""
    finally:
        os.close(descriptor)
    return found[1] if found else b""
