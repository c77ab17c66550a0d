"""Which file systems this kernel keeps by itself: changes come as events, and a stat never waits for a network."""

import os
import re
from pathlib import Path

LOCAL = frozenset(
    {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "ramfs", "reiserfs", "rootfs", "tmpfs"}
    | {"xfs", "zfs", "erofs", "iso9660", "squashfs"}
)
"""Types by their names in proc_pid_mountinfo(5). What is not listed (nfs, cifs, ceph, 9p, virtiofs, every fuse) may be
changed by another machine, which nobody here is told of."""
_MOUNTS = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(rb"\\([0-7]{3})")


def is_local(path: str | Path) -> bool:
    """Whether ``path``, or what of it exists yet, is on a file system of `LOCAL`; what cannot be told is not."""
    return type_of(path) in LOCAL


class Mounts:
    """Which files are on a file system of `LOCAL`; one look at the table of mounts does for a device."""

    def __init__(self) -> None:
        self._known: dict[str | int, bool] = {}

    def known(self, device: int) -> bool | None:
        """What was found for a device's number; None before."""
        return self._known.get(device)

    def is_local(self, path: str | Path, device: int | None) -> bool:
        """Whether ``path``, which was on ``device`` (None: nowhere), is; the first time this may wait for a network."""
        key = str(path) if device is None else device
        if key not in self._known:
            self._known[key] = is_local(path)
        return self._known[key]


def type_of(path: str | Path, mounts: Path = _MOUNTS) -> str:
    """The type of the file system that ``path`` leads to, from the table ``mounts``; empty where it cannot be told."""
    try:
        table = mounts.read_bytes()
    except OSError:
        return ""
    real = os.fsencode(os.path.realpath(path))
    longest, found = -1, b""
    for line in table.splitlines():
        left, _, right = line.partition(b" - ")
        point = _ESCAPED.sub(lambda octal: bytes([int(octal[1], 8)]), left.split(b" ")[4])
        inside = real == point or real.startswith(point.rstrip(b"/") + b"/")
        if inside and len(point) >= longest:  # of two mounts on one point the later one is seen
            longest, found = len(point), right.split(b" ")[0]
    return found.decode(errors="replace")
