"""``python -m bench [PART ...]``: benchmarks; a table on stdout, and more of it in ``bench/results/``."""

import argparse
import resource
import sys
from importlib import import_module
from pathlib import Path
from shutil import which

from bench.report import write
from bench.table import Row, render

PARTS = ("files", "memory", "requests", "waiters", "starts", "accounts")
RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Run the parts that are named, all of them by default; returns 0 when every target is reached, else 1."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Figures, as ratios measured side by side.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parts = parser.parse_args().parts or PARTS
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}")
    if missing := [program for program in ("nginx", "wrk") if not which(program)]:
        parser.error(f"not installed: {', '.join(missing)}; see scripts/install-packages")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # a thousand waiters, here and in the server
    rows: list[Row] = []
    for part in parts:
        sys.stderr.write(f"{part} ...\n")
        rows += import_module(f"bench.{part}").rows()
    write(RESULTS, rows)
    sys.stdout.write(render(rows))
    return 1 if any(row.reached is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
