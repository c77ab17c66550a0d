"""What a run leaves: the table, the samples of each round, and a picture of how much of each target is used."""

import dataclasses
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from bench.table import Row, render, worst


def write(directory: Path, runs: Sequence[Sequence[Row]]) -> None:
    """Make ``latest.md``, ``latest.json`` and ``latest.svg``, a picture of the worst of each row."""
    directory.mkdir(exist_ok=True)
    kernel = platform.release().partition("-")[0]  # what follows the version may name the machine
    machine = {"cores": len(os.sched_getaffinity(0)), "kernel": kernel, "python": platform.python_version()}
    told = ", ".join(f"{name}: {value}" for name, value in machine.items())
    (directory / "latest.md").write_text(
        f"{render(runs)}\n{told}; medians, in brackets the least and the most.\n", encoding="utf-8"
    )
    samples = {"machine": machine, "runs": [[dataclasses.asdict(row) for row in rows] for rows in runs]}
    (directory / "latest.json").write_text(json.dumps(samples, indent=1) + "\n", encoding="utf-8")
    _draw(directory / "latest.svg", [row for row in worst(runs) if row.used is not None])


def _draw(path: Path, rows: Sequence[Row]) -> None:
    """A bar for each row, its length the share of the target that is used, which is reached left of the line."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second that the measured processes' parent need not have

    figure = Figure(figsize=(10, 1.2 + 0.42 * len(rows)), layout="constrained")
    axes = figure.subplots()
    used = [row.used or 0.0 for row in rows]
    colours = ["#2a7f62" if row.reached else "#b3392f" for row in rows]
    bars = axes.barh([row.what.replace("`", "") for row in rows], used, color=colours)
    axes.bar_label(bars, [f"{share:.2f}" for share in used], padding=4)
    axes.axvline(1, color="#444444", linestyle="--")
    axes.invert_yaxis()
    axes.set_xlim(0, max([1.15, *(share * 1.12 for share in used)]))
    axes.set_xlabel("share of the target that is used; at the line it is just reached, less is better")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
