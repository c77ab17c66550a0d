"""What a network file may ask for beside a chain's name, carried out on this machine with real programs."""

import json
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from live_network import LiveNetwork, get_json, query

FAUCET = """\
chains:
  - {id: simapp-1, name: simapp, numValidators: 3, faucet: {enabled: true, amount: 1000000000stake}}
"""
EVM = """\
chains:
  - id: evmos_9000-1
    name: evmos
    numValidators: 2
    validators: genesis
    config: {app.toml: {json-rpc: {enable: true}}}
"""


def write(directory: Path, text: str) -> str:
    """The path of a network file."""
    path = directory / "network.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.simd
def test_validators_that_join_are_funded_by_the_faucet(tmp_path: Path, simd: str) -> None:
    """The genesis knows nothing of the joiners; each is credited once, bonds, and status says where the faucet is."""
    with LiveNetwork(tmp_path, simd) as network:
        pods = network.up(write(tmp_path, FAUCET))
        validators = query(network, simd, "staking", "validators")["validators"]
        genesis = get_json(f"{pods[0]['exposer_url']}/genesis")
        faucet = pods[0]["faucet"]
        told = get_json(f"{faucet['url']}/status")
        balances = [balance["coins"][0]["amount"] for balance in genesis["app_state"]["bank"]["balances"]]

        assert [validator["status"] for validator in validators] == ["BOND_STATUS_BONDED"] * 3
        assert [validator["tokens"] for validator in validators] == ["50000000"] * 3  # a twentieth of one credit
        assert len(balances) == 5  # the genesis validator, the faucet, and three accounts for the user
        assert faucet["ready"]
        assert [pod["faucet"] for pod in pods[1:]] == [None, None]
        assert told["amounts"] == [{"denom": "stake", "amount": "1000000000"}]
        assert network.end() == 0
        before, after = (network.output().index(f"{name}: stopping") for name in ("genesis-0 faucet", "genesis-0 node"))
        assert before < after


@pytest.mark.evmosd
def test_two_evm_nodes_on_one_machine_serve_their_json_rpc(tmp_path: Path, evmosd: str) -> None:
    """Each pod has JSON-RPC ports of its own, and answers at them; both validators are in the genesis."""
    with LiveNetwork(tmp_path, evmosd) as network:
        network.up(write(tmp_path, EVM))
        record = json.loads((network.state / "network.json").read_bytes())
        ports = [pod["ports"]["json_rpc"] for pod in record["pods"]]
        call = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}).encode()

        def answers(port: int) -> str:
            request = Request(f"http://127.0.0.1:{port}", call, {"content-type": "application/json"})
            with urlopen(request, timeout=10) as answer:
                return str(json.loads(answer.read())["result"])

        assert [int(answers(port), 16) for port in ports] == [9000, 9000]
        assert len(set(ports)) == 2
        assert network.end() == 0
