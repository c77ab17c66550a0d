"""The image: what is in it, what it says of itself, and that all of it runs without rights."""

import io
import json
import re
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from compose_project import LIMIT, docker
from containers import becomes_healthy, exit_code, inspect, run, running, volume
from packaging.utils import canonicalize_name
from project import ROOT

from exposer import __version__

IMAGE = f"exposer:{__version__}"
BASE = "exposer-base:bookworm"
LOCKED = re.compile(r"^(\S+)==(\S+) \\$", re.MULTILINE)
CHAIN = {"CHAIN_DRIVER": "cometbft", "CHAIN_ID": "my-1", "CHAIN_DIR": "/chain", "HOSTNAME": "my-genesis-0"}
STEPS = ("init-genesis", "init-config")
SIZE = 150_000_000  # bytes: what a container's start costs where the image is not there yet
TERM_IS_CAUGHT = "SigCgt:.*[4-7c-f].{3}$"  # bit 14 of the mask in proc(5)
pytestmark = [pytest.mark.usefixtures("images"), pytest.mark.outside]


@pytest.fixture(scope="module")
def files() -> dict[str, tarfile.TarInfo]:
    """Every file of the image by its path."""
    container = docker("create", IMAGE).strip()
    try:
        exported = subprocess.run(
            ["docker", "export", container], capture_output=True, timeout=LIMIT, check=True
        ).stdout
    finally:
        docker("rm", container)
    with tarfile.open(fileobj=io.BytesIO(exported)) as archive:
        return {f"/{member.name.rstrip('/')}": member for member in archive}


@pytest.mark.parametrize("user", ["10001:10001", "23456"])
def test_a_pod_without_rights(user: str, tmp_path: Path) -> None:
    """On a read-only root, without capabilities, the steps fill a volume and the sidecar serves it, as any user."""
    keys = tmp_path / "keys.json"
    keys.write_text(run(IMAGE, "sh", "-c", "exposer keys new /tmp/keys.json >/dev/null && cat /tmp/keys.json"))
    settings = [f"--env={name}={value}" for name, value in CHAIN.items()]
    with volume() as home:
        pod = (f"--user={user}", f"--volume={home}:/chain", f"--volume={keys}:/configs/keys.json:ro", *settings)
        for step in STEPS:
            run(IMAGE, step, options=pod)
        served = (f"--user={user}", f"--volume={home}:/chain:ro", "--env=EXPOSER_HOME=/chain")
        with running(IMAGE, options=served) as sidecar:
            docker("exec", sidecar, "wait-for-chains", "--for", "genesis", "127.0.0.1:8081")
            docker("exec", sidecar, "sidecar-healthy")
            becomes_healthy(sidecar)
            docker("stop", sidecar)
            assert inspect(sidecar)["State"]["ExitCode"] == 128 + 15


def test_the_health_check_asks_the_port_that_is_set() -> None:
    """EXPOSER_HTTP_PORT moves it with the sidecar; where nobody listens it fails."""
    with running(IMAGE, options=("--env=EXPOSER_HOME=/chain", "--env=EXPOSER_HTTP_PORT=9000")) as sidecar:
        becomes_healthy(sidecar)
        assert exit_code(IMAGE, "sidecar-healthy") == 1


def test_a_step_as_first_process_ends_when_it_is_told_to() -> None:
    """SIGTERM ends a gate that is process 1, for which the kernel has no default, so that no pod waits for SIGKILL."""
    with running(IMAGE, "wait-for-chains", "nowhere.invalid:8081") as gate:
        docker("exec", gate, "sh", "-c", f"until grep -Eq '{TERM_IS_CAUGHT}' /proc/1/status; do :; done")
        began = time.monotonic()
        docker("stop", "--time=30", gate)
        assert inspect(gate)["State"]["ExitCode"] == 128 + 15
        assert time.monotonic() - began < 30


def test_what_builds_is_not_in_it(files: dict[str, tarfile.TarInfo]) -> None:
    """No compiler, no package manager, no pip, no second interpreter, no download tool, in any layer."""
    programs = {path.rpartition("/")[2] for path in files if re.search(r"/s?bin/", path)}
    tools = {"apt", "apt-get", "dpkg", "pip", "pip3", "cc", "gcc", "g++", "ld", "make", "perl", "curl", "wget", "git"}
    assert programs & tools == set()
    assert [path for path in files if re.search(r"/(pip|setuptools|wheel|ensurepip|hatchling)(-|/|$)", path)] == []
    assert {
        "/opt/exposer/bin/exposer",
        "/usr/bin/bash",
        "/usr/bin/cp",
        "/etc/ssl/certs/ca-certificates.crt",
    } <= files.keys()


def test_nobody_gains_rights_by_a_file(files: dict[str, tarfile.TarInfo]) -> None:
    """No file has a set-user-id bit, and no directory but those for temporary files can be written by all."""
    assert [path for path, file in files.items() if file.mode & 0o6000 and file.isfile()] == []
    open_to_all = [
        path for path, file in files.items() if file.mode & 0o002 and not file.issym() and path.count("/") < 3
    ]
    assert set(open_to_all) - {"/dev/console"} == {"/tmp", "/var/tmp"}


def test_no_secret_and_no_trace_of_the_builder(files: dict[str, tarfile.TarInfo]) -> None:
    """No key, no keys file, no history, no test; the environment has only what is written in the Dockerfile."""
    assert [path for path in files if re.search(r"(\.key|keys\.json|/\.git|\.env|packages/.*/tests?)$", path)] == []
    environment = {variable.partition("=")[0] for variable in inspect(IMAGE)["Config"]["Env"]}
    assert environment == {"PATH", "HOME", "LANG", "PYTHONDONTWRITEBYTECODE", "SSL_CERT_FILE"}
    told = run(
        IMAGE, "sh", "-c", f"grep -rlF -e {ROOT} -e /project/ /opt/exposer/lib/python3*/site-packages/exposer || :"
    )
    assert told == ""


def test_what_the_image_says_of_itself() -> None:
    """A numeric user, a command, a port, a signal, and the labels of the OCI annotations' specification."""
    image = inspect(IMAGE)
    config = image["Config"]
    assert (config["User"], config["Entrypoint"], config["Cmd"]) == ("10001:10001", None, ["exposer", "serve"])
    assert (list(config["ExposedPorts"]), config["StopSignal"]) == (["8081/tcp"], "SIGTERM")
    assert config["Healthcheck"]["Test"] == ["CMD", "sidecar-healthy"]
    labels = {name.removeprefix("org.opencontainers.image."): text for name, text in config["Labels"].items()}
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert labels["version"] == __version__
    assert labels["revision"] == commit.strip()
    assert labels["base.name"] == BASE
    assert all(labels[name] for name in ("title", "description", "licenses", "created"))


def test_how_large_it_is() -> None:
    """It stays below 150 MB; the table of its layers is printed."""
    sys.stderr.write("\n" + docker("history", "--format={{.Size}}\t{{.CreatedBy}}", IMAGE))
    assert inspect(IMAGE)["Size"] < SIZE


def test_the_bill_of_materials() -> None:
    """It is valid CycloneDX, and has every locked requirement in its version and every Debian package of the image."""
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415 - a quarter of a second that no other test here needs
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415 - the same

    bill = (ROOT / ".cache/images/exposer.cdx.json").read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None
    named = {(canonicalize_name(part["name"]), part["version"]) for part in json.loads(bill)["components"]}
    assert named >= set(LOCKED.findall((ROOT / "requirements/runtime.txt").read_text(encoding="utf-8")))
    installed = run(IMAGE, "sed", "-n", "s/^Package: //p", "/var/lib/dpkg/status").split()
    assert len(installed) > 20
    assert {canonicalize_name(name) for name in installed} <= {name for name, _ in named}
