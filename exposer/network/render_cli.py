"""``exposer render``: the plan of a network as a compose project or as Kubernetes manifests.

Everything is made before the first file is written, and each is put in its place whole. What else is in the directory
stays as it is: a file of that name that was not rendered, and keys that are other ones, are refused.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dotenv import dotenv_values

from exposer import log as logs
from exposer.durable import write_durably
from exposer.errors import ConflictError, ExitCode
from exposer.network.compose.project import ENVIRONMENT_FILE, KEYS_DIRECTORY, render_compose
from exposer.network.document import Document
from exposer.network.flags import add_wanted
from exposer.network.former import edited, grows, left_over
from exposer.network.key_source import KEY_FILES, KEYS_FILE, key_files, keys_of
from exposer.network.kubernetes import remaking
from exposer.network.kubernetes.files import KUSTOMIZATION, render_kubernetes
from exposer.network.plan_cli import plan_at
from exposer.network.rendering import MADE, RenderedFile
from exposer.network.wanted import Wanted, choose_document

log = logging.getLogger("exposer render")
# Not beside the manifests: kubectl apply -f DIR reads whatever ends in .json there.
_KEPT = f"{KEYS_DIRECTORY}/{KEYS_FILE}"
_PRIVATE = 0o700


def main(argv: Sequence[str]) -> int:
    """Render; returns the exit code, or raises an `ExposerError`."""
    options = parser().parse_args(argv)
    logs.configure()
    document = choose_document(Wanted.of(options))
    for warning in document.warnings:
        log.warning("%s", warning)
    files = _compose(document, options.output) if options.what == "compose" else _kubernetes(document, options)
    if options.output:
        for file in files:
            _refuse_another(options.output / file.path, file)
        for name, becomes in (edited(options.output, files) if options.what == "k8s" else {}).items():
            log.info("where this is applied over the former rendering: StatefulSet %s: %s", name, becomes)
        for file in files:
            _write(options.output, file)
        for path in left_over(options.output, files, options.what):
            path.unlink()
            log.warning("%s is removed: what it had is in this network no more; kubectl delete what runs of it", path)
        apply = "kubectl apply -k ." if any(file.path == KUSTOMIZATION for file in files) else "kubectl apply -f ."
        then = "docker compose up --detach --wait" if options.what == "compose" else apply
        log.info("%d files are in %s; there, %s starts the network", len(files), options.output, then)
    else:
        _print(files, [f"{KEYS_DIRECTORY}/{name}" for name in KEY_FILES] if options.what == "compose" else [])
    return ExitCode.DONE


def parser() -> argparse.ArgumentParser:
    """The command line."""
    text = "Make files that run a network elsewhere, with the very pods and steps that `exposer plan` shows."
    result = argparse.ArgumentParser(prog="exposer render", description=text, allow_abbrev=False)
    kinds = result.add_subparsers(dest="what", title="what", metavar="WHAT", required=True)
    compose = kinds.add_parser("compose", help="a docker-compose project", allow_abbrev=False)
    kubernetes = kinds.add_parser("k8s", help="Kubernetes manifests with a kustomization", allow_abbrev=False)
    for kind in (compose, kubernetes):
        add_wanted(kind)
        kind.add_argument(
            "-o", "--output", type=Path, metavar="DIR", help="write files there; default: one stream to stdout"
        )
    kubernetes.add_argument(
        "--plain", action="store_true", help="without the kustomization: for kubectl apply -f DIR, or another tool"
    )
    return result


def _compose(document: Document, output: Path | None) -> list[RenderedFile]:
    """The project; a container's user must be able to read the keys, which their directory keeps from others."""
    files = render_compose(plan_at("compose", document), document)
    if not output:  # it would be read from there
        return files
    keys = key_files(keys_of(document, output / _KEPT))
    place = [(f"{KEYS_DIRECTORY}/{name}", content.reveal()) for name, content in keys.items()]
    return [*files, *(RenderedFile(path, content, directory_mode=_PRIVATE) for path, content in place)]


def _kubernetes(document: Document, options: argparse.Namespace) -> list[RenderedFile]:
    for warning in remaking.warnings(document):
        log.warning("%s", warning)
    plan = plan_at("k8s", document)
    keys = keys_of(document, options.output / _KEPT if options.output else None)
    files = render_kubernetes(plan, document, keys)
    plain = options.plain or not options.output
    return [file for file in files if not (plain and file.path == KUSTOMIZATION)]


def _refuse_another(path: Path, file: RenderedFile) -> None:
    """Whether a file that is at ``path`` is an earlier rendering's; raises `ConflictError` where it is somebody's."""
    if not path.exists():
        return
    before = path.read_bytes()
    if file.path == _KEPT and not grows(before, file.content):
        raise ConflictError(f"{path} has other keys, and keys are never overwritten; move it away, or name another DIR")
    if file.content.startswith(MADE) and not before.startswith(MADE):
        raise ConflictError(f"{path} was not made by exposer render; move it away, or name another DIR")


def _write(directory: Path, file: RenderedFile) -> None:
    path = directory / file.path
    if file.path == ENVIRONMENT_FILE and path.exists():  # which is also where variables of the network file are
        before = path.read_text(encoding="utf-8")
        stated = dotenv_values(path, interpolate=False)
        lines = [line for line in file.content.decode().splitlines() if line.partition("=")[0] not in stated]
        content = "\n".join([*([before.removesuffix("\n")] if before else []), *lines, ""])
        file = replace(file, content=content.encode(), mode=path.stat().st_mode & 0o777)
    path.parent.mkdir(parents=True, exist_ok=True)
    if file.directory_mode == _PRIVATE:
        path.parent.chmod(_PRIVATE)  # before anything is in it
    write_durably(path, file.content, mode=file.mode)
    path.chmod(file.mode)  # whatever the umask: a container's user reads it


def _print(files: Sequence[RenderedFile], keys: Sequence[str]) -> None:
    """What is no YAML stands beside it, and there is no beside in a stream; nor are there ``keys``."""
    streamed = [file for file in files if file.path.endswith(".yaml")]
    sys.stdout.write("---\n".join(file.content.decode() for file in streamed))
    if left := [*(file.path for file in files if file not in streamed), *keys]:
        log.warning("-o DIR would also write %s, which the above needs", ", ".join(left))
