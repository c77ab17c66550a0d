"""A chain that starts from the state of another one, with the real binaries of four SDKs."""

import json
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from live_network import LiveNetwork, query
from project import real_binary
from real_chains import CHAINS, RealChain
from waiting import LIMIT, eventually

from exposer.accounts.address import encode_address

EXPORTING = [chain.param for chain in CHAINS if chain.binary != "evmosd"]
"""Evmos refuses the state that it exported itself: ``evmosd validate`` wants the heights of its epochs."""


@pytest.mark.sampled(kind=lambda chain: None, size=2)  # noqa: ARG005 - the names are those of the parameters
@pytest.mark.parametrize("chain", EXPORTING)
def test_a_chain_goes_on_from_an_exported_state(tmp_path: Path, chain: RealChain) -> None:
    """The new chain makes blocks with its own validator; what accounts had they have, and old validators are jailed."""
    binary = real_binary(chain.binary)
    prefix = "wasm" if chain.binary == "wasmd" else "cosmos"
    address = encode_address(prefix, b"\x07" * 20)
    balances = f", balances: [{{address: {address}, amount: 77{chain.denom}}}]"
    (tmp_path / "old").mkdir()
    with LiveNetwork(tmp_path / "old", binary) as old:
        old.up(chain.network_file(tmp_path / "old.yaml", validators=1, more=balances))
        eventually("the old chain has a history", lambda: height(old) > 4)
        assert old.end() == 0
        state = tmp_path / "state.json"
        state.write_bytes(exported(binary, old.home(old.pods()[0]["name"])))
    goes_on = int(json.loads(state.read_bytes())["initial_height"])
    source = f"from: {state}, sha256: {sha256(state.read_bytes()).hexdigest()}, presets: [fast-governance]"
    (tmp_path / "new").mkdir()
    with LiveNetwork(tmp_path / "new", binary) as new:
        new.up(chain.network_file(tmp_path / "new.yaml", validators=1, more=f", genesis: {{{source}}}"))
        eventually("the new chain makes blocks", lambda: height(new) > goes_on + 2)
        held = query(new, binary, "bank", "balances", address)["balances"]
        validators = query(new, binary, "staking", "validators")["validators"]

        assert [coin for coin in held if coin["denom"] == chain.denom] == [{"denom": chain.denom, "amount": "77"}]
        assert sorted(standing(one) for one in validators) == [
            ("BOND_STATUS_BONDED", False),
            ("BOND_STATUS_UNBONDED", True),
        ]
        assert new.end() == 0


def height(network: LiveNetwork) -> int:
    """Where the only node is; 0 while it does not answer."""
    node = network.pods()[0]["node"]
    return int(node["height"]) if node else 0


def standing(validator: dict[str, Any]) -> tuple[str, bool]:
    """Status and whether it is jailed; what is false some binaries leave out."""
    status = {1: "BOND_STATUS_UNBONDED", 3: "BOND_STATUS_BONDED"}.get(validator["status"], validator["status"])
    return status, bool(validator.get("jailed"))


def exported(binary: str, home: Path) -> bytes:
    """The state that ``export`` writes: to its output or, in some SDKs, to its log."""
    done = subprocess.run([binary, "export", "--home", home], capture_output=True, timeout=LIMIT, check=False)
    lines = [line for line in (done.stdout + b"\n" + done.stderr).splitlines() if line.startswith(b"{")]
    assert lines, done.stderr
    return max(lines, key=len)
