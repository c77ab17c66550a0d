"""The faults that a volume can have, and the one answer to each: what the tests do, and what docs/faults.md says."""

import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sidecar_world import KEYS

ARTIFACT = "artifact"
NEEDED_BY = {
    "genesis.json": ("/genesis", "/readyz"),
    "node_id.json": ("/node_id", "/readyz"),
    "node_key.json": ("/node_id", "/keys", "/readyz"),
    "priv_validator_key.json": ("/keys", "/pub_key"),
    ARTIFACT: ("/artifacts/data",),
}


@dataclass(frozen=True)
class Fault:
    """What is done to a file, and the codes of the endpoints that need it: one of the chain's, and one of any kind.

    ``record``: of all of them, where it is done to the record of a step, which none of these files came from.

    ``foreign``: on a volume that somebody else fills; ``ours``: on one whose records name the file. An artifact has no
    form that could be wrong, so elsewhere most faults of content are none: "200".
    """

    spoil: Callable[[Path], object]
    foreign: str
    ours: str
    artifact: str
    artifact_ours: str
    record: str = "mismatch"

    def code(self, file: str, *, ours: bool) -> str:
        """The code for a fault of ``file``."""
        if file == ARTIFACT:
            return self.artifact_ours if ours else self.artifact
        return self.ours if ours else self.foreign

    def identity_code(self, file: str, *, ours: bool) -> str:
        """What `/identity` answers; "not-ready" says for sure that a pod belongs to no network."""
        if file != "genesis.json":
            return "200"
        return "not-ready" if self in _GONE and not ours else "incomplete"


def _same(spoil: Callable[[Path], object], code: str, record: str = "mismatch") -> Fault:
    return Fault(spoil, code, code, code, code, record)


def _content(change: Callable[[bytes], bytes], artifact: str = "200") -> Fault:
    def spoil(path: Path) -> None:
        path.write_bytes(change(path.read_bytes()))

    return Fault(spoil, "incomplete", "mismatch", artifact, "mismatch")


def _instead(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        path.unlink()
        make(path)

    return spoil


def _socket(path: Path) -> None:
    short = f"/proc/self/fd/{os.open(path.parent, os.O_RDONLY)}"  # the path of a socket has at most 107 bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{short}/{path.name}")
    os.close(int(short.rsplit("/", 1)[1]))


def _lead_out(path: Path) -> None:
    outside = path.parents[2] / path.name
    path.rename(outside)
    path.symlink_to(outside)


FAULTS = {
    "missing": _same(Path.unlink, "not-ready", "200"),
    "a link to nothing": _same(_instead(lambda path: path.symlink_to("nowhere")), "not-ready", "not-ready"),
    "a link to itself": _same(_instead(lambda path: path.symlink_to(path.name)), "not-ready", "not-ready"),
    "a link out of the volume": _same(_lead_out, "mismatch", "200"),
    "a directory": _same(_instead(Path.mkdir), "incomplete"),
    "a FIFO": _same(_instead(os.mkfifo), "incomplete"),
    "a socket": _same(_instead(_socket), "incomplete"),
    "a device": _same(_instead(lambda path: path.symlink_to("/dev/zero")), "incomplete"),
    "no permission": _same(lambda path: path.chmod(0), "not-ready", "not-ready"),
    "empty": _content(lambda _: b"", "incomplete"),
    "torn in the middle": _content(lambda data: data[: len(data) // 2]),
    "torn at the last brace": _content(lambda data: data.rstrip()[:-1]),
    "zeros after a crash": _content(lambda data: bytes(len(data))),
    "an error page": _content(lambda _: b"<html>502 Bad Gateway</html>"),
    "two documents": _content(lambda data: data + data),
    "not UTF-8": _content(lambda data: data.replace(b'"', b'"\xff\xfe', 1)),
    "an array": _content(lambda data: b"[%s]" % data),
    "an empty object": _content(lambda _: b"{}"),
    "null inside": _content(lambda _: b'{"node_id":null,"chain_id":null,"genesis_time":null,"pub_key":null}'),
    "wrong types inside": _content(lambda _: b'{"node_id":[],"chain_id":{},"genesis_time":1,"pub_key":"x"}'),
    "keys of wrong types": _content(
        lambda _: b'{"node_id":7,"priv_key":{"type":"x","value":1},"pub_key":{"type":[],"value":"!"}}', "mismatch"
    ),
    "a private key": _content(lambda _: b'{"priv_key":"' + KEYS.seed("node").hex().encode() + b'"}', "mismatch"),
    "nested without end": _content(lambda _: b'{"a":' + b"[" * 100_000),
    "a number of 5,000 digits": _content(lambda _: b'{"chain_id":' + b"9" * 5000 + b"}"),
    "an exponent beyond all": _content(lambda _: b'{"chain_id":1e' + b"9" * 30 + b"}"),
}
_GONE = [FAULTS[name] for name in ("missing", "a link to nothing", "a link to itself")]
DURING = {
    "replaced by another file": "the old file is sent to its end",
    "deleted": "the old file is sent to its end",
    "truncated": "the connection is cut",
    "emptied": "the connection is cut",
    "overwritten": "the connection is cut",
    "overwritten, and its time set back": "the connection is cut",
    "appended to": "the connection is cut",
}
"""What is done to a file while it is being sent, and what becomes of the download."""
DISK_ERRORS = {
    "when the file is opened": "not-ready",
    "when it is read": "not-ready",
    "when it is sent": "the connection is cut",
}
"""Where a disk fails (EIO), and what comes of it."""


_COLUMNS = ("of the chain, elsewhere", "of the chain, ours", "artifact, elsewhere", "artifact, ours", "record")


def markdown() -> str:
    """The tables as docs/faults.md has them."""
    lines = [
        _row(["fault of a file", *_COLUMNS]),
        "|---|---|---|---|---|---|",
        *(
            _row([name, *map(_cell, (it.foreign, it.ours, it.artifact, it.artifact_ours, it.record))])
            for name, it in FAULTS.items()
        ),
        "",
        "| file | endpoints that answer so |",
        "|---|---|",
        *(f"| `{file}` | {', '.join(f'`{path}`' for path in paths)} |" for file, paths in _DOCUMENTED.items()),
        "",
        "| while it is being sent | |",
        "|---|---|",
        *(f"| {what} | {outcome} |" for what, outcome in DURING.items()),
        "",
        "| the disk fails | |",
        "|---|---|",
        *(f"| {where} | {_cell(outcome)} |" for where, outcome in DISK_ERRORS.items()),
    ]
    return "\n".join(lines) + "\n"


_DOCUMENTED = {file: paths for file, paths in NEEDED_BY.items() if file != ARTIFACT} | {
    "NAME=PATH": ("/artifacts/NAME",)
}


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(code: str) -> str:
    return {"200": "served"}.get(code, f"503 `{code}`" if "-" in code or " " not in code else code)
