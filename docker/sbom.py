"""An image's bill of materials: CycloneDX JSON on stdout, of what is in the image and not of what was meant to be.

`python docker/sbom.py IMAGE`: the Python packages of /opt/exposer, by cyclonedx-py, and what dpkg's status has.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL


def main() -> int:
    """Write the bill, or say on stderr what its schema has against it."""
    image = sys.argv[1]
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        take(image, root, "/opt/exposer/lib", "/opt/exposer/pyvenv.cfg", "/var/lib/dpkg/status", "/usr/lib/os-release")
        bill = python_packages(root)
        bill["components"] += [*debian_packages(root), *interpreter(root)]
    name, _, version = image.rpartition("/")[2].partition(":")
    bill["metadata"]["component"] = {"type": "container", "bom-ref": image, "name": name, "version": version}
    text = json.dumps(bill, indent=2, sort_keys=True) + "\n"
    if wrong := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        sys.stderr.write(f"the bill is not CycloneDX 1.6: {wrong}\n")
        return 1
    sys.stdout.write(text)
    return 0


def take(image: str, root: Path, *paths: str) -> None:
    """Copy files and directories of an image into a directory, without running anything of it."""
    container = docker("create", image).strip()
    try:
        for path in paths:
            docker("cp", f"{container}:{path}", str(root))
    finally:
        docker("rm", container)


def docker(*arguments: str) -> str:
    """What a docker command prints."""
    command = ["docker", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def python_packages(root: Path) -> dict[str, Any]:
    """A bill of the Python packages in the image's environment."""
    (packages,) = (root / "lib").glob("python3*/site-packages")
    python = root / "python"  # cyclonedx-py asks an interpreter for its path, and reads what is there itself
    python.write_text(f"#!/bin/sh\necho '{json.dumps([str(packages)])}'\n", encoding="utf-8")
    python.chmod(0o755)
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", "--sv", "1.6", str(python)]
    bill: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return bill


def debian_packages(root: Path) -> Iterator[dict[str, str]]:
    """A component for each entry of the dpkg status."""
    release = dict(line.split("=", 1) for line in (root / "os-release").read_text(encoding="utf-8").splitlines())
    distribution = f"{release['ID']}-{release['VERSION_ID'].strip(chr(34))}"
    for entry in (root / "status").read_text(encoding="utf-8").strip().split("\n\n"):
        package = message_from_string(entry)
        name, version = package["Package"], package["Version"]
        qualifiers = {"arch": package["Architecture"], "distro": distribution}
        url = PackageURL("deb", release["ID"], name, version, qualifiers).to_string()
        yield {"type": "library", "bom-ref": url, "name": name, "version": version, "purl": url}


def interpreter(root: Path) -> Iterator[dict[str, str]]:
    """The Python that the environment stands on, where no Debian package has it."""
    settings = dict(line.split(" = ") for line in (root / "pyvenv.cfg").read_text(encoding="utf-8").splitlines())
    if settings["home"] != "/usr/bin":
        url = PackageURL("generic", None, "python", settings["version"]).to_string()
        yield {"type": "application", "bom-ref": url, "name": "python", "version": settings["version"], "purl": url}


if __name__ == "__main__":
    sys.exit(main())
