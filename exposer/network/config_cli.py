"""``exposer config``: is a network file right, what does it come to, and the schema that editors check it with."""

import argparse
import json
import logging
import sys
from collections.abc import Sequence

from exposer import log as logs
from exposer.errors import ExitCode
from exposer.network.document import Document
from exposer.network.flags import add_wanted
from exposer.network.names import pod_names
from exposer.network.wanted import Wanted, choose_document

log = logging.getLogger("exposer")


def main(argv: Sequence[str]) -> int:
    """Run the subcommand; its exit code. Raises `BadInputError` with every fault of the file."""
    logs.configure()
    options = parser().parse_args(argv)
    code: int = options.run(options)
    return code


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser(prog="exposer config", description=__doc__, allow_abbrev=False)
    commands = result.add_subparsers(title="commands", metavar="COMMAND", required=True)
    check = commands.add_parser(
        "check",
        help="exit 0 and say in one line what the file describes, or exit 3 with all its faults; nothing is started",
        allow_abbrev=False,
    )
    show = commands.add_parser(
        "show", help="the file with what it includes, its variables and defaults filled in, as YAML", allow_abbrev=False
    )
    schema = commands.add_parser("schema", help="the JSON Schema of network files, for editors", allow_abbrev=False)
    for command, run in ((check, _check), (show, _show)):
        add_wanted(command)
        command.set_defaults(run=run)
    schema.set_defaults(run=_schema)
    return result


def _document(options: argparse.Namespace) -> Document:
    document = choose_document(Wanted.of(options))
    for warning in document.warnings:
        log.warning("%s", warning)
    return document


def _check(options: argparse.Namespace) -> int:
    document = _document(options)
    chains = document.network.chains
    validators, pods = sum(chain.num_validators for chain in chains), sum(len(pod_names(chain)) for chain in chains)
    counted = (_count(len(chains), "chain"), _count(validators, "validator"), _count(pods, "pod"))
    sys.stdout.write(f"{document.source.name}: {document.network.name}: {', '.join(counted)}\n")
    return ExitCode.DONE


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _show(options: argparse.Namespace) -> int:
    from exposer.network.shown import shown  # noqa: PLC0415 - a writer of YAML is for this alone

    sys.stdout.write(shown(_document(options)))
    return ExitCode.DONE


def _schema(_: argparse.Namespace) -> int:
    from exposer.network.file.schema import schema  # noqa: PLC0415 - nor does a check need it

    sys.stdout.write(json.dumps(schema(), indent=2, ensure_ascii=False) + "\n")
    return ExitCode.DONE
