import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from network_mistakes import COMMANDS, MISTAKES, Mistake, expected, there, write
from network_world import MINIMAL, STARSHIP_EVERYTHING
from sample import examples

from exposer.cli import main
from exposer.errors import BadInputError, ExitCode
from exposer.network.document import load_document

TEXTS, CHANGES = (100, 4000), (50, 2000)
"""How many examples a sample has, and how many all of them are."""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test in an empty directory, where nothing is on PATH; its log goes with it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    yield
    logging.getLogger().handlers.clear()


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_by_every_command_and_nothing_starts(
    mistake: Mistake, capsys: pytest.CaptureFixture[str]
) -> None:
    """Checked, run or rendered: exit 3, the one line with file, line, field and cure, and no new file."""
    files = write(mistake)
    for command in COMMANDS.values():
        code = main([*command, "network.yaml"])
        told = capsys.readouterr()

        assert code == ExitCode.BAD_INPUT
        assert told.out == ""
        assert len(told.err.splitlines()) == 1
        assert told.err.startswith(expected(mistake))
        assert there() == files


def test_there_are_many_kinds_of_mistakes(tell: Callable[[str], None]) -> None:
    """The table has far more than the forty that were promised, no two of them with the same words."""
    words = {mistake.told.partition(": ")[2] for mistake in MISTAKES.values()}
    tell(f"{len(MISTAKES)} mistakes, {len(words)} different texts, through {', '.join(COMMANDS)}")

    assert len(words) > 100


TOKENS = st.sampled_from(
    [
        *"{}[]:,-?&*!|>'\"%@`#~ \n\t$",
        *(
            "\n  ",
            "\n- ",
            ": ",
            "<<: ",
            "&a ",
            "*a ",
            "!!int ",
            "!!set ",
            "!x ",
            "? ",
            "---\n",
            "%YAML 1.1\n",
            "${",
            "$$",
        ),
        *(
            "chains",
            "name",
            "id",
            "numValidators",
            "include",
            "genesis",
            "scripts",
            "ports",
            "env",
            "keys",
            "true",
            "1",
        ),
        *("0x", "1e999", ".inf", "-.nan", "1_0", "0o9", "12:30", "~", "2026-01-01", '"\\0"', '"\\ud800"', "cosmoshub"),
    ]
)


@pytest.mark.sampled(examples=TEXTS, of="texts and bytes for a network file")
@settings(max_examples=examples(*TEXTS), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(), st.lists(TOKENS, max_size=40).map("".join), st.binary()))
def test_whatever_a_file_holds_it_is_a_network_or_bad_input(text: str | bytes) -> None:
    """No text and no bytes make the loader fail in another way."""
    Path("network.yaml").write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(BadInputError):
        load_document(Path("network.yaml"))


@pytest.mark.sampled(examples=CHANGES, of="changes of a network file")
@settings(max_examples=examples(*CHANGES), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_file_that_is_changed_anywhere_is_a_network_or_bad_input(data: st.DataObject) -> None:
    """So does no file that is nearly right: a piece of it replaced by another."""
    text = data.draw(st.sampled_from([MINIMAL, STARSHIP_EVERYTHING, *(mistake.text for mistake in MISTAKES.values())]))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    piece = data.draw(st.lists(TOKENS, max_size=4).map("".join))
    Path("network.yaml").write_text(text[:start] + piece + text[end:], encoding="utf-8")
    with contextlib.suppress(BadInputError):
        load_document(Path("network.yaml"))
