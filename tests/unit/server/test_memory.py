"""The limit of memory is that of the control groups, in each form in which a kernel or a container shows them."""

from pathlib import Path

import pytest

from exposer.server.memory import memory_limit

UNLIMITED = 9223372036854771712  # cgroup v1's
V1 = "sys/fs/cgroup/memory"

# /proc/self/cgroup, files -> the limit
GROUPS: dict[str, tuple[str, dict[str, str], int | None]] = {
    "v2, a container": ("0::/\n", {"sys/fs/cgroup/memory.max": "536870912\n"}, 536870912),
    "v2, no limit": ("0::/\n", {"sys/fs/cgroup/memory.max": "max\n"}, None),
    "v2, one above": (
        "0::/pods/one\n",
        {"sys/fs/cgroup/pods/one/memory.max": "max\n", "sys/fs/cgroup/pods/memory.max": "1000\n"},
        1000,
    ),
    "v2, the least": (
        "0::/pods/one\n",
        {"sys/fs/cgroup/pods/one/memory.max": "900\n", "sys/fs/cgroup/pods/memory.max": "1000\n"},
        900,
    ),
    "v2, the host's path": ("0::/system.slice/x.scope\n", {"sys/fs/cgroup/memory.max": "800\n"}, 800),
    "v1": (
        "4:memory:/pods/one\n0::/\n",
        {f"{V1}/pods/one/memory.stat": "cache 5\nhierarchical_memory_limit 700\ntotal_cache 5\n"},
        700,
    ),
    "v1, the host's path": (
        "5:cpu:/docker/x\n4:memory:/docker/x\n",
        {f"{V1}/memory.stat": "hierarchical_memory_limit 600\n"},
        600,
    ),
    "v1, no limit": ("4:memory:/\n", {f"{V1}/memory.stat": f"hierarchical_memory_limit {UNLIMITED}\n"}, UNLIMITED),
    "neither": ("", {}, None),
}


@pytest.mark.parametrize("name", GROUPS)
def test_memory_limit(tmp_path: Path, name: str) -> None:
    """The least of the group's own and of those above it."""
    told, files, limit = GROUPS[name]
    for path, text in {"proc/self/cgroup": told, **files}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    assert memory_limit(tmp_path) == limit


def test_no_control_groups(tmp_path: Path) -> None:
    """A system without them has no limit."""
    assert memory_limit(tmp_path) is None
