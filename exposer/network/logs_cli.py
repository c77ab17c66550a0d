"""``exposer logs``: what a step of a network on this machine has written.

Without STEP the logs of the pod are listed, without POD those of all pods.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from exposer.errors import BadInputError, ExitCode
from exposer.network.flags import add_state
from exposer.network.local.log_file import LogFile
from exposer.network.local.state import State
from exposer.network.output import write_log
from exposer.network.pick import pick
from exposer.network.table import aligned


def main(argv: Sequence[str]) -> int:
    """Show a log, or which there are; returns the exit code, or raises an `ExposerError`."""
    options = parser().parse_args(argv)
    state = State(options.state)
    record = state.read()
    if record is None:
        raise BadInputError(
            f"there is no network in {state.root}; start one with exposer up, or name its directory with --state"
        )
    pods = [pod.name for pod in record.pods]
    if options.pod is not None:
        pods = [pick(options.pod, pods, "pod")]
    if options.step is None:
        sys.stdout.write(aligned([("POD", "STEP", "BYTES", "CHANGED"), *_rows(state, pods)]))
    else:
        write_log(_log(state, pods[0], options.step).read(options.tail, follow=options.follow))
    return ExitCode.DONE


def parser() -> argparse.ArgumentParser:
    """The command line of ``exposer logs``."""
    result = argparse.ArgumentParser(
        prog="exposer logs",
        description="Show what a step, the exposer, the node or the faucet of a pod on this machine has written.",
        allow_abbrev=False,
    )
    add_names(result)
    add_state(result)
    return result


def add_names(command: argparse.ArgumentParser) -> None:
    """POD, STEP, and how much of the log; the same for a cluster."""
    command.add_argument("pod", nargs="?", metavar="POD", help="the pod, or the end of its name: genesis-0")
    command.add_argument("step", nargs="?", metavar="STEP", help="init-genesis, node, ...; without it all are listed")
    command.add_argument("-f", "--follow", action="store_true", help="go on as it grows, until Ctrl-C")
    command.add_argument("--tail", type=_count, metavar="N", help="only the last N lines")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of lines")
    return int(text)


def _log(state: State, pod: str, step: str) -> LogFile:
    known = [path.stem for path in _paths(state, pod)]
    return LogFile(state.log(pod, pick(step, known, f"{pod}: log")))


def _paths(state: State, pod: str) -> list[Path]:
    """The logs of a pod, in the order in which they last grew: that of the steps, once those are done."""
    found = state.log(pod, "").parent.glob("*.log")
    return sorted(found, key=lambda path: path.stat().st_mtime_ns)


def _rows(state: State, pods: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for pod in pods:
        for path in _paths(state, pod):
            told = path.stat()
            changed = datetime.fromtimestamp(told.st_mtime, UTC).isoformat(timespec="seconds")
            yield pod, path.stem, str(told.st_size), changed
