"""What is on a pod's volume, so that two runs can be compared byte by byte."""

from pathlib import Path

from exposer.landing import LANDING

Tree = dict[str, tuple[bytes, int]]
"""Path below the root -> bytes (none of a directory) and mode."""


def snapshot(root: Path, *, below_state: bool = True) -> Tree:
    """Files and directories of a volume; what was set aside and the times of the runs do not count."""
    passing = (".exposer/aside", ".exposer/progress", ".exposer/lock", *(() if below_state else (".exposer",)))
    found = {str(path.relative_to(root)): path for path in root.rglob("*")}
    return {
        name: (path.read_bytes() if path.is_file() else b"", path.stat().st_mode)
        for name, path in found.items()
        if not name.startswith(passing) and (below_state or LANDING not in name)
    }


def final_files(root: Path) -> list[str]:
    """What others could take for finished: the files outside the steps' own directory, and the records."""
    paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(str(path) for path in paths if path.parts[0] != ".exposer" or path.match(".exposer/steps/*.json"))


def torn(root: Path, *wholes: Tree) -> list[str]:
    """The files outside the steps' own directory that are in none of these trees as they are."""
    return [
        path
        for path, (data, _) in snapshot(root, below_state=False).items()
        if not any(path in whole and whole[path][0] == data for whole in wholes)
    ]
