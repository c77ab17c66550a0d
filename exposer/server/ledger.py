"""The records of a volume as its reader needs them: read again only when their directory has changed."""

import time
from pathlib import Path

from exposer.records import STATE_DIR, Artifact, Record, is_managed, newest_artifacts, read_records
from exposer.stamps import Identity

LAST_STEP = "init-config"
"""The step whose record makes a pod's documents count."""


class Ledger:
    """Who fills the volume at ``root``, and which steps are complete; a volume without a root is nobody's."""

    def __init__(self, root: Path | None) -> None:
        self.root = root
        self._last: tuple[Identity, tuple[Record, ...]] | None = None

    def records(self) -> tuple[Record, ...] | None:
        """The records in the order of their commits; None on a volume that our steps do not fill.

        Raises:
            OSError: the volume cannot be read, or a record was taken back in this very moment.
            MismatchError: a record is damaged.
        """
        if self.root is None or not is_managed(self.root):
            return None
        try:
            identity = Identity.of((self.root / STATE_DIR / "steps").stat())
        except FileNotFoundError:
            return ()
        if self._last and self._last[0] == identity:
            return self._last[1]
        began = time.time_ns()
        records = tuple(read_records(self.root))
        self._last = (identity, records) if identity.settled(began) else None
        return records

    def artifact(self, path: Path, records: tuple[Record, ...]) -> Artifact | None:
        """What the newest of ``records`` that names ``path`` says about it."""
        if self.root is None or not path.is_relative_to(self.root):
            return None
        return newest_artifacts(records).get(path.relative_to(self.root).as_posix())
