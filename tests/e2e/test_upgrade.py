"""A real upgrade: binaries that ``init-build-images`` built, a vote on chain, cosmovisor's switch at its height."""

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from go_world import GitRepository
from live_network import LiveNetwork, get, get_json
from waiting import LIMIT, eventually

pytestmark = [
    pytest.mark.cosmovisor,
    pytest.mark.outside,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not (shutil.which("go") and shutil.which("git")), reason="Go and git build here"),
]

OLD = ("github.com/cosmos/ibc-go/v7", "v7.10.0")
NEW = "github.com/cosmos/ibc-go/v8/testing/simapp/simd@v8.8.0"
PLAN = "v8"
"""The plan that simd of ibc-go v8 has a handler for (``testing/simapp/upgrades/upgrades.go``): SDK 0.47 to 0.50."""
NETWORK = """\
chains:
- id: upgrade-1
  name: simapp
  numValidators: 4
  repo: {repo}
  env:
  - {{name: GOCACHE, value: {cache}}}
  - {{name: GOMODCACHE, value: {modules}}}
  upgrade:
    enabled: true
    genesis: {old}
    upgrades:
    - {{name: {plan}, version: {new}}}
  genesis:
    app_state: {{gov: {{params: {{voting_period: 15s, max_deposit_period: 15s}}}}}}
"""


def go(*arguments: str) -> str:
    """What Go says."""
    done = subprocess.run(
        ["go", *arguments], cwd="/", capture_output=True, text=True, timeout=LIMIT, check=True, env={**os.environ}
    )
    return done.stdout.strip()


def repository_of(module: tuple[str, str], path: Path) -> Path:
    """A git repository with a release of a Go module as its only commit, tagged as the release is."""
    name, version = module
    released = Path(json.loads(go("mod", "download", "-json", f"{name}@{version}"))["Dir"])
    repository = GitRepository(path)
    shutil.copytree(released, path, dirs_exist_ok=True, copy_function=shutil.copyfile)
    for directory in (path, *(found for found in path.rglob("*") if found.is_dir())):
        directory.chmod(directory.stat().st_mode | stat.S_IWUSR)
    repository.commit({}, version)
    return path


class Upgrading:
    """The network of four, and what its chain is asked and told."""

    def __init__(self, network: LiveNetwork) -> None:
        self.network = network
        self.pods = {pod["name"]: pod["node"]["rpc_url"] for pod in network.pods()}

    def ask(self, pod: str, path: str) -> Any:
        """An answer of a node's RPC."""
        return get_json(f"{self.pods[pod]}/{path}")["result"]

    def heights(self) -> list[int]:
        """Of all nodes; 0 where one does not answer just now."""
        return [self._height(pod) for pod in self.pods]

    def _height(self, pod: str) -> int:
        try:
            return int(self.ask(pod, "status")["sync_info"]["latest_block_height"])
        except OSError:
            return 0

    def versions(self) -> set[str]:
        """The versions that the applications say they are."""
        return {self.ask(pod, "abci_info")["response"].get("version", "") for pod in self.pods}

    def current(self) -> set[str]:
        """The directories that cosmovisor's links name, below ``cosmovisor``."""
        homes = (self.network.home(pod) / "cosmovisor" for pod in self.pods)
        return {str((home / "current").resolve().relative_to(home.resolve())) for home in homes}

    def hashes(self, height: int) -> set[tuple[str, str]]:
        """Block and application hash at a height, of all nodes."""
        found = (self.ask(pod, f"block?height={height}") for pod in self.pods)
        return {(block["block_id"]["hash"], block["block"]["header"]["app_hash"]) for block in found}

    def genesis_digests(self) -> set[str]:
        """The SHA-256 of what the exposers serve."""
        return {sha256(get(f"{pod['exposer_url']}/genesis")).hexdigest() for pod in self.network.pods()}

    def send(self, pod: str, *what: str) -> None:
        """A transaction of the pod's own account, in a block."""
        home = self.network.home(pod)
        simd = home / "cosmovisor/current/bin/simd"
        keyring = ("--keyring-backend", "test", "--home", str(home), "--output", "json")
        key = json.loads(_said(simd, "keys", "list", *keyring))[0]["name"]
        node = ("--node", self.pods[pod].replace("http", "tcp"), "--chain-id", "upgrade-1")
        sent = json.loads(_said(simd, "tx", "gov", *what, "--from", key, "--gas", "500000", "--yes", *node, *keyring))
        assert sent["code"] == 0, sent
        result = eventually(f"{what[0]} is in a block", lambda: self._result(pod, sent["txhash"]))
        assert result["tx_result"]["code"] == 0, result

    def _result(self, pod: str, tx_hash: str) -> Any:
        try:
            return self.ask(pod, f"tx?hash=0x{tx_hash}")
        except (OSError, KeyError):  # not in a block yet
            return None


def _said(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout or done.stderr


def test_an_upgrade_at_the_planned_height(tmp_path: Path, cosmovisor: str, tell: Callable[[str], None]) -> None:
    """Four nodes go from one simd to the next at the height that was voted, with the same genesis, and stay there."""
    repository = repository_of(OLD, tmp_path / "ibc-go")
    with LiveNetwork(tmp_path, cosmovisor, str(shutil.which("go"))) as network:
        file = tmp_path / "network.yaml"
        file.write_text(
            NETWORK.format(
                repo=repository,
                cache=go("env", "GOCACHE"),
                modules=go("env", "GOMODCACHE"),
                old=OLD[1],
                plan=PLAN,
                new=NEW,
            )
        )
        network.start(str(file))
        eventually("the network is up", network.is_up, limit=600.0)
        chain = Upgrading(network)
        assert chain.versions() == {"7.10.0"}
        assert chain.current() == {"genesis"}
        digests = chain.genesis_digests()
        assert len(digests) == 1

        planned = max(chain.heights()) + 40
        first, *others = chain.pods
        what = ("--upgrade-height", str(planned), "--no-validate", "--title", "v8", "--description", "v8")
        chain.send(first, "submit-legacy-proposal", "software-upgrade", PLAN, *what, "--deposit", "10000000stake")
        for pod in (first, *others):
            chain.send(pod, "vote", "1", "yes")
        eventually("all nodes are beyond the upgrade", lambda: min(chain.heights()) > planned + 3)

        assert chain.versions() == {"8.8.0"}
        assert chain.current() == {f"upgrades/{PLAN}"}
        assert chain.genesis_digests() == digests
        for height in (planned - 1, planned, planned + 1, planned + 3):
            assert len(chain.hashes(height)) == 1
        plans = [json.loads((network.home(pod) / "data/upgrade-info.json").read_bytes()) for pod in chain.pods]
        assert [(plan["name"], plan["height"]) for plan in plans] == [(PLAN, planned)] * 4

        before = min(chain.heights())
        assert network.end() == 0
        network.start(str(file))
        eventually("the network is up again", network.is_up)
        again = Upgrading(network)
        eventually("blocks are made again", lambda: min(again.heights()) > before + 3)
        assert again.versions() == {"8.8.0"}
        assert again.current() == {f"upgrades/{PLAN}"}
        assert again.genesis_digests() == digests
        assert network.end() == 0
        logs = [log.read_text() for log in network.state.rglob("init-build-images.log")]
        assert [(log.count("building simd"), log.count("already complete")) for log in logs] == [(2, 1)] * 4
        tell(f"upgrade {PLAN} of 4 nodes at the planned height {planned}: 7.10.0 -> 8.8.0, up again with 8.8.0")
