"""What was tried on which chain and how it went, told below the results of a test run."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Matrix:
    """Rows are chains, columns what was tried; a cell is the seconds that it took, or that it failed."""

    def __init__(self) -> None:
        self._cells: dict[str, dict[str, str]] = {}
        self.notes: list[str] = []
        """What else is to be told, a line each."""

    @contextmanager
    def cell(self, row: str, column: str) -> Iterator[None]:
        """What is tried inside is told in this cell; a note that an error carries names it."""
        cells = self._cells.setdefault(row, {})
        cells[column] = "FAILED"
        began = time.monotonic()
        yield
        cells[column] = f"ok {time.monotonic() - began:.0f} s"

    def content(self) -> tuple[dict[str, dict[str, str]], list[str]]:
        """Cells by row and column, and notes."""
        return self._cells, self.notes

    def add(self, cells: dict[str, dict[str, str]], notes: list[str]) -> None:
        """Tell what another process has tried as well."""
        for row, columns in cells.items():
            self._cells.setdefault(row, {}).update(columns)
        self.notes += notes

    def lines(self) -> list[str]:
        """The table and the notes; nothing where nothing was tried."""
        if not self._cells:
            return []
        columns = list(dict.fromkeys(column for cells in self._cells.values() for column in cells))
        rows = ([row, *(cells.get(column, "-") for column in columns)] for row, cells in self._cells.items())
        table = [["", *columns], *rows]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        padded = ([text.ljust(width) for text, width in zip(line, widths, strict=True)] for line in table)
        return ["  ".join(line).rstrip() for line in padded] + self.notes


MATRIX = Matrix()
"""Of this test run."""
