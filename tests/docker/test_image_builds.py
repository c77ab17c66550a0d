"""How the images are built: of what git has, by both builders, on any base, with a chain's binary of any libc."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from compose_project import LIMIT, docker
from containers import inspect, run, volume
from go_world import GENESIS, GitRepository, program
from project import ROOT

from exposer import __version__

IMAGE = f"exposer:{__version__}"
BASE = "exposer-base:bookworm"
LOCKED = re.compile(r"^(\S+)==\S+ \\$", re.MULTILINE)
MADE = f"test-image-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
"""The name of the images that are made here; another worker takes away its own alone."""
pytestmark = [
    pytest.mark.usefixtures("images"),
    pytest.mark.outside,
    pytest.mark.timeout(1200),  # a build compiles for minutes
]


@pytest.fixture(autouse=True, scope="module")
def _no_image_stays() -> Iterator[None]:
    """The images that are made here are gone afterwards; the engine keeps their layers for the next time."""
    yield
    made = docker("image", "ls", "--format={{.Repository}}:{{.Tag}}", MADE).split()
    if made:
        docker("image", "rm", "--no-prune", *made)


def build(context: Path, *arguments: str, tag: str) -> str:
    """Build an image without any network; its name."""
    docker("build", "--quiet", "--network=none", *arguments, f"--tag={tag}", str(context))
    return tag


def git_has(directory: Path) -> Path:
    """Every file that a clone of this repository has, and the wheels for a build without a network."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, directory / name)
    shutil.copytree(ROOT / ".cache/wheels", directory / ".cache/wheels")
    return directory


@pytest.mark.timeout(600)
def test_a_clean_clone_builds_the_same_image_without_a_network(tmp_path: Path) -> None:
    """Whoever builds it of the same files has the same layers, bit for bit, and pip's hashes are its only source."""
    context = git_has(tmp_path)
    dockerfile = f"--file={context}/docker/Dockerfile"
    image = build(context, dockerfile, f"--build-arg=BASE_IMAGE={BASE}", "--no-cache", tag=f"{MADE}:of-a-clone")
    assert inspect(image)["RootFS"]["Layers"] == inspect(IMAGE)["RootFS"]["Layers"]


@pytest.mark.timeout(600)
def test_buildkit_builds_it(tmp_path: Path) -> None:
    """The newer of the two builders takes the same Dockerfile."""
    context = git_has(tmp_path)
    arguments = [
        f"--build-arg=BASE_IMAGE={BASE}",
        f"--file={context}/docker/Dockerfile",
        f"--tag={MADE}:of-buildkit",
    ]
    environment = {"DOCKER_BUILDKIT": "1", "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    without = "buildx component is missing"  # a client from elsewhere may have come alone; Debian's has it within
    client = "/usr/bin/docker" if without in subprocess.getoutput("DOCKER_BUILDKIT=1 docker build --help") else "docker"
    line = [shutil.which(client) or client, "build", *arguments, str(context)]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr
    assert run(f"{MADE}:of-buildkit", "exposer", "--version").split() == ["exposer", __version__]


@pytest.mark.timeout(600)
def test_a_base_with_a_python_of_its_own_builds(tmp_path: Path) -> None:
    """As in the official Python images, the interpreter may stand in /usr/local, where no Debian package has it."""
    (tmp_path / "Dockerfile").write_text(
        f"FROM {BASE}\n"
        "RUN cp /usr/bin/python3 /usr/local/bin/ && cp -a /usr/lib/python3 /usr/lib/python3.11 /usr/local/lib/\n"
    )
    base = build(tmp_path, tag=f"{MADE}:own-python-base")
    dockerfile = f"--file={ROOT}/docker/Dockerfile"
    image = build(ROOT, dockerfile, f"--build-arg=BASE_IMAGE={base}", tag=f"{MADE}:own-python")
    alone = "test ! -e /usr/bin/python3.11 && test ! -e /usr/lib/python3.11"
    found = run(image, "sh", "-c", f"exposer --version && readlink -f /opt/exposer/bin/python && {alone}")
    assert found.split() == ["exposer", __version__, "/usr/local/bin/python3"]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_hashed_wheels_are_there_for_both_machines(machine: str, tmp_path: Path) -> None:
    """The lock files' hashes cover a wheel of every requirement for amd64 and arm64: nothing is compiled in a build."""
    subprocess.run([ROOT / "scripts/wheels", tmp_path / "wheels", machine], check=True, timeout=LIMIT)
    locks = [(ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8") for name in ("runtime", "build")]
    assert len(list((tmp_path / "wheels").glob("*.whl"))) == len(
        {name for lock in locks for name in LOCKED.findall(lock)}
    )


def chain_image(directory: Path, tag: str, **arguments: str) -> str:
    """An image of docker/chain.Dockerfile with the directory as context; its name."""
    given = [f"--build-arg={name.upper()}={value}" for name, value in arguments.items()]
    return build(
        directory, f"--file={ROOT}/docker/chain.Dockerfile", f"--build-arg=EXPOSER_IMAGE={IMAGE}", *given, tag=tag
    )


def compiled(
    directory: Path, *command: str, source: str = 'int puts(const char *s); int main(void) { puts("hello"); }'
) -> None:
    """A C program, or a library, compiled in the directory."""
    (directory / "source.c").write_text(source)
    subprocess.run([*command, "source.c"], cwd=directory, check=True, timeout=LIMIT)
    (directory / "source.c").unlink()


def musl_static(directory: Path) -> str:
    """A program that needs nothing."""
    compiled(directory, "musl-gcc", "-static", "-o", "chaind")
    return ""


def musl_dynamic(directory: Path) -> str:
    """A program of a distribution with another C library; its loader comes with it."""
    compiled(directory, "musl-gcc", "-o", "chaind")
    loaders = list(Path("/lib").glob("ld-musl-*.so.1"))
    for loader in loaders:
        shutil.copy(loader, directory)
    return " ".join(loader.name for loader in loaders)


def glibc_with_library(directory: Path) -> str:
    """A program that is linked to a library of its own."""
    compiled(directory, "cc", "-shared", "-o", "libgreet.so", source='const char *word(void) { return "hello"; }')
    source = "int puts(const char *s); const char *word(void); int main(void) { puts(word()); }"
    compiled(directory, "cc", "-o", "chaind", "-L.", "-Wl,--no-as-needed", "-lgreet", source=source)
    return "*.so"


@pytest.mark.parametrize("kind", [musl_static, musl_dynamic, glibc_with_library])
def test_binaries_of_every_libc_run_in_it(kind: Callable[[Path], str], tmp_path: Path) -> None:
    """A binary and its libraries are put where they are found: of musl and of glibc, static and not."""
    libraries = kind(tmp_path)
    image = chain_image(tmp_path, f"{MADE}:{kind.__name__}", chain_binary="chaind", chain_libraries=libraries)
    assert run(image, "chaind") == "hello\n"


def test_a_binary_out_of_a_chain_image(tmp_path: Path) -> None:
    """CHAIN_IMAGE is taken as it is, also where it is built from scratch and has no shell."""
    musl_static(tmp_path)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY chaind /usr/bin/chaind\n")
    chain = build(tmp_path, tag=f"{MADE}:scratch")
    empty = tmp_path / "empty"
    empty.mkdir()
    image = chain_image(empty, f"{MADE}:of-image", chain_image=chain, chain_binary="/usr/bin/chaind")
    assert run(image, "chaind") == "hello\n"


def test_a_chain_image_without_a_binary_is_refused(tmp_path: Path) -> None:
    """The build's argument that is missing is named."""
    line = [
        "docker",
        "build",
        f"--file={ROOT}/docker/chain.Dockerfile",
        f"--build-arg=EXPOSER_IMAGE={IMAGE}",
        str(tmp_path),
    ]
    done = subprocess.run(line, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode != 0
    assert "--build-arg CHAIN_BINARY=PATH is missing" in done.stdout + done.stderr


@pytest.mark.wasmd
@pytest.mark.timeout(1200)
def test_wasmd_and_its_library_run_in_it(wasmd: str) -> None:
    """A real chain's binary that is linked to wasmvm says its version."""
    subprocess.run([ROOT / "scripts/images", Path(wasmd).name], check=True, timeout=1200)
    run(f"exposer-wasmd:{__version__}", "wasmd", "version")


@pytest.mark.cosmovisor
@pytest.mark.timeout(1200)
@pytest.mark.usefixtures("cosmovisor")
def test_the_build_image_builds(tmp_path: Path) -> None:
    """docker/build.Dockerfile has what init-build-images takes, and cosmovisor; what is built runs on the volume."""
    subprocess.run([ROOT / "scripts/images", "build"], check=True, timeout=1200)
    GitRepository(tmp_path / "tiny").commit(program("v1.0.0"), "v1.0.0")
    settings = {
        "CHAIN_ID": "my-1",
        "CHAIN_DIR": "/chain",
        "HOSTNAME": "my-genesis-0",
        "CHAIN_BIN": "tinyd",
        "CODE_REPO": "/tiny",
        "CODE_TAG": "v1.0.0",
    }
    options = (
        *(f"--env={name}={value}" for name, value in settings.items()),
        f"--volume={tmp_path}/tiny:/tiny:ro",
        f"--user={os.getuid()}",  # whose the repository is, or git refuses it
    )
    image = f"exposer-build:{__version__}"
    with volume() as home:
        mounted = (*options, f"--volume={home}:/chain")
        run(image, "init-build-images", options=mounted)
        run(image, f"/chain/{GENESIS}", options=mounted)
    run(image, "cosmovisor", "help")
