"""``init-build-images``: the chain's binary of each version, built from source into the layout of cosmovisor."""

import contextlib
import logging
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from exposer.cosmovisor import DISABLE_RECASE, is_boolean, plan_directory
from exposer.errors import BadInputError
from exposer.records import digest_input
from exposer.volume import Transaction, open_volume
from init_scripts import workshop
from init_scripts.backoff import Backoff, Patience
from init_scripts.gobuild import Recipe, Tree, build
from init_scripts.scratch import clear
from init_scripts.script import run_script
from init_scripts.settings import PodSettings, Seconds
from init_scripts.source import Source
from init_scripts.stage import admit
from init_scripts.step import Reporter, run_program
from init_scripts.tool import Tool

STEP = "init-build-images"
GENESIS = "genesis"
log = logging.getLogger(STEP)
_NEIGHBOUR = Backoff(first=0.1, cap=1.0)


class BuildSettings(PodSettings):
    """The environment of ``init-build-images``."""

    code_repo: str = Field("", repr=False, description="git URL, path of a git repository, or Go module")
    code_tag: str = Field(
        min_length=1, description="the version to start with: tag (v or not), branch, commit, or module/path@version"
    )
    upgrades: str = Field("", description="upgrade plans to build for: NAME=VERSION,NAME=VERSION")
    upgrade_name: str = Field("", description="the one plan to build CODE_TAG for, or genesis; instead of UPGRADES")
    upgrade_dir: Path | None = Field(None, description="cosmovisor's directory, which is CHAIN_DIR/cosmovisor")
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
    build_timeout: Seconds = Field(1800.0, description="how long all may take, in seconds or like 30m; 0: no limit")
    force: bool = Field(
        False,
        description="build anew what is another version now, or damaged; nothing else is taken back",
        validation_alias="EXPOSER_FORCE",
    )

    INPUTS: ClassVar[tuple[str, ...]] = ("daemon", "build_package", "build_tags", "build_requires")

    @model_validator(mode="after")
    def _is_the_nodes_home(self) -> Self:
        if self.daemon_home and self.daemon_home.resolve() != self.chain_dir.resolve():
            raise ValueError(
                "DAEMON_HOME (--daemon-home) is not CHAIN_DIR: cosmovisor finds an upgrade's plan in DAEMON_HOME/data, "
                "where the node of CHAIN_DIR leaves it; leave DAEMON_HOME out"
            )
        if self.upgrade_dir and self.upgrade_dir.resolve() != (self.chain_dir / "cosmovisor").resolve():
            raise ValueError(
                "UPGRADE_DIR (--upgrade-dir) is not CHAIN_DIR/cosmovisor, where cosmovisor finds what it runs; leave "
                "UPGRADE_DIR out"
            )
        if self.upgrade_name and self.upgrades:
            raise ValueError(
                "UPGRADE_NAME (--upgrade-name) is the one plan that CODE_TAG is built for, UPGRADES (--upgrades) are "
                "plans besides CODE_TAG; leave one of them out"
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
        first = Source.parse(self.code_repo, self.code_tag, "CODE_TAG")
        if self.upgrade_name not in {"", GENESIS}:
            return [Target.of_plan(self.upgrade_name, first)]
        found = [Target(GENESIS, "CODE_TAG", first)]
        for entry in filter(None, self.upgrades.split(",")):
            name, _, version = (part.strip() for part in entry.partition("="))
            if not name or not version:
                raise BadInputError(f"UPGRADES: {entry!r}: write NAME=VERSION,NAME=VERSION")
            target = Target.of_plan(name, Source.parse(self.code_repo, version, f"UPGRADES {name}"))
            if any(other.place == target.place for other in found):
                text = f"UPGRADES: {name} is there twice: cosmovisor looks for both plans in {target.place}; keep one"
                raise BadInputError(text)
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

    @classmethod
    def of_plan(cls, name: str, source: Source) -> "Target":
        """The binary of the upgrade plan ``name``, whichever setting names it."""
        if name in {".", ".."}:
            raise BadInputError(f"UPGRADES, UPGRADE_NAME: {name} is no name of a plan")
        return cls(upgrade_directory(name), f"UPGRADES {name}", source)

    @property
    def plan(self) -> str:
        """The plan's name as cosmovisor has it, or ``genesis``."""
        return Path(self.place).name

    @property
    def record(self) -> str:
        """The name of its record: each version is a transaction, so that a plan can be added to a chain that runs."""
        return STEP if self.place == GENESIS else f"{STEP}.{self.plan}"

    def inputs(self, settings: BuildSettings) -> dict[str, str]:
        """Its inputs; of a repository the URL without credentials, so that these may change."""
        return {
            **settings.inputs(),
            "CODE_REPO": digest_input(self.source.origin),
            self.field: digest_input(self.source.version),
        }


def upgrade_directory(name: str) -> str:
    """Where cosmovisor looks for the binary of the plan ``name`` on this pod.

    With ``COSMOVISOR_DISABLE_RECASE=true`` in the environment that has the capitals of the name. It is read here as
    cosmovisor reads it, which is told the same, and not as a setting: both have to find one directory.

    Raises:
        BadInputError: the variable has a value that cosmovisor refuses.
    """
    disabled = os.environ.get(DISABLE_RECASE, "")
    if not is_boolean(disabled):
        raise BadInputError(f"{DISABLE_RECASE}: cosmovisor takes true or false alone; write one of them")
    return plan_directory(name, disabled)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the step; returns its exit code."""
    return run_program(
        STEP, BuildSettings, _run, argv, "Build the chain's binary of each version into the layout of cosmovisor."
    )


def _run(settings: BuildSettings, report: Reporter) -> None:
    targets = {target.record: target for target in settings.targets}
    with open_volume(settings.root) as volume:
        clear(settings.root, workshop.SCRATCH)
        inputs = {name: target.inputs(settings) for name, target in targets.items()}
        begun = volume.begin_each(inputs, negligible=settings.negligible, force=settings.force)
        if not begun:
            log.info("already complete on this volume")
            report.settle()
            return
        report("running")
        try:
            make(settings, {targets[name]: transaction for name, transaction in begun.items()})
        except Exception:
            for name in begun:  # a try again finds the room that this one had
                with contextlib.suppress(OSError):
                    volume.discard(name)
            raise
        report("done", 0)
        log.info("complete")


def make(settings: BuildSettings, pending: Mapping[Target, Transaction]) -> None:
    """Build and commit what is ``pending``, one by one; nothing is built before all of the sources are there."""
    patience = Patience(settings.build_timeout or None, _NEIGHBOUR)
    if settings.step_script:
        for target, transaction in pending.items():
            _make_by_script(settings, target, transaction, patience)
        return
    with workshop.workplace(settings.root) as place:
        environment = workshop.environment(place)
        go = Tool("go", patience, environment)
        git = _git(pending, patience, environment)
        trees: dict[Target, tuple[Tree, dict[str, Any]]] = {}
        for number, target in enumerate(pending):
            log.info("fetching %s for %s", target.source.version, target.place)
            trees[target] = target.source.fetch(git, go, place / f"source-{number}")
        for number, (target, transaction) in enumerate(pending.items()):
            tree, origin = trees[target]
            output = place / f"built-{number}"
            output.mkdir()
            with workshop.alone(go, patience, place):
                log.info("building %s of %s (minutes, unless Go's cache has it)", settings.daemon, tree.version)
                built = build(go, tree, settings.recipe(), output)
            directory = transaction.stage / "cosmovisor" / target.place / "bin"
            directory.parent.mkdir(parents=True)
            output.rename(directory)
            transaction.commit(facts={"build": {**origin, **built}})


def _make_by_script(settings: BuildSettings, target: Target, transaction: Transaction, patience: Patience) -> None:
    """Let the script put one binary where cosmovisor looks for it, below ``UPGRADE_DIR``, and commit it."""
    log.info("the script makes %s for %s", target.source.version, target.place)
    stage = transaction.stage
    places = {
        "CHAIN_DIR": stage,
        "DAEMON_HOME": stage,
        "DAEMON_NAME": settings.daemon,
        "UPGRADE_DIR": stage / "cosmovisor",
        "UPGRADE_NAME": target.plan,
        "UPGRADES": "",
        "CODE_TAG": target.source.version,
    }
    (stage / "cosmovisor").mkdir()
    run_script(settings, places, lock=transaction.volume.lock, limit=patience.left)
    admit(stage)
    binary = f"cosmovisor/{target.place}/bin/{settings.daemon}"
    if not os.access(stage / binary, os.X_OK):
        raise BadInputError(f"STEP_SCRIPT: it left no executable {binary}; let it put one there below $CHAIN_DIR")
    transaction.commit(facts={"build": {"source": target.source.origin, "version": target.source.version}})


def _git(targets: Iterable[Target], patience: Patience, environment: Mapping[str, str]) -> Tool | None:
    repository = next((target.source.repository for target in targets if target.source.repository), None)
    return repository.git(patience, environment) if repository else None


if __name__ == "__main__":
    sys.exit(main())
