"""The flags that say which network is meant; what they take time to import is imported when they are used."""

import argparse
import math
import os
from pathlib import Path

from exposer.duration import parse_duration
from exposer.errors import ExposerError

STATE = Path(".exposer-network")


def add_wanted(command: argparse.ArgumentParser) -> None:
    """Which network file, which of its chains, how many validators."""
    command.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="the network file; default network.yaml if there is one, else a CometBFT network of 4 validators",
    )
    command.add_argument(
        "--chain",
        metavar="NAME",
        help="only this chain of the file (name or id); without a file, a network of this known chain",
    )
    command.add_argument(
        "--validators",
        type=_validators,
        metavar="N",
        help="validators of each chain in total, the genesis pod's included",
    )
    command.add_argument("--strict", action="store_true", help="refuse sections of the file that are other tools' job")


def add_state(command: argparse.ArgumentParser) -> None:
    """Which network on this machine."""
    command.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        default=Path(os.environ.get("EXPOSER_STATE") or STATE),
        help=f"the network's directory [EXPOSER_STATE; default ./{STATE}]",
    )


def duration(text: str) -> float:
    """Seconds, infinite for 0; of a flag that is a time limit."""
    try:
        return parse_duration(text) or math.inf
    except ExposerError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _validators(text: str) -> int:
    from exposer.network.file.model import MAX_VALIDATORS  # noqa: PLC0415 - `exposer status` should not wait for it

    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= MAX_VALIDATORS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MAX_VALIDATORS}")
    return int(text)
