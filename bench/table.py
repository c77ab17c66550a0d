"""A row of figures, and the table they make."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure: what it is, ours, what it is held against, and whether the target is reached."""

    what: str
    ours: str
    against: str
    target: str
    reached: bool


def render(rows: Sequence[Row]) -> str:
    """A Markdown table."""
    lines = [
        f"| {row.what} | {row.ours} | {row.against} | {row.target} | {'yes' if row.reached else 'no'} |" for row in rows
    ]
    head = "| what | exposer | side by side with | target | reached |\n|---|---|---|---|---|\n"
    return head + "\n".join(lines) + "\n"
