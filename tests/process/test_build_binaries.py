"""What ``scripts/build-binaries`` builds, for whom: by the real Go a tiny module, by a stand-in the chains."""

import fcntl
import os
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from project import ROOT

TINY = {
    "go.mod": "module example.test/tiny\n\ngo 1.21\n",
    "tools.go": '//go:build tools\n\npackage tools\n\nimport _ "example.test/tiny"\n',
    "main.go": 'package main\n\nfunc main() { println("tiny") }\n',
}
PROGRAMS = """
awk bash cat chmod dirname env flock go grep ldd ls make mkdir mktemp mv rm sed sh sha256sum touch
"""
GO = """#!/bin/sh
echo "$*" >>go.log
[ "$1" = build ] || { echo "$COMPILER"; exit; }
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\n' >"$2" && chmod +x "$2"
"""
"""Stands for a Go that builds a chain in no time: it writes down what is asked of it."""
needs_go = pytest.mark.skipif(not shutil.which("go"), reason="Go builds here")


class Clone:
    """The scripts and the Makefile in a directory of their own, with nothing on PATH but what they need."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(ROOT / "scripts", root / "scripts")
        shutil.copy(ROOT / "Makefile", root)
        (root / "bin").mkdir()
        for name in PROGRAMS.split():
            if path := shutil.which(name):
                (root / "bin" / name).symlink_to(path)
        for name in ("pyproject.toml", *(f"requirements/{one}.txt" for one in ("build", "runtime", "images", "dev"))):
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).touch()

    def program(self, path: str, text: str) -> None:
        """Put a script; without a text nothing is there."""
        file = self.root / path
        file.unlink(missing_ok=True)
        if text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            file.chmod(0o755)

    def start(self, *command: str, **variables: str) -> "subprocess.Popen[str]":
        """A command of the clone, with its own PATH."""
        environment = {
            **os.environ,
            "PATH": str(self.root / "bin"),
            "GOFLAGS": "",
            "GOPROXY": "off",
            "COMPILER": "",
            **variables,
        }
        return subprocess.Popen(
            command, cwd=self.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *command: str, **variables: str) -> tuple[int, str, str]:
        """Its exit code, stdout and stderr."""
        with self.start(*command, **variables) as process:
            stdout, stderr = process.communicate(timeout=60)
        return process.returncode, stdout, stderr

    def built(self) -> list[str]:
        """The modules that the stand-in was asked to build."""
        log = self.root / "go.log"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return [line.split()[2].removeprefix("scripts/binaries/") for line in lines if line.startswith("build")]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """A clone whose Go is a stand-in."""
    result = Clone(tmp_path / "clone")
    result.program("bin/go", GO)
    return result


@pytest.fixture
def tiny(tmp_path: Path) -> Clone:
    """A clone with the real Go, and a module that it builds in a moment."""
    result = Clone(tmp_path / "clone")
    for name, text in TINY.items():
        file = result.root / "scripts/binaries/tiny" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return result


def test_an_unknown_name_is_answered_with_those_there_are(clone: Clone) -> None:
    """Nothing is built when one of the names is wrong, whoever passes it on."""
    clone.program("bin/docker", "#!/bin/sh\n")
    for command in ("scripts/build-binaries", "scripts/images"):
        code, _, stderr = clone.run(command, "cometbft", "nosuch")

        assert (code, "no binary 'nosuch'; there are: cometbft cosmovisor docker-compose " in stderr) == (2, True)
    assert clone.built() == []


def test_only_what_is_linked_to_c_needs_a_compiler(clone: Clone) -> None:
    """Without a C compiler wasmd is refused with the cure, and the others are built."""
    assert clone.run("scripts/build-binaries", "cometbft", "simd", COMPILER="nosuch -m64")[0] == 0
    assert clone.run("scripts/build-binaries", "wasmd", COMPILER="nosuch -m64")[::2] == (
        3,
        "a C compiler is needed to build wasmd: install gcc\n",
    )
    assert clone.built() == ["cometbft", "simd"]


def test_go_is_needed_only_for_what_is_not_built(clone: Clone) -> None:
    """What is there already needs no Go; what is not is told with where to get it."""
    assert clone.run("scripts/build-binaries", "simd")[0] == 0
    clone.program("bin/go", "")

    assert clone.run("scripts/build-binaries", "simd") == (0, "", "")
    code, _, stderr = clone.run("scripts/build-binaries", "simd", "cometbft")
    assert (code, stderr) == (3, "Go is needed to build cometbft: https://go.dev/doc/install\n")


@needs_go
def test_two_runs_at_once_build_once(tiny: Clone) -> None:
    """Both end well with the same binary, which one of them has built."""
    with tiny.start("scripts/build-binaries", "tiny") as one, tiny.start("scripts/build-binaries", "tiny") as other:
        told = one.communicate(timeout=60)[1] + other.communicate(timeout=60)[1]

    assert (one.returncode, other.returncode, told.count("building tiny from")) == (0, 0, 1), told
    assert subprocess.run([tiny.root / ".cache/bin/tiny"], check=True, capture_output=True).stderr == b"tiny\n"
    assert not list((tiny.root / ".cache/bin").glob("*.part"))


@needs_go
def test_who_waits_takes_what_the_other_run_has_built(tiny: Clone) -> None:
    """A binary that another run is building is waited for, which a line says, and then taken as it is."""
    assert tiny.run("scripts/build-binaries", "tiny")[0] == 0
    made = tiny.root / ".cache/bin/tiny"
    with (tiny.root / ".cache/bin/.tiny.lock").open("w") as lock:
        made.rename(made.with_name("aside"))
        fcntl.flock(lock, fcntl.LOCK_EX)
        with tiny.start("scripts/build-binaries", "tiny") as waiting:
            assert waiting.stderr is not None
            assert waiting.stderr.readline() == "another run is building tiny: waiting for it\n"
            made.with_name("aside").rename(made)
            fcntl.flock(lock, fcntl.LOCK_UN)

            assert waiting.communicate(timeout=60) == ("", "")
    assert waiting.returncode == 0


@needs_go
def test_a_build_that_fails_leaves_the_former_binary(tiny: Clone) -> None:
    """Nobody ever finds half a binary: one takes the place of the former when it is whole."""
    assert tiny.run("scripts/build-binaries", "tiny")[0] == 0
    (tiny.root / "scripts/binaries/tiny/go.mod").write_text("module example.test/tiny\n\ngo 1.22\n", encoding="utf-8")
    (tiny.root / "scripts/binaries/tiny/main.go").write_text("package main\n", encoding="utf-8")

    assert tiny.run("scripts/build-binaries", "tiny")[0] != 0
    assert subprocess.run([tiny.root / ".cache/bin/tiny"], check=True, capture_output=True).stderr == b"tiny\n"


@pytest.mark.parametrize(
    ("images", "built"),
    [("simd", ["simd"]), ("simd build", ["simd", "cosmovisor"]), ("", ["cometbft", "simd", "wasmd"])],
)
def test_images_build_what_they_take(clone: Clone, images: str, built: list[str]) -> None:
    """An image of one chain needs that chain's binary, the one with Go cosmovisor, and no other is built."""
    clone.program("bin/docker", '#!/bin/sh\n[ "$1" = version ]\n')  # an engine that answers and has no image

    clone.run("scripts/images", *images.split(), BASE_IMAGE="none", COMPILER="sh")

    assert clone.built() == built


@pytest.mark.parametrize(
    ("target", "sets", "last"),
    [
        ("up", ["build", "runtime"], 'PATH="$PATH:{root}/.cache/bin" .venv/bin/exposer up simd wasmd'),
        ("binaries", [], "scripts/build-binaries simd wasmd"),
        ("images", ["build", "runtime", "images"], "scripts/images simd wasmd"),
        ("bench", ["build", "runtime", "dev"], ".venv/bin/python -m bench simd wasmd"),
    ],
)
def test_a_target_installs_and_builds_what_it_needs(clone: Clone, target: str, sets: list[str], last: str) -> None:
    """Only tests and checks install what tests need, and ARGS say what is built."""
    _, stdout, _ = clone.run("make", "--dry-run", target, "ARGS=simd wasmd")

    words = stdout.split()
    installed = [word for before, word in pairwise(words) if before == "--requirement"]
    assert installed == [f"requirements/{name}.txt" for name in sets]
    assert stdout.splitlines()[-1] == last.format(root=clone.root)


@pytest.fixture
def up(clone: Clone) -> Clone:
    """A clone that is set up, whose ``exposer`` says only whether it finds cometbft."""
    clone.program(".venv/bin/exposer", "#!/bin/sh\ncommand -v cometbft || echo no node\n")
    (clone.root / ".venv/.runtime").touch()
    return clone


def test_make_up_builds_cometbft_once(up: Clone) -> None:
    """Where Go is there and cometbft is not, `make up` says what it builds and how to skip that; then it is there."""
    code, stdout, stderr = up.run("make", "up")

    package = "github.com/cometbft/cometbft/cmd/cometbft"
    hint = "once (1 to 4 minutes; to skip it: make up COMETBFT=none)"
    assert (code, stderr) == (0, f"building cometbft from {package}, {hint}\n")
    assert stdout == f"{up.root}/.cache/bin/cometbft\n"
    assert up.run("make", "up", "ARGS=--validators 2") == (0, stdout, "")


def test_make_up_goes_on_when_the_build_fails(up: Clone) -> None:
    """The pods come up without nodes, as they do without Go, and a line says why."""
    up.program("bin/go", "#!/bin/sh\necho no network >&2\nexit 1\n")

    code, stdout, stderr = up.run("make", "up")

    assert (code, stdout) == (0, "no node\n")
    assert stderr.endswith("no network\ncometbft could not be built, so no node runs: the reason is above\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["COMETBFT=none"],
        ["ARGS=--chain simapp"],
        ["ARGS=--chain=simapp"],
        ["ARGS=net.yaml"],
        ["ARGS=Makefile"],
        ["ARGS=--help"],
    ],
)
def test_make_up_builds_nothing_that_is_not_needed(up: Clone, arguments: list[str]) -> None:
    """Who skips it, and a network other than the default one, get no cometbft."""
    assert up.run("make", "up", *arguments) == (0, "no node\n", "")
    assert up.built() == []


def test_make_up_builds_nothing_for_a_network_file_found_here(up: Clone) -> None:
    """`network.yaml` of the directory is the network, whatever it needs."""
    (up.root / "network.yaml").touch()

    assert up.run("make", "up") == (0, "no node\n", "")


def test_make_up_without_go(up: Clone) -> None:
    """Without Go nothing is built, and nothing said of it."""
    up.program("bin/go", "")

    assert up.run("make", "up") == (0, "no node\n", "")


def test_make_up_takes_the_cometbft_of_path_first(up: Clone) -> None:
    """What is on PATH is neither built nor replaced by what was built."""
    for place in ("bin", ".cache/bin"):
        up.program(f"{place}/cometbft", "#!/bin/sh\n")

    assert up.run("make", "up") == (0, f"{up.root}/bin/cometbft\n", "")
    assert up.built() == []
