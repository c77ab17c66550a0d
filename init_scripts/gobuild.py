"""``go build`` of one daemon in a tree of its source, with what it needs beside it."""

import json
import logging
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exposer.errors import BadInputError
from exposer.records import digest_file
from init_scripts.tool import Tool

log = logging.getLogger(__name__)
_SDK = "github.com/cosmos/cosmos-sdk/version"
_UNFINISHED = ("go.sum", "updates to go.mod", "no required module provides", "inconsistent vendoring")
"""What go says of a go.mod or go.sum that is not complete, which ``-mod=mod`` completes."""
_CHOSEN = re.compile(r"^go: found \S+ in (\S+) (\S+)$", re.MULTILINE)
"""What it says of a package that no module in go.mod has, for which it takes the newest one."""
_SKIPPED = {"vendor", "testdata", "node_modules"}


@dataclass(frozen=True)
class Recipe:
    """How to build: the daemon's name, its package (empty: find it), build tags, and modules to raise first."""

    daemon: str
    package: str = ""
    tags: str = ""
    requires: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tree:
    """A source tree: its ``package`` where the source names one, its version, and its commit where there is one."""

    directory: Path
    version: str
    commit: str = ""
    package: str = ""


def build(go: Tool, tree: Tree, recipe: Recipe, output: Path) -> dict[str, str]:
    """Build the daemon into the directory ``output``, with the libraries that came with its modules.

    Returns:
        Facts for the record: the package as a path below the tree, the Go that built it, and the SHA-256 of go.sum
        where that is not the source's own.

    Raises:
        BadInputError: it cannot be built; the message ends with what the compiler said.
        TemporaryError: the network or the disk failed.
    """
    wanted = tree.package or recipe.package or find_package(tree.directory, recipe.daemon)
    package = (tree.directory / wanted).resolve()
    above = [path for path in (package, *package.parents) if path.is_relative_to(tree.directory.resolve())]
    module = next((path for path in above if (path / "go.mod").is_file()), None)
    if module is None or not package.is_dir():
        raise BadInputError(f"BUILD_PACKAGE: {wanted} is no package of a Go module in this version")
    _drop_outside(go, module)
    for requirement in recipe.requires:
        go.run("mod", "edit", f"-require={requirement}", cwd=module)
    name = f"./{package.relative_to(module)}"
    mode = _load(go, module, name, recipe)
    target = output / recipe.daemon
    go.run(
        *("build", *mode, "-trimpath", "-buildvcs=false", f"-tags={recipe.tags}"),
        *(f"-ldflags={_linker_flags(tree, recipe)}", "-o", str(target), name),
        cwd=module,
        offline=True,  # all is there: what fails from here on is the source's fault
        GOPROXY="off",
    )
    target.chmod(0o755)
    for library in _libraries(target, go, tree.directory):
        shutil.copyfile(library, output / library.name)
        (output / library.name).chmod(0o755)
    facts = {
        "package": f"./{package.relative_to(tree.directory.resolve())}",
        "go": go.run("env", "GOVERSION", cwd=module).strip(),  # go.mod may ask for another than the one on PATH
    }
    completed = mode and (module / "go.sum").is_file()
    return {**facts, "go.sum": digest_file(module / "go.sum")[1]} if completed else facts


def find_package(tree: Path, daemon: str) -> str:
    """The main package of ``daemon``: ``cmd/<daemon>``, or the one whose directory has the daemon's name."""
    mains = sorted(_main_packages(tree), key=lambda path: (len(path.parts), path))
    named = [path for path in mains if path.name == daemon]
    if Path("cmd", daemon) in named:
        return f"cmd/{daemon}"
    if len(named) == 1:
        return str(named[0])
    what = "several" if named else "no"
    there = ", ".join(f"./{path}" for path in (named or mains)[:10]) or "none"
    raise BadInputError(f"{what} main packages are called {daemon}; name one by BUILD_PACKAGE, there are: {there}")


def _main_packages(tree: Path) -> Iterator[Path]:
    for directory, below, files in os.walk(tree):
        below[:] = [name for name in below if name not in _SKIPPED and not name.startswith((".", "_"))]
        names = (name for name in files if name.endswith(".go") and not name.endswith("_test.go"))
        sources = (path for path in (Path(directory, name) for name in names) if not path.is_symlink())
        if any(re.search(r"^package main\b", path.read_text(errors="replace"), re.MULTILINE) for path in sources):
            yield Path(directory).relative_to(tree)


def _drop_outside(go: Tool, module: Path) -> None:
    """Drop the replacements by directories that this tree does not have: a released module has no neighbours."""
    described = json.loads(go.run("mod", "edit", "-json", cwd=module))
    for replacement in described.get("Replace") or ():
        old, new = replacement["Old"], replacement["New"]["Path"]
        if new.startswith(("./", "../", "/")) and not (module / new / "go.mod").is_file():
            name = "@".join(filter(None, (old["Path"], old.get("Version"))))
            log.warning("go.mod replaces %s by %s, which is not in the source; built without that line", name, new)
            go.run("mod", "edit", f"-dropreplace={name}", cwd=module)


def _load(go: Tool, module: Path, package: str, recipe: Recipe) -> tuple[str, ...]:
    """Fetch all that the package needs; returns the flags with which go takes its go.mod and go.sum as they are."""
    loaded = ("list", "-deps", f"-tags={recipe.tags}")
    if not recipe.requires:
        try:
            go.run(*loaded, package, cwd=module)
        except BadInputError as error:
            if not any(what in str(error) for what in _UNFINISHED):
                raise
        else:
            return ()
    _, words = go.talk(*loaded, "-mod=mod", package, cwd=module)
    for newest in dict.fromkeys(f"{path}@{version}" for path, version in _CHOSEN.findall(words)):
        log.warning("go.mod lacks a module; the newest is taken: BUILD_REQUIRES=%s keeps it on other days", newest)
    return ("-mod=mod",)


def _linker_flags(tree: Tree, recipe: Recipe) -> str:
    """No symbol table, the SDK's version variables, and a library path of the binary's own directory."""
    values = {
        "Name": recipe.daemon.removesuffix("d"),
        "AppName": recipe.daemon,
        "Version": tree.version.removeprefix("v"),
        "Commit": tree.commit,
        "BuildTags": recipe.tags,
    }
    stamped = " ".join(f"-X {_SDK}.{name}={value}" for name, value in values.items() if value)
    return f"-s -w {stamped} -extldflags=-Wl,-rpath,$ORIGIN"


def _libraries(binary: Path, go: Tool, tree: Path) -> Iterator[Path]:
    """The shared libraries that a binary takes from Go modules or its own source, as wasmd does (libwasmvm)."""
    ldd = shutil.which("ldd")
    if ldd is None:
        return  # no libc that links dynamically, so none that was linked to
    caches = [Path(go.run("env", "GOMODCACHE", cwd=tree).strip()), tree]
    with binary.open("rb") as stream:
        dynamic = b"/ld-" in stream.read(4096)  # the loader's path stands in the first page of an ELF file
    if not dynamic:
        return
    told = go.beside("ldd").run(str(binary), cwd=tree)
    if missing := re.findall(r"^\s*(\S+) => not found", told, re.MULTILINE):
        raise BadInputError(f"{binary.name} needs {', '.join(missing)}, which is nowhere; install it in this image")
    for found in re.findall(r"=> (/\S+)", told):
        if any(Path(found).is_relative_to(cache) for cache in caches):
            yield Path(found)
