"""Small Go programs as sources to build: a git repository with tags, and a module proxy that is a directory."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

MODULE = "example.test/tiny"
MAIN = 'package main\n\nfunc main() { println("VERSION") }\n'
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


def command() -> list[str]:
    """How the step is started."""
    return [sys.executable, "-m", "init_scripts.init_build_images"]


def build(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """The step, run to its end."""
    return subprocess.run(
        [*command(), *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def says(binary: Path, *, environment: Mapping[str, str] | None = None) -> str:
    """What a program prints."""
    done = subprocess.run([binary], capture_output=True, text=True, timeout=20, check=True, env=environment)
    return (done.stdout + done.stderr).strip()
