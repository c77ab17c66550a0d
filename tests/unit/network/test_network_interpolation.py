import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from network_mistakes import CHAIN
from network_world import MINIMAL

from exposer.errors import BadInputError
from exposer.network.document import Document, load_document
from exposer.network.file.interpolation import substitute

SET = {"SET": "value", "EMPTY": "", "OTHER": "other", "DOLLAR": "${SET}"}


def load(directory: Path, text: str) -> Document:
    """The document of a network file with ``text``."""
    path = directory / "network.yaml"
    path.write_text(text, encoding="utf-8")
    return load_document(path)


# The table of the Compose Specification (12-interpolation.md), and what compose-go's template_test.go adds to it.
FORMS = {
    "$SET": "value",
    "${SET}": "value",
    "a-${SET}-b-$OTHER.c": "a-value-b-other.c",
    "$EMPTY${EMPTY}": "",
    "${SET:-default}": "value",
    "${EMPTY:-default}": "default",
    "${UNSET:-default}": "default",
    "${EMPTY-default}": "",
    "${UNSET-default}": "default",
    "${UNSET-}": "",
    "${UNSET:-}": "",
    "${SET:?error}": "value",
    "${EMPTY?error}": "",
    "${SET:+other}": "other",
    "${EMPTY:+other}": "",
    "${EMPTY+other}": "other",
    "${UNSET+other}": "",
    "${UNSET:-${SET}}": "value",
    "${UNSET:-${EMPTY:-deep}}": "deep",
    "${UNSET:-$SET and ${OTHER}}!": "value and other!",
    "${UNSET:-a:-b?c+d-e}": "a:-b?c+d-e",
    '${UNSET:-{"a":1}}': '{"a":1}',
    "${SET:+${OTHER}}": "other",
    "$DOLLAR": "${SET}",
    "$$SET": "$SET",
    "$${SET}": "${SET}",
    "$$$SET": "$value",
    "a $ b $1 c$": "a $ b $1 c$",
    "": "",
}
REFUSED = {
    "$UNSET": "needs the variable UNSET, which is not set; set UNSET in the environment or in .env beside the file",
    "${UNSET}": "needs the variable UNSET, which is not set",
    "${UNSET:?why}": "needs the variable UNSET: why; set UNSET",
    "${UNSET?$SET}": "needs the variable UNSET: value; set UNSET",
    "${EMPTY:?}": "needs the variable EMPTY: it is not set",
    "${SET:-$UNSET": "has a ${ without its }",
    "${}": "has ${}, which names no variable; write ${NAME} or ${NAME:-default}, and $$ for a dollar sign",
    "${1A}": "names no variable",
    "${SET/a/b}": "names no variable",
    "${SET:=x}": "names no variable",
    "${UNSET:-$ALSO_UNSET}": "needs the variable ALSO_UNSET",
}


@pytest.mark.parametrize(("text", "expected"), FORMS.items())
def test_every_form_is_that_of_compose(text: str, expected: str) -> None:
    """What the specification says a value becomes is what it becomes."""
    assert substitute(text, SET.get) == expected


@pytest.mark.parametrize(("text", "told"), REFUSED.items())
def test_what_has_no_value_is_refused(text: str, told: str) -> None:
    """A variable that is not set and a form that there is not are told with the cure; compose goes on with nothing."""
    with pytest.raises(ValueError, match=re.escape(told)):
        substitute(text, SET.get)


@given(st.text())
def test_text_with_doubled_dollar_signs_is_itself(text: str) -> None:
    """Any text survives once its dollar signs are doubled."""
    assert substitute(text.replace("$", "$$"), lambda _: None) == text


@given(st.dictionaries(st.from_regex(r"[A-Z]{1,2}", fullmatch=True), st.text(), min_size=1))
def test_what_a_variable_holds_is_taken_as_it_is(values: Mapping[str, str]) -> None:
    """Nothing in a value is looked at again, whatever it looks like."""
    for name, value in values.items():
        assert substitute(f"<${{{name}}}>${{{name}:-x}}", values.get) == f"<{value}>{value or 'x'}"


@pytest.mark.parametrize(
    ("written", "value"),
    [("${N}", 4), ("'${N}'", "4"), ('"${N}"', "4"), ("${N}0", 40), ("${T}", True), ("${NIL}", None), ("${H}", 255)],
)
def test_a_bare_value_is_typed_as_if_it_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, value: object
) -> None:
    """Without quotes it is what YAML makes of the text, in quotes it stays text."""
    for name, text in {"N": "4", "T": "true", "NIL": "~", "H": "0xff"}.items():
        monkeypatch.setenv(name, text)
    (chain,) = load(tmp_path, CHAIN + f"genesis:\n      x: {written}\n").network.chains

    assert chain.genesis.patch == {"x": value}


def test_structure_cannot_be_brought_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that looks like YAML is text, and names are never replaced."""
    monkeypatch.setenv("X", "a, y: b}\nz: [c")
    (chain,) = load(tmp_path, CHAIN + "genesis: {x: $X, $X: 1}\n").network.chains

    assert chain.genesis.patch == {"x": "a, y: b}\nz: [c", "$X": 1}


def test_the_environment_wins_over_the_file_of_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """.env beside the network file has the rest; its own values may use what stands before, but in single quotes."""
    monkeypatch.setenv("NAME_ONE", "from-the-environment")
    lines = ["NAME_ONE=from-the-file", "# no", "export NAME_TWO=two # no", "THREE=${NAME_TWO}-$NAME_ONE", "FOUR='${X}'"]
    (tmp_path / ".env").write_text("\n".join(lines), encoding="utf-8")
    values = ", ".join(f"{name}: ${name}" for name in ("NAME_ONE", "NAME_TWO", "THREE", "FOUR"))
    (chain,) = load(tmp_path, CHAIN + f"genesis: {{{values}}}\n").network.chains

    assert list(chain.genesis.patch.values()) == ["from-the-environment", "two", "two-from-the-environment", "${X}"]


def test_nobody_elses_file_of_variables_is_in_the_way(tmp_path: Path) -> None:
    """It is read for a variable that the environment does not have, and else never."""
    (tmp_path / ".env").write_text("this is no file of variables\n", encoding="utf-8")

    assert load(tmp_path, MINIMAL + "    image: a$$b\n").network.chains[0].image == "a$b"
    with pytest.raises(BadInputError, match=r"\.env:1: is no variable; write NAME=VALUE"):
        load(tmp_path, MINIMAL + "    image: ${UNSET_HERE:-a}\n")


def test_a_file_of_variables_tells_its_own_line(tmp_path: Path) -> None:
    """What a value of .env lacks is told there."""
    (tmp_path / ".env").write_text("A=1\n\nB=$UNSET_HERE\n", encoding="utf-8")
    with pytest.raises(BadInputError, match=r"\.env:3: B: needs the variable UNSET_HERE, which is not set"):
        load(tmp_path, CHAIN + "image: $A\n")


def test_dollar_signs_of_others_are_theirs(tmp_path: Path) -> None:
    """Scripts and the sections of other tools are taken as they stand."""
    text = CHAIN + "scripts: {init-config: {data: 'echo $CHAIN_ID ${X}'}}\nrelayers:\n  - config: $HOME/${Y}\n"
    (chain,) = load(tmp_path, text).network.chains

    assert chain.scripts.init_config is not None
    assert chain.scripts.init_config.data == "echo $CHAIN_ID ${X}"


def test_a_fault_of_a_value_from_a_variable_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line says what the file has there, and blames no quotes."""
    monkeypatch.setenv("HOW_MANY", "abc")
    with pytest.raises(BadInputError) as caught:
        load(tmp_path, MINIMAL.replace("numValidators: 3", "numValidators: ${HOW_MANY:-2}"))

    assert str(caught.value).endswith("chains[0].numValidators: must be a whole number (of ${HOW_MANY:-2})")


def test_no_message_has_the_value_of_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong with what a variable holds, the message shows how the file writes it."""
    monkeypatch.setenv("SECRET", "hunter2hunter2")
    for field in (
        "name: $SECRET",
        "balances: [{address: 'cosmos1$SECRET', amount: 5uatom}]",
        "genesis: {from: $SECRET/a?b}",
        "genesis: {from: 'ftp+${SECRET}://x'}",
        "coins: '1uatom,${SECRET}'",
        "env: [{name: 'EXPOSER_${SECRET}', value: a}]",
        "scripts: {init-config: {file: $SECRET/a}}",
    ):
        text = (
            CHAIN.replace("    name: cosmoshub\n", "") + ("" if "name: $" in field else "name: cosmoshub\n    ") + field
        )
        with pytest.raises(BadInputError) as caught:
            load(tmp_path, text + "\n")

        assert "hunter2" not in str(caught.value)
        assert re.search(r"network\.yaml:\d+: chains\[0\]\.", str(caught.value))
