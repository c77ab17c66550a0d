"""Small Go programs as sources to build, in git and in a module proxy; the step that builds them, and its volume."""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from zygote import Zygote

STEP = "init-build-images"
GENESIS = "cosmovisor/genesis/bin/tinyd"
V2 = "cosmovisor/upgrades/v2/bin/tinyd"
MODULE = "example.test/tiny"
MAIN = 'package main\n\nfunc main() { println("VERSION") }\n'
BUILDS = [
    pytest.mark.skipif(not (shutil.which("go") and shutil.which("git")), reason="Go and git build here"),
    pytest.mark.usefixtures("builder"),
]
"""The marks of a file of tests that builds."""
_AUTHOR = ("-c", "user.name=Tester", "-c", "user.email=tester@example.test", "-c", "init.defaultBranch=main")


def program(version: str) -> dict[str, str]:
    """The files of a module whose program ``tinyd`` prints ``version``."""
    return {"go.mod": f"module {MODULE}\n\ngo 1.21\n", "cmd/tinyd/main.go": MAIN.replace("VERSION", version)}


class GitRepository:
    """A real git repository at ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        self.git("init", "--quiet")

    def git(self, *arguments: str) -> str:
        """What git says."""
        done = subprocess.run(
            ["git", *_AUTHOR, *arguments], cwd=self.path, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout.strip()

    def commit(self, files: Mapping[str, str], *tags: str, annotated: bool = False) -> str:
        """Put ``files`` and tag them; the commit."""
        write(self.path, files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "a version")
        for tag in tags:
            self.git("tag", *(("--annotate", "--message", tag) if annotated else ()), tag)
        return self.git("rev-parse", "HEAD")


def write(directory: Path, files: Mapping[str, str]) -> None:
    """Put ``files``, paths and texts, below ``directory``."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def publish(proxy: Path, module: str, version: str, files: Mapping[str, str]) -> None:
    """Put a version of a module into a module proxy that is a directory (https://go.dev/ref/mod#goproxy-protocol)."""
    place = proxy / module / "@v"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "list").open("a", encoding="utf-8") as known:
        known.write(f"{version}\n")
    (place / f"{version}.info").write_text(json.dumps({"Version": version, "Time": "2026-01-01T00:00:00Z"}))
    (place / f"{version}.mod").write_text(files["go.mod"])
    with zipfile.ZipFile(place / f"{version}.zip", "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{module}@{version}/{name}", text)


def pod(directory: Path, **settings: str) -> dict[str, str]:
    """The environment of ``init-build-images`` in a pod below ``directory``, with a module cache of its own."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "GOPROXY": (directory / "proxy").as_uri(),
        "GOMODCACHE": str(directory / "modules"),
        "GOFLAGS": "-modcacherw",
        "GOSUMDB": "off",
        "CHAIN_ID": "tiny-1",
        "CHAIN_BIN": "tinyd",
        "CHAIN_DIR": str(directory / "home"),
        **settings,
    }


class Built(NamedTuple):
    """How the step ended."""

    returncode: int
    stderr: str


def command() -> list[str]:
    """How the step is started."""
    return [sys.executable, "-m", "init_scripts.init_build_images"]


def build(environment: Mapping[str, str], **settings: str) -> Built:
    """The step with further ``settings``, run to its end, in a child of a warm process."""
    with tempfile.NamedTemporaryFile() as log:
        code = warm().run(STEP, {**environment, **settings}, Path(log.name))
        return Built(code, Path(log.name).read_text(encoding="utf-8"))


@cache
def warm() -> Zygote:
    """The process that all builds are children of, until the tests are over."""
    process = Zygote(("env", "-i"))  # a pod has its own environment and no other
    atexit.register(process.close)
    return process


def says(binary: Path, *, environment: Mapping[str, str] | None = None) -> str:
    """What a program prints."""
    done = subprocess.run([binary], capture_output=True, text=True, timeout=20, check=True, env=environment)
    return (done.stdout + done.stderr).strip()


def releases(path: Path) -> GitRepository:
    """A repository with the tags v1.0.0, 2.0.0 (annotated) and v2.1.0, and the branch ``next``."""
    repository = GitRepository(path)
    repository.commit(program("one"), "v1.0.0")
    repository.commit(program("two"), "2.0.0", annotated=True)
    repository.commit(program("two and a bit"), "v2.1.0")
    repository.git("checkout", "--quiet", "-b", "next")
    repository.commit(program("next"))
    repository.git("checkout", "--quiet", "main")
    return repository


def home(environment: dict[str, str]) -> Path:
    """The pod's volume."""
    return Path(environment["CHAIN_DIR"])


def left(root: Path) -> list[str]:
    """All files of a volume but the lock, the progress and what was set aside."""
    passing = (".exposer/lock", ".exposer/progress", ".exposer/aside")
    files = (str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    return sorted(path for path in files if not path.startswith(passing))


def stamps(root: Path) -> dict[str, tuple[int, int]]:
    """Of each of these files, what changes with it: inode and time of change."""
    return {path: ((root / path).stat().st_ino, (root / path).stat().st_ctime_ns) for path in left(root)}


def running(word: str) -> list[str]:
    """The command lines, of all processes but this one, that have ``word``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            found += [line] if word in line else []
    return found
