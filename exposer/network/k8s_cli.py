"""``exposer k8s``: a network in a Kubernetes cluster, seen through a kubeconfig; nothing there is changed."""

import argparse
import math
from collections.abc import Sequence

from exposer.errors import exit_codes
from exposer.network.cluster.kubeconfig import Access
from exposer.network.cluster.logs import Wanted, logs
from exposer.network.cluster.sight import Sight
from exposer.network.cluster.status import status, watch
from exposer.network.flags import duration
from exposer.network.logs_cli import add_names
from exposer.network.names import dns_label


def main(argv: Sequence[str]) -> int:
    """Run the subcommand; returns its exit code, or raises an `ExposerError`."""
    options = parser().parse_args(argv)
    code: int = options.run(options)
    return code


def parser() -> argparse.ArgumentParser:
    """The command line of ``exposer k8s``."""
    result = argparse.ArgumentParser(
        prog="exposer k8s",
        description="See a network in a Kubernetes cluster. Needs list and watch of pods, and get of pods/log.",
        allow_abbrev=False,
    )
    commands = result.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_status(commands.add_parser("status", help="show how far every pod is, and what keeps it", allow_abbrev=False))
    _add_logs(commands.add_parser("logs", help="show what a step of a pod has written", allow_abbrev=False))
    for command in commands.choices.values():
        command.epilog, command.formatter_class = exit_codes(), argparse.RawDescriptionHelpFormatter
    return result


def _add_status(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Show every pod: exit 0 where all are ready, 75 where they are not, 4 where pods of a chain hold different "
        "genesis files."
    )
    command.add_argument("-w", "--watch", action="store_true", help="show what happens until all pods are ready")
    command.add_argument(
        "--json",
        action="store_true",
        help='{"pods": [...], "disagreements": [...]}; with --watch one line for each change',
    )
    command.add_argument(
        "-t",
        "--timeout",
        type=duration,
        default=math.inf,
        metavar="DURATION",
        help="of --watch: give up with exit code 124 when not all pods are ready by then; default never",
    )
    _add_access(command)
    command.set_defaults(run=_status)


def _add_logs(command: argparse.ArgumentParser) -> None:
    command.description = "Show what a container has written; without STEP what runs in the pod, without POD the pods."
    add_names(command)
    command.add_argument("-p", "--previous", action="store_true", help="of the run before the last restart")
    _add_access(command)
    command.set_defaults(run=_logs)


def _add_access(command: argparse.ArgumentParser) -> None:
    command.add_argument("-n", "--namespace", metavar="NS", help="default the context's")
    command.add_argument("--network", metavar="NAME", help="only this network; default all in the namespace")
    command.add_argument("--context", metavar="NAME", help="of the kubeconfig; default its current one")
    command.add_argument("--kubeconfig", metavar="FILE", help="default KUBECONFIG, then ~/.kube/config")


def _sight(options: argparse.Namespace) -> Sight:
    access = Access(options.kubeconfig, options.context, options.namespace)
    return Sight(access.connect(), dns_label(options.network) if options.network else None)


def _status(options: argparse.Namespace) -> int:
    sight = _sight(options)
    return (
        watch(sight, as_json=options.json, timeout=options.timeout)
        if options.watch
        else status(sight, as_json=options.json)
    )


def _logs(options: argparse.Namespace) -> int:
    logs(_sight(options), Wanted(options.pod, options.step, options.follow, options.previous, options.tail))
    return 0
