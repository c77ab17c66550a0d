"""``init-build-images``: the chain's binary of each version, built from source into the layout of cosmovisor."""

import contextlib
import fcntl
import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Self
from urllib.parse import quote

from pydantic import Field, model_validator

from exposer.errors import BadInputError, TemporaryError
from exposer.records import STATE_DIR, digest_input
from exposer.volume import Transaction, Volume, open_volume
from init_scripts.backoff import Backoff, Patience
from init_scripts.gobuild import Recipe, Tree, build
from init_scripts.settings import PodSettings, Seconds
from init_scripts.signing_state import refuse_foreign
from init_scripts.source import Source
from init_scripts.step import Reporter, run_program
from init_scripts.tool import Tool

STEP = "init-build-images"
GENESIS = "genesis"
log = logging.getLogger(STEP)
_SCRATCH = f"{STATE_DIR}/scratch"
_NEIGHBOUR = Backoff(first=0.1, cap=1.0)


class BuildSettings(PodSettings):
    """The environment of ``init-build-images``."""

    code_repo: str = Field("", repr=False, description="git URL, path of a git repository, or Go module")
    code_tag: str = Field(
        min_length=1, description="the version to start with: tag (v or not), branch, commit, or module/path@version"
    )
    upgrades: str = Field("", description="upgrade plans to build for: NAME=VERSION,NAME=VERSION")
    daemon_name: str = Field(
        "", pattern=r"^([A-Za-z0-9][\w.-]*)?$", description="the binary's name; default CHAIN_BIN's base name"
    )
    daemon_home: Path | None = Field(None, description="cosmovisor's home, which is the node's: CHAIN_DIR")
    build_package: str = Field(
        "", description="the main package's directory; default cmd/DAEMON_NAME, or the one with the daemon's name"
    )
    build_tags: str = Field("", pattern=r"^[\w,]*$", description="Go build tags, like netgo,ledger")
    build_requires: str = Field(
        "", description="module@version,… that go.mod shall require at least, where a release does not build as it is"
    )
    build_timeout: Seconds = Field(1800.0, description="how long all may take, in seconds or like 30m")

    INPUTS: ClassVar[tuple[str, ...]] = ("daemon", "build_package", "build_tags", "build_requires")

    @model_validator(mode="after")
    def _is_the_nodes_home(self) -> Self:
        if self.daemon_home and self.daemon_home.resolve() != self.chain_dir.resolve():
            raise ValueError(
                "DAEMON_HOME (--daemon-home) is not CHAIN_DIR: cosmovisor finds an upgrade's plan in DAEMON_HOME/data, "
                "where the node of CHAIN_DIR leaves it; leave DAEMON_HOME out"
            )
        if not self.daemon:
            raise ValueError("DAEMON_NAME (--daemon-name) is required without CHAIN_BIN: name the binary")
        return self

    @property
    def daemon(self) -> str:
        """The binary's name."""
        return self.daemon_name or Path(self.chain_bin).name

    @cached_property
    def targets(self) -> list["Target"]:
        """What to build, the version to start with first.

        Raises:
            BadInputError: a version or a plan's name cannot be one.
        """
        found = [Target(GENESIS, "CODE_TAG", Source.parse(self.code_repo, self.code_tag, "CODE_TAG"))]
        for entry in filter(None, self.upgrades.split(",")):
            name, _, version = (part.strip() for part in entry.partition("="))
            if not name or not version or name in {".", ".."}:
                raise BadInputError(f"UPGRADES: {entry!r}: write NAME=VERSION,NAME=VERSION")
            field = f"UPGRADES {name}"
            target = Target(upgrade_directory(name), field, Source.parse(self.code_repo, version, field))
            if any(other.place == target.place for other in found):
                raise BadInputError(f"UPGRADES: {name} is there twice; cosmovisor does not tell names apart by case")
            found.append(target)
        return found

    def recipe(self) -> Recipe:
        """How to build each of them."""
        requires = tuple(filter(None, re.split(r"[,\s]+", self.build_requires)))
        return Recipe(self.daemon, self.build_package, self.build_tags, requires)


@dataclass(frozen=True)
class Target:
    """One binary: its directory below ``cosmovisor``, the setting that asks for it, and its source."""

    place: str
    field: str
    source: Source

    @property
    def record(self) -> str:
        """The name of its record: each version is a transaction, so that a plan can be added to a chain that runs."""
        return STEP if self.place == GENESIS else f"{STEP}.{Path(self.place).name}"

    def inputs(self, settings: BuildSettings) -> dict[str, str]:
        """Its inputs; of a repository the URL without credentials, so that these may change."""
        return {
            **settings.inputs(),
            "CODE_REPO": digest_input(self.source.origin),
            self.field: digest_input(self.source.version),
        }


def upgrade_directory(name: str) -> str:
    """Where cosmovisor looks for the binary of the plan ``name`` (its ``args.go`` and ``scanner.go``)."""
    return f"upgrades/{quote(name.lower(), safe='$&+=:@')}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the step; returns its exit code."""
    return run_program(
        STEP, BuildSettings, _run, argv, "Build the chain's binary of each version into the layout of cosmovisor."
    )


def _run(settings: BuildSettings, report: Reporter) -> None:
    targets = settings.targets
    refuse_foreign(settings.root, force=settings.force)
    with open_volume(settings.root) as volume:
        shutil.rmtree(settings.root / _SCRATCH, ignore_errors=True)  # of a run that was killed
        begun = ((target, _begin(volume, target, settings)) for target in targets)
        pending = {target: transaction for target, transaction in begun if transaction}
        if not pending:
            log.info("already complete on this volume")
            report.settle()
            return
        report("running")
        try:
            make(settings, pending)
        except Exception:
            for target in pending:  # a try again finds the room that this one had
                with contextlib.suppress(OSError):
                    volume.discard(target.record)
            raise
        report("done", 0)
        log.info("complete")


def _begin(volume: Volume, target: Target, settings: BuildSettings) -> Transaction | None:
    return volume.begin(target.record, target.inputs(settings), force=settings.force)


def make(settings: BuildSettings, pending: Mapping[Target, Transaction]) -> None:
    """Build and commit what is ``pending``, one by one; nothing is built before all of the sources are there."""
    patience = Patience(settings.build_timeout, _NEIGHBOUR)
    with _scratch(settings.root) as scratch:
        environment = _environment(scratch)
        go = Tool("go", patience, environment)
        git = _git(pending, patience, environment)
        version = go.run("env", "GOVERSION", cwd=scratch).strip()
        trees: dict[Target, tuple[Tree, dict[str, Any]]] = {}
        for number, target in enumerate(pending):
            log.info("fetching %s for %s", target.source.version, target.place)
            trees[target] = target.source.fetch(git, go, scratch / f"source-{number}")
        for number, (target, transaction) in enumerate(pending.items()):
            tree, origin = trees[target]
            output = scratch / f"built-{number}"
            output.mkdir()
            with _alone(go, patience, scratch):
                log.info("building %s of %s (minutes, unless Go's cache has it)", settings.daemon, tree.version)
                package = build(go, tree, settings.recipe(), output)
            directory = transaction.stage / "cosmovisor" / target.place / "bin"
            directory.parent.mkdir(parents=True)
            output.rename(directory)
            transaction.commit(facts={"build": {**origin, "package": package, "go": version}})


@contextlib.contextmanager
def _scratch(root: Path) -> Iterator[Path]:
    """A directory on the volume that is gone afterwards."""
    parent = root / _SCRATCH
    parent.mkdir(parents=True, exist_ok=True)
    try:
        yield Path(tempfile.mkdtemp(dir=parent))  # its own, so that nothing a killed run left running can write here
    finally:
        shutil.rmtree(parent, ignore_errors=True)


def _environment(scratch: Path) -> dict[str, str]:
    """What git and go see: this step's environment without its credentials, and ``scratch`` for temporary files.

    Where the user has no home to write to, as in many containers, Go's caches are in ``scratch`` too.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "CODE_REPO"}
    temporary = scratch / "tmp"
    temporary.mkdir()
    result = {**inherited, "GOWORK": "off", "GOTMPDIR": str(temporary), "TMPDIR": str(temporary)}
    if not os.access(inherited.get("HOME", ""), os.W_OK):
        flags = f"{inherited.get('GOFLAGS', '')} -modcacherw".strip()  # or it could not be deleted
        result = {"GOCACHE": str(scratch / "cache"), "GOPATH": str(scratch / "go"), **result}
        result |= {"HOME": str(scratch), "GOFLAGS": flags}
    return result


def _git(targets: Iterable[Target], patience: Patience, environment: Mapping[str, str]) -> Tool | None:
    repository = next((target.source.repository for target in targets if target.source.repository), None)
    return repository.git(patience, environment) if repository else None


@contextlib.contextmanager
def _alone(go: Tool, patience: Patience, cwd: Path) -> Iterator[None]:
    """One build at a time with one Go cache: pods that start together compile once, and then only link."""
    cache = Path(go.run("env", "GOCACHE", cwd=cwd).strip())
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "exposer.lock").open("wb") as lock:
        if not _taken(lock):
            log.info(
                "waiting: another step builds with Go's cache %s, and what it compiles is compiled for this one", cache
            )
        while not _taken(lock):
            if not patience.left:
                waited = f"{patience.spent:.0f} s (BUILD_TIMEOUT)"
                raise TemporaryError(f"another step has been building with Go's cache {cache} all of {waited}")
            patience.pause()
        patience.reset()
        yield


def _taken(lock: BinaryIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
