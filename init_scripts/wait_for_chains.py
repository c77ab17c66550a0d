"""``wait-for-chains``: a blocking init step that opens when the exposers of other pods answer."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from exposer import log as logs
from exposer.client import Client, base_url
from exposer.credentials import Credentials, add_flags
from exposer.duration import parse_duration
from exposer.errors import BadInputError, ExposerError, UsageError, exit_codes
from exposer.records import record_path
from init_scripts.backoff import Backoff
from init_scripts.conditions import parse_condition
from init_scripts.gate import wait_for_all
from init_scripts.genesis_host import target_of
from init_scripts.interrupts import Interrupted, interruptible

log = logging.getLogger("wait-for-chains")


def main(argv: Sequence[str] | None = None) -> int:
    """Wait, then run the command behind ``--`` if there is one; returns the exit code."""
    logs.outlive_stderr()
    arguments, command = _partition(list(sys.argv[1:] if argv is None else argv))
    options = parser().parse_args(arguments)
    logs.configure("json" if options.log_format == "json" else "text", "error" if options.quiet else "info")
    try:
        with interruptible():
            _wait(options)
        if command:  # here the signals are again what they were when this process began
            _become(command)
    except Interrupted as interrupted:
        log.error("ended by %s", interrupted.signal.name)  # noqa: TRY400 - a signal needs no traceback
        return 128 + interrupted.signal
    except ExposerError as error:
        log.error("%s", error)  # noqa: TRY400 - nor does a failure that is explained in one line
        return error.exit_code
    return 0


def _wait(options: argparse.Namespace) -> None:
    if options.unless_complete and _is_complete(options.unless_complete, os.environ):
        log.info("%s is complete on this volume: nothing to wait for", options.unless_complete)
        return
    condition = parse_condition(options.condition)
    credentials = Credentials.of(options)
    with ExitStack() as clients:
        asks = {
            target: partial(condition.ask, clients.enter_context(Client(url, credentials=credentials)))
            for target, url in _urls(options.targets, os.environ, credentials.scheme).items()
        }
        wait_for_all(asks, limit=options.timeout or None, backoff=Backoff(first=options.interval))


def _is_complete(step: str, environment: Mapping[str, str]) -> bool:
    """Whether the pod's volume has the record of ``step``; the step itself verifies it."""
    root = environment.get("CHAIN_DIR", "")
    if not root:
        raise UsageError("--unless-complete: set CHAIN_DIR to the volume that it is about")
    return record_path(Path(root), step).is_file()


def parser() -> argparse.ArgumentParser:
    """The command line, without the command behind ``--``."""
    result = argparse.ArgumentParser(
        prog="wait-for-chains",
        usage="wait-for-chains [options] [target ...] [-- command argument ...]",
        description="Wait until every target fulfils the condition, then run the command.",
        epilog="durations: 500ms, 30s, 1m30s, 2h; a bare number is seconds\n\n"
        f"{exit_codes()}\nOnce the gate is open, the exit code is that of the command, which takes its place.",
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, width=100, max_help_position=30),
        allow_abbrev=False,
    )
    result.add_argument(
        "targets",
        nargs="*",
        metavar="target",
        help="a name, host:port or URL of an exposer (port 8081 unless given);"
        " without any: GENESIS_HOST, GENESIS_PORT and NAMESPACE of the environment",
    )
    result.add_argument(
        "--for",
        dest="condition",
        default="node_id",
        metavar="CONDITION",
        help="node_id, genesis, ready, artifact:NAME or height:N (of an exposer or a CometBFT RPC); default node_id",
    )
    result.add_argument(
        "-t",
        "--timeout",
        type=_duration,
        default=0.0,
        metavar="DURATION",
        help="give up after it; default 0: never",
    )
    result.add_argument(
        "-i",
        "--interval",
        type=_interval,
        default=1.0,
        metavar="DURATION",
        help="the first pause between two tries; pauses double up to 10s, with jitter; default 1s",
    )
    result.add_argument(
        "--unless-complete",
        default="",
        metavar="STEP",
        help="open at once where the volume at CHAIN_DIR has the record of this step: a complete pod needs no other",
    )
    add_flags(result)
    result.add_argument("-q", "--quiet", action="store_true", help="log nothing but a failure")
    result.add_argument(
        "--log-format",
        choices=("text", "json"),
        default=os.environ.get("EXPOSER_LOG_FORMAT"),
        help="of the lines on stderr [EXPOSER_LOG_FORMAT; default text]",
    )
    return result


def _partition(arguments: list[str]) -> tuple[list[str], list[str]]:
    """What stands before and behind the first ``--`` (argparse would give some of it to the targets)."""
    if "--" not in arguments:
        return arguments, []
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def _urls(targets: Sequence[str], environment: Mapping[str, str], scheme: str) -> dict[str, str]:
    """Target as given -> URL of its exposer, with this ``scheme`` where the target has none."""
    if targets:
        return {target: base_url(target, scheme=scheme) for target in targets}
    host = environment.get("GENESIS_HOST", "")
    if not host:
        raise UsageError("nothing to wait for: name a target, or set GENESIS_HOST")
    try:
        target = target_of(host, environment.get("GENESIS_PORT") or 8081, environment.get("NAMESPACE", ""))
        return {target: base_url(target, scheme=scheme)}
    except UsageError as error:
        raise BadInputError(f"GENESIS_HOST, GENESIS_PORT, NAMESPACE: {error}") from error


def _become(command: list[str]) -> None:
    """Replace this process by ``command``; returns never."""
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python, and a program would inherit it
        signal.signal(ignored, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 - what the caller asked for; no shell reads it
    except OSError as error:
        raise BadInputError(f"cannot run {command[0]}: {error.strerror}; check the command behind --") from error


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except BadInputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _interval(text: str) -> float:
    if not (seconds := _duration(text)):
        raise argparse.ArgumentTypeError("a pause of 0 would hammer the target; write for example 100ms")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
