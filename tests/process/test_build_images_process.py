"""``init-build-images`` with real git and real Go: what it leaves for cosmovisor, and every way to fail."""

import base64
import http.server
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

import pytest
from go_world import MAIN, MODULE, GitRepository, build, command, pod, program, publish, says
from scripted_server import ScriptedServer, answer, reset, stall
from zygote import Zygote, zygote

from exposer.records import read_record
from exposer.settings import read_settings
from init_scripts.gomodule import _candidates
from init_scripts.init_build_images import BuildSettings, upgrade_directory

pytestmark = pytest.mark.skipif(not (shutil.which("go") and shutil.which("git")), reason="Go and git build here")

DOCS = Path(__file__).parents[2] / "docs/builds.md"
STEP = "init-build-images"
GENESIS = "cosmovisor/genesis/bin/tinyd"
V2 = "cosmovisor/upgrades/v2/bin/tinyd"


@pytest.fixture
def code(tmp_path: Path) -> GitRepository:
    """A repository with the tags v1.0.0, 2.0.0 (annotated) and v2.1.0, and the branch ``next``."""
    repository = GitRepository(tmp_path / "code")
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


def test_the_layout_of_cosmovisor(code: GitRepository, tmp_path: Path) -> None:
    """Genesis and upgrade are programs in their places, with digests, versions, commits and Go's version recorded."""
    environment = pod(tmp_path, CODE_REPO=str(code.path), CODE_TAG="1.0.0", UPGRADES="v2=v2.0.0")
    done = build(environment)

    assert done.returncode == 0, done.stderr
    root = home(environment)
    assert left(root) == [f".exposer/steps/{STEP}.json", f".exposer/steps/{STEP}.v2.json", GENESIS, V2]
    assert [says(root / GENESIS), says(root / V2)] == ["one", "two"]
    records = {path: read_record(root, step) for path, step in ((GENESIS, STEP), (V2, f"{STEP}.v2"))}
    assert {
        path: [(artifact.path, artifact.sha256) for artifact in record.artifacts]
        for path, record in records.items()
        if record
    } == {path: [(path, sha256((root / path).read_bytes()).hexdigest())] for path in (GENESIS, V2)}
    facts = {path: record.facts["build"] for path, record in records.items() if record}
    assert re.match(r"go1\.", facts[GENESIS].pop("go"))
    assert facts[GENESIS] == {
        "source": str(code.path),
        "version": "1.0.0",
        "commit": code.git("rev-parse", "v1.0.0"),
        "package": "./cmd/tinyd",
    }
    assert facts[V2]["commit"] == code.git("rev-parse", "2.0.0^{commit}")
    assert (root / "cosmovisor/genesis/bin").stat().st_mode & 0o777 == 0o755


def test_the_example_of_the_docs(tmp_path: Path) -> None:
    """The lines of docs/builds.md build two versions and run one, with a small repository in place of the real one."""
    found = re.search(r"```sh\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    repository = GitRepository(tmp_path / "code")
    place = "testing/simapp/simd/main.go"
    repository.commit({"go.mod": program("")["go.mod"], place: MAIN}, "v7.10.0")
    repository.commit({place: MAIN.replace("VERSION", "8.8.0")}, "v8.8.0")
    script = found[1].replace("https://github.com/cosmos/ibc-go", str(repository.path))
    environment = pod(tmp_path, PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "8.8.0"


def test_a_second_run_starts_nothing(code: GitRepository, tmp_path: Path) -> None:
    """A rerun exits 0 where there is neither git nor Go nor the repository; with another version it exits 5."""
    environment = pod(tmp_path, CODE_REPO=str(code.path), CODE_TAG="v1.0.0")
    assert build(environment).returncode == 0
    shutil.rmtree(code.path)
    environment |= {"PATH": "/nowhere"}
    before = stamps(home(environment))
    again = build(environment)

    assert again.returncode == 0, again.stderr
    assert "already complete" in again.stderr
    assert stamps(home(environment)) == before
    other = build({**environment, "CODE_TAG": "v2.0.0"})
    assert other.returncode == 5
    assert "CODE_TAG" in other.stderr


def test_a_plan_may_be_added(code: GitRepository, tmp_path: Path) -> None:
    """Another upgrade is built beside what is there, which stays as it is; a changed one exits 5 and is named."""
    environment = pod(tmp_path, CODE_REPO=str(code.path), CODE_TAG="v1.0.0")
    assert build(environment).returncode == 0
    before = stamps(home(environment))
    done = build({**environment, "UPGRADES": "V2=2.0.0"})

    assert done.returncode == 0, done.stderr
    assert done.stderr.count("building") == 1
    assert says(home(environment) / V2) == "two"
    after = stamps(home(environment))
    assert {path: after[path] for path in before} == before
    assert build(environment).returncode == 0
    changed = build({**environment, "UPGRADES": "V2=v2.1.0"})
    assert changed.returncode == 5
    assert "different now: UPGRADES V2." in changed.stderr
    assert stamps(home(environment)) == after


@pytest.mark.parametrize(
    ("version", "text"),
    [
        ("v1.0.0", "one"),
        ("1.0.0", "one"),
        ("v2.0.0", "two"),
        ("2.0.0", "two"),
        ("main", "two and a bit"),
        ("next", "next"),
        ("COMMIT", "one"),
        ("SHORT", "one"),
    ],
)
def test_a_version_of_a_repository(code: GitRepository, tmp_path: Path, version: str, text: str) -> None:
    """A version is a tag with or without its v, a branch, or a commit, in full or cut short."""
    commit = code.git("rev-parse", "v1.0.0")
    meant = {"COMMIT": commit, "SHORT": commit[:9]}.get(version, version)
    environment = pod(tmp_path, CODE_REPO=code.path.as_uri(), CODE_TAG=meant)
    done = build(environment)

    assert done.returncode == 0, done.stderr
    assert says(home(environment) / GENESIS) == text


def test_a_go_module(tmp_path: Path) -> None:
    """The module of a package is found; its own replacements count, but for those by neighbours it does not have."""
    publish(
        tmp_path / "proxy", "example.test/old", "v1.0.0", {"go.mod": "module example.test/old\n", "a.go": "package old"}
    )
    word = 'package old\n\nconst Word = "replaced"\n'
    publish(tmp_path / "proxy", "example.test/fork", "v1.0.1", {"go.mod": "module example.test/old\n", "a.go": word})
    mod = (
        f"module {MODULE}/v3\n\ngo 1.21\n\nrequire (\n\texample.test/old v1.0.0\n\texample.test/near v0.0.0\n)\n\n"
        "replace (\n\texample.test/old => example.test/fork v1.0.1\n\texample.test/near => ../near\n)\n"
    )
    main = 'package main\n\nimport "example.test/old"\n\nfunc main() { println(old.Word) }\n'
    publish(tmp_path / "proxy", f"{MODULE}/v3", "v3.0.0", {"go.mod": mod, "deep/down/tinyd/main.go": main})
    publish(tmp_path / "proxy", "example.test/near", "v0.0.0", {"go.mod": "module example.test/near\n"})
    environment = pod(tmp_path, CODE_TAG=f"{MODULE}/v3/deep/down/tinyd@3.0.0")
    done = build(environment)

    assert done.returncode == 0, done.stderr
    assert says(home(environment) / GENESIS) == "replaced"
    assert "replaces example.test/near by ../near" in done.stderr
    record = read_record(home(environment), STEP)
    assert record
    assert {name: record.facts["build"][name] for name in ("source", "version", "package")} == {
        "source": f"{MODULE}/v3",
        "version": "v3.0.0",
        "package": "./deep/down/tinyd",
    }
    assert left(home(environment)) == [f".exposer/steps/{STEP}.json", GENESIS]


def test_a_release_that_does_not_build_as_it_is(tmp_path: Path) -> None:
    """BUILD_REQUIRES raises a dependency of a release, as a newer Go may need it."""
    for version, text in (("v1.0.0", "package dep\n"), ("v1.1.0", 'package dep\n\nconst Word = "raised"\n')):
        publish(tmp_path / "proxy", "example.test/dep", version, {"go.mod": "module example.test/dep\n", "a.go": text})
    mod = f"module {MODULE}\n\ngo 1.21\n\nrequire example.test/dep v1.0.0\n"
    main = 'package main\n\nimport "example.test/dep"\n\nfunc main() { println(dep.Word) }\n'
    publish(tmp_path / "proxy", MODULE, "v1.0.0", {"go.mod": mod, "cmd/tinyd/main.go": main})
    environment = pod(tmp_path, CODE_REPO=MODULE, CODE_TAG="v1.0.0")

    refused = build(environment)
    assert refused.returncode == 3
    assert "undefined: dep.Word" in refused.stderr.splitlines()[-1]
    done = build({**environment, "BUILD_REQUIRES": "example.test/dep@v1.1.0"})
    assert done.returncode == 0, done.stderr
    assert says(home(environment) / GENESIS) == "raised"


@pytest.mark.parametrize(
    ("repo", "version", "what"),
    [
        ("GIT", "v2.0.1", "has no tag, branch or commit 'v2.0.1'; the nearest there are: 2.0.0, v2.1.0"),
        ("GIT", "abcdef0", "has no tag, branch or commit 'abcdef0'"),
        ("GIT", "0" * 40, f"has no tag, branch or commit '{'0' * 40}'"),
        (MODULE, "v1.0.1", f"there is no Go module for {MODULE}@v1.0.1; the nearest there are: v1.0.0"),
        ("example.test/none", "v1.0.0", "; for a git repository write https://example.test/none"),
        ("/nowhere", "v1.0.0", "'/nowhere' does not appear to be a git repository"),
        ("nothing at all", "v1.0.0", "CODE_REPO is no git URL, no path of a repository and no Go module"),
        ("GIT", "--upload-pack=/bin/false", "UPGRADES v2: write a tag"),
    ],
)
def test_a_version_that_is_not_there(code: GitRepository, tmp_path: Path, repo: str, version: str, what: str) -> None:
    """It exits 3 before anything is built, and the last line has the cause, with what there is instead."""
    publish(tmp_path / "proxy", MODULE, "v1.0.0", program("one"))
    repo = str(code.path) if repo == "GIT" else repo
    environment = pod(tmp_path, CODE_REPO=repo, CODE_TAG=f"{MODULE}@v1.0.0", UPGRADES=f"v2={version}")
    done = build(environment)

    assert done.returncode == 3, done.stderr
    assert what in "".join(done.stderr.splitlines(keepends=True)[-12:])
    assert "building" not in done.stderr
    assert left(home(environment)) == []


@pytest.mark.parametrize(
    ("files", "settings", "what"),
    [
        ({"cmd/tinyd/main.go": "package main\n\nfunc main() { broken }\n"}, {}, "undefined: broken"),
        ({"cmd/tinyd/main.go": MAIN.replace('"VERSION"', '"connection refused" - 1')}, {}, "connection refused"),
        ({"cmd/tinyd/main.go": MAIN.replace('"VERSION"', "1 +")}, {}, "syntax error"),
        ({"cmd/tinyd/main.go": 'package main\n\nimport "example.test/none"\n'}, {}, "example.test/none"),
        ({"go.mod": "module example.test/tiny\n\ngo 1.999\n"}, {"GOTOOLCHAIN": "local"}, "go.mod requires go >= 1.999"),
        ({}, {"BUILD_PACKAGE": "./cmd/other"}, "BUILD_PACKAGE: ./cmd/other is no package"),
        ({}, {"BUILD_PACKAGE": "../../.."}, "BUILD_PACKAGE: ../../.. is no package"),
        (
            {},
            {"DAEMON_NAME": "otherd"},
            "no main packages are called otherd; name one by BUILD_PACKAGE, there are: ./cmd/tinyd",
        ),
        ({}, {"DAEMON_HOME": "/elsewhere"}, "DAEMON_HOME (--daemon-home) is not CHAIN_DIR"),
        ({}, {"UPGRADES": "v2"}, "UPGRADES: 'v2': write NAME=VERSION"),
        ({}, {"UPGRADES": "v2=v1,V2=v1"}, "UPGRADES: V2 is there twice"),
    ],
)
def test_what_cannot_be_built(tmp_path: Path, files: dict[str, str], settings: dict[str, str], what: str) -> None:
    """It exits 3 with the compiler's own words last, and leaves nothing on the volume."""
    repository = GitRepository(tmp_path / "code")
    repository.commit({**program("one"), **files}, "v1")
    environment = pod(tmp_path, CODE_REPO=str(repository.path), CODE_TAG="v1", **settings)
    done = build(environment)

    assert done.returncode == 3, done.stderr
    assert what in "".join(done.stderr.splitlines(keepends=True)[-12:])
    assert left(home(environment)) == [] or not home(environment).exists()


def test_where_the_package_is(tmp_path: Path) -> None:
    """A daemon is found by its directory's name, in a module within the repository too; of two one must be named."""
    repository = GitRepository(tmp_path / "code")
    inner = {"sim/go.mod": f"module {MODULE}/sim\n\ngo 1.21\n", "sim/tinyd/main.go": MAIN}
    repository.commit({"go.mod": program("")["go.mod"], **inner}, "v1")
    repository.commit({"other/tinyd/main.go": MAIN.replace("VERSION", "other")}, "v2")
    environment = pod(tmp_path, CODE_REPO=str(repository.path), CODE_TAG="v1")
    assert build(environment).returncode == 0
    assert says(home(environment) / GENESIS) == "VERSION"

    environment |= {"CODE_TAG": "v2", "CHAIN_DIR": str(tmp_path / "home2")}
    refused = build(environment)
    assert refused.returncode == 3
    assert "name one by BUILD_PACKAGE, there are: ./other/tinyd, ./sim/tinyd" in refused.stderr
    assert build({**environment, "BUILD_PACKAGE": "other/tinyd"}).returncode == 0
    assert says(home(environment) / GENESIS) == "other"


@pytest.mark.parametrize("tool", ["git", "go"])
def test_without_a_tool(code: GitRepository, tmp_path: Path, tool: str) -> None:
    """Where git or Go is missing it exits 3 and names it."""
    path = tmp_path / "bin"
    path.mkdir()
    other = {"git": "go", "go": "git"}[tool]
    (path / other).symlink_to(str(shutil.which(other)))
    environment = pod(tmp_path, CODE_REPO=str(code.path), CODE_TAG="v1.0.0", PATH=str(path))
    done = build(environment)

    assert done.returncode == 3
    assert f"no {tool} on PATH" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("source", ["git", "module"])
@pytest.mark.parametrize("fault", ["refused", "reset", "503", "no name"])
def test_a_network_that_fails_and_heals(tmp_path: Path, fault: str, source: str) -> None:
    """A network failure is 75, with its cause in the last lines; once it is over a rerun completes."""
    script = {"503": answer(503), "reset": reset}.get(fault, reset)
    publish(tmp_path / "proxy", MODULE, "v1.0.0", program("one"))
    environment = pod(tmp_path, CODE_REPO=MODULE, CODE_TAG="v1.0.0")
    with ScriptedServer(script, listening=fault != "refused") as server:
        url = "http://nowhere.invalid" if fault == "no name" else server.url
        broken = {"GOPROXY": url} if source == "module" else {"CODE_REPO": f"{url}/code.git"}
        done = build({**environment, **broken})
    assert done.returncode == 75, done.stderr
    assert re.search(
        "refused|reset|503|no such host|resolve|reply|EOF|Failed to connect", "".join(done.stderr.splitlines()[-4:])
    )
    assert left(home(environment)) == []

    assert build(environment).returncode == 0
    assert says(home(environment) / GENESIS) == "one"


def test_dependencies_that_cannot_be_fetched(code: GitRepository, tmp_path: Path) -> None:
    """A module proxy that fails during the build is 75, not an error of the source."""
    mod = f"module {MODULE}\n\ngo 1.21\n\nrequire example.test/dep v1.0.0\n"
    code.commit(
        {"go.mod": mod, "cmd/tinyd/main.go": 'package main\n\nimport _ "example.test/dep"\n\nfunc main() {}\n'}, "v5"
    )
    with ScriptedServer(answer(502)) as server:
        done = build(pod(tmp_path, CODE_REPO=str(code.path), CODE_TAG="v5", GOPROXY=server.url))

    assert done.returncode == 75, done.stderr
    assert "502" in done.stderr


def test_the_time_limit(tmp_path: Path) -> None:
    """A repository that never answers is 75 once BUILD_TIMEOUT is over, and git does not outlive the step."""
    with ScriptedServer(stall) as server:
        done = build(pod(tmp_path, CODE_REPO=f"{server.url}/code.git", CODE_TAG="v1", BUILD_TIMEOUT="1s"))

        assert done.returncode == 75, done.stderr
        assert "(BUILD_TIMEOUT)" in done.stderr.splitlines()[-1]
        assert not running(server.place)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_the_step(tmp_path: Path, number: signal.Signals) -> None:
    """Ended by a signal, or killed, the step leaves no git behind."""
    with ScriptedServer(stall) as server:
        environment = pod(tmp_path, CODE_REPO=f"{server.url}/code.git", CODE_TAG="v1")
        with subprocess.Popen(command(), env=environment, stderr=subprocess.PIPE) as step:
            wait_until(lambda: bool(server.asked))
            assert running(server.place)
            step.send_signal(number)
            step.communicate(timeout=30)
        wait_until(lambda: not any("ls-remote" in line for line in running(server.place)))
        assert number == signal.SIGKILL or not running(server.place)
    wait_until(lambda: not running(server.place))  # what git itself had started ends with its connection

    assert step.returncode == (128 + number if number == signal.SIGTERM else -number)


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


def wait_until(look: Callable[[], bool], limit: float = 30.0) -> None:
    """Return when ``look`` is true; fails after ``limit`` seconds."""
    end = time.monotonic() + limit
    while not look():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_a_full_disk(code: GitRepository, tmp_path: Path) -> None:
    """A disk that is full at any stage of the build is 75; with more room a rerun completes."""
    environment = pod(tmp_path, CODE_REPO=str(code.path), CODE_TAG="v1.0.0")
    root = home(environment)
    root.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", root], check=False, timeout=10)
    if mounted.returncode != 0:
        pytest.skip("no tmpfs can be mounted here")
    try:
        for size in ("64k", "256k", "768k", "1m"):
            subprocess.run(["mount", "-o", f"remount,size={size}", root], check=True, timeout=10)
            done = build(environment)
            assert done.returncode == 75, f"{size}: {done.stderr}"
            assert "o space left" in done.stderr, size
            assert left(root) == []
        subprocess.run(["mount", "-o", "remount,size=64m", root], check=True, timeout=10)
        assert build(environment).returncode == 0
        assert says(root / GENESIS) == "one"
    finally:
        subprocess.run(["umount", "--lazy", root], check=True, timeout=10)


@pytest.fixture(scope="module")
def warm() -> Iterator[Zygote]:
    """One warm process for all runs."""
    with zygote() as process:
        yield process


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed; see scripts/")
def test_a_kill_at_any_point_converges(
    warm: Zygote, code: GitRepository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever the step is killed, no final path holds part of a file, and a rerun ends as if nothing had been."""
    first = pod(tmp_path, CODE_REPO=str(code.path), CODE_TAG="v1.0.0", UPGRADES="v2=2.0.0")
    seen: Counter[str] = Counter()
    points = []
    for call, line in warm.trace(STEP, first, tmp_path / "trace"):
        seen[call] += 1
        if str(home(first)) in line and (call != "openat" or "O_CREAT" in line):
            points.append((call, seen[call]))
    expected = {path: (home(first) / path).read_bytes() for path in left(home(first))}
    chosen = [*points[:: max(1, len(points) // 12)], *points[-3:]]

    for number, (call, count) in enumerate(chosen):
        where = f"killed before {call} number {count}"
        environment = {**first, "CHAIN_DIR": str(tmp_path / f"home-{number}")}
        root = home(environment)
        assert warm.kill(STEP, environment, call, count) == -9, where
        for path in (GENESIS, V2):
            assert not (root / path).exists() or (root / path).read_bytes() == expected[path], where
        assert warm.run(STEP, environment) == 0, where
        assert {path: (root / path).read_bytes() for path in left(root)} == expected, where
        shutil.rmtree(root)
    with capsys.disabled():
        print(f"\nkill points of a build, all converged: {len(chosen)} of {len(points)}")


def test_pods_that_start_together(code: GitRepository, tmp_path: Path) -> None:
    """Two pods that build the same source at the same time both get it, with the same bytes."""
    pods = [
        pod(tmp_path, CODE_REPO=str(code.path), CODE_TAG="v2.1.0", CHAIN_DIR=str(tmp_path / f"home-{number}"))
        for number in range(2)
    ]
    steps = [subprocess.Popen(command(), env=one, stderr=subprocess.PIPE) for one in pods]
    for step in steps:
        _, told = step.communicate(timeout=120)
        assert step.returncode == 0, told

    assert len({(home(one) / GENESIS).read_bytes() for one in pods}) == 1


def test_without_a_home(code: GitRepository, tmp_path: Path) -> None:
    """A user without a home to write to, as in many containers, builds all the same, and leaves no cache behind."""
    cache = subprocess.run(["go", "env", "GOCACHE"], capture_output=True, text=True, check=True, timeout=20)
    environment = pod(
        tmp_path, CODE_REPO=str(code.path), CODE_TAG="v1.0.0", HOME="/nowhere", GOCACHE=cache.stdout.strip()
    )
    del environment["GOMODCACHE"], environment["GOFLAGS"]
    done = build(environment)

    assert done.returncode == 0, done.stderr
    assert left(home(environment)) == [f".exposer/steps/{STEP}.json", GENESIS]
    assert not (home(environment) / ".exposer/scratch").exists()


@pytest.mark.skipif(shutil.which("gcc") is None, reason="cgo needs gcc")
def test_a_library_comes_along(tmp_path: Path) -> None:
    """A shared library of the source stands beside the binary, which finds it there when the source is gone."""
    repository = GitRepository(tmp_path / "code")
    main = (
        "package main\n\n// #cgo LDFLAGS: -L${SRCDIR} -lword -Wl,-rpath,${SRCDIR}\n// extern const char *word(void);\n"
        'import "C"\n\nfunc main() { println(C.GoString(C.word())) }\n'
    )
    repository.commit({**program(""), "cmd/tinyd/main.go": main})
    source = tmp_path / "word.c"
    source.write_text('const char *word(void) { return "from the library"; }\n')
    library = repository.path / "cmd/tinyd/libword.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True, timeout=60)
    repository.commit({}, "v1")
    environment = pod(tmp_path, CODE_REPO=str(repository.path), CODE_TAG="v1")
    done = build(environment)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(repository.path)
    moved = home(environment).rename(tmp_path / "moved")

    record = read_record(moved, STEP)
    assert record
    assert [artifact.path for artifact in record.artifacts] == ["cosmovisor/genesis/bin/libword.so", GENESIS]
    assert says(moved / GENESIS, environment={}) == "from the library"


class _Guarded(http.server.SimpleHTTPRequestHandler):
    """Files, for who has the name and the password."""

    passwords: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        """A file, or 401."""
        given = self.headers.get("authorization", "").removeprefix("Basic ")
        if base64.b64decode(given).decode() in {f"alice:{password}" for password in self.passwords}:
            super().do_GET()
            return
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="code"')
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def guarded(directory: Path, *passwords: str) -> Iterator[str]:
    """``directory`` over HTTP behind a password; ``host:port``."""
    _Guarded.passwords = set(passwords)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Guarded, directory=str(directory))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def test_credentials_are_never_told(code: GitRepository, tmp_path: Path) -> None:
    """A password in CODE_REPO opens the repository, and is in no command line, log, record or file; it may change."""
    secret, other = "hunter2-hunter2-%2F", "another-word-altogether"
    code.git("update-server-info")
    sampled: set[str] = set()
    with guarded(code.path / ".git", "hunter2-hunter2-/", other) as place:
        environment = pod(
            tmp_path, CODE_REPO=f"http://alice:{secret}@{place}/", CODE_TAG="v1.0.0", EXPOSER_LOG_LEVEL="debug"
        )
        with subprocess.Popen(command(), env=environment, stderr=subprocess.PIPE, text=True) as step:
            while step.poll() is None:
                sampled.update(running(place))
            told = step.communicate()[1]
        assert step.returncode == 0, told
        assert any("ls-remote" in line for line in sampled)
        wrong = build(
            {**environment, "CODE_REPO": f"http://alice:wrong-wrong-wrong@{place}/", "CHAIN_DIR": str(tmp_path / "h2")}
        )
        assert wrong.returncode == 3, wrong.stderr
        assert "Authentication failed" in wrong.stderr
        branch = build({**environment, "CODE_TAG": "next", "CHAIN_DIR": str(tmp_path / "h3")})
        assert branch.returncode == 0, branch.stderr
        rotated = build({**environment, "CODE_REPO": f"http://alice:{other}@{place}/"})
        assert rotated.returncode == 0, rotated.stderr

    texts = {str(path): path.read_bytes() for path in home(environment).rglob("*") if path.is_file()}
    assert f".exposer/steps/{STEP}.json" in str(texts.keys())
    everything = "\n".join([*sampled, told, wrong.stderr, branch.stderr, rotated.stderr]).encode() + b"".join(
        texts.values()
    )
    for word in (secret, "hunter2", "wrong-wrong", other):
        assert word.encode() not in everything
    record = read_record(home(environment), STEP)
    assert record
    assert record.facts["build"]["source"] == f"http://{place}/"


@pytest.mark.parametrize(
    ("path", "version", "candidates"),
    [
        ("github.com/o/r/v8/a/b", "v8.1.0", ["github.com/o/r/v8"]),
        ("github.com/o/r/a/b", "v1.0.0", ["github.com/o/r/a/b", "github.com/o/r/a", "github.com/o/r"]),
        ("example.test/x", "main", ["example.test/x", "example.test"]),
        ("gopkg.in/yaml.v3", "v3.0.1", ["gopkg.in/yaml.v3"]),
    ],
)
def test_the_modules_that_may_hold_a_package(path: str, version: str, candidates: list[str]) -> None:
    """The longest prefix is tried first; from v2 on only those count whose path ends with the major version."""
    assert list(_candidates(path, version)) == candidates


@pytest.mark.parametrize(
    ("name", "directory"),
    [("v8", "upgrades/v8"), ("V8.1", "upgrades/v8.1"), ("normal upgrade", "upgrades/normal%20upgrade")],
)
def test_the_directory_of_a_plan(name: str, directory: str) -> None:
    """It is the one where cosmovisor looks: in lower case, and escaped as Go's url.PathEscape does."""
    assert upgrade_directory(name) == directory


def test_the_daemon_is_the_chains_binary() -> None:
    """Without DAEMON_NAME the binary has the base name of CHAIN_BIN."""
    chain = ["--chain-id", "a", "--chain-dir", "/h", "--chain-bin", "/h/cosmovisor/genesis/bin/simd"]
    assert read_settings(BuildSettings, [*chain, "--code-tag", "v1"], prog="test", description="").daemon == "simd"
