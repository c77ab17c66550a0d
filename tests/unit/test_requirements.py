import re

from project import ROOT

PIN = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)


def test_the_locked_sets_agree() -> None:
    """They are installed into one environment, so a package that several sets have has one version."""
    versions: dict[str, set[str]] = {}
    for locked in (ROOT / "requirements").glob("*.txt"):
        for name, version in PIN.findall(locked.read_text(encoding="utf-8")):
            versions.setdefault(name, set()).add(version)

    assert len(versions) > 100
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}
