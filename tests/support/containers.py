"""Containers of this version's images, with no more rights than a restricted pod has, and none of them afterwards."""

import json
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from compose_project import LIMIT, docker

RESTRICTED = (
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--network=none",
)


def run(image: str, *command: str, options: tuple[str, ...] = ()) -> str:
    """What a command in a container of its own prints; fails with its words when it fails."""
    return docker("run", "--rm", *RESTRICTED, *options, image, *command)


def exit_code(image: str, *command: str, options: tuple[str, ...] = ()) -> int:
    """The exit code of a command in a container of its own."""
    line = ["docker", "run", "--rm", *RESTRICTED, *options, image, *command]
    return subprocess.run(line, capture_output=True, timeout=LIMIT, check=False).returncode


@contextmanager
def running(image: str, *command: str, options: tuple[str, ...] = ()) -> Iterator[str]:
    """The id of a container that runs until the end."""
    container = docker("run", "--detach", *RESTRICTED, *options, image, *command).strip()
    try:
        yield container
    finally:
        docker("rm", "--force", "--volumes", container)


@contextmanager
def volume() -> Iterator[str]:
    """The name of a volume: empty, and owned as the image has the directory that it is mounted at first."""
    name = docker("volume", "create", f"test-{uuid.uuid4().hex[:8]}").strip()
    try:
        yield name
    finally:
        docker("volume", "rm", name)


def inspect(thing: str) -> Any:
    """What the engine says of a container or an image."""
    return json.loads(docker("inspect", thing))[0]


def becomes_healthy(container: str) -> None:
    """Return with the engine's word that a container is healthy; fail with the first word that it is not."""
    name = f"--filter=container={container}"
    with subprocess.Popen(
        ["docker", "events", "--since=1m", name, "--filter=event=health_status", "--format={{.Action}}"],
        stdout=subprocess.PIPE,
        text=True,
    ) as events:
        assert events.stdout is not None
        try:
            assert events.stdout.readline().strip() == "health_status: healthy"
        finally:
            events.terminate()
