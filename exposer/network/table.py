"""How pods are shown: a row for each, drawn live on a terminal, or in aligned columns."""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """``rows`` in columns, one line each; the first is the heading."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in rows
    )


class Screen:
    """A table on a terminal that is drawn anew with each change, and text that scrolls by above it."""

    def __init__(self, title: str, columns: Sequence[str], console: Console) -> None:
        self._title = title
        self._columns = columns
        self._console = console
        # no refresh thread: processes are started by fork, which threads do not survive well
        self._live = Live(
            self._table(()), console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def draw(self, rows: Iterable[Sequence[str]]) -> None:
        """Show these rows and no others."""
        self._live.update(self._table(rows), refresh=True)

    def note(self, text: str, end: str = "\n") -> None:
        """Write ``text`` as it is above the table."""
        self._console.print(text, markup=False, soft_wrap=True, end=end)

    def _table(self, rows: Iterable[Sequence[str]]) -> Table:
        table = Table(*self._columns, title=self._title, title_justify="left")
        for row in rows:
            table.add_row(*row)
        return table
