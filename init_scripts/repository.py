"""A git repository as a source: what it has, and a tree of one of its versions."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import unquote, urlsplit

from exposer.errors import BadInputError
from init_scripts.backoff import Patience
from init_scripts.tool import Tool

_SCP_FORM = re.compile(r"[\w.-]+@[\w.-]+:.+")
_HELPER = '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$CODE_USER" "$CODE_PASSWORD"; }; f'
"""A git credential helper: it answers from the environment, so that no command line has a secret."""


@dataclass(frozen=True)
class Repository:
    """Where a git repository is: its ``url`` (or path) without credentials, and these apart from it."""

    url: str
    user: str = ""
    password: str = ""

    @classmethod
    def parse(cls, text: str) -> "Repository | None":
        """The repository that ``text`` names: a URL, ``user@host:path``, or a path; None for a Go module's path."""
        parts = urlsplit(text)
        if parts.scheme in {"http", "https"} and "@" in parts.netloc:
            bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
            return cls(bare, unquote(parts.username or ""), unquote(parts.password or ""))
        if "://" in text or _SCP_FORM.fullmatch(text):
            return cls(text)
        return cls(str(Path(text).expanduser().absolute())) if text[:1] in {"/", ".", "~"} else None

    @property
    def secrets(self) -> list[str]:
        """What must not be told: the password, or a token that stands in the user's place."""
        return [secret for secret in (self.password or self.user,) if secret]

    def git(self, patience: Patience, environment: Mapping[str, str]) -> Tool:
        """Git, set up to ask nobody, to give up a stalled connection, and to know the credentials."""
        settings = {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
            "GIT_HTTP_LOW_SPEED_LIMIT": "1000",  # bytes a second, for
            "GIT_HTTP_LOW_SPEED_TIME": "60",  # seconds
            "LC_ALL": "C",
        }
        if self.user:
            settings |= {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "credential.helper",
                "GIT_CONFIG_VALUE_0": _HELPER,
            }
            settings |= {"CODE_USER": self.user, "CODE_PASSWORD": self.password}
        return Tool("git", patience, {**environment, **settings}, self.secrets)

    def check_out(self, git: Tool, version: str, tree: Path) -> str:
        """Fill ``tree``, an empty directory, with ``version``; returns the commit.

        Args:
            git: what `git` returns.
            version: a tag, with or without its ``v``, a branch, or a commit (7 digits or more).
            tree: where to.

        Raises:
            BadInputError: the repository has no such version; the message has the nearest that it has.
            TemporaryError: it cannot be reached.
        """
        reference = self._reference(git, version, tree)
        git.run("init", "--quiet", cwd=tree)
        try:
            git.run("fetch", "--quiet", "--depth", "1", "--", self.url, reference, cwd=tree)
            found = "FETCH_HEAD"
        except BadInputError:  # a server that gives no single commit, or no shallow history
            everything = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
            git.run("fetch", "--quiet", "--update-head-ok", "--", self.url, *everything, cwd=tree)
            found = reference
        try:
            commit = git.run("rev-parse", "--verify", "--quiet", f"{found}^{{commit}}", cwd=tree).strip()
        except BadInputError as error:
            raise BadInputError(f"{self.url} has no tag, branch or commit {version!r}") from error
        git.run("checkout", "--quiet", "--detach", commit, cwd=tree)
        return commit

    def _reference(self, git: Tool, version: str, cwd: Path) -> str:
        """The full name of what ``version`` means here."""
        listed = git.run("ls-remote", "--tags", "--heads", "--", self.url, cwd=cwd)
        names = {line.partition("\t")[2].removesuffix("^{}") for line in listed.splitlines()}
        for name in _meanings(version):
            if name in names:
                return name
        if re.fullmatch("[0-9a-f]{7,40}", version):
            return version
        known = [name.split("/", 2)[2] for name in sorted(names)]
        raise BadInputError(f"{self.url} has no tag, branch or commit {version!r}{nearest(version, known)}")


def _meanings(version: str) -> Iterator[str]:
    other = version.removeprefix("v") if version.startswith("v") else f"v{version}"
    yield from (f"refs/tags/{version}", f"refs/heads/{version}", f"refs/tags/{other}")


def nearest(wanted: str, known: list[str]) -> str:
    """The end of a message: which of the ``known`` names are like the one that is not there."""
    found = get_close_matches(wanted, known, n=5, cutoff=0.5) or known[-5:]
    return f"; the nearest there are: {', '.join(found)}" if found else "; there is none at all"
