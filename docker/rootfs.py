"""The final stage's root file system: what the product and a user's script run with, and nothing else of the base.

Whole Debian packages are copied, the shared libraries that any copied program needs, and the interpreter with its
library where no package owns it (as in the official Python images). So a base image may bring what it likes: apt, perl,
pip and compilers stay behind in it. Runs in a stage of docker/Dockerfile, on the base image's own Python:
`python3 rootfs.py DIRECTORY PROGRAMS`, with a directory of programs whose libraries are wanted too.
"""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

DPKG = Path("/var/lib/dpkg")
PACKAGES = set("base-files bash ca-certificates coreutils dash findutils grep libgcc-s1 mawk sed tzdata".split())  # noqa: SIM905 - a list to read
ALSO = (  # what packages' scripts have made, and where the loader looks
    "/etc/alternatives/awk",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d/libc.conf",
    "/etc/nsswitch.conf",
    "/etc/ssl/certs/ca-certificates.crt",
    "/usr/bin/awk",
)
MERGED = ("/bin", "/lib", "/lib32", "/lib64", "/sbin")  # links into /usr
LEFT_OUT = re.compile(
    r"/usr/share/(?!common-licenses/|doc/[^/]+/copyright$|zoneinfo/)|/usr/share/zoneinfo/right/|/gconv/|/usr/sbin/|/usr/bin/py3"
    r"|/__pycache__/|/python3\.\d+/(config-|ensurepip|idlelib|lib2to3|pydoc_data|site-packages|test|tkinter|turtledemo)"
    r"|/lib-dynload/(_ctypes_test|_curses|_dbm|_gdbm|_testc|_tkinter|nis|ossaudiodev|readline|xx)"
)
LIBRARY = re.compile(r"^\s+(?:\S+ => )?(/\S+) \(0x", re.MULTILINE)


def main() -> int:
    """Fill DIRECTORY."""
    root, programs = Path(sys.argv[1]), Path(sys.argv[2])
    packages = installed()
    owner = {path: package for package, paths in packages.items() for path in paths}
    python = {Path(sys.executable), Path(sys.executable).resolve(), Path(os.__file__), Path(asyncio.__file__)}
    kept = PACKAGES | {owner[path] for path in python & owner.keys()}
    files = {path for package in kept for path in packages[package] if not LEFT_OUT.search(str(path))}
    if not python & owner.keys():
        files |= interpreter()
    needed = libraries([*files, *programs.rglob("*")])
    files |= needed | {Path(path) for path in (*MERGED, *ALSO) if os.path.lexists(path)}
    for path in sorted(files):
        copy(path, root)
    kept |= {owner[path] for path in needed & owner.keys()}
    entries = (DPKG / "status").read_text(encoding="utf-8").strip().split("\n\n")
    status = root / DPKG.relative_to("/") / "status"  # scanners look there
    status.parent.mkdir(parents=True, exist_ok=True)
    status.write_text(
        "".join(f"{entry}\n\n" for entry in entries if entry.split(maxsplit=2)[1] in kept), encoding="utf-8"
    )
    return 0


def installed() -> dict[str, set[Path]]:
    """Every Debian package's name and files, by their real directories."""
    packages: dict[str, set[Path]] = {}
    for listing in (DPKG / "info").glob("*.list"):
        paths = listing.read_text(encoding="utf-8").splitlines()[1:]  # the first is /.
        packages[listing.stem.partition(":")[0]] = {canonical(path) for path in paths}
    return packages


def canonical(path: str) -> Path:
    """The path with its directory's links followed (/lib/x is /usr/lib/x), but not its own."""
    directory, name = os.path.split(path)
    return Path(os.path.realpath(directory), name)


def interpreter() -> set[Path]:
    """The files of a Python that no package owns."""
    prefix = Path(sys.base_prefix)
    standard = {path for path in Path(sysconfig.get_path("stdlib")).rglob("*") if not LEFT_OUT.search(str(path))}
    return standard | set(prefix.glob("bin/python3*")) | set(prefix.glob("lib/libpython*.so*"))


def libraries(paths: Iterable[Path]) -> set[Path]:
    """The shared libraries that the programs among the paths are linked to, and the files that these are links to."""
    programs = [path for path in paths if path.is_file() and path.open("rb").read(4) == b"\x7fELF"]
    command = ["ldd", *map(str, programs)]  # of the base image
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # it fails where one is static
    found = {canonical(name) for name in LIBRARY.findall(listed)}
    return found | {canonical(os.path.realpath(path)) for path in found}


def copy(path: Path, root: Path) -> None:
    """Put one file, link or directory into the tree under root, with its modes and times."""
    target = root / path.relative_to("/")
    if path.is_symlink() or not path.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target, follow_symlinks=False)
    else:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copystat(path, target)


if __name__ == "__main__":
    sys.exit(main())
