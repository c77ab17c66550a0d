"""``exposer keys``: makes a keys file, and shows what a chain will derive from one; see docs/keys.md.

Mnemonics are read from a file or standard input, and shown on standard output alone, when a flag asks for them.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exposer.accounts.address import ALGORITHMS, Algorithm, account_address, encode_address
from exposer.accounts.hd import at_index, parse_path, standard_path
from exposer.accounts.keyfile import ROLES, Key, Keys, load_keys, parse_keys
from exposer.accounts.making import new_keys
from exposer.accounts.mnemonic import WORD_COUNTS
from exposer.errors import BadInputError, ExitCode

_STDIN = Path("-")
_PREFIX = re.compile("[a-z][a-z0-9]{0,39}")
_DEFAULT_CHAIN = "simapp"


def main(argv: Sequence[str]) -> int:
    """Run the subcommand; returns its exit code, or raises an `ExposerError`."""
    options = parser().parse_args(argv)
    code: int = options.run(options)
    return code


def parser() -> argparse.ArgumentParser:
    """The command line of ``exposer keys``."""
    text = "Make a keys file, or show what a chain derives from one."
    result = argparse.ArgumentParser(prog="exposer keys", description=text, allow_abbrev=False)
    commands = result.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_new(commands.add_parser("new", help="make a keys file of fresh mnemonics", allow_abbrev=False))
    _add_show(commands.add_parser("show", help="list the keys and their addresses", allow_abbrev=False))
    _add_derive(commands.add_parser("derive", help="show all that one pod derives of its key", allow_abbrev=False))
    return result


def _add_new(command: argparse.ArgumentParser) -> None:
    command.description = "Make a keys file of fresh mnemonics that its owner alone can read; exit 5 where one exists."
    command.add_argument("file", type=Path, metavar="FILE", help="where to put it")
    command.add_argument(
        "--validators", type=_positive, default=4, metavar="N", help="in total, the genesis pod's included; default 4"
    )
    command.add_argument("--keys", type=_count, default=3, metavar="N", help="further funded accounts; default 3")
    command.add_argument("--relayers", type=_count, default=0, metavar="N", help="relayer accounts; default none")
    command.add_argument(
        "--words", type=_count, choices=WORD_COUNTS, default=24, metavar="N", help="words of each mnemonic; default 24"
    )
    command.set_defaults(run=_new)


def _add_show(command: argparse.ArgumentParser) -> None:
    command.description = "List role, ordinal, name and address of every key in the file."
    _add_source(command)
    command.add_argument("--role", choices=ROLES, help="only this role")
    command.add_argument(
        "--show-mnemonics", action="store_true", help="print the mnemonics too: whoever sees them owns the accounts"
    )
    command.set_defaults(run=_show)


def _add_derive(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Show the account of one pod, and the node id and consensus key that it has with IDENTITIES=derived."
    )
    _add_source(command)
    command.add_argument("--role", choices=ROLES, default="genesis", help="default genesis")
    command.add_argument("--ordinal", type=_count, default=0, metavar="N", help="the pod's ordinal; default 0")
    command.set_defaults(run=_derive)


def _add_source(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=Path, metavar="FILE", help="the keys file; - for standard input")
    command.add_argument("--chain", default=_DEFAULT_CHAIN, metavar="NAME", help="a known chain; default simapp")
    command.add_argument("--prefix", metavar="TEXT", help="of its addresses (bech32), where it is another")
    paths = command.add_mutually_exclusive_group()
    paths.add_argument("--hd-path", metavar="PATH", help="like m/44'/118'/0'/0/0, where it is another")
    paths.add_argument("--coin-type", type=_count, metavar="N", help="the SLIP-44 number, where it is another")
    command.add_argument("--algorithm", choices=ALGORITHMS, help="of its accounts, where it is another")
    command.add_argument("--json", action="store_true", help="JSON instead of a table")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number")
    return int(text)


def _positive(text: str) -> int:
    if not _count(text):
        raise argparse.ArgumentTypeError("a network has one at least, the genesis pod's")
    return int(text)


@dataclass(frozen=True)
class Scheme:
    """How a chain turns keys into addresses."""

    prefix: str
    hd_path: str
    algorithm: Algorithm

    def address(self, key: Key) -> str:
        """The account's address."""
        return key.address(self.prefix, self.hd_path, self.algorithm)


def scheme_of(options: argparse.Namespace) -> Scheme:
    """What the flags say, on top of the defaults of the chain that they name; raises `BadInputError`."""
    from exposer.network.file.chains import known_chains  # noqa: PLC0415 - with it comes a YAML library

    facts = known_chains().get(options.chain)
    if facts is None:
        known = ", ".join(sorted(known_chains()))
        raise BadInputError(f"--chain: {options.chain!r} is none of {known}; give --prefix and --hd-path of any other")
    path = facts.hd_path if options.coin_type is None else standard_path(options.coin_type)
    scheme = Scheme(
        options.prefix or facts.bech32_prefix, options.hd_path or path, options.algorithm or facts.algorithm
    )
    if not scheme.prefix:
        raise BadInputError(f"--chain: {options.chain} has no accounts; name another, or give --prefix and --hd-path")
    if not _PREFIX.fullmatch(scheme.prefix):
        raise BadInputError(f"--prefix: {scheme.prefix!r} is not lower-case letters and digits, like cosmos")
    parse_path(scheme.hd_path)
    return scheme


def _read(options: argparse.Namespace) -> Keys:
    if options.file == _STDIN:
        return parse_keys(sys.stdin.buffer.read(), "standard input")
    return load_keys(options.file, "")


def _new(options: argparse.Namespace) -> int:
    counts = {"genesis": 1, "validators": options.validators - 1, "faucet": 1}
    new_keys(options.file, {**counts, "keys": options.keys, "relayers": options.relayers}, words=options.words)
    return ExitCode.DONE


def _show(options: argparse.Namespace) -> int:
    rows = list(_rows(_read(options), scheme_of(options), options))
    if options.json:
        _print(json.dumps({"keys": rows}, indent=2))
        return ExitCode.DONE
    columns = ("role", "ordinal", "name", "address", *(["mnemonic"] if options.show_mnemonics else []))
    table = [[column.upper() for column in columns], *([str(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[place]) for line in table) for place in range(len(columns))]
    for line in table:
        _print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    return ExitCode.DONE


def _rows(keys: Keys, scheme: Scheme, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for role in [options.role] if options.role else ROLES:
        for ordinal, key in enumerate(keys.role(role)):
            row = {"role": role, "ordinal": ordinal, "name": key.name, "address": scheme.address(key)}
            yield row | ({"mnemonic": key.mnemonic.reveal()} if options.show_mnemonics else {})


def _derive(options: argparse.Namespace) -> int:
    scheme = scheme_of(options)
    key = _read(options).at(options.role, options.ordinal)
    public, consensus = key.public_key(scheme.hd_path), key.consensus_key
    raw = account_address(public, scheme.algorithm)
    shown = {
        "role": options.role,
        "ordinal": options.ordinal,
        "name": key.name,
        "hd_path": at_index(scheme.hd_path, key.index),
        "algorithm": scheme.algorithm,
        "public_key": public.hex(),
        "address": encode_address(scheme.prefix, raw),
        "valoper": encode_address(f"{scheme.prefix}valoper", raw),
        "valcons": encode_address(f"{scheme.prefix}valcons", consensus.address),
        "consensus_pubkey": {"@type": consensus.type_url, "key": consensus.value},
        "node_id": key.node_id,
    }
    if options.json:
        _print(json.dumps(shown, indent=2))
    else:
        width = max(map(len, shown))
        for name, value in shown.items():
            _print(f"{name.ljust(width)}  {json.dumps(value) if isinstance(value, dict) else value}")
    return ExitCode.DONE


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
