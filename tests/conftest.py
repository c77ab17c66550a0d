"""What all tests share: real input, and guards against leaks."""

import contextlib
import gc
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import witness
from project import ROOT, real_binary
from real_chains import CHAINS, RealChain
from witness import WITNESS

_BESIDE = "is not beside the repository"
pytest_plugins = ["exhaustive", "tiers", "workers"]


@pytest.fixture(scope="session")
def shared_genesis() -> Path:
    """The genesis of a main network (cosmoshub-2, 3.4 MB); its tests are skipped where it is not to be had."""
    path = ROOT.parent / "shared/data/genesis.cosmoshub-2.json"
    if not path.is_file():
        pytest.skip(f"the main network's genesis {_BESIDE} (../shared/data)")
    return path


@pytest.fixture(autouse=True, scope="session")
def _interrupts_arrive() -> None:
    """SIGINT has its usual meaning, also where a shell runs the tests in its background and has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine that a program here reads reaches a test."""
    for name in list(os.environ):
        if name.startswith(("EXPOSER_", "CHAIN_", "GENESIS_", "KEYS_", "NUM_")) or name in {
            "DENOM",
            "COINS",
            "HOSTNAME",
            "MAKEFLAGS",
            "MAKELEVEL",
            "MFLAGS",
        }:
            monkeypatch.delenv(name)


def pytest_configure() -> None:
    """From here on somebody reads along."""
    witness.install()


@pytest.fixture(autouse=True)
def _no_secret_is_told(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test in which an answer or a log has a secret of a volume fails."""
    directory = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    assert WITNESS.check(directory) == []


@pytest.fixture(autouse=True)
def _no_descriptor_stays_open() -> Iterator[None]:
    """A test leaves open what it found open, and nothing else."""
    before = _descriptors()
    yield
    if _descriptors() - before:
        gc.collect()  # what only a cycle of references holds is closed by the next collection, whenever it comes
    assert _descriptors() - before == set()


def _descriptors() -> set[tuple[str, str]]:
    """Number and target of all open descriptors, but of the one that looks."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.add((entry.name, str(entry.readlink())))
    return found


@pytest.fixture(scope="session")
def cometbft() -> str:
    """The real cometbft; ``make binaries`` builds it."""
    return real_binary("cometbft")


@pytest.fixture(scope="session")
def simd() -> str:
    """The real simd of SDK 0.50; ``make binaries`` builds it."""
    return real_binary("simd")


@pytest.fixture(scope="session")
def simd_046() -> str:
    """The real simd of SDK 0.46; ``make binaries`` builds it."""
    return real_binary("simd-0.46")


@pytest.fixture(scope="session")
def simd_047() -> str:
    """The real simd of SDK 0.47; ``make binaries`` builds it."""
    return real_binary("simd-0.47")


@pytest.fixture(scope="session")
def wasmd() -> str:
    """The real wasmd of SDK 0.53; ``make binaries`` builds it."""
    return real_binary("wasmd")


@pytest.fixture(scope="session")
def evmosd() -> str:
    """The real evmosd, an EVM chain of SDK 0.50; ``make binaries`` builds it."""
    return real_binary("evmosd")


@pytest.fixture(scope="session")
def cosmovisor() -> str:
    """The real cosmovisor; ``make binaries`` builds it."""
    return real_binary("cosmovisor")


@pytest.fixture(scope="session", params=[chain.param for chain in CHAINS])
def chain(request: pytest.FixtureRequest) -> RealChain:
    """Each real SDK chain in its turn, its binary there; ``make binaries`` builds it."""
    real: RealChain = request.param
    real_binary(real.binary)
    return real


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In continuous integration a skipped test is a failure: everything that tests need is installed there.

    Only what lies beside the repository, and not in it, may be missing.
    """
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    skipped = reporter.stats.get("skipped", [])
    if (
        os.environ.get("CI") == "true"
        and exitstatus == 0
        and any(_BESIDE not in str(test.longrepr) for test in skipped)
    ):
        reporter.write_line("skipped tests are failures in continuous integration", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
