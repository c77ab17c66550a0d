"""Where the code of a daemon comes from: a version of a git repository, or of a Go module."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exposer.errors import BadInputError
from init_scripts import gomodule
from init_scripts.gobuild import Tree
from init_scripts.repository import Repository
from init_scripts.tool import Tool

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+/-]*")
_MODULE = re.compile(r"[a-z0-9][a-z0-9-]*(\.[a-z0-9-]+)+(/[A-Za-z0-9._~-]+)*")


@dataclass(frozen=True)
class Source:
    """One version: of ``repository`` (a tag, a branch, a commit), or else of the Go module that holds ``package``."""

    version: str
    repository: Repository | None = None
    package: str = ""

    @classmethod
    def parse(cls, repo: str, version: str, field: str) -> "Source":
        """What ``version`` means: a version of ``repo``, or ``path@version`` of a Go module whatever ``repo`` is.

        Raises:
            BadInputError: neither; the message names ``field``.
        """
        package, at, wanted = version.rpartition("@")
        wanted, package = (wanted, package) if at else (version, repo)
        if not _VERSION.fullmatch(wanted):
            raise BadInputError(f"{field}: write a tag, a branch, a commit, or module/path@version")
        repository = None if at else Repository.parse(repo)
        if repository is None and not _MODULE.fullmatch(package):
            what = f"{field}: what stands before the @" if at else "CODE_REPO"
            raise BadInputError(f"{what} is no git URL, no path of a repository and no Go module (github.com/org/name)")
        return cls(wanted, repository, "" if repository else package)

    @property
    def origin(self) -> str:
        """Where it comes from: a repository's URL without credentials, or a Go package."""
        return self.repository.url if self.repository else self.package

    def fetch(self, git: Tool | None, go: Tool, directory: Path) -> tuple[Tree, dict[str, Any]]:
        """The source in ``directory``, which is made; with facts for the record.

        Raises:
            BadInputError: there is no such version; the message has the nearest.
            TemporaryError: it cannot be reached.
        """
        directory.mkdir()
        if self.repository and git:
            commit = self.repository.check_out(git, self.version, directory)
            facts = {"source": self.repository.url, "version": self.version, "commit": commit}
            return Tree(directory, self.version, commit), facts
        module, version, package = gomodule.check_out(go, self.package, self.version, directory)
        return Tree(directory, version, package="" if package == "." else package), {
            "source": module,
            "version": version,
        }
