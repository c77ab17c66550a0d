import argparse
import json
import re
from pathlib import Path
from typing import get_args

import pytest
from network_world import MINIMAL
from project import ROOT

from exposer.cli import parser
from exposer.genesis.presets import PRESETS
from exposer.network import config_cli
from exposer.network.document import load_document
from exposer.network.file.model import Chain, Network
from exposer.network.file.outside import OF_SCRIPTS
from exposer.network.file.parts import Genesis, Scripts
from exposer.network.file.scripts import STEPS
from exposer.network.local.ports import APPLICATION, NODE
from exposer.network.local.survey import FaucetStatus, NodeStatus, PodStatus
from exposer.network.site import preferred

DOCS = (ROOT / "docs/network.md").read_text(encoding="utf-8")


def test_every_field_of_the_file_is_documented() -> None:
    """The table of the docs names each field of the file and of its chains."""
    table = DOCS[DOCS.index("| field |") : DOCS.index("`relayers`, `explorer`")]
    names = [info.alias or name for model in (Network, Chain) for name, info in model.model_fields.items()]

    assert [name for name in names if not re.search(rf"`(chains\[\]\.)?{re.escape(name)}", table)] == []


def test_the_file_of_the_docs_is_a_network(tmp_path: Path) -> None:
    """The example is accepted as it stands."""
    path = tmp_path / "network.yaml"
    path.write_text(DOCS.split("```yaml\n")[1].split("```")[0], encoding="utf-8")

    assert load_document(path, strict=True).network.name == "devnet"


@pytest.mark.parametrize("excerpt", DOCS.split("```yaml\n")[2:])
def test_every_excerpt_of_the_docs_is_a_part_of_a_file(tmp_path: Path, excerpt: str) -> None:
    """What the docs write below a chain, or of the whole, is accepted there as it stands."""
    for name in ("exported.json", "scripts/config.sh", "scripts/genesis.sh", "chains/juno.yaml", "chains/osmosis.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        chain = f"chains: [{{id: {Path(name).stem}, name: {Path(name).stem}, numValidators: 1}}]\n"
        (tmp_path / name).write_text(chain, encoding="utf-8")
    path = tmp_path / "network.yaml"
    path.write_text(MINIMAL + excerpt.split("```", maxsplit=1)[0], encoding="utf-8")

    assert load_document(path, strict=True).network.chains[-1].num_validators == 3


def test_every_script_is_documented() -> None:
    """The table says of each of Starship's names what becomes of it."""
    table = DOCS[DOCS.index("| Starship |") : DOCS.index("Those without a step")]
    rows = {name: row for row in table.strip().splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    expected: dict[str, list[str]] = {name: [] for name in OF_SCRIPTS}
    for name, step in STEPS.items():
        written = Scripts.model_fields[name].alias or name
        expected |= {written: [step]} if written != step else {}

    assert {name: re.findall(r"`([\w-]+)`", row.split("|")[2]) for name, row in rows.items()} == expected


def test_every_preset_can_be_asked_for() -> None:
    """The file takes the presets that init-config knows, and the docs name each."""
    names = get_args(get_args(Genesis.model_fields["presets"].annotation)[0])

    assert names == tuple(PRESETS)
    assert [name for name in names if name not in DOCS] == []


@pytest.mark.parametrize("line", re.findall(r"^    (exposer [a-z].*?)(?:  #.*)?$", DOCS, re.MULTILINE))
def test_every_command_of_the_docs_is_one(line: str) -> None:
    """What the docs say to type is understood."""
    _, command, *arguments = line.split()
    of_its_own = {"config": config_cli.parser()}
    options = of_its_own.get(command, parser()).parse_args(
        arguments if command in of_its_own else [command, *arguments]
    )
    assert callable(options.run)


def test_every_flag_is_documented() -> None:
    """The docs name what `exposer up`, `down` and `status` can be told, but for what explains itself."""
    commands = next(action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    flags = {flag for name in ("up", "down", "status") for flag in commands.choices[name]._option_string_actions}

    assert [flag for flag in sorted(flags) if flag.startswith("--") and flag != "--help" and flag not in DOCS] == []


def test_the_ports_of_the_docs_are_those_of_the_code() -> None:
    """First pods have the ports of the table, next ones are the documented step away."""
    for names, step in (
        (("exposer",), 1),
        (("faucet",), 1),
        (NODE, 100),
        (APPLICATION[:3], 100),
        (APPLICATION[3:], 100),
    ):
        ports = ", ".join(str(preferred(name, 0)) for name in names)
        told = ", ".join(name.replace("_", "-") for name in names).replace("json-rpc-metrics", "its metrics")
        assert {preferred(name, 1) - preferred(name, 0) for name in names} == {step}
        assert f"| {told} | {ports} | + {step} each |" in DOCS


def test_the_status_of_the_docs_has_the_shape_of_the_code() -> None:
    """The JSON example has the names that the command writes, in their order."""
    (pod,) = json.loads(DOCS.split("```json\n")[1].split("```")[0])["pods"]
    faucet = FaucetStatus("f", ready=True)
    written = PodStatus("a", "genesis", 0, "ready", "u", "d", NodeStatus("r", 1), faucet).to_json()

    assert list(pod) == list(written)
    assert list(pod["node"]) == list(written["node"])
    assert list(pod["faucet"]) == list(written["faucet"])
