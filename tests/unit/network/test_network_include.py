from collections.abc import Mapping
from pathlib import Path

import pytest
from network_world import MINIMAL

from exposer.errors import BadInputError
from exposer.network.document import Document, load_document
from exposer.network.file.scripts import scripts_of


def chain(identifier: str, more: str = "") -> str:
    """A file of one chain."""
    return f"chains:\n- id: {identifier}\n  name: osmosis\n  numValidators: 1\n{more}"


def load(directory: Path, files: Mapping[str, str]) -> Document:
    """The document of ``network.yaml`` among ``files``."""
    for name, text in files.items():
        (directory / name).parent.mkdir(exist_ok=True, parents=True)
        (directory / name).write_text(text, encoding="utf-8")
    return load_document(directory / "network.yaml")


def test_chains_of_included_files_come_first(tmp_path: Path) -> None:
    """In the order of the list, nested ones before those that include them; the name is the first file's."""
    document = load(
        tmp_path,
        {
            "network.yaml": "name: whole\ninclude: [a/a.yaml, {path: c.yaml}]\n" + chain("last"),
            "a/a.yaml": "name: of-its-own\nversion: 1.0\ninclude: [b.yaml]\n" + chain("second"),
            "a/b.yaml": chain("first") + "timeouts: {timeout_commit: 5s}\n",
            "c.yaml": chain("third"),
        },
    )

    assert [one.id for one in document.network.chains] == ["first", "second", "third", "last"]
    assert (document.network.name, document.network.timeouts.timeout_commit) == ("whole", "5s")


def test_a_file_may_consist_of_others(tmp_path: Path) -> None:
    """A file without a chain of its own is a network once it includes some."""
    document = load(tmp_path, {"network.yaml": "include: [a.yaml]\n", "a.yaml": MINIMAL})
    assert document.network.chains[0].id == "cosmoshub-4"


def test_a_file_that_two_include_is_there_once(tmp_path: Path) -> None:
    """What several share is not in their way."""
    files = {"network.yaml": "include: [a.yaml, b.yaml]\n", "shared.yaml": "timeouts: {timeout_commit: 2s}\n"}
    both = {f"{name}.yaml": "include: [shared.yaml]\n" + chain(name) for name in "ab"}

    assert load(tmp_path, files | both).network.timeouts.timeout_commit == "2s"


def test_paths_start_where_they_are_written(tmp_path: Path) -> None:
    """A relative path of an included file starts from its directory, or from the one that is named for it."""
    more = "  binary: bin/osmosisd\n  genesis: {from: genesis.json}\n  scripts: {init-config: {file: ./config.sh}}\n"
    files = {
        "network.yaml": "include: [sub/a.yaml, {path: sub/b.yaml, project_directory: other}]\n" + chain("z"),
        "sub/a.yaml": chain("a", more),
        "sub/b.yaml": chain("b", more),
        **{f"{place}/genesis.json": "{}" for place in ("sub", "other")},
        **{f"{place}/config.sh": f"echo {place}" for place in ("sub", "other")},
    }
    document = load(tmp_path, files)
    first, second, _ = document.network.chains

    assert [one.binary for one in (first, second)] == ["sub/bin/osmosisd", "other/bin/osmosisd"]
    assert [one.genesis.source for one in (first, second)] == ["sub/genesis.json", "other/genesis.json"]
    assert scripts_of(first, document.directory) == {"init-config": b"echo sub"}
    assert scripts_of(second, document.directory) == {"init-config": b"echo other"}


def test_names_and_whole_paths_are_not_moved(tmp_path: Path) -> None:
    """A binary on PATH, an absolute path and a URL are the same from everywhere."""
    more = "  binary: osmosisd\n  genesis: {from: 'https://example.org/genesis.json'}\n"
    more += "- {id: b, name: juno, numValidators: 1, binary: /usr/bin/junod}\n"
    first, second = load(
        tmp_path, {"network.yaml": "include: [sub/a.yaml]\n", "sub/a.yaml": chain("a", more)}
    ).network.chains

    assert (first.binary, first.genesis.source) == ("osmosisd", "https://example.org/genesis.json")
    assert second.binary == "/usr/bin/junod"


def test_variables_of_an_included_file_have_their_own_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its .env has what neither the environment nor the including file's .env has; env_file names others."""
    for name in ("A", "B", "C"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("A", "environment")
    files = {
        "network.yaml": "include: [sub/a.yaml, {path: sub/b.yaml, env_file: [one.env, two.env]}]\n",
        ".env": "B=outer\n",
        "sub/.env": "A=inner\nB=inner\nC=inner\n",
        "one.env": "C=one\n",
        "two.env": "C=two\n",
        "sub/a.yaml": chain("a", "  genesis: {x: $A $B $C}\n"),
        "sub/b.yaml": chain("b", "  genesis: {x: $A $B $C}\n"),
    }
    first, second = load(tmp_path, files).network.chains

    assert first.genesis.patch["x"] == "environment outer inner"
    assert second.genesis.patch["x"] == "environment outer two"


def test_a_path_may_be_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which files belong to a network can be said from outside."""
    monkeypatch.setenv("WHICH", "a")
    assert load(tmp_path, {"network.yaml": "include: ['${WHICH}.yaml']\n", "a.yaml": MINIMAL}).network.name == "network"


def test_faults_name_the_file_line_and_position_of_their_own(tmp_path: Path) -> None:
    """In a network of several files each fault is where somebody can correct it, the first file's included."""
    files = {
        "network.yaml": "include: [a.yaml, b.yaml]\n" + chain("z").replace(": 1", ": 0"),
        "a.yaml": chain("a", "  coins: lots\n"),
        "b.yaml": "\n" + chain("b", "- {id: c, name: osmosis, numValidators: 1, denom: x}\n"),
    }
    with pytest.raises(BadInputError) as caught:
        load(tmp_path, files)

    assert str(caught.value).replace(f"{tmp_path}/", "").splitlines() == [
        "3 faults:",
        "a.yaml:5: chains[0].coins: must be coins like 100stake,5uatom",
        "b.yaml:6: chains[1].denom: must be a denomination of 3 to 128 characters, like uatom",
        "network.yaml:5: chains[0].numValidators: must be at least 1",
    ]


def test_one_chain_of_several_files_is_narrowed_to(tmp_path: Path) -> None:
    """A chain keeps its file, line and position when it is the only one that is asked for."""
    files = {"network.yaml": "include: [a.yaml]\n" + chain("z"), "a.yaml": chain("a", chain("b")[len("chains:\n") :])}
    document = load(tmp_path, files).narrowed("b", None)

    told = document.source.fault(("chains", 0, "id"), "x").replace(f"{tmp_path}/", "")
    assert told == "a.yaml:5: chains[1].id: x"
