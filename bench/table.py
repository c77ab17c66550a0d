"""A row of figures, and the table they make."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

OURS = "exposer"
NOT_MEASURED = "not measured"
_SPREAD = re.compile(r" \([^)]+ to [^)]+\)")

Samples = Mapping[str, Sequence[float]]
"""By server: one figure per round; the n-th of each was taken in the same round.

Empty where a server could not be run; one that is optional, and not on this machine, is left out.
"""


@dataclass(frozen=True)
class Row:
    """One figure: what it is, ours, what it is held against, and whether the target is reached.

    ``reached`` is None where there is no target. ``used`` is how much of the target is used up: 1 at the target, less
    is better. ``samples`` are the figures of each round, in the unit of the row.
    """

    what: str
    ours: str
    against: str
    target: str
    reached: bool | None
    used: float | None = None
    samples: Samples = field(default_factory=dict)


def bounded(what: str, values: Sequence[float], unit: str, most: float, against: str = "", *, digits: int = 1) -> Row:
    """A row for a figure of ours whose median may be at most ``most``, in ``unit``."""
    used = median(values) / most
    return Row(what, spread(values, unit, digits), against, f"<= {most:g} {unit}", used <= 1, used, {OURS: values})


def compared(
    what: str,
    samples: Samples,
    unit: str,
    to: str,
    *,
    most: float | None = None,
    least: float = 0,
    digits: int = 1,
) -> Row:
    """A row for a figure of ours as a multiple of that of ``to``: the median of the rounds' ratios.

    It may be at most ``most``, or else has to be at least ``least``. Without figures of ``to`` the target is missed;
    where ``to`` is left out it is neither missed nor reached.
    """
    target = f"<= {most:g} x {to}" if most else f">= {least:g} x {to}"
    ours = spread(samples[OURS], unit, digits)
    against = "; ".join(f"{name}: {spread(samples[name], unit, digits)}" for name in samples if name != OURS)
    if to not in samples:
        against = "; ".join(filter(None, (f"{to}: {NOT_MEASURED}", against)))
        return Row(what, ours, against, target, reached=None, samples=samples)
    if not samples[to]:
        return Row(what, ours, against, target, reached=False, samples=samples)
    ratios = [one / other for one, other in zip(samples[OURS], samples[to], strict=True)]
    used = median(ratios) / most if most else least / median(ratios)
    return Row(what, f"{ours}; {spread(ratios, 'x', 2)}", against, target, used <= 1, used, samples)


def spread(values: Sequence[float], unit: str, digits: int) -> str:
    """The median, and in brackets the least and the most."""
    if not values:
        return "missing"
    low, middle, high = (f"{value:,.{digits}f}" for value in (min(values), median(values), max(values)))
    return f"{middle} {unit} ({low} to {high})" if len(values) > 1 else f"{middle} {unit}"


def worst(runs: Sequence[Sequence[Row]]) -> list[Row]:
    """Of each row the run that is furthest from its target; a figure without a target is that of the last run."""
    return [max(reversed(row), key=_distance) for row in zip(*runs, strict=True)]


def _distance(row: Row) -> tuple[bool, float]:
    return row.reached is False, row.used or 0.0


def render(runs: Sequence[Sequence[Row]]) -> str:
    """A Markdown table: medians of each run, then the run that is furthest from the target with its spread."""
    words = {True: "yes", False: "no", None: "-"}
    numbers = range(1, len(runs) + 1) if len(runs) > 1 else ()
    head = ["what", *(f"run {number}" for number in numbers), "worst" if numbers else OURS]
    lines = [[*head, "side by side with", "target", "reached"]]
    lines.append(["---"] * len(lines[0]))
    for row, *each in zip(worst(runs), *runs, strict=True):
        medians = [_SPREAD.sub("", one.ours) for one in each] if numbers else []
        lines.append([row.what, *medians, row.ours, row.against, row.target, words[row.reached]])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
