import contextlib
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from network_mistakes import MISTAKES, Mistake
from network_world import MINIMAL, STARSHIP_EVERYTHING

from exposer.cli import main
from exposer.errors import BadInputError, ExitCode
from exposer.network.document import load_document

COMMANDS = {
    "config check": ("config", "check"),
    "config show": ("config", "show"),
    "up": ("up", "--timeout", "1s"),
    "plan": ("plan",),
    "render compose": ("render", "compose", "-o", "out"),
    "render k8s": ("render", "k8s", "-o", "out"),
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test in an empty directory, where nothing is on PATH; its log goes with it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    yield
    logging.getLogger().handlers.clear()


def write(mistake: Mistake) -> dict[str, str]:
    """Put the files of a mistake into this directory; their names and contents."""
    files = {"network.yaml": mistake.text, **mistake.files}
    for name, text in files.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    return files


def there() -> dict[str, str]:
    """Every file of this directory, with what is in it."""
    return {str(path): path.read_text(encoding="utf-8") for path in Path().rglob("*") if path.is_file()}


def expected(mistake: Mistake) -> str:
    """How the one line on stderr begins."""
    return f"exposer: {'network.yaml:' if mistake.told[:1].isdigit() else ''}{mistake.told}"


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


def test_there_are_many_kinds_of_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    """The table has far more than the forty that were promised, no two of them with the same words."""
    words = {mistake.told.partition(": ")[2] for mistake in MISTAKES.values()}
    with capsys.disabled():
        print(f"\n{len(MISTAKES)} mistakes, {len(words)} different texts, through {', '.join(COMMANDS)}")

    assert len(words) > 100


@pytest.mark.parametrize("name", ["wrong case", "a variable that is not set", "a mistake in an included file"])
@pytest.mark.parametrize("command", COMMANDS)
def test_processes_of_their_own_say_the_same(name: str, command: str) -> None:
    """The console script exits with 3, with the line on stderr and nothing on stdout."""
    files = write(MISTAKES[name])
    exposer = Path(sys.executable).with_name("exposer")

    ended = subprocess.run([exposer, *COMMANDS[command]], capture_output=True, text=True, timeout=60, check=False)

    assert (ended.returncode, ended.stdout) == (ExitCode.BAD_INPUT, "")
    assert ended.stderr.startswith(expected(MISTAKES[name]))
    assert there() == files


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


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(), st.lists(TOKENS, max_size=40).map("".join), st.binary()))
def test_whatever_a_file_holds_it_is_a_network_or_bad_input(text: str | bytes) -> None:
    """No text and no bytes make the loader fail in another way."""
    Path("network.yaml").write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(BadInputError):
        load_document(Path("network.yaml"))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
