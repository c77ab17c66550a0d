import argparse
import re
from typing import get_args

import pytest
import yaml
from cluster_pods import RULES
from project import ROOT

from exposer.errors import ExitCode
from exposer.network import k8s_cli, logs_cli
from exposer.network.cluster.container import Doing

DOCS = (ROOT / "docs/seeing.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("line", re.findall(r"^    exposer (k8s|logs)(.*?)(?:  #.*)?$", DOCS, re.MULTILINE))
def test_every_command_of_the_docs_is_one(line: tuple[str, str]) -> None:
    """What the docs say to type is understood."""
    command, arguments = line
    parser = {"k8s": k8s_cli, "logs": logs_cli}[command].parser()

    assert parser.parse_args(arguments.split())


def test_every_flag_is_documented() -> None:
    """Of both commands, but for what explains itself."""
    kinds = next(one for one in k8s_cli.parser()._actions if isinstance(one, argparse._SubParsersAction))
    parsers = (*kinds.choices.values(), logs_cli.parser())
    flags = {flag for parser in parsers for flag in parser._option_string_actions if flag.startswith("--")}

    assert [flag for flag in sorted(flags - {"--help"}) if flag not in DOCS] == []


def test_the_role_of_the_docs_is_the_one_that_is_tested() -> None:
    """With these rules a service account sees all that the tests in a real cluster look at."""
    assert yaml.safe_load(DOCS.split("```yaml\n")[1].split("```")[0])["rules"] == RULES


def test_every_word_for_what_a_container_does_is_explained() -> None:
    """But for done, at which no pod ever is; and every exit code of ours that the command has."""
    assert [word for word in get_args(Doing) if f" {word}`" not in DOCS] == ["done"]
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", DOCS, re.MULTILINE)} - {130} == {
        ExitCode.DONE,
        ExitCode.USAGE,
        ExitCode.BAD_INPUT,
        ExitCode.MISMATCH,
        ExitCode.TEMPORARY,
        ExitCode.TIMED_OUT,
    }
