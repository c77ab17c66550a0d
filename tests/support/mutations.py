"""Ways to break the transaction, each of which the tests of faults must notice; a child of the zygote applies one."""

import os
import stat
from collections.abc import Callable, Collection
from pathlib import Path

from exposer import commit, durable


def _nothing(*_: object) -> None:
    """In place of what the transaction relies on."""


def files_unsynced() -> None:
    """No file reaches the disk before the record that promises it."""
    vars(os)["fsync"] = _nothing


def directories_unsynced() -> None:
    """No rename does."""
    fsync = os.fsync

    def only_files(descriptor: int) -> None:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            fsync(descriptor)

    vars(os)["fsync"] = only_files


def in_one_go() -> None:
    """Nothing is broken: a commit of few files goes the way of those with very many."""
    vars(durable)["_MANY"] = 0


def file_systems_unsynced() -> None:
    """A commit of very many files syncs none of them."""
    in_one_go()
    vars(durable)["_sync_file_systems"] = lambda _: True


def record_first() -> None:
    """A step counts as complete before its files are in place."""
    forward = commit.roll_forward

    def early(root: Path, prepared: Path, kept: Collection[str] = ()) -> None:
        record = prepared.with_suffix(".json")
        prepared.rename(record)
        forward(root, record, kept)

    commit.roll_forward = early


def leftovers_stay() -> None:
    """What a killed step has staged is in the way of the next run."""
    vars(commit)["set_leftovers_aside"] = _nothing


def no_undo() -> None:
    """A forced run takes nothing back."""
    vars(commit)["undo"] = _nothing


def files_not_undone() -> None:
    """A forced run takes the record back, but not the files."""

    def forget(root: Path, record_path: Path, kept: Collection[str] = ()) -> None:  # noqa: ARG001 - as `commit.undo` has it
        record_path.unlink()

    commit.undo = forget


def none() -> None:
    """Nothing is broken: what a test notices of this comes from the test."""


MUTATIONS: dict[str, Callable[[], None]] = {
    mutation.__name__: mutation
    for mutation in (
        *(files_unsynced, directories_unsynced, record_first, leftovers_stay),
        *(no_undo, files_not_undone, in_one_go, file_systems_unsynced, none),
    )
}
