"""What a linter says of a genesis."""

from typing import NamedTuple


class Finding(NamedTuple):
    """One reason why a genesis will not run: the path in the document, the problem, and the cure."""

    path: str
    problem: str
    cure: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}; {self.cure}"
