import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from network_mistakes import MISTAKES
from network_world import EVERYTHING_OF_OURS, MINIMAL, STARSHIP_EVERYTHING, STARSHIP_THREE_CHAINS
from project import ROOT

from exposer.errors import BadInputError
from exposer.network.file.interpolation import Variables
from exposer.network.file.reading import read_source
from exposer.network.file.schema import schema

PUBLISHED = ROOT / "exposer/network/file/schema.json"
DOCS = (ROOT / "docs/network.md").read_text(encoding="utf-8")
EXCERPTS = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)
CHECKER = Draft202012Validator(schema())
EXAMPLES = {
    "minimal": MINIMAL,
    "three chains": STARSHIP_THREE_CHAINS,
    "everything of Starship": STARSHIP_EVERYTHING,
    "everything of ours": EVERYTHING_OF_OURS,
    "variables anywhere": MINIMAL.replace(": 3", ": ${N:-3}")
    + "    ports: {rpc: $RPC}\n    metrics: $M\n    coins: $C\n",
    "included": "include: [a.yaml, {path: b.yaml, env_file: .env}]\ntimeouts: {timeout_commit: 1s}\n",
    **{f"docs {place}": text if text.startswith("name:") else MINIMAL + text for place, text in enumerate(EXCERPTS)},
    **{str(path.relative_to(ROOT)): path.read_text("utf-8") for path in ROOT.glob("*/**/network*.yaml")},
}


def data(directory: Path, text: str) -> Any:
    """A network file as an editor sees it: nothing replaced, nothing included."""
    path = directory / "network.yaml"
    path.write_text(text, encoding="utf-8")
    return read_source(path, Variables([]), lambda _: True).data


def test_the_published_schema_is_that_of_the_code() -> None:
    """`exposer config schema` prints the file of the package, byte for byte."""
    made = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    assert made == PUBLISHED.read_text("utf-8"), "make it anew: exposer config schema > .../schema.json"


def test_the_schema_is_one() -> None:
    """It is valid JSON Schema of the draft that it names."""
    Draft202012Validator.check_schema(schema())
    assert schema()["$schema"] == Draft202012Validator.META_SCHEMA["$schema"]


def test_every_field_tells_what_it_is() -> None:
    """Editors show a description for each name, and refuse any other but in a genesis and in a node's file."""
    parts = [schema(), *schema()["$defs"].values()]
    properties = [(name, what) for part in parts for name, what in part.get("properties", {}).items()]
    described = {f"#/$defs/{name}" for name, part in schema()["$defs"].items() if "description" in part}

    assert [name for name, what in properties if "description" not in what and what.get("$ref") not in described] == []
    open_ones = [part for part in parts if part.get("type") == "object" and part["additionalProperties"] is not False]
    assert [sorted(part["properties"]) for part in open_ones] == [["from", "presets", "sha256"]]


@pytest.mark.parametrize("text", EXAMPLES.values(), ids=EXAMPLES)
def test_the_schema_accepts_every_example(tmp_path: Path, text: str) -> None:
    """Whatever docs and tests show as right, an editor does not mark."""
    assert [error.message for error in CHECKER.iter_errors(data(tmp_path, text))] == []


_OF_COSMOVISOR = "cosmovisor with "
"""What a variable may be depends on its name, and on a program that not every chain runs."""
_BY_COUNTING = {"a path beyond BIP-32", "a variable of another type"}
"""Of single values too, and nothing that a pattern can tell."""


def test_the_schema_finds_mistakes_of_single_values(tmp_path: Path, tell: Callable[[str], None]) -> None:
    """A wrong name, type or form is marked while it is typed; what must hold between them `config check` finds."""
    possible: set[str] = set()
    found: set[str] = set()
    for name, mistake in MISTAKES.items():
        try:
            wrong = data(tmp_path, mistake.text)
        except BadInputError:
            continue  # it is not YAML
        possible.add(name)
        found |= set() if CHECKER.is_valid(wrong) else {name}
    tell(f"the schema marks {len(found)} of {len(possible)} mistakes")

    single = {name for name in possible if re.match(r"\d.* (must (be|have)|is not a known) ", MISTAKES[name].told)}
    assert len(single) > 40
    assert {name for name in single - found if not name.startswith(_OF_COSMOVISOR)} == _BY_COUNTING
