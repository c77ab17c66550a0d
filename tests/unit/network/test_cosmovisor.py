"""What ``chains[].env`` may tell cosmovisor; ``tests/chains/test_cosmovisor_variables.py`` asks the real program."""

import json
from pathlib import Path

import pytest
from cosmovisor_texts import FAILS_LATER, REFUSED, TAKEN
from network_mistakes import CHAIN

from exposer.errors import BadInputError
from exposer.network.document import load_document


def load(directory: Path, variable: str, value: str, plans: str = "") -> None:
    """Load a network whose nodes cosmovisor runs, with one variable."""
    path = directory / "network.yaml"
    env = f"env: [{{name: {variable}, value: {json.dumps(value)}}}]\n"
    built = f"repo: https://example.org/chain\n    upgrade: {{enabled: true, genesis: v1, upgrades: [{plans}]}}\n"
    path.write_text(f"{CHAIN}{env}    {built}", encoding="utf-8")
    load_document(path)


@pytest.mark.parametrize(("variable", "value"), TAKEN)
def test_what_cosmovisor_takes_is_taken(tmp_path: Path, variable: str, value: str) -> None:
    """Go's durations and numbers in all their forms, booleans in any case."""
    load(tmp_path, variable, value)


@pytest.mark.parametrize(("variable", "value"), [*REFUSED, *FAILS_LATER])
def test_what_cosmovisor_refuses_is_refused(tmp_path: Path, variable: str, value: str) -> None:
    """Units and time formats are in lower case, digits those of ASCII, and a retry count is not negative."""
    with pytest.raises(BadInputError, match=f"must be .*: cosmovisor takes nothing else for {variable}"):
        load(tmp_path, variable, value)


@pytest.mark.parametrize("switch", ["true", "TRUE"])
def test_plans_that_differ_by_case_have_directories_of_their_own(tmp_path: Path, switch: str) -> None:
    """With the switch that keeps capitals; one name twice is refused with it too."""
    plans = "{name: v2, version: a}, {name: %s, version: b}"
    load(tmp_path, "COSMOVISOR_DISABLE_RECASE", switch, plans % "V2")
    with pytest.raises(BadInputError, match=r"is there twice: cosmovisor looks for both plans in upgrades/v2; keep"):
        load(tmp_path, "COSMOVISOR_DISABLE_RECASE", switch, plans % "v2")


def test_plans_that_differ_by_case_share_a_directory_without_the_switch(tmp_path: Path) -> None:
    """Their names are put in lower case."""
    with pytest.raises(BadInputError, match=r"is there twice: cosmovisor looks for both plans in upgrades/v2; keep"):
        load(tmp_path, "COSMOVISOR_DISABLE_RECASE", "false", "{name: v2, version: a}, {name: V2, version: b}")
