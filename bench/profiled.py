"""Programs of ours as they are started to be measured: plain, or under a profiler to see why a target is missed."""

import cProfile
import os
import pstats
import runpy
import signal
import sys
from pathlib import Path
from typing import NoReturn

VARIABLE = "BENCH_PROFILE"
"""The environment variable that names the file to which every profiled process adds its report."""
_LINES = 40


def command(module: str, *arguments: str) -> list[str]:
    """The command line that runs a module of ours; profiled where `VARIABLE` is set."""
    profiler = ["-m", __name__] if os.environ.get(VARIABLE) else []
    return [sys.executable, *profiler, *([] if profiler else ["-m"]), module, *arguments]


def main(path: Path) -> None:
    """Run the module that the arguments name, and add to ``path`` where its main thread was, by own time.

    What the kernel does within a call counts as that call's.
    """
    signal.signal(signal.SIGTERM, _end)
    del sys.argv[0]
    profile = cProfile.Profile()
    try:
        profile.runcall(runpy.run_module, sys.argv[0], run_name="__main__", alter_sys=True)
    finally:
        with path.open("a", encoding="utf-8") as out:
            pstats.Stats(profile, stream=out).strip_dirs().sort_stats("tottime").print_stats(_LINES)


def _end(signum: int, _frame: object) -> NoReturn:
    """In place of the end without a word that a signal is: the report has to be written."""
    sys.exit(128 + signum)


if __name__ == "__main__":
    main(Path(os.environ[VARIABLE]))
