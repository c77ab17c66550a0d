import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from network_mistakes import CHAIN
from network_world import EVERYTHING_OF_OURS, MINIMAL, STARSHIP_EVERYTHING, STARSHIP_THREE_CHAINS

from exposer.cli import main
from exposer.errors import ExitCode
from exposer.network.document import Document, load_document
from exposer.network.file.chains import resolve
from exposer.network.file.model import Network
from exposer.network.shown import shown


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test in an empty directory; its log goes with it."""
    monkeypatch.chdir(tmp_path)
    yield
    logging.getLogger().handlers.clear()


def load(text: str) -> Document:
    """The document of a network file with ``text``."""
    Path("network.yaml").write_text(text, encoding="utf-8")
    return load_document(Path("network.yaml"))


def test_a_file_that_is_right_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """What it describes stands on stdout, what is left out on stderr."""
    load(STARSHIP_THREE_CHAINS)
    assert main(["config", "check"]) == ExitCode.DONE

    told = capsys.readouterr()
    assert told.out == "network.yaml: starship-e2e-tests: 3 chains, 4 validators, 4 pods\n"
    assert "relayers, explorer, registry: not exposer's job" in told.err


def test_without_a_file_the_default_network_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    """It is the one that `exposer up` would bring up, with the same flags."""
    assert main(["config", "check", "--chain", "simapp", "--validators", "1"]) == ExitCode.DONE
    assert capsys.readouterr().out == "the default network of simapp: simapp: 1 chain, 1 validator, 1 pod\n"


def test_strict_refuses_other_tools_sections(capsys: pytest.CaptureFixture[str]) -> None:
    """Each on its line."""
    load(STARSHIP_THREE_CHAINS)

    assert main(["config", "check", "--strict"]) == ExitCode.BAD_INPUT
    assert "network.yaml:33: relayers: is not exposer's job; remove it" in capsys.readouterr().err


def test_the_schema_is_printed_for_editors(capsys: pytest.CaptureFixture[str]) -> None:
    """It goes to stdout as JSON."""
    assert main(["config", "schema"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["title"] == "A network file of exposer"


def facts(network: Network) -> dict[str, object]:
    """What of a network does not depend on whether its defaults are written out."""
    filled = {"binary", "image", "repo", "prefix", "denom", "coins", "hd_path", "coin_type", "gas_prices"}
    chains = [(chain.model_dump(exclude=filled), resolve(chain)) for chain in network.chains]
    return {**network.model_dump(exclude={"chains", "include"}), "chains": chains}


@pytest.mark.parametrize("text", [MINIMAL, STARSHIP_THREE_CHAINS, STARSHIP_EVERYTHING, EVERYTHING_OF_OURS])
def test_what_is_shown_is_the_same_network(text: str) -> None:
    """Shown and loaded again it is equal, and shown again it is the same text."""
    Path("exported.json").touch()
    network = load(text).network
    told = shown(load(text))

    assert facts(load(told).network) == facts(network)
    assert shown(load(told)) == told


def test_what_is_shown_is_filled_in(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables, includes and the defaults of a chain's name stand in it; warnings do not."""
    monkeypatch.setenv("N", "7")
    Path("more.yaml").write_text("chains: [{id: b, name: simapp, numValidators: 1}]\n", encoding="utf-8")
    load("include: [more.yaml]\nregistry: {}\n" + MINIMAL.replace(": 3", ": ${N}"))

    assert main(["config", "show"]) == ExitCode.DONE
    told = capsys.readouterr().out
    assert "- id: b\n  name: simapp\n  numValidators: 1\n  image: " in told
    assert "  binary: simd\n  prefix: cosmos\n  denom: stake\n" in told
    assert "  numValidators: 7\n" in told
    assert "include" not in told
    assert "registry" not in told


def test_what_is_shown_has_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes from variables where passwords stand is shown as it is written, and a script as it is."""
    monkeypatch.setenv("SECRET", "hunter2$hunter2")
    text = (
        CHAIN
        + "env: [{name: TOKEN, value: 'x-${SECRET}'}, {name: PLAIN, value: a$$b}]\n"
        + "    repo: https://user:$SECRET@example.org/x\n"
        + "    genesis: {from: 'https://$SECRET@example.org/g'}\n"
        + '    scripts: {init-config: {data: "echo $CHAIN_ID\\n"}}\n'
    )
    told = shown(load(text))

    assert "hunter2" not in told
    assert "value: x-${SECRET}" in told
    assert "value: a$$b" in told
    assert "data: |\n        echo $CHAIN_ID\n" in told
    assert load(told).network == load(text).network.model_copy(update={"chains": load(told).network.chains})
