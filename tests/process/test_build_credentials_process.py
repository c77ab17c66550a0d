"""``init-build-images`` and the password in ``CODE_REPO``: who gets it, and who never does."""

import base64
import http.server
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from go_world import BUILDS, GENESIS, STEP, GitRepository, build, command, home, pod, running, says

from exposer.errors import BadInputError
from exposer.records import read_record
from init_scripts.repository import Repository

pytestmark = BUILDS
WORD, WRITTEN = "hunter2-hunter2-/", "hunter2-hunter2-%2F"


class Guard(http.server.ThreadingHTTPServer):
    """Files over HTTP for alice, who knows one of the ``passwords``; what callers gave is in ``given``."""

    def __init__(self, directory: Path, *passwords: str, elsewhere: str = "") -> None:
        super().__init__(("127.0.0.1", 0), partial(_Guarded, directory=str(directory)))
        self.entries = {f"alice:{password}" for password in passwords}
        self.elsewhere = elsewhere
        self.given: set[str] = set()
        self.place = f"127.0.0.1:{self.server_address[1]}"


class _Guarded(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        """A file, or another place to ask; or 401, with what was given."""
        guard = self.server
        assert isinstance(guard, Guard)
        given = base64.b64decode(self.headers.get("authorization", "").removeprefix("Basic ")).decode()
        guard.given.add(given)
        if given in guard.entries and not guard.elsewhere:
            super().do_GET()
            return
        text = f"no entry with {given}".encode()
        self.send_response(302 if given in guard.entries else 401)
        self.send_header("Location", f"{guard.elsewhere}{self.path}")
        self.send_header("WWW-Authenticate", 'Basic realm="code"')
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def guarded(directory: Path, *passwords: str, elsewhere: str = "") -> Iterator[Guard]:
    """A guard at work."""
    with Guard(directory, *passwords, elsewhere=elsewhere) as guard:
        thread = threading.Thread(target=guard.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield guard
        finally:
            guard.shutdown()
            thread.join()


@pytest.fixture
def served(code: GitRepository) -> Path:
    """A repository that any server of files serves to git."""
    code.git("update-server-info")
    return code.path / ".git"


def test_credentials_are_never_told(served: Path, tmp_path: Path) -> None:
    """A password in CODE_REPO opens the repository, and is in no command line, log, record or file; it may change."""
    other = "another-word-altogether"
    sampled: set[str] = set()
    with guarded(served, WORD, other) as guard:
        environment = pod(
            tmp_path, CODE_REPO=f"http://alice:{WRITTEN}@{guard.place}/", CODE_TAG="v1.0.0", EXPOSER_LOG_LEVEL="debug"
        )
        with subprocess.Popen(command(), env=environment, stderr=subprocess.PIPE, text=True) as step:
            while step.poll() is None:
                sampled.update(running(guard.place))
            told = step.communicate()[1]
        assert step.returncode == 0, told
        assert any("ls-remote" in line for line in sampled)
        wrong = build(
            {
                **environment,
                "CODE_REPO": f"http://alice:wrong-wrong-wrong@{guard.place}/",
                "CHAIN_DIR": str(tmp_path / "h2"),
            }
        )
        assert wrong.returncode == 3, wrong.stderr
        assert "Authentication failed" in wrong.stderr
        assert "no entry with alice:***" in wrong.stderr
        branch = build({**environment, "CODE_TAG": "next", "CHAIN_DIR": str(tmp_path / "h3")})
        assert branch.returncode == 0, branch.stderr
        rotated = build({**environment, "CODE_REPO": f"http://alice:{other}@{guard.place}/"})
        assert rotated.returncode == 0, rotated.stderr

    texts = {str(path): path.read_bytes() for path in home(environment).rglob("*") if path.is_file()}
    assert f".exposer/steps/{STEP}.json" in str(texts.keys())
    everything = "\n".join([*sampled, told, wrong.stderr, branch.stderr, rotated.stderr]).encode() + b"".join(
        texts.values()
    )
    for word in (WRITTEN, "hunter2", "wrong-wrong", other):
        assert word.encode() not in everything
    record = read_record(home(environment), STEP)
    assert record
    assert record.facts["build"]["source"] == f"http://{guard.place}/"


def test_another_host_never_gets_the_password(served: Path, tmp_path: Path) -> None:
    """Where the server redirects to another one, that one gets no password; and nobody is asked for one: exit 3."""
    with guarded(served, WORD) as other, guarded(served, WORD, elsewhere=f"http://{other.place}") as guard:
        done = build(pod(tmp_path, CODE_REPO=f"http://alice:{WRITTEN}@{guard.place}/", CODE_TAG="v1.0.0"))
        asked = build(pod(tmp_path, CODE_REPO=f"http://{guard.place}/", CODE_TAG="v1.0.0"))

    assert done.returncode == 3, done.stderr
    assert f"alice:{WORD}" in guard.given
    assert other.given == {""}
    assert asked.returncode == 3
    assert "terminal prompts disabled" in asked.stderr


def test_the_users_own_git_settings(served: Path, tmp_path: Path) -> None:
    """The user's credential helpers are not given the password to keep; what his environment sets for git stays."""
    user = tmp_path / "user"
    user.mkdir()
    cache = subprocess.run(["go", "env", "GOCACHE"], capture_output=True, text=True, check=True, timeout=20)
    with guarded(served, WORD) as guard:
        helpers = f'[credential]\n\thelper = store\n[credential "http://{guard.place}"]\n\thelper = store\n'
        (user / ".gitconfig").write_text(helpers)
        environment = pod(
            tmp_path,
            HOME=str(user),
            GOCACHE=cache.stdout.strip(),
            CODE_REPO=f"http://alice:{WRITTEN}@{guard.place}/mirrored/",
            CODE_TAG="v1.0.0",
            GIT_CONFIG_COUNT="1",
            GIT_CONFIG_KEY_0=f"url.http://{guard.place}/.insteadOf",
            GIT_CONFIG_VALUE_0=f"http://{guard.place}/mirrored/",
        )
        done = build(environment)

    assert done.returncode == 0, done.stderr
    assert says(home(environment) / GENESIS) == "one"
    kept = b"".join(path.read_bytes() for path in user.rglob("*") if path.is_file())
    assert b"[credential]" in kept
    assert b"hunter2" not in kept


@pytest.mark.parametrize(
    "text",
    [
        f"https://alice:sec/{WORD}@host.test/x",
        f"https://alice:sec#{WORD}@host.test/x",
        f"https://alice:sec?{WORD}@host.test/x",
        f"https://{WORD}@host.test/x",
        f"https://host.test/x?private_token={WORD}",
        f"ssh://alice:{WORD}@host.test/x",
        f"git://alice:{WORD}@host.test/x",
        f"ftp://alice:{WORD}@host.test/x",
        f"ext::https://alice:{WORD}@host.test/x",
        f"https://[{WORD}",
        f"~{WORD.strip('/')}/code",
    ],
)
def test_a_url_that_would_tell_its_password(text: str) -> None:
    """A URL with a password where git shows it, or that cannot be understood, is refused unquoted."""
    with pytest.raises(BadInputError, match="CODE_REPO") as caught:
        Repository.parse(text)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "url", "secrets"),
    [
        (f"https://alice:{WRITTEN}@host.test:8443/x.git", "https://host.test:8443/x.git", [WORD]),
        ("https://git@host.test/git.git", "https://host.test/git.git", []),
        ("https://ghp_0123456789@host.test/x", "https://host.test/x", ["ghp_0123456789"]),
        ("ssh://git@host.test:22/x.git", "ssh://git@host.test:22/x.git", []),
        ("ssh://git@[::1]:22/x.git", "ssh://git@[::1]:22/x.git", []),
        ("git@host.test:x.git", "git@host.test:x.git", []),
        ("file:///srv/a@b", "file:///srv/a@b", []),
    ],
)
def test_what_is_kept_secret_of_a_url(text: str, url: str, secrets: list[str]) -> None:
    """The password is, and a user that is long enough to be a token; neither is in any text form."""
    found = Repository.parse(text)

    assert found
    assert (found.url, found.secrets) == (url, secrets)
    assert not any(secret in repr(found) for secret in secrets)
