"""Steps of tests that stage a few files and commit them."""

from pathlib import Path

from exposer.records import digest_input
from exposer.volume import open_volume

INPUTS = {"CHAIN_ID": digest_input("one")}
OTHER = {"CHAIN_ID": digest_input("two")}


def run(
    root: Path,
    step: str,
    files: dict[str, bytes],
    inputs: dict[str, str] | None = None,
    *,
    force: bool = False,
    state: tuple[str, ...] = (),
) -> bool:
    """Run one step that stages ``files``; whether it had to."""
    with open_volume(root) as volume:
        transaction = volume.begin(step, inputs or INPUTS, force=force)
        if transaction is None:
            return False
        for path, data in files.items():
            target = transaction.stage / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        transaction.commit(state=state)
        return True


def kept(root: Path, step: str) -> dict[str, list[bytes]]:
    """Path -> the former contents that a step's commits and their undoing have set aside."""
    aside = root / ".exposer/aside" / step
    found: dict[str, list[bytes]] = {}
    for path in sorted(aside.rglob("*")):
        if path.is_file():
            found.setdefault(str(path.relative_to(aside).with_suffix("")), []).append(path.read_bytes())
    return {path: sorted(contents) for path, contents in found.items()}
