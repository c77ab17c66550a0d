"""A git repository as a source: what it has, and a tree of one of its versions."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import unquote, urlsplit

from exposer.accounts.secret import Secret
from exposer.errors import BadInputError
from init_scripts.backoff import Patience
from init_scripts.tool import Tool

_SCP_FORM = re.compile(r"[\w.-]+@[\w.-]+:.+")
_OPEN = re.compile(r"[a-z][a-z0-9+.-]*://([^:@/?#]+@)?[^@?#]*", re.IGNORECASE)
"""A URL that may be told: a user at most, and nothing where a password or a token could stand."""
_HELPER = '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$CODE_USER" "$CODE_PASSWORD"; }; f'
"""A git credential helper: it answers from the environment, so that no command line has a secret."""
_SHORTEST_TOKEN = 8  # characters: a shorter name, like git, is one that stands in URLs and messages for other reasons


@dataclass(frozen=True)
class Repository:
    """Where a git repository is: its ``url`` (or path) without credentials, and these apart from it."""

    url: str
    user: str = field(default="", repr=False)
    password: Secret = Secret(b"")  # noqa: RUF009 - it cannot be changed

    @classmethod
    def parse(cls, text: str) -> "Repository | None":
        """The repository that ``text`` names: a URL, ``user@host:path``, or a path; None for a Go module's path.

        Raises:
            BadInputError: it cannot be one; the message does not quote it, for it may have a password.
        """
        try:
            if text[:1] in {"/", ".", "~"}:
                return cls(str(Path(text).expanduser().absolute()))
            return cls._of_url(text) if "://" in text else cls(text) if _SCP_FORM.fullmatch(text) else None
        except (ValueError, RuntimeError) as error:
            raise BadInputError("CODE_REPO is no URL, and no path below a home directory that there is") from error

    @classmethod
    def _of_url(cls, text: str) -> "Repository":
        parts = urlsplit(text)
        result = cls(text)
        if parts.scheme in {"http", "https"} and "@" in parts.netloc:
            bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
            result = cls(bare, unquote(parts.username or ""), Secret(unquote(parts.password or "").encode()))
        if parts.scheme != "file" and not _OPEN.fullmatch(result.url):
            raise BadInputError(
                "CODE_REPO: credentials belong into https://USER:PASSWORD@HOST/… and nowhere else in a URL; write / in "
                "them as %2F, @ as %40, ? as %3F, # as %23, and leave out a query"
            )
        return result

    @property
    def secrets(self) -> list[str]:
        """What must not be told: the password, and a user that may be a token."""
        user = self.user if len(self.user) >= _SHORTEST_TOKEN else ""
        return [secret for secret in (self.password.reveal().decode(), user) if secret]

    def git(self, patience: Patience, environment: Mapping[str, str]) -> Tool:
        """Git, set up to ask nobody, to give up a stalled connection, and to know the credentials."""
        usual = {
            "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
            "GIT_HTTP_LOW_SPEED_LIMIT": "1000",  # bytes a second, for
            "GIT_HTTP_LOW_SPEED_TIME": "60",  # seconds
        }
        settings = {**usual, **environment, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
        return Tool("git", patience, settings | self._credentials(environment), self.secrets)

    def _credentials(self, environment: Mapping[str, str]) -> dict[str, str]:
        """What makes git give them to this host alone: not to one it redirects to, nor to a user's own helper to keep.

        The settings that the environment has stay. An empty helper takes back all that were named before it
        (https://git-scm.com/docs/gitcredentials).
        """
        if not self.user:
            return {}
        scheme, _, rest = self.url.partition("://")
        ours = {"credential.helper": "", f"credential.{scheme}://{rest.partition('/')[0]}.helper": _HELPER}
        given = environment.get("GIT_CONFIG_COUNT", "")
        first = int(given) if given.isdecimal() else 0
        result = {"GIT_CONFIG_COUNT": str(first + len(ours))}
        for number, (key, value) in enumerate(ours.items(), first):
            result |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return {**result, "CODE_USER": self.user, "CODE_PASSWORD": self.password.reveal().decode()}

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
