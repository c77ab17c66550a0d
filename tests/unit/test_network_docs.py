import argparse
import json
import re
from pathlib import Path

import pytest
from network_world import ROOT

from exposer.cli import parser
from exposer.network.document import load_document
from exposer.network.model import Chain, Network
from exposer.network.ports import preferred
from exposer.network.survey import NodeStatus, PodStatus

DOCS = (ROOT / "docs/network.md").read_text(encoding="utf-8")


def test_every_field_of_the_file_is_documented() -> None:
    """The table of the docs names each field of the file and of its chains."""
    table = DOCS[DOCS.index("| field |") : DOCS.index("`relayers`")]
    names = [info.alias or name for model in (Network, Chain) for name, info in model.model_fields.items()]

    assert [name for name in names if not re.search(rf"`(chains\[\]\.)?{re.escape(name)}", table)] == []


def test_the_file_of_the_docs_is_a_network(tmp_path: Path) -> None:
    """The example is accepted as it stands."""
    path = tmp_path / "network.yaml"
    path.write_text(DOCS.split("```yaml\n")[1].split("```")[0], encoding="utf-8")

    assert load_document(path, strict=True).network.name == "devnet"


@pytest.mark.parametrize("line", re.findall(r"^    (exposer [a-z].*?)(?:  #.*)?$", DOCS, re.MULTILINE))
def test_every_command_of_the_docs_is_one(line: str) -> None:
    """What the docs say to type is understood."""
    assert callable(parser().parse_args(line.split()[1:]).run)


def test_every_flag_is_documented() -> None:
    """The docs name what `exposer up`, `down` and `status` can be told, but for what explains itself."""
    commands = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    flags = {flag for name in ("up", "down", "status") for flag in commands.choices[name]._option_string_actions}

    assert [flag for flag in sorted(flags) if flag.startswith("--") and flag != "--help" and flag not in DOCS] == []


def test_the_ports_of_the_docs_are_those_of_the_code() -> None:
    """First pods have the ports of the table, next ones are the documented step away."""
    first, second = preferred(0), preferred(1)

    assert f"| exposer | {first['exposer']} | + {second['exposer'] - first['exposer']} each |" in DOCS
    for names in (("p2p", "rpc", "metrics"), ("rest", "grpc")):
        ports = ", ".join(str(first[name]) for name in names)
        assert {second[name] - first[name] for name in names} == {100}
        assert f"| {', '.join(names)} | {ports} | + 100 each |" in DOCS


def test_the_status_of_the_docs_has_the_shape_of_the_code() -> None:
    """The JSON example has the names that the command writes, in their order."""
    (pod,) = json.loads(DOCS.split("```json\n")[1].split("```")[0])["pods"]
    written = PodStatus("a", "genesis", 0, "ready", "u", "d", NodeStatus("r", 1)).to_json()

    assert list(pod) == list(written)
    assert list(pod["node"]) == list(written["node"])
