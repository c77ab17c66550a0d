"""The ``exposer`` command: ``serve`` is the sidecar, ``status URL`` asks one; the rest is a network on this machine."""

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import exposer
from exposer import log as logs
from exposer.ending import exit_code_of
from exposer.errors import ExitCode, ExposerError
from exposer.network.flags import add_state, add_wanted, duration

log = logging.getLogger("exposer")
_OWN = {
    "serve": ("exposer.server.serve", "serve one pod's finished state over HTTP (the sidecar)"),
    "faucet": ("exposer.faucet.serve", "give coins of a chain to who asks"),
    "keys": ("exposer.keys_cli", "make a keys file, and show what is in one"),
    "config": ("exposer.network.config_cli", "check a network file, and show its schema"),
    "plan": ("exposer.network.plan_cli", "show the pods of a network and what runs in them"),
    "render": ("exposer.network.render_cli", "make a compose file or Kubernetes manifests"),
    "k8s": ("exposer.network.k8s_cli", "watch a network in a Kubernetes cluster"),
    "logs": ("exposer.network.logs_cli", "show a log of a network on this machine"),
}
"""Commands with a command line of their own: their modules, imported when they are asked for, and what they are for."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the subcommand; returns its exit code (`exposer.errors`, the README's table)."""
    logs.outlive_stderr()
    arguments = list(sys.argv[1:] if argv is None else argv)
    return exit_code_of(lambda: _dispatch(arguments))


def _dispatch(arguments: Sequence[str]) -> int:
    code: int
    if arguments and (own := _OWN.get(arguments[0])):
        module, _ = own
        code = import_module(module).main(arguments[1:])
        return code
    options, unknown = parser().parse_known_args(arguments)
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")  # with the usage of the subcommand
    code = options.run(options)
    return code


def parser() -> argparse.ArgumentParser:
    """The command line of all subcommands."""
    result = argparse.ArgumentParser(prog="exposer", description=exposer.__doc__, allow_abbrev=False)
    result.add_argument("--version", action="version", version=f"exposer {exposer.__version__}")
    commands = result.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, (_, text) in _OWN.items():
        commands.add_parser(name, help=text, add_help=False)
    _add_up(commands.add_parser("up", help="run a whole network on this machine", allow_abbrev=False))
    _add_down(commands.add_parser("down", help="stop a network that runs on this machine", allow_abbrev=False))
    _add_status(commands.add_parser("status", help="show a network on this machine, or any pod", allow_abbrev=False))
    _add_lint(commands.add_parser("lint", help="find out why a genesis would not run", allow_abbrev=False))
    for command in commands.choices.values():
        command.set_defaults(parser=command)
    return result


def _add_up(command: argparse.ArgumentParser) -> None:
    command.description = "Bring a network up: all pods at once, steps in order, then stay until Ctrl-C."
    add_wanted(command)
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
        type=duration,
        metavar="DURATION",
        help="give up when the network is not up by then; 0: never; default 5m, 1h where binaries are built",
    )
    command.add_argument("--log-format", choices=("text", "json"), default="text", help="of the lines on stderr")
    add_state(command)
    command.set_defaults(run=_up)


def _add_down(command: argparse.ArgumentParser) -> None:
    command.description = "Stop a network, whoever started it, and wait until it has stopped."
    command.add_argument("--volumes", action="store_true", help="delete its volumes, keys and logs too")
    add_state(command)
    command.set_defaults(run=_down)


def _add_status(command: argparse.ArgumentParser) -> None:
    from exposer.credentials import add_flags  # noqa: PLC0415 - as below

    command.description = (
        "Ask the exposers of all pods of a network on this machine how far they are: exit 4 where pods of a chain hold "
        "different genesis files. Or the one at TARGET, anywhere: exit 0 where its pod is ready, 75 where it is not or "
        "does not answer."
    )
    command.add_argument("target", nargs="?", metavar="TARGET", help="a host, host:port or URL; default port 8081")
    command.add_argument(
        "--json",
        action="store_true",
        help='{"pods": [...], "disagreements": [...]}, genesis pods first; with TARGET its /status',
    )
    add_state(command)
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


# The imports below are made when they are needed: `exposer status` should not wait for what `exposer up` loads.


def _up(options: argparse.Namespace) -> int:
    from exposer.network.local.state import State  # noqa: PLC0415
    from exposer.network.local.up import UpOptions, up  # noqa: PLC0415
    from exposer.network.wanted import Wanted  # noqa: PLC0415

    what = UpOptions(
        wanted=Wanted.of(options),
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
    from exposer.network.local.down import down  # noqa: PLC0415
    from exposer.network.local.state import State  # noqa: PLC0415

    logs.configure()
    down(State(options.state), volumes=options.volumes)
    return ExitCode.DONE


def _status(options: argparse.Namespace) -> int:
    if options.target is not None:
        from exposer import status as one  # noqa: PLC0415
        from exposer.credentials import Credentials  # noqa: PLC0415

        return one.status(options.target, Credentials.of(options), sys.stdout, as_json=options.json)
    from exposer.network.local.state import State  # noqa: PLC0415
    from exposer.network.local.status import status  # noqa: PLC0415

    status(State(options.state), sys.stdout, as_json=options.json)
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
