"""A step as a transaction on the pod's volume: all of its files appear together, or none of them counts.

Below the volume's root::

    .exposer/lock                     held while a step runs
    .exposer/lock.script              held while anything runs that a step's script has started
    .exposer/stage/<step>/            where the step works; same file system, so a rename commits
    .exposer/steps/<step>.prepared    the record of a commit under way: written ahead of the renames
    .exposer/steps/<step>.json        the record of a completed step: written (by rename) after them
    .exposer/steps/<step>.undo        the record of a step that ``--force`` is taking back
    .exposer/aside/<step>/            what was in the way, named by its content: never deleted, only moved out of it

A commit goes: sync the staged files, look at all that could stop it, write the prepared record, rename each file into
place, rename the record to its final name; each with its directory synced. Whatever a crash interrupts, the next start
finishes: before the prepared record nothing has happened and the step starts over; after it the renames are carried on
with. That second half is what a record alone cannot give: a step that *replaces* a file (init-config patches the
genesis) would otherwise leave, between rename and record, a file that no record knows.
"""

import contextlib
import fcntl
import logging
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from exposer import __version__
from exposer import commit as commits
from exposer.durable import make_directories, sync, sync_directory, write_durably
from exposer.errors import BadInputError, ConflictError, MismatchError, TemporaryError
from exposer.landing import Landing
from exposer.orphans import end_holders
from exposer.records import (
    RECORD_LIMIT,
    STATE_DIR,
    Artifact,
    Record,
    digest_file,
    newest_artifacts,
    read_record,
    read_records,
)
from exposer.trees import walk

log = logging.getLogger(__name__)


class Volume:
    """A pod's volume, locked for one step; make it with `open_volume`."""

    def __init__(self, root: Path, lock: int) -> None:
        """``lock`` is the descriptor for a script's processes: the next step ends those that still have it."""
        self.root = root
        self.lock = lock
        self.state = root / STATE_DIR
        self._steps = self.state / "steps"
        self._begun: set[str] = set()

    def begin(
        self,
        step: str,
        inputs: Mapping[str, str],
        *,
        negligible: Collection[str] = (),
        changeable: Collection[str] = (),
        force: bool = False,
        founds: bool = False,
    ) -> "Transaction | None":
        """A transaction for ``step``, or None when it is complete with these very inputs.

        Args:
            step: the step's name, also the name of its record.
            inputs: name -> SHA-256 in hex of everything that the outcome depends on.
            negligible: inputs that are no conflict where only one of the two, this run or the record, has them: another
                version of this program has others.
            changeable: inputs that may change: the step is then made anew from what earlier steps left, and its new
                record takes the place of the former one.
            force: take back the step and all later ones first, whatever their inputs were.
            founds: what a killed run of it has left is kept until it is complete; that of others is deleted at once.

        Raises:
            ConflictError: the step is complete with other inputs that are not ``changeable``, and ``force`` is not set.
            MismatchError: a committed file is not what its record says.
        """
        if force:
            self._abandon(step)
        self._recover()
        record = read_record(self.root, step)
        if record and force:
            self._take_back(record.sequence)
        cure = "start over with --force"
        return self._open({step: inputs}, negligible, cure, changeable, step if founds else "").get(step)

    def begin_each(
        self, steps: Mapping[str, Mapping[str, str]], *, negligible: Collection[str] = (), force: bool = False
    ) -> "dict[str, Transaction]":
        """Transactions for those of ``steps`` (name -> inputs) that are not complete; as `begin`, but each by itself.

        No later step's outcome depends on theirs: ``force`` takes back those with other inputs or damaged files alone.
        """
        for step in steps if force else ():
            self._abandon(step, alone=True)
        self._recover()
        for step in steps if force else ():
            record = read_record(self.root, step)
            if record and (_differing(record.inputs, steps[step], negligible) or self._damaged(record)):
                self._undo_record(record)
        return self._open(steps, negligible, "have it made anew with --force, which takes back nothing else")

    def _open(
        self,
        steps: Mapping[str, Mapping[str, str]],
        negligible: Collection[str],
        cure: str,
        changeable: Collection[str] = (),
        founder: str = "",
    ) -> "dict[str, Transaction]":
        self._verify()
        pending: dict[str, Record | None] = {}
        for step, inputs in steps.items():
            record = read_record(self.root, step)
            differing = _differing(record.inputs, inputs, negligible) if record else set()
            if fixed := sorted(differing - {*changeable}):
                raise ConflictError(
                    f"{step} is complete on this volume with other inputs; different now: {', '.join(fixed)}. "
                    f"Give it the former inputs, use an empty volume, or {cure}"
                )
            if differing:
                log.info("settings changed (%s): writing the files of %s again", ", ".join(sorted(differing)), step)
            if differing or not record:
                pending[step] = record
        if pending or any((self.state / "stage" / step).exists() for step in steps):
            self._clear(founder)
        return {
            step: Transaction(self, step, dict(steps[step]), self._fresh_stage(step), former)
            for step, former in pending.items()
        }

    def _damaged(self, record: Record) -> bool:
        try:
            for artifact in record.artifacts:
                commits.check(self.root / artifact.path, artifact)
        except MismatchError:
            return True
        return False

    def _abandon(self, step: str, *, alone: bool = False) -> None:
        """Turn interrupted commits of the step, and of those after it unless ``alone``, into steps to take back."""
        own = read_record(self.root, step)
        for path in self._steps.glob("*.prepared"):
            record = Record.load(path)
            if record.step == step or (own and record.sequence > own.sequence and not alone):
                path.rename(path.with_suffix(".undo"))
                sync_directory(self._steps)

    def _recover(self) -> None:
        """Finish what a crash interrupted: commits past their prepared record, and steps being taken back."""
        for path in sorted(self._steps.glob("*.undo")):
            commits.undo(self.root, path)
        for path in sorted(self._steps.glob("*.prepared")):
            log.info("finishing the interrupted commit of %s", path.stem)
            commits.roll_forward(self.root, path)

    def _verify(self) -> None:
        for artifact in newest_artifacts(read_records(self.root)).values():
            if not artifact.state:
                commits.check(self.root / artifact.path, artifact)

    def _clear(self, founder: str) -> None:
        """Nothing stays of runs that were killed, of whatever step; only what the ``founder`` left is set aside."""
        for stage in (self.state / "stage").glob("*"):
            if stage.name == founder:
                log.info("%s ended before its commit the last time: what it left is set aside", founder)
                commits.set_leftovers_aside(self.root, founder)
            elif stage.name not in self._begun:
                log.info("%s ended before its commit the last time: what it left is deleted", stage.name)
                commits.discard_leftovers(self.root, stage.name)

    def _fresh_stage(self, step: str) -> Path:
        self._begun.add(step)
        stage = self.state / "stage" / step
        make_directories(stage.parent, self.root)
        stage.mkdir(mode=0o700)
        sync_directory(stage.parent)  # or a power cut could keep the prepared record, and lose what it promises
        return stage

    def discard(self, step: str) -> None:
        """Give back the room that an unfinished run of ``step`` took; a commit that is certain keeps all it needs."""
        if not (self._steps / f"{step}.prepared").exists():
            commits.discard_leftovers(self.root, step)

    def prepare(self, record: Record) -> tuple[Path, set[str]]:
        """Make the commit of ``record`` certain: from here on a crash is finished, not started over.

        Returns what `commits.roll_forward` takes: the prepared record, and the paths whose files are kept already.

        Raises:
            BadInputError: no later start could finish it, or read its record.
            OSError: there is no room for it, say; nothing is certain.
        """
        try:
            data = record.to_bytes()
        except UnicodeEncodeError as error:
            wrong = [ascii(artifact.path) for artifact in record.artifacts if not artifact.path.isprintable()]
            raise BadInputError(f"{record.step}: a name is not UTF-8; rename {', '.join(wrong[:3])}") from error
        if len(data) > RECORD_LIMIT:
            raise BadInputError(
                f"{record.step}: the record of {len(record.artifacts)} files has {len(data)} bytes, {RECORD_LIMIT} are "
                f"allowed; leave fewer files (an archive of them, say)"
            )
        replaced = Landing(self.root, record.step).prepare(record.artifacts)
        kept = commits.keep_formers(self.root, record.step, replaced)
        prepared = self._steps / f"{record.step}.prepared"
        write_durably(prepared, data)
        return prepared, kept

    def _take_back(self, sequence: int) -> None:
        """Undo the step with this sequence and all later ones, the latest first; their files are set aside."""
        for record in reversed(read_records(self.root)):
            if record.sequence >= sequence:
                self._undo_record(record)

    def _undo_record(self, record: Record) -> None:
        own = [artifact.path for artifact in record.artifacts if not artifact.state]
        kept = commits.keep_formers(self.root, record.step, own)
        path = self._steps / f"{record.step}.json"
        marked = path.with_suffix(".undo")
        path.rename(marked)
        sync_directory(self._steps)
        commits.undo(self.root, marked, kept)


class Transaction:
    """One run of one step; work in `stage`, then `commit`. Without a commit nothing has happened."""

    def __init__(
        self, volume: Volume, step: str, inputs: dict[str, str], stage: Path, former: Record | None = None
    ) -> None:
        """``former`` is the record of the step whose place this run's takes: what it is made from may have changed."""
        self.volume = volume
        self.step = step
        self.stage = stage
        self.former = former
        self._inputs = inputs

    @property
    def root(self) -> Path:
        """The volume as earlier steps left it; to be read only."""
        return self.volume.root

    def found(self, path: str) -> Path:
        """The file that this step starts from at ``path``: as earlier steps left it, where an earlier run replaced it.

        Raises:
            ConflictError: this step's former run replaced it, and what it replaced is not kept any more.
        """
        if not self.former or all(artifact.path != path for artifact in self.former.artifacts):
            return self.root / path
        earlier = (record for record in read_records(self.root) if record.sequence < self.former.sequence)
        artifact = newest_artifacts(earlier).get(path)
        kept = commits.kept_at(self.root, self.step, path, artifact.sha256) if artifact else self.root / path
        if artifact and not kept.exists():
            raise ConflictError(
                f"{self.step}: the {path} that it was made from is gone ({kept}); give the former inputs"
            )
        return kept

    def commit(
        self, *, last: Collection[str] = (), state: Collection[str] = (), facts: Mapping[str, Any] | None = None
    ) -> Record:
        """Put every staged file at its path on the volume and complete the step.

        Args:
            last: paths that must appear after all others, in this order.
            state: paths that are put only where none exists and may change later.
            facts: what later steps may reuse, kept in the record.

        Raises:
            BadInputError: something on the volume, or a name of a file, would stop the commit half-way.
        """
        paths, directories = self._staged()
        sync(directories, [self.stage / path for path in paths])
        once = frozenset(state)
        ordered = [*(path for path in paths if path not in last), *(path for path in last if path in paths)]
        artifacts = tuple(Artifact(path, *digest_file(self.stage / path), path in once) for path in ordered)
        others = (record.sequence for record in read_records(self.root))
        sequence = self.former.sequence if self.former else 1 + max(others, default=0)
        record = Record(self.step, sequence, __version__, self._inputs, artifacts, facts or {})
        commits.roll_forward(self.root, *self.volume.prepare(record))
        return record

    def _staged(self) -> tuple[list[str], list[Path]]:
        """The paths of all files in the stage, in their order, and its directories; empty ones are not committed.

        Raises:
            BadInputError: a commit would lose something: a link that does not lead to a file, a FIFO, a socket.
        """
        paths: list[str] = []
        directories: list[Path] = []
        below = len(f"{self.stage}/")
        for at, names in walk(self.stage):
            directories.append(Path(at))
            for path in (Path(at, name) for name in names):
                if not path.is_file():
                    what = "a link that does not lead to a file" if path.is_symlink() else "not a file"
                    cure = "let the chain's binary or the script leave a file or a directory, or remove it"
                    raise BadInputError(f"{self.step}: {str(path)[below:]} in the stage is {what}; {cure}")
                paths.append(str(path)[below:])
        return sorted(paths, key=lambda path: path.split("/")), directories


@contextlib.contextmanager
def open_volume(root: Path) -> Iterator[Volume]:
    """The volume at ``root``, held by this process alone; the lock ends with the process, however it ends.

    Raises:
        TemporaryError: another step is at work on the volume.
    """
    state = root / STATE_DIR
    make_directories(state / "steps", root)
    # A process that is killed closes the first of them first: when the lock is free, only others have the other one.
    with (state / "lock.script").open("ab") as scripts, (state / "lock").open("wb") as lock:
        if not _lock(lock):
            raise TemporaryError(f"{root}: another step is at work on this volume; let it end first")
        while not _lock(scripts):
            log.warning("%s: a step was killed, and its script's processes are left; they are ended now", root)
            if not end_holders(state / "lock.script") and not _lock(scripts):
                raise TemporaryError(f"{root}: a killed step's script still runs, out of reach from here; end it first")
        try:
            yield Volume(root, scripts.fileno())
        finally:
            scripts.close()  # first here too: who finds the lock free ends those that still have the other one


def _lock(lock: BinaryIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _differing(before: Mapping[str, str], now: Mapping[str, str], negligible: Collection[str]) -> set[str]:
    one_sided = before.keys() ^ now.keys()
    return {name for name in {*before, *now} if before.get(name) != now.get(name)} - (one_sided & {*negligible})
