"""The ``exposer`` command: ``serve`` is the sidecar, ``status URL`` asks one; the rest is a network on this machine."""

import argparse
import logging
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import exposer
from exposer import log as logs
from exposer.duration import parse_duration
from exposer.errors import ExitCode, ExposerError, from_os_error

log = logging.getLogger("exposer")
_STATE = Path(".exposer-network")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the subcommand; returns its exit code (`exposer.errors`, the README's table)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _dispatch(arguments)
    except KeyboardInterrupt:
        return 128 + 2
    except ExposerError as error:
        return _fail(error)
    except OSError as error:
        return _fail(from_os_error(error))
    except Exception as error:
        if os.environ.get("EXPOSER_LOG_LEVEL", "").lower() == "debug":
            log.exception("the cause")
        hint = "a fault of exposer itself; run with EXPOSER_LOG_LEVEL=debug to see where"
        return _fail(ExposerError(f"{type(error).__name__}: {hint}"))


def _dispatch(arguments: Sequence[str]) -> int:
    if arguments[:1] == ["serve"]:  # its flags are made from its settings, by itself
        from exposer.server.serve import main as serve  # noqa: PLC0415 - a sidecar's web framework is not for the others

        return serve(arguments[1:])
    if arguments[:1] == ["faucet"]:  # likewise
        from exposer.faucet.serve import main as faucet  # noqa: PLC0415 - likewise

        return faucet(arguments[1:])
    if arguments[:1] == ["keys"]:
        from exposer.keys_cli import main as keys  # noqa: PLC0415 - nor is cryptography

        return keys(arguments[1:])
    options, unknown = parser().parse_known_args(arguments)
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")  # with the usage of the subcommand
    code: int = options.run(options)
    return code


def _fail(error: ExposerError) -> int:
    sys.stderr.write(f"exposer: {error}\n")
    return error.exit_code


def parser() -> argparse.ArgumentParser:
    """The command line of all subcommands."""
    result = argparse.ArgumentParser(prog="exposer", description=exposer.__doc__, allow_abbrev=False)
    result.add_argument("--version", action="version", version=f"exposer {exposer.__version__}")
    commands = result.add_subparsers(title="commands", metavar="COMMAND", required=True)
    commands.add_parser("serve", help="serve one pod's finished state over HTTP (the sidecar)", add_help=False)
    commands.add_parser("faucet", help="give coins of a chain to who asks", add_help=False)
    commands.add_parser("keys", help="make a keys file, and show what is in one", add_help=False)
    _add_up(commands.add_parser("up", help="run a whole network on this machine", allow_abbrev=False))
    _add_down(commands.add_parser("down", help="stop a network that runs on this machine", allow_abbrev=False))
    _add_status(commands.add_parser("status", help="show a network on this machine, or any pod", allow_abbrev=False))
    _add_lint(commands.add_parser("lint", help="find out why a genesis would not run", allow_abbrev=False))
    for command in commands.choices.values():
        command.set_defaults(parser=command)
    return result


def _add_up(command: argparse.ArgumentParser) -> None:
    command.description = "Bring a network up: all pods at once, steps in order, then stay until Ctrl-C."
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
    command.add_argument(
        "--force",
        action="store_true",
        help="start over with fresh volumes; the former ones are kept aside, keys and ports stay",
    )
    command.add_argument(
        "-d",
        "--detach",
        action="store_true",
        help="return when the network is up, and leave it running in the background",
    )
    command.add_argument(
        "-t",
        "--timeout",
        type=_duration,
        metavar="DURATION",
        help="give up when the network is not up by then; 0: never; default 5m, 1h where binaries are built",
    )
    command.add_argument("--log-format", choices=("text", "json"), default="text", help="of the lines on stderr")
    _add_state(command)
    command.set_defaults(run=_up)


def _add_down(command: argparse.ArgumentParser) -> None:
    command.description = "Stop a network, whoever started it, and wait until it has stopped."
    command.add_argument("--volumes", action="store_true", help="delete its volumes, keys and logs too")
    _add_state(command)
    command.set_defaults(run=_down)


def _add_status(command: argparse.ArgumentParser) -> None:
    from exposer.credentials import add_flags  # noqa: PLC0415 - as below

    command.description = (
        "Ask the exposers of all pods of a network on this machine how far they are; or the one at TARGET, anywhere: "
        "exit 0 where its pod is ready, 75 where it is not or does not answer."
    )
    command.add_argument("target", nargs="?", metavar="TARGET", help="a host, host:port or URL; default port 8081")
    command.add_argument(
        "--json", action="store_true", help='{"pods": [...]}, genesis pods first; with TARGET its /status'
    )
    _add_state(command)
    add_flags(command)
    command.set_defaults(run=_status)


def _add_lint(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Say what keeps a chain from starting with a genesis that its binary may well call valid: exit 0 where nothing "
        "does, 3 where something does or where it is no JSON."
    )
    kinds = command.add_subparsers(title="what", metavar="WHAT", required=True)
    genesis = kinds.add_parser("genesis", help="a genesis of any size, in flat memory", allow_abbrev=False)
    genesis.add_argument("file", type=Path, metavar="FILE", help="the genesis, JSON")
    genesis.add_argument("--json", action="store_true", help='{"findings": [{"path", "problem", "cure"}]}')
    genesis.set_defaults(run=_lint)


def _add_state(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        default=Path(os.environ.get("EXPOSER_STATE") or _STATE),
        help=f"the network's directory [EXPOSER_STATE; default ./{_STATE}]",
    )


def _validators(text: str) -> int:
    from exposer.network.model import MAX_VALIDATORS  # noqa: PLC0415 - as below

    if not text.isdecimal() or not 1 <= int(text) <= MAX_VALIDATORS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MAX_VALIDATORS}")
    return int(text)


def _duration(text: str) -> float:
    try:
        return parse_duration(text) or math.inf
    except ExposerError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


# The imports below are made when they are needed: `exposer status` should not wait for what `exposer up` loads.


def _up(options: argparse.Namespace) -> int:
    from exposer.network.prepare import Wanted  # noqa: PLC0415
    from exposer.network.state import State  # noqa: PLC0415
    from exposer.network.up import UpOptions, up  # noqa: PLC0415

    what = UpOptions(
        wanted=Wanted(options.file, options.chain, options.validators, options.strict),
        state=State(options.state),
        force=options.force,
        detach=options.detach,
        log_format=options.log_format,
        timeout=options.timeout,
    )
    try:
        return up(what)
    except ExposerError as error:
        if options.log_format != "json":
            raise
        log.error("%s", error)  # noqa: TRY400 - one line of the log, as all others are
        return error.exit_code


def _down(options: argparse.Namespace) -> int:
    from exposer.network.down import down  # noqa: PLC0415
    from exposer.network.state import State  # noqa: PLC0415

    logs.configure()
    down(State(options.state), volumes=options.volumes)
    return ExitCode.DONE


def _status(options: argparse.Namespace) -> int:
    if options.target is not None:
        from exposer import status as one  # noqa: PLC0415
        from exposer.credentials import Credentials  # noqa: PLC0415

        return one.status(options.target, Credentials.of(options), sys.stdout, as_json=options.json)
    from exposer.network.state import State  # noqa: PLC0415
    from exposer.network.status import status  # noqa: PLC0415

    sys.stdout.write(status(State(options.state), as_json=options.json))
    return ExitCode.DONE


def _lint(options: argparse.Namespace) -> int:
    import json  # noqa: PLC0415

    from exposer.genesis.lint import lint  # noqa: PLC0415

    findings = lint(options.file)
    if options.json:
        sys.stdout.write(json.dumps({"findings": [finding._asdict() for finding in findings]}, indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{finding}\n" for finding in findings)
    return ExitCode.BAD_INPUT if findings else ExitCode.DONE
