"""Room on the volume for what a step needs while it runs, and nobody after it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from exposer.commit import remove
from exposer.records import STATE_DIR


@contextmanager
def scratch(root: Path, name: str) -> Iterator[Path]:
    """An empty directory ``name`` in the volume's scratch, gone afterwards; a killed run's is gone before."""
    directory = root / STATE_DIR / "scratch" / name
    remove(directory)
    directory.mkdir(parents=True, mode=0o700)
    try:
        yield directory
    finally:
        with suppress(OSError):
            remove(directory)
