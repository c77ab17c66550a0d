"""A disk that fails under a real chain binary: what it was writing counts for nothing, and a rerun goes through."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from networks import write_keys
from sample import SEED, sample
from scripted_server import ScriptedServer, file
from small_disks import limit, mounted, needs_root, used
from step_faults import DISK, find
from trees import final_files
from zygote import Zygote, zygote

_OFTEN, _SELDOM = (1, 2, 3, 5, 8, 13, 21, 34, 55), (1, 2, 3, 4)
FAULTS = [
    (call, error, number)
    for call, numbers in {
        "write": _OFTEN,
        "openat": _OFTEN,
        "fsync": _SELDOM,
        "renameat,rename,renameat2": _SELDOM,
        "mkdirat,mkdir": _SELDOM,
    }.items()
    for error in ("ENOSPC", "EIO")
    for number in numbers
]
"""(system calls, the error they fail with, the number of the call from which on they do)"""
STEPS = ("init-genesis", "init-validator")

pytestmark = [pytest.mark.simd, pytest.mark.sampled, pytest.mark.timeout(3600), needs_root]


class Chain:
    """The two pods of a real chain, and what a whole run of their first step leaves."""

    def __init__(self, warm: Zygote, directory: Path, binary: str) -> None:
        self.warm = warm
        self.logs = directory / "log"
        self._common = {
            "CHAIN_BIN": binary,
            "CHAIN_ID": "disk-1",
            "KEYS_CONFIG": str(write_keys(directory / "keys.json", validators=2)),
            "IDENTITIES": "derived",  # so that two runs have files of the same names
            "GENESIS_TIME": "2026-01-01T00:00:00Z",
        }
        self._leader = ""
        self.whole: dict[str, list[str]] = {}

    def environment(self, step: str, root: Path) -> dict[str, str]:
        """The environment of a step on the volume ``root``."""
        pod = "genesis" if step == "init-genesis" else "validator"
        own = {"HOSTNAME": f"disk-{pod}-0", "CHAIN_DIR": str(root)}
        return {**self._common, **own, **({} if pod == "genesis" else {"GENESIS_HOST": self._leader})}

    def run(self, step: str, root: Path) -> int:
        """The exit code of a step that nobody disturbs; it must leave what it always leaves."""
        status = self.warm.run(step, self.environment(step, root), self.logs)
        if status == 0:
            assert final_files(root) == self.whole.setdefault(step, final_files(root))
        return status

    def follow(self, leader: str) -> None:
        """Let the validator pod fetch its genesis from ``leader``."""
        self._leader = leader

    def mended(self, step: str, root: Path, where: str) -> None:
        """A failed step has left nothing that counts, or a certain commit; without the fault it goes through."""
        certain = (root / f".exposer/steps/{step}.prepared").exists()
        assert certain or final_files(root) == [], where
        assert self.run(step, root) == 0, f"{where}: the rerun\n{self.logs.read_text()}"


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory, simd: str) -> Iterator[Chain]:
    """A chain whose steps have all run once."""
    directory = tmp_path_factory.mktemp("chain")
    with zygote() as warm:
        made = Chain(warm, directory, simd)
        assert made.run("init-genesis", directory / "genesis") == 0, made.logs.read_text()
        with ScriptedServer(file((directory / "genesis/config/genesis.json").read_bytes())) as leader:
            made.follow(leader.url)
            assert made.run("init-validator", directory / "validator") == 0, made.logs.read_text()
            yield made


@pytest.mark.parametrize("step", STEPS)
def test_a_full_file_system(chain: Chain, step: str, tmp_path: Path, tell: Callable[[str], None]) -> None:
    """Where the disk is full, in the binary or in the step, the exit code is 75, and a rerun with room goes through."""
    fault = find("a file system that is full, under a real", DISK)
    with mounted(tmp_path / "measured") as root:
        assert chain.run(step, root) == 0
        needed = used(root, "pages")
    sizes = sample(range(1, needed), f"pages of a full disk under `{step}`", kind=lambda size: 4 * size // needed)
    told = []
    for size in sizes:
        with mounted(tmp_path / str(size)) as root:
            limit(root, "pages", size)
            status = chain.run(step, root)
            words = chain.logs.read_text()
            assert status in fault.codes, words
            told.append("the binary" if "` failed" in words else "the step")
            limit(root, "pages", 4 * needed)
            chain.mended(step, root, f"{step} in {size} of {needed} pages")
    tell(f"{step}: exit 75 in {sizes} of {needed} pages (seed {SEED}), told by {dict.fromkeys(told).keys()}")
    assert "the binary" in told


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed; see scripts/")
@pytest.mark.parametrize("step", STEPS)
def test_any_process_may_fail(chain: Chain, step: str, tmp_path: Path, tell: Callable[[str], None]) -> None:
    """Whatever fails in all threads and processes of a step, nothing that counts is left, and a rerun goes through."""
    fault = find("`ENOSPC` or `EIO` in all processes", DISK)
    told = []
    taken = sample(FAULTS, f"a fault in any process of `{step}`", kind=lambda point: point[:2])
    for number, (call, error, count) in enumerate(taken):
        where = f"{step}: {error} from {call} number {count} on"
        root = tmp_path / str(number)
        environment = chain.environment(step, root)
        status = chain.warm.fail(step, environment, call, error, f"{count}+", chain.logs, all_of_it=True)
        told.append(f"{error} at {call} {count}+: {status}")
        if status != 0 or not final_files(root):
            chain.mended(step, root, f"{where}\n{chain.logs.read_text()}")
        # A write to a pipe fails as well, which no disk can cause: without its help the binary is refused.
        codes = (0, 3, *fault.codes) if call == "write" else (0, *fault.codes)
        assert status in codes, f"{where}: {status}\n{chain.logs.read_text()}"
    tell(f"{step} (seed {SEED}): {'; '.join(told)}")
