"""``init-build-images`` with real git and real Go: what it leaves for cosmovisor, and what a rerun does."""

import os
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from go_world import (
    BUILDS,
    GENESIS,
    MAIN,
    STEP,
    V2,
    GitRepository,
    build,
    command,
    home,
    left,
    pod,
    program,
    says,
    stamps,
)
from project import ROOT
from zygote import zygote

from exposer.cosmovisor import DISABLE_RECASE
from exposer.errors import BadInputError
from exposer.records import read_record
from exposer.settings import read_settings
from exposer.volume import open_volume
from init_scripts.init_build_images import BuildSettings, upgrade_directory

pytestmark = BUILDS

DOCS = ROOT / "docs/builds.md"


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


def test_force_takes_back_what_is_other_now_and_nothing_else(code: GitRepository, tmp_path: Path) -> None:
    """With --force a changed or damaged version is made anew; other versions and later steps' files stay."""
    first = pod(tmp_path, CODE_REPO=str(code.path), CODE_TAG="v1.0.0", UPGRADES="v2=2.0.0")
    root = home(first)
    assert build(first).returncode == 0
    with open_volume(root) as volume:
        transaction = volume.begin("init-genesis", {})
        assert transaction
        (transaction.stage / "genesis.json").write_text("{}")
        transaction.commit()
    before = stamps(root)
    changed = {**first, "UPGRADES": "v2=v2.1.0"}
    refused = build(changed)
    assert refused.returncode == 5
    assert "--force, which takes back nothing else" in refused.stderr

    done = build(changed, EXPOSER_FORCE="true")
    assert done.returncode == 0, done.stderr
    assert says(root / V2) == "two and a bit"
    after = stamps(root)
    assert {path for path in before if after[path] != before[path]} == {V2, f".exposer/steps/{STEP}.v2.json"}

    (root / GENESIS).write_bytes(b"damaged")
    assert build(changed).returncode == 4
    assert build(changed, EXPOSER_FORCE="true").returncode == 0
    assert says(root / GENESIS) == "one"
    final = stamps(root)
    assert {path for path in after if final[path] != after[path]} == {GENESIS, f".exposer/steps/{STEP}.json"}


def test_one_plan_alone(code: GitRepository, tmp_path: Path) -> None:
    """UPGRADE_NAME builds CODE_TAG for that plan and nothing else, as UPGRADES would; genesis is the start's."""
    environment = pod(tmp_path, CODE_REPO=str(code.path), CODE_TAG="2.0.0", UPGRADE_NAME="v2")
    environment["UPGRADE_DIR"] = f"{home(environment)}/cosmovisor"
    done = build(environment)
    assert done.returncode == 0, done.stderr
    assert left(home(environment)) == [f".exposer/steps/{STEP}.v2.json", V2]
    assert says(home(environment) / V2) == "two"

    assert build({**environment, "CODE_TAG": "v1.0.0", "UPGRADE_NAME": "genesis"}).returncode == 0
    del environment["UPGRADE_NAME"]
    both = build({**environment, "CODE_TAG": "v1.0.0", "UPGRADES": "v2=2.0.0"})
    assert both.returncode == 0
    assert "already complete" in both.stderr


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"UPGRADE_DIR": "/elsewhere"}, "UPGRADE_DIR (--upgrade-dir) is not CHAIN_DIR/cosmovisor"),
        ({"UPGRADES": "v3=v3"}, "leave one of them out"),
        ({"UPGRADE_NAME": ".."}, "UPGRADES, UPGRADE_NAME: .. is no name of a plan"),
    ],
)
def test_a_plan_that_cannot_be_built_alone(tmp_path: Path, settings: dict[str, str], what: str) -> None:
    """A place where cosmovisor does not look, or plans besides, exit 3 with the cure."""
    done = build(pod(tmp_path, CODE_REPO="/nowhere", CODE_TAG="v2", **{"UPGRADE_NAME": "v2", **settings}))

    assert done.returncode == 3
    assert what in done.stderr.splitlines()[-1]


def test_a_volume_on_which_somebody_signed(code: GitRepository, tmp_path: Path) -> None:
    """Binaries are built also beside a signing state that is none of ours, without a time limit where that is 0."""
    environment = pod(tmp_path, CODE_REPO=str(code.path), CODE_TAG="v1.0.0", BUILD_TIMEOUT="0")
    state = home(environment) / "data/priv_validator_state.json"
    state.parent.mkdir(parents=True)
    state.write_text('{"height": "7", "round": 0, "step": 3}')
    done = build(environment)

    assert done.returncode == 0, done.stderr
    assert says(home(environment) / GENESIS) == "one"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed; see scripts/")
def test_a_rerun_reads_each_binary_once(code: GitRepository, tmp_path: Path) -> None:
    """However many versions there are, each committed file is hashed once per run."""
    environment = pod(tmp_path, CODE_REPO=str(code.path), CODE_TAG="v1.0.0", UPGRADES="v2=2.0.0,v3=v2.1.0")
    assert build(environment).returncode == 0
    with zygote() as warm:
        opened = [line for _, line in warm.trace(STEP, environment, tmp_path / "trace", calls="openat")]

    assert [sum(str(home(environment) / path) in line for line in opened) for path in (GENESIS, V2)] == [1, 1]


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
    assert not list((home(environment) / ".exposer/scratch").iterdir())


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


@pytest.mark.parametrize(
    ("name", "directory"),
    [("v8", "upgrades/v8"), ("V8.1", "upgrades/v8.1"), ("normal upgrade", "upgrades/normal%20upgrade")],
)
def test_the_directory_of_a_plan(name: str, directory: str) -> None:
    """It is the one where cosmovisor looks: in lower case, and escaped as Go's url.PathEscape does."""
    assert upgrade_directory(name) == directory


@pytest.mark.parametrize(("told", "name"), [("true", "V-2"), ("TRUE", "V-2"), ("false", "v-2"), ("", "v-2")])
def test_a_plan_keeps_its_capitals_where_cosmovisor_keeps_them(
    monkeypatch: pytest.MonkeyPatch, told: str, name: str
) -> None:
    """COSMOVISOR_DISABLE_RECASE moves the directory of a plan here as it does there."""
    monkeypatch.setenv(DISABLE_RECASE, told)
    assert upgrade_directory("V-2") == f"upgrades/{name}"


def test_a_switch_that_cosmovisor_refuses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes true and false alone, and would not start; the step says so before it builds for minutes."""
    monkeypatch.setenv(DISABLE_RECASE, "1")
    with pytest.raises(BadInputError, match="COSMOVISOR_DISABLE_RECASE: cosmovisor takes true or false alone"):
        upgrade_directory("V-2")


def test_the_daemon_is_the_chains_binary() -> None:
    """Without DAEMON_NAME the binary has the base name of CHAIN_BIN."""
    chain = ["--chain-id", "a", "--chain-dir", "/h", "--chain-bin", "/h/cosmovisor/genesis/bin/simd"]
    assert read_settings(BuildSettings, [*chain, "--code-tag", "v1"], prog="test", description="").daemon == "simd"
