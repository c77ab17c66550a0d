import json
from pathlib import Path

import pytest
from network_mistakes import CHAIN
from network_world import MINIMAL

from exposer.errors import BadInputError
from exposer.network.document import Document, load_document
from exposer.network.file.outside import OF_SCRIPTS
from exposer.network.file.parts import Scripts
from exposer.network.file.scripts import STEPS, scripts_of
from exposer.network.plan_cli import plan_at

# After Starship's starship/tests/e2e/configs/one-chain-custom-scripts.yaml.
STARSHIP_CUSTOM = (
    MINIMAL
    + """\
    scripts:
      createGenesis:
        file: scripts/create-custom-genesis.sh
      updateGenesis:
        file: scripts/update-custom-genesis.sh
      updateConfig:
        file: scripts/update-custom-config.sh
      createValidator:
        file: scripts/create-custom-validator.sh
      transferTokens:
        file: scripts/transfer-custom-tokens.sh
"""
)


def load(directory: Path, text: str) -> Document:
    """The document of a network file with ``text``."""
    path = directory / "network.yaml"
    path.write_text(text, encoding="utf-8")
    return load_document(path)


@pytest.fixture
def _scripts(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    for name in ("create-custom-genesis", "update-custom-genesis", "update-custom-config", "create-custom-validator"):
        (tmp_path / f"scripts/{name}.sh").write_text(f"#!/bin/bash\necho {name}\n", encoding="utf-8")


@pytest.mark.usefixtures("_scripts")
def test_the_scripts_of_a_starship_file_are_taken_as_they_are(tmp_path: Path) -> None:
    """Each runs in place of the step that does its work, and what no step does is named in the one warning."""
    document = load(tmp_path, STARSHIP_CUSTOM)
    scripts = scripts_of(document.network.chains[0], document.directory)

    assert set(scripts) == {"init-genesis", "update-genesis", "init-config", "create-validator"}
    assert scripts["init-config"] == b"#!/bin/bash\necho update-custom-config\n"
    assert document.warnings[0].endswith(": transferTokens: not exposer's job, left out (--strict refuses them)")


def test_a_genesis_of_ours_can_be_updated_by_a_script(tmp_path: Path) -> None:
    """It needs no createGenesis, and takes no step's place."""
    document = load(tmp_path, CHAIN + "scripts: {updateGenesis: {data: 'jq .'}}\n")
    genesis = plan_at("k8s", document).pods[0].steps[1]

    assert genesis.name == "init-genesis"
    assert genesis.environment["UPDATE_SCRIPT"] == "/scripts/update-genesis"
    assert "STEP_SCRIPT" not in genesis.environment
    assert "scripts" in {mount.volume for mount in genesis.mounts}


def test_every_name_has_its_step() -> None:
    """No field of the model is without a step, and none of the names is both run and left out."""
    assert set(STEPS) == set(Scripts.model_fields)
    assert not {info.alias or name for name, info in Scripts.model_fields.items()} & set(OF_SCRIPTS)


def test_the_text_of_a_script_wins_over_its_file(tmp_path: Path) -> None:
    """As in Starship, whose command puts a file's content there; the file need not be there."""
    document = load(tmp_path, CHAIN + "scripts: {init-config: {file: nowhere.sh, data: 'echo $A', name: x}}\n")

    assert scripts_of(document.network.chains[0], tmp_path) == {"init-config": b"echo $A"}


WINDOWS = {
    "CRLF": b"#!/bin/bash\r\necho a\r\necho b\r\n",
    "CRLF in the first line": b"#!/bin/bash\r\necho a\necho b\n",
    "CRLF in the last line": b"#!/bin/bash\necho a\necho b\r\n",
    "CR": b"#!/bin/bash\recho a\recho b\r",
    "CR, and LF at the end": b"#!/bin/bash\recho a\recho b\n",
    "CR, and CRLF at the end": b"#!/bin/bash\recho a\recho b\r\n",
    "a byte order mark": b"\xef\xbb\xbf#!/bin/bash\necho a\necho b\n",
    "both": b"\xef\xbb\xbf#!/bin/bash\r\necho a\r\necho b\r\n",
}


@pytest.mark.parametrize("written", WINDOWS.values(), ids=WINDOWS)
def test_a_script_from_windows_is_taken_with_the_line_ends_of_linux(tmp_path: Path, written: bytes) -> None:
    """``file`` and ``data`` give the same script, and so the same plan, however either is written."""
    (tmp_path / "a.sh").write_bytes(written)
    by_file = load(tmp_path, CHAIN + "scripts: {init-config: {file: a.sh}}\n")
    found = [scripts_of(by_file.network.chains[0], tmp_path)["init-config"]]
    by_data = load(tmp_path, CHAIN + f"scripts: {{init-config: {{data: {json.dumps(written.decode())}}}}}\n")
    found.append(scripts_of(by_data.network.chains[0], tmp_path)["init-config"])

    assert found == [b"#!/bin/bash\necho a\necho b\n"] * 2


@pytest.mark.parametrize(
    "script",
    [
        b"#!/bin/bash\ntail -n +3 $0\n\0\r\n",
        b"\x7fELF\0\r\n",
        b"tr -d x\ntr -d '\r'\n",
        b"echo 'a\rb'\n",
        b"echo 'a\rb'\necho c",
        b"\n\necho 'a\rb'\necho c\n",
    ],
)
def test_what_is_no_line_end_is_kept(tmp_path: Path, script: bytes) -> None:
    """A program and an archive that unpacks itself are no text, and a carriage return within a line is meant."""
    (tmp_path / "a.sh").write_bytes(script)
    document = load(tmp_path, CHAIN + "scripts: {init-config: {file: a.sh}}\n")

    assert scripts_of(document.network.chains[0], tmp_path)["init-config"] == script


def test_a_carriage_return_within_a_line_is_kept_where_crlf_ends_lines(tmp_path: Path) -> None:
    """Only what ends lines is converted."""
    (tmp_path / "a.sh").write_bytes(b"echo 'a\rb'\r\necho c\r\n")
    document = load(tmp_path, CHAIN + "scripts: {init-config: {file: a.sh}}\n")

    assert scripts_of(document.network.chains[0], tmp_path)["init-config"] == b"echo 'a\rb'\necho c\n"


def test_lines_of_old_macs_below_empty_ones_of_linux_are_converted(tmp_path: Path) -> None:
    """An empty first line does not tell how the others end."""
    (tmp_path / "a.sh").write_bytes(b"\n\necho a\recho b\r")
    document = load(tmp_path, CHAIN + "scripts: {init-config: {file: a.sh}}\n")

    assert scripts_of(document.network.chains[0], tmp_path)["init-config"] == b"\n\necho a\necho b\n"


def test_the_renderings_of_a_script_from_windows_are_those_of_the_same_script(tmp_path: Path) -> None:
    """A compose file and manifests that are made on Windows differ in nothing."""
    rendered = []
    for end in ("\r\n", "\n"):
        (tmp_path / "a.sh").write_bytes(f"#!/bin/sh{end}echo a{end}".encode())
        (tmp_path / "network.yaml").write_bytes(
            (CHAIN + "scripts: {init-config: {file: a.sh}}\n").replace("\n", end).encode()
        )
        document = load_document(tmp_path / "network.yaml")
        rendered.append([plan_at(site, document) for site in ("compose", "k8s")])

    assert rendered[0] == rendered[1]


def test_a_script_in_utf_16_is_refused(tmp_path: Path) -> None:
    """PowerShell writes that; the fault names the encoding, and how to save it."""
    (tmp_path / "a.sh").write_bytes("#!/bin/sh\r\necho a\r\n".encode("utf-16"))
    with pytest.raises(BadInputError, match=r"init-config\.file: .*a\.sh: it is text in UTF-16; save it as UTF-8"):
        load(tmp_path, CHAIN + "scripts: {init-config: {file: a.sh}}\n")
