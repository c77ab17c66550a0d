"""Room on the volume for what a step needs while it runs, and nobody after it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from exposer.records import STATE_DIR
from exposer.trees import remove


@contextmanager
def scratch(root: Path, name: str) -> Iterator[Path]:
    """An empty directory ``name`` in the volume's scratch, removed at the end.

    What a killed run left there is removed first. Each user has a name of its own: `create-validator` works beside
    steps that hold the volume's lock.
    """
    clear(root, name)
    directory = root / STATE_DIR / "scratch" / name
    directory.mkdir(parents=True, mode=0o700)
    try:
        yield directory
    finally:
        with suppress(OSError):
            remove(directory)


def clear(root: Path, name: str) -> None:
    """Remove what a killed run left in the scratch directory ``name``."""
    remove(root / STATE_DIR / "scratch" / name)
