"""``python -m bench [--runs N] [PART ...]``: benchmarks; a table on stdout, and more of it in ``bench/results/``."""

import argparse
import os
import resource
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from shutil import which

from bench.profiled import VARIABLE
from bench.report import write
from bench.servers import PEER_VARIABLE, peer
from bench.table import Row, render, worst

PARTS = ("files", "memory", "requests", "waiters", "starts", "accounts")
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Run the parts that are named, all of them by default; returns 0 when every run reaches every target, else 1."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Figures, as ratios measured side by side.")
    parser.add_argument("--runs", type=int, default=1, metavar="N", help="measure everything N times (default: 1)")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    arguments = parser.parse_args()
    parts = arguments.parts or PARTS
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}")
    if arguments.runs < 1:
        parser.error("at least one run is needed")
    if (named := os.environ.get(PEER_VARIABLE)) and not peer():
        parser.error(f"{PEER_VARIABLE}: {named} is not an executable; give the path of Starship's exposer, or unset it")
    if missing := [program for program in ("nginx", "wrk") if not which(program)]:
        parser.error(f"not installed: {', '.join(missing)}; see scripts/install-packages")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a thousand waiters, here and in the server
    runs = [{part: _measure(part, f"run {number}") for part in parts} for number in range(1, arguments.runs + 1)]
    tables = [[row for rows in run.values() for row in rows] for run in runs]
    write(RESULTS, tables)
    sys.stdout.write(render(tables))
    missed = [part for part in parts if any(row.reached is False for row in worst([run[part] for run in runs]))]
    _profile(missed)
    return 1 if missed else 0


def _measure(part: str, why: str) -> list[Row]:
    sys.stderr.write(f"{part}, {why} ...\n")
    rows: list[Row] = import_module(f"bench.{part}").rows()
    return rows


def _profile(parts: Sequence[str]) -> None:
    """Leave ``profile-PART.txt`` of what misses a target: once more, with our programs under a profiler."""
    for old in RESULTS.glob("profile-*.txt"):
        old.unlink()
    for part in parts:
        os.environ[VARIABLE] = str(RESULTS / f"profile-{part}.txt")
        _measure(part, "to see why a target is missed")


if __name__ == "__main__":
    sys.exit(main())
