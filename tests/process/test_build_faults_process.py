"""``init-build-images`` in a hostile world: networks, disks, signals and time limits."""

import fcntl
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from go_world import (
    BUILDS,
    GENESIS,
    MAIN,
    MODULE,
    STEP,
    V2,
    GitRepository,
    build,
    command,
    home,
    left,
    pod,
    program,
    publish,
    running,
    says,
)
from sample import sample
from scripted_server import Exchange, Script, ScriptedServer, answer, by_path, reset, stall
from traced_calls import calls
from waiting import eventually
from zygote import Zygote, zygote

pytestmark = BUILDS


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
def test_a_network_that_fails_and_heals(code: GitRepository, tmp_path: Path, fault: str, source: str) -> None:
    """A network failure is 75, with its cause in the last lines; once it is over the same step completes."""
    code.git("update-server-info")
    publish(tmp_path / "proxy", MODULE, "v1.0.0", program("one"))
    broken = {"503": answer(503), "reset": reset}.get(fault, reset)
    served = {"git": code.path / ".git", "module": tmp_path / "proxy"}[source]
    scripts = {"": broken}
    with ScriptedServer(by_path(scripts), listening=fault != "refused") as server:
        url = "http://nowhere.invalid" if fault == "no name" else server.url
        where = {"GOPROXY": url, "CODE_REPO": MODULE} if source == "module" else {"CODE_REPO": url}
        environment = pod(tmp_path, CODE_TAG="v1.0.0", **where)
        done = build(environment)
        assert done.returncode == 75, done.stderr
        assert re.search(
            "refused|reset|503|no such host|lookup|resolve|reply|EOF|Failed to connect",
            "".join(done.stderr.splitlines()[-4:]),
        )
        assert left(home(environment)) == []
        scripts[""] = files_below(served)
        if fault == "refused":
            server.listen()
        healed = build({**environment, "http_proxy": server.url} if fault == "no name" else environment)

    assert healed.returncode == 0, healed.stderr
    assert says(home(environment) / GENESIS) == "one"


def files_below(directory: Path) -> Script:
    """The files of a directory, or 404."""

    def script(exchange: Exchange) -> bool:
        path = directory / urlsplit(exchange.asked.path).path.lstrip("/")
        return answer(200, path.read_bytes())(exchange) if path.is_file() else answer(404)(exchange)

    return script


def test_a_hiccup_chooses_no_other_module(tmp_path: Path) -> None:
    """While the module of a package is out of reach it is 75, also where an older module has such a package."""
    proxy = tmp_path / "proxy"
    publish(proxy, MODULE, "v1.0.0", {**program("wrong"), "sub/cmd/tinyd/main.go": MAIN.replace("VERSION", "old")})
    inner = {"go.mod": f"module {MODULE}/sub\n\ngo 1.21\n", "cmd/tinyd/main.go": MAIN.replace("VERSION", "right")}
    publish(proxy, f"{MODULE}/sub", "v1.0.0", inner)
    scripts = {f"/{MODULE}/sub/@v": answer(503), "/": files_below(proxy)}
    with ScriptedServer(by_path(scripts)) as server:
        environment = pod(tmp_path, GOPROXY=server.url, CODE_TAG=f"{MODULE}/sub/cmd/tinyd@v1.0.0")
        hiccup = build(environment)
        assert hiccup.returncode == 75, hiccup.stderr
        del scripts[f"/{MODULE}/sub/@v"]
        assert build(environment).returncode == 0

    assert says(home(environment) / GENESIS) == "right"


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


def test_a_stalled_connection(tmp_path: Path) -> None:
    """Git gives up a connection on which nothing comes, long before all the time is up; how long can be set."""
    with ScriptedServer(stall) as server:
        environment = pod(tmp_path, CODE_REPO=f"{server.url}/code.git", CODE_TAG="v1", BUILD_TIMEOUT="20s")
        done = build(environment, GIT_HTTP_LOW_SPEED_TIME="1")

    assert done.returncode == 75, done.stderr
    assert "too slow" in done.stderr


def test_one_build_at_a_time(code: GitRepository, tmp_path: Path) -> None:
    """While another step builds with Go's cache this one waits, until BUILD_TIMEOUT (75), or until that one is done."""
    cache = subprocess.run(["go", "env", "GOCACHE"], capture_output=True, text=True, check=True, timeout=20)
    environment = pod(tmp_path, CODE_REPO=str(code.path), CODE_TAG="v1.0.0")
    with (Path(cache.stdout.strip()) / "exposer.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        late = build(environment, BUILD_TIMEOUT="1s")
        with subprocess.Popen(command(), env=environment, stderr=subprocess.PIPE, text=True) as step:
            assert step.stderr is not None
            told = next(line for line in step.stderr if "waiting" in line or "building" in line)
            fcntl.flock(lock, fcntl.LOCK_UN)
            step.stderr.read()

    assert late.returncode == 75, late.stderr
    assert "another step has been building" in late.stderr
    assert "waiting: another step builds" in told
    assert step.returncode == 0
    assert says(home(environment) / GENESIS) == "one"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_the_step(tmp_path: Path, number: signal.Signals) -> None:
    """Ended by a signal, or killed, the step leaves no git behind."""
    with ScriptedServer(stall) as server:
        environment = pod(tmp_path, CODE_REPO=f"{server.url}/code.git", CODE_TAG="v1")
        with subprocess.Popen(command(), env=environment, stderr=subprocess.PIPE) as step:
            eventually("git asks", lambda: bool(server.asked))
            assert running(server.place)
            step.send_signal(number)
            step.communicate(timeout=30)
        eventually("git has read", lambda: not any("ls-remote" in line for line in running(server.place)))
        assert number == signal.SIGKILL or not running(server.place)
    eventually(
        "git has ended", lambda: not running(server.place)
    )  # what git itself had started ends with its connection

    assert step.returncode == (128 + number if number == signal.SIGTERM else -number)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
@pytest.mark.parametrize("source", ["git", "module"])
def test_a_full_disk(code: GitRepository, tmp_path: Path, source: str) -> None:
    """A disk that is full at any stage of the build is 75, told in one line; with more room a rerun completes."""
    many = {f"part{number}/a.txt": "x" * 20_000 for number in range(20)}
    publish(tmp_path / "proxy", MODULE, "v1.0.0", {**program("one"), **many})
    repo = {"git": str(code.path), "module": MODULE}[source]
    environment = pod(tmp_path, CODE_REPO=repo, CODE_TAG="v1.0.0")
    root = home(environment)
    root.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", root], check=False, timeout=10)
    if mounted.returncode != 0:
        pytest.skip("no tmpfs can be mounted here")
    try:
        for size in {"git": ("64k", "256k", "768k", "1m"), "module": ("128k", "1m")}[source]:
            subprocess.run(["mount", "-o", f"remount,size={size}", root], check=True, timeout=10)
            done = build(environment)
            assert done.returncode == 75, f"{size}: {done.stderr}"
            assert "o space left" in done.stderr, size
            assert len(done.stderr) < 3000, size
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


@pytest.mark.sampled
@pytest.mark.timeout(3600)
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed; see scripts/")
def test_a_kill_at_any_point_converges(warm: Zygote, code: GitRepository, tmp_path: Path) -> None:
    """Wherever the step is killed, no final path holds part of a file, and a rerun ends as if nothing had been."""
    first = pod(tmp_path, CODE_REPO=str(code.path), CODE_TAG="v1.0.0", UPGRADES="v2=2.0.0")
    traced = calls(warm.trace(STEP, first, tmp_path / "trace"), str(home(first)))
    expected = {path: (home(first) / path).read_bytes() for path in left(home(first))}
    chosen = sample(
        [call for call in traced if call.changes],
        "a build is killed before a system call",
        kind=lambda call: call.kind[1:],  # each takes seconds; the other steps are killed before every kind
    )

    for number, call in enumerate(chosen):
        where = f"killed before {call.name} number {call.number}"
        environment = {**first, "CHAIN_DIR": str(tmp_path / f"home-{number}")}
        root = home(environment)
        assert warm.kill(STEP, environment, call.name, call.number) == -9, where
        for path in (GENESIS, V2):
            assert not (root / path).exists() or (root / path).read_bytes() == expected[path], where
        assert warm.run(STEP, environment) == 0, where
        assert {path: (root / path).read_bytes() for path in left(root)} == expected, where
        shutil.rmtree(root)
