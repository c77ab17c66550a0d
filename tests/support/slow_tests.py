"""Refuses tests that take longer than their tier allows: ``python slow_tests.py TIMES...`` (``make slow``).

Each file is one that ``pytest --times`` wrote. The limits are those of a machine on which `work` takes `REFERENCE`
seconds; a slower one has as much more time. It is slow now and then, so a test that took too long is run again, alone,
until half of its times are within the limit, or too many to be chance are not: the median counts.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, median_low

from project import ROOT
from tiers import limit_of

AGAIN = 3
"""How often a suspect is run once more, at most."""
REFERENCE = 0.04
"""Seconds that `work` takes on the machine of the limits."""


def main(paths: list[str]) -> int:
    """1 where a test is too slow, 2 where no times were given, else 0."""
    seconds = {test: [taken] for path in paths for test, taken in json.loads(Path(path).read_bytes()).items()}
    if not seconds:
        print("usage: make slow ARGS='FILE...', each written by pytest --times FILE")
        return 2
    slower = slowness()
    suspects = slow = [test for test in seconds if seconds[test][0] > limit_of(test) * slower]
    for _ in range(AGAIN):
        for test, taken in again(slow).items() if slow else ():
            seconds[test].append(taken)
        slow = [test for test in slow if median_low(seconds[test]) > limit_of(test) * slower]
    for test in slow:
        print(f"{median(seconds[test]):.1f} s, of {limit_of(test) * slower:.1f} s for a test of its tier: {test}")
    print(f"{len(seconds)} tests were timed, {len(suspects)} of them again, {len(slow)} are too slow")
    print(f"the limits are {slower:.1f} times those of the tiers, for so much slower is this machine")
    return 1 if slow else 0


def work() -> int:
    """What this machine is measured by."""
    return sum(n * n for n in range(1_000_000))


def slowness() -> float:
    """How many times slower this machine is than the one of the limits; 1 where it is faster."""
    taken = []
    for _ in range(9):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return max(1.0, median(taken) / REFERENCE)


def again(tests: list[str]) -> dict[str, float]:
    """The seconds that each test takes when it is run with nothing beside it; ends the program where one fails."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [sys.executable, "-m", "pytest", "--numprocesses=0", "--quiet", f"--times={file.name}", *tests]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
        taken: dict[str, float] = json.loads(Path(file.name).read_bytes() or b"{}")
        if done.returncode or set(taken) != set(tests):
            sys.exit(f"a test that was slow does not pass alone:\n{done.stdout}{done.stderr}")
        return taken


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
