import json
from pathlib import Path

import pytest
from network_world import MINIMAL

from exposer.cli import main
from exposer.network.local.state import PodRecord, Record, State


def test_the_table_has_a_row_for_each_pod(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Steps stand in their order, and what runs beside the node is named."""
    path = tmp_path / "network.yaml"
    path.write_text(MINIMAL + "    faucet: {enabled: true}\n", encoding="utf-8")

    assert main(["plan", str(path), "--at", "k8s"]) == 0
    rows = [row for row in capsys.readouterr().out.splitlines() if "cosmoshub-4-" in row]
    assert len(rows) == 3
    assert "copy-binary > init-genesis > init-config > init-faucet" in rows[0]
    assert "exposer, faucet" in rows[0]
    assert "wait-for-chains > init-validator > init-config" in rows[1]
    assert "exposer, create-validator" in rows[1]


def test_the_plan_as_data_has_all_of_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """JSON has every container's command, environment, mounts, ports and image, and nothing was written."""
    path = tmp_path / "network.yaml"
    path.write_text(MINIMAL.replace(": 3", ": 2") + "    balances: []\n", encoding="utf-8")

    assert main(["plan", str(path), "--at", "compose", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    pods = {pod["name"]: pod for pod in plan["pods"]}
    assert [*pods] == ["cosmoshub-4-genesis-0", "cosmoshub-4-validator-0"]
    gate = next(step for step in pods["cosmoshub-4-validator-0"]["steps"] if step["name"] == "wait-for-chains")
    assert gate["environment"]["GENESIS_HOST"] == "cosmoshub-4-genesis-0-exposer"
    assert gate["environment"]["GENESIS_P2P_HOST"] == "cosmoshub-4-genesis-0"
    node = pods["cosmoshub-4-genesis-0"]["node"]
    assert node["mounts"] == [{"volume": "node", "path": "/chain", "read_only": False}]
    assert node["ports"]["rpc"] == 26657
    assert [*tmp_path.iterdir()] == [path]


def test_ports_that_the_file_states_are_in_the_plan(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """They are the genesis pod's, as in `exposer up`, wherever they stand; the others have those that they prefer."""
    stated = (
        "    ports: {rpc: 26999, grpc-web: 9555, exposer: 8099}\n    faucet: {enabled: true, ports: {rest: 8012}}\n"
    )
    path = tmp_path / "network.yaml"
    path.write_text(MINIMAL + stated, encoding="utf-8")

    assert main(["plan", str(path), "--json"]) == 0
    first, second, _ = json.loads(capsys.readouterr().out)["pods"]
    served = first["node"]["ports"] | first["exposer"]["ports"] | first["faucet"]["ports"]
    assert {"rpc": 26999, "grpc_web": 9555, "exposer": 8099, "faucet": 8012, "rest": 1317}.items() <= served.items()
    assert first["exposer"]["environment"]["EXPOSER_STATUS_URL"] == "http://127.0.0.1:26999"
    assert (second["node"]["ports"]["rpc"], second["exposer"]["ports"]["exposer"]) == (26757, 8082)
    assert main(["plan", str(path)]) == 0
    assert "exposer:8099 p2p:26656 rpc:26999" in capsys.readouterr().out


def test_a_network_that_ran_has_the_ports_that_it_had(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """And the time of its genesis: the plan is what the next `exposer up` carries out."""
    path, state = tmp_path / "network.yaml", State(tmp_path / "net")
    path.write_text(MINIMAL, encoding="utf-8")
    state.create()
    former = PodRecord("cosmoshub-4-validator-0", "validator", 0, "", "", {"rpc": 26999, "exposer": 8081})
    state.write(Record("devnet", "2026-02-03T04:05:06Z", (former,)))

    assert main(["plan", str(path), "--state", str(state.root), "--json"]) == 0
    first, second, _ = json.loads(capsys.readouterr().out)["pods"]
    assert (second["node"]["ports"]["rpc"], second["exposer"]["ports"]["exposer"]) == (26999, 8081)
    assert first["exposer"]["ports"]["exposer"] != 8081
    times = {step["name"]: step["environment"].get("GENESIS_TIME") for step in first["steps"]}
    assert times["init-genesis"] == "2026-02-03T04:05:06Z"


def test_no_port_is_planned_twice(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A stated port that another pod would prefer, of its chain or the next, is not that pod's."""
    path = tmp_path / "network.yaml"
    stated = "    ports: {rpc: 26757, exposer: 8082, p2p: 26956}\n"
    path.write_text(f"{MINIMAL}{stated}  - {{id: b, name: cometbft, numValidators: 1}}\n", encoding="utf-8")

    assert main(["plan", str(path), "--json"]) == 0
    pods = json.loads(capsys.readouterr().out)["pods"]
    ports = [port for pod in pods for part in ("node", "exposer") for port in pod[part]["ports"].values()]
    assert {26757, 8082, 26956} <= {*ports}
    assert len(ports) == len({*ports})


def test_the_default_network_has_a_plan_too(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a file it is the network that `exposer up` would run, with the ports that it would like to have."""
    monkeypatch.chdir(tmp_path)

    assert main(["plan", "--validators", "2", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["pods"]
    assert (first["node"]["ports"]["rpc"], second["node"]["ports"]["rpc"]) == (26657, 26757)
    assert [*tmp_path.iterdir()] == []
