"""Where a commit puts its files, and the checks that come before the commit is certain.

Some files belong on another file system than the stage: ``data`` is a mount, say, or a link to another disk. They are
copied there before the commit, to ``.exposer-landing`` in the highest directory on that file system. So a commit that
is certain only renames.
"""

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from exposer.durable import sync
from exposer.errors import BadInputError
from exposer.records import STATE_DIR, Artifact

LANDING = ".exposer-landing"
"""A crash can leave it on the other file system; the next run of the step finishes or removes it."""
_LONGEST = 240  # bytes of a name: what it replaces is kept under one that is 13 bytes longer, and 255 are possible
_MOUNT = re.compile(rb"^mnt_id:\s*(\d+)", re.MULTILINE)


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

    def prepare(self, artifacts: Iterable[Artifact]) -> None:
        """Copy the files that belong on another file system, all of them durably.

        Raises:
            BadInputError: something on the volume would stop the commit half-way; the message names the cure.
            OSError: the other file system refuses a copy; it is full, say.
        """
        copies: list[Path] = []
        for artifact in artifacts:
            target = self._root / artifact.path
            self._look_at_directory(target.parent)
            if target.exists() or target.is_symlink():
                if artifact.state:
                    continue  # it stays
                self._look_at_target(target)
            if self._top(target.parent) != self._own:
                copies.append(self.source(artifact.path))
                copy_file(self.stage / artifact.path, copies[-1])
        sync({directory for copy in copies for directory in self._directories_of(copy)}, copies)

    def clear(self) -> None:
        """Remove the copies of a commit that is over or was never made; to be called before the stage is removed."""
        staged = walk(self.stage) if self.stage.exists() else ()
        directories = (self._root / Path(at).relative_to(self.stage) for at, _ in staged)
        for top in {self._top(directory) for directory in directories} - {self._own}:
            if (top / LANDING).exists():
                shutil.rmtree(top / LANDING)

    def _top(self, directory: Path) -> Path:
        """The highest directory from which a rename reaches ``directory``, or that of the stages where it does so."""
        if directory not in self._tops:
            above = self._own if directory == self._root else self._top(directory.parent)
            same = not directory.is_dir() or _file_system(directory) == _file_system(above)
            self._tops[directory] = above if same else directory
        return self._tops[directory]

    def _directories_of(self, copy: Path) -> Iterable[Path]:
        for directory in copy.parents:
            yield directory
            if directory.name == LANDING:
                yield directory.parent
                return

    def _look_at_directory(self, directory: Path) -> None:
        """Raise unless files can be put there."""
        if directory in self._seen:
            return
        self._seen.add(directory)
        if not directory.exists() and not directory.is_symlink() and directory != self._root:
            self._look_at_directory(directory.parent)
        elif not directory.is_dir():
            what = "a link that leads nowhere; mount its target" if directory.is_symlink() else "a file; move it away"
            raise BadInputError(f"{directory}: a directory is needed here, and this is {what}")
        elif not os.access(directory, os.W_OK | os.X_OK, effective_ids=True):
            raise BadInputError(f"{directory}: cannot be written; make the path writable for this user")

    def _look_at_target(self, target: Path) -> None:
        """Raise unless the commit can keep what is at a final path, and replace it."""
        if _mount(target, os.O_NOFOLLOW) != _mount(target.parent):
            raise BadInputError(f"{target}: a mount cannot be replaced; unmount it, or mount its directory instead")
        if len(os.fsencode(target.name)) > _LONGEST:
            raise BadInputError(f"{target}: a file that is replaced has a name of at most {_LONGEST} bytes; shorten it")


def walk(tree: Path) -> Iterator[tuple[str, list[str]]]:
    """Each directory of ``tree`` with the names of its files; raises `OSError` for one that cannot be read."""

    def fail(error: OSError) -> None:
        raise error

    for at, _, names in os.walk(tree, onerror=fail):
        yield at, names


def copy_file(source: Path, target: Path) -> None:
    """Copy a file and its mode; directories that are missing are made for this user alone."""
    for directory in reversed([path for path in target.parents if not path.exists()]):
        directory.mkdir(mode=0o700)
    target.unlink(missing_ok=True)  # of a run that was killed
    mode = source.stat().st_mode & 0o777
    with source.open("rb") as stream, open(target, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as copy:
        shutil.copyfileobj(stream, copy)
        with suppress(PermissionError):  # a mount may have modes of its own
            os.fchmod(copy.fileno(), mode)


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
