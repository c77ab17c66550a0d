"""A compose project with more pods than the last number of an address can tell apart."""

import re
from pathlib import Path

from exposer.cli import main


def test_many_pods_have_addresses(tmp_path: Path) -> None:
    """More nodes than fit into the last number of an address are still apart."""
    chains = "".join(f"  - {{id: c-{place}, name: cometbft, numValidators: 100}}\n" for place in range(3))
    (tmp_path / "network.yaml").write_text(f"chains:\n{chains}")

    assert main(["render", "compose", str(tmp_path / "network.yaml"), "-o", str(tmp_path / "out")]) == 0
    nodes = re.findall(r'ipv4_address: "(.*)"', (tmp_path / "out/compose.yaml").read_text())
    last = [int(re.sub(r"\$\{.*\}", "10.205", address).rpartition(".")[2]) for address in nodes]
    assert len(set(nodes)) == len(nodes) == 300
    assert all(2 <= number <= 254 for number in last)
