"""Settings, flags and requests take the digits 0 to 9 only; Python itself accepts those of other scripts too."""

import re

import pytest
from project import ROOT

from exposer.cli import main
from exposer.duration import parse_duration
from exposer.errors import BadInputError, ExitCode, ExposerError
from init_scripts.conditions import parse_condition

THREE = "\u0663"


@pytest.mark.parametrize("text", [THREE, f"{THREE}s", f"1.{THREE}s", "\uff13m"])
def test_a_duration(text: str) -> None:
    """Neither with a unit nor without one."""
    with pytest.raises(BadInputError, match="is not a duration"):
        parse_duration(text)


def test_a_height_of_a_gate() -> None:
    """The error shows how to write the condition."""
    with pytest.raises(ExposerError, match="height:N"):
        parse_condition(f"height:{THREE}")


@pytest.mark.parametrize(
    "arguments",
    [["up", "--validators", THREE], ["logs", "--tail", THREE], ["keys", "new", "f", "--words", "\u0661\u0662"]],
)
def test_a_flag(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """It is a usage error that shows the text."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == ExitCode.USAGE
    assert arguments[-1] in capsys.readouterr().err


def test_no_pattern_takes_more() -> None:
    """Our modules write ``[0-9]``, because Python's short forms match hundreds of digits."""
    modules = [path for package in ("exposer", "init_scripts") for path in (ROOT / package).rglob("*.py")]
    assert [
        str(path)
        for path in modules
        if re.search(r"\\d|type=int\b|isdigit\(|isnumeric\(", path.read_text(encoding="utf-8"))
    ] == []
