"""A chain of thirty validators on one machine: how long it takes and what it needs."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from live_network import LiveNetwork, get_json
from waiting import eventually

VALIDATORS = 30
_FILE = f"chains: [{{id: thirty-1, name: cometbft, numValidators: {VALIDATORS}}}]\n"
KINDS = {"node": "nodes", "exposer": "exposers", "up": "exposer up"}


@pytest.mark.cometbft
@pytest.mark.timeout(600)
def test_thirty_validators_are_one_network(tmp_path: Path, cometbft: str, tell: Callable[[str], None]) -> None:
    """All thirty are ready with one genesis and make blocks; no step or node was started twice for it."""
    with LiveNetwork(tmp_path, cometbft) as network:
        (tmp_path / "network.yaml").write_text(_FILE)
        rendered = {form: rendering(network, form) for form in ("compose", "k8s")}
        began = time.monotonic()
        pods = network.up()
        rendered["processes"] = time.monotonic() - began
        memory = memory_of(network)
        times = ", ".join(f"{form} {spent:.1f} s" for form, spent in rendered.items())
        sizes = ", ".join(f"{kind} {size / 1024:.0f} MiB" for kind, size in memory.items())
        tell(f"{VALIDATORS} validators: {times}; memory (PSS) {sizes}")

        assert len(pods) == VALIDATORS
        assert {pod["phase"] for pod in pods} == {"ready"}
        assert len({pod["genesis_sha256"] for pod in pods}) == 1
        assert "restarting" not in network.output()
        reached = max(pod["node"]["height"] for pod in pods)
        eventually("two more blocks everywhere", lambda: lowest(pods) >= reached + 2)
        assert network.end() == 0


def rendering(network: LiveNetwork, form: str) -> float:
    """Seconds that the network takes to be rendered."""
    began = time.monotonic()
    done = network.command("render", form, "network.yaml", "--output", form)
    assert done.returncode == 0, done.stderr
    return time.monotonic() - began


def lowest(pods: list[dict[str, Any]]) -> int:
    """The height of the node that is furthest behind."""
    told = (get_json(f"{pod['node']['rpc_url']}/status") for pod in pods)
    return min(int(one["result"]["sync_info"]["latest_block_height"]) for one in told)


def memory_of(network: LiveNetwork) -> Counter[str]:
    """KiB of memory that each kind of process has, what they share counted once (``Pss``, proc(5))."""
    found: Counter[str] = Counter()
    for process in network.processes():
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        found[KINDS[process.program]] += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return found
