"""``init-build-images`` and its sources: what a version means, in git and among Go modules, and what is refused."""

import os
import shutil
from pathlib import Path

import pytest
from go_world import BUILDS, GENESIS, MAIN, MODULE, STEP, GitRepository, build, home, left, pod, program, publish, says

from exposer.records import read_record
from init_scripts.gomodule import _candidates
from init_scripts.workshop import OF_A_REPOSITORY

pytestmark = BUILDS


def test_a_version_of_a_repository(code: GitRepository, tmp_path: Path) -> None:
    """A version is a tag with or without its v, a branch, or a commit, in full or cut short."""
    commit = code.git("rev-parse", "v1.0.0")
    meant = {
        "v1.0.0": "one",
        "1.0.0": "one",
        "v2.0.0": "two",
        "2.0.0": "two",
        "main": "two and a bit",
        "next": "next",
        commit: "one",
        commit[:9]: "one",
    }
    plans = ",".join(f"{version}={version}" for version in meant)
    environment = pod(tmp_path, CODE_REPO=code.path.as_uri(), CODE_TAG="v2.1.0", UPGRADES=plans)
    done = build(environment)

    assert done.returncode == 0, done.stderr
    upgrades = home(environment) / "cosmovisor/upgrades"
    assert {path.name: says(path / "bin/tinyd") for path in upgrades.iterdir()} == meant


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


def test_what_go_mod_does_not_say(tmp_path: Path) -> None:
    """A module that go.mod lacks is the newest of the day: a warning names it, the record keeps go.sum's digest."""
    word = {"go.mod": "module example.test/dep\n", "a.go": 'package dep\n\nconst Word = "first"\n'}
    publish(tmp_path / "proxy", "example.test/dep", "v1.0.0", word)
    repository = GitRepository(tmp_path / "code")
    main = 'package main\n\nimport "example.test/dep"\n\nfunc main() { println(dep.Word) }\n'
    repository.commit({**program(""), "cmd/tinyd/main.go": main}, "v1")
    first = pod(tmp_path, CODE_REPO=str(repository.path), CODE_TAG="v1")
    done = build(first)
    assert done.returncode == 0, done.stderr
    assert "BUILD_REQUIRES=example.test/dep@v1.0.0 keeps it" in done.stderr

    publish(tmp_path / "proxy", "example.test/dep", "v1.1.0", {**word, "a.go": word["a.go"].replace("first", "second")})
    later = {**first, "CHAIN_DIR": str(tmp_path / "later"), "GOMODCACHE": str(tmp_path / "modules2")}
    kept = {**later, "CHAIN_DIR": str(tmp_path / "kept"), "BUILD_REQUIRES": "example.test/dep@v1.0.0"}
    assert [build(environment).returncode for environment in (later, kept)] == [0, 0]
    pods = (first, later, kept)
    assert [says(home(environment) / GENESIS) for environment in pods] == ["first", "second", "first"]
    records = [read_record(home(environment), STEP) for environment in pods]
    sums = [record.facts["build"]["go.sum"] for record in records if record]
    assert sums[0] == sums[2] != sums[1]


def test_the_go_that_compiles_is_recorded(tmp_path: Path) -> None:
    """Where go.mod asks for another Go than the one on PATH, that one's version is in the record."""
    repository = GitRepository(tmp_path / "code")
    repository.commit({**program("one"), "go.mod": f"module {MODULE}\n\ngo 1.999.0\n"}, "v1")
    understood = tmp_path / "go.mod"
    understood.write_text(program("")["go.mod"])
    newer = tmp_path / "bin/go1.999.0"
    newer.parent.mkdir()
    newer.write_text(
        '#!/bin/sh\n[ "$1 $2" = "env GOVERSION" ] && { echo go1.999.0; exit; }\n'
        f'[ "$1" = mod ] || export GOFLAGS="$GOFLAGS -modfile={understood}"\n'
        f'exec env -u GOTOOLCHAIN_INTERNAL_SWITCH_VERSION GOTOOLCHAIN=local {shutil.which("go")} "$@"\n'
    )
    newer.chmod(0o755)
    path = f"{newer.parent}:{os.environ['PATH']}"
    environment = pod(tmp_path, CODE_REPO=str(repository.path), CODE_TAG="v1", PATH=path, GOTOOLCHAIN="path")
    done = build(environment)

    assert done.returncode == 0, done.stderr
    record = read_record(home(environment), STEP)
    assert record
    assert record.facts["build"]["go"] == "go1.999.0"


def test_a_repository_of_the_users_own(code: GitRepository, tmp_path: Path) -> None:
    """A GIT_DIR that the step inherits, as below a git hook, is not the one that it checks the source out into."""
    own = GitRepository(tmp_path / "own")
    own.commit({"mine": "mine"}, "x")
    before = own.git("for-each-ref"), own.git("status", "--branch", "--porcelain")
    commit = code.git("rev-parse", "v1.0.0")[:9]
    environment = pod(tmp_path, CODE_REPO=str(code.path), CODE_TAG=commit, GIT_DIR=str(own.path / ".git"))
    done = build(environment)

    assert done.returncode == 0, done.stderr
    assert says(home(environment) / GENESIS) == "one"
    assert (own.git("for-each-ref"), own.git("status", "--branch", "--porcelain")) == before


def test_what_names_a_repository_in_the_environment(code: GitRepository) -> None:
    """No variable that binds git to a repository is handed on; the user's settings by GIT_CONFIG_COUNT are."""
    assert set(code.git("rev-parse", "--local-env-vars").split()) - OF_A_REPOSITORY == {
        "GIT_CONFIG_COUNT",
        "GIT_CONFIG_PARAMETERS",
    }


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
        (
            {},
            {"UPGRADES": "v2=v1,V2=v1"},
            "UPGRADES: V2 is there twice: cosmovisor looks for both plans in upgrades/v2",
        ),
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
    (repository.path / "gone.go").symlink_to("/nowhere/gone.go")  # followed by nobody
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
