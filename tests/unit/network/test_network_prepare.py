from pathlib import Path

import pytest
from network_world import MINIMAL
from networks import write_keys

from exposer.errors import BadInputError, TemporaryError
from exposer.network.document import Document, load_document
from exposer.network.local.ports import Held
from exposer.network.local.prepare import prepare
from exposer.network.local.state import PodRecord, Record, State
from exposer.network.local.survey import Survey

NODE = {"exposer", "p2p", "rpc", "metrics"}
SDK = {"rest", "grpc", "grpc_web", "json_rpc", "ws", "json_rpc_metrics"}


def document(directory: Path, text: str) -> Document:
    """A network file's."""
    path = directory / "network.yaml"
    path.write_text(text, encoding="utf-8")
    return load_document(path)


def prepared(directory: Path, text: str) -> tuple[PodRecord, ...]:
    """The pods of a network as its record has them."""
    state = State(directory / "net")
    state.create()
    with Held() as held:
        return prepare(document(directory, text), {}, state, held, force=False).record.pods


def free_port() -> int:
    """A port that was free a moment ago."""
    with Held() as held:
        return held.hold(0) or 0


def test_a_pod_has_the_ports_that_it_uses_and_no_others(tmp_path: Path) -> None:
    """A faucet for all is one for each chain with accounts, in its genesis pod; an application's ports are likewise."""
    text = f"faucet: {{enabled: true}}\n{MINIMAL}  - {{id: b, name: cometbft, numValidators: 1}}\n"
    leader, joiner, _, other = prepared(tmp_path, text)

    assert set(leader.ports) == {*NODE, *SDK, "faucet"}
    assert set(joiner.ports) == {*NODE, *SDK}
    assert set(other.ports) == NODE
    assert leader.faucet_url == f"http://127.0.0.1:{leader.ports['faucet']}"
    assert joiner.faucet_url is other.faucet_url is None


async def test_what_is_asked_for_is_told(tmp_path: Path) -> None:
    """The status names the ports that programs listen on, the denomination and the prefix, also while nothing runs."""
    text = f"faucet: {{enabled: true}}\n{MINIMAL}  - {{id: b, name: cometbft, numValidators: 1}}\n"
    records = prepared(tmp_path, text)
    async with Survey() as survey:
        leader, joiner, _, other = await survey.statuses(records)

    assert (leader.chain, leader.denom, leader.prefix) == ("cosmoshub-4", "uatom", "cosmos")
    assert set(leader.ports) == {"exposer", "p2p", "rpc", "rest", "grpc", "grpc_web", "faucet"}
    assert leader.ports.items() <= records[0].ports.items()
    assert set(joiner.ports) == {*leader.ports} - {"faucet"}
    assert (other.denom, other.prefix, set(other.ports)) == (None, None, {"exposer", "p2p", "rpc"})


@pytest.mark.parametrize(
    "field",
    [
        "    faucet: {{enabled: true, ports: {{rest: {port}}}}}",
        "    faucet: {{enabled: true}}\n    ports: {{faucet: {port}}}",
        "faucet: {{enabled: true, ports: {{rest: {port}}}}}",
    ],
)
def test_the_faucets_port_may_stand_in_three_places(tmp_path: Path, field: str) -> None:
    """Each is the genesis pod's, and it is that very port; where it is taken the fault names the place."""
    port = free_port()
    leader, *_ = prepared(tmp_path, f"{MINIMAL}{field.format(port=port)}\n")

    assert leader.ports["faucet"] == port
    with Held() as others:
        taken = f"{MINIMAL}{field.format(port=others.hold(0))}\n".replace("devnet", "other")
        with pytest.raises(BadInputError, match=r"(faucet\.ports\.rest|ports\.faucet): port \d+ \(faucet"):
            prepared(tmp_path, taken)


def test_a_stated_port_of_a_service_that_is_not_there_is_not_held(tmp_path: Path) -> None:
    """Without a faucet its port may be anybody's."""
    with Held() as others:
        port = others.hold(0)
        leader, *_ = prepared(tmp_path, f"{MINIMAL}    faucet: {{enabled: false}}\n    ports: {{faucet: {port}}}\n")

    assert "faucet" not in leader.ports


def test_a_stated_port_that_is_taken_is_named_as_the_file_has_it(tmp_path: Path) -> None:
    """The field of a port with a dash in its name is told with it."""
    with Held() as others:
        port = others.hold(0)
        with pytest.raises(BadInputError, match=rf"network.yaml:6: chains\[0\].ports.json-rpc: port {port} "):
            prepared(tmp_path, f"{MINIMAL}    ports: {{json-rpc: {port}}}\n")


def test_ports_of_a_former_run_that_a_pod_uses_no_more_are_let_go(tmp_path: Path) -> None:
    """A network that gave up its faucet is not kept from coming up by who has the faucet's port now."""
    state = State(tmp_path / "net")
    state.create()
    rpc = free_port()
    with Held() as others:
        ports = {"rpc": rpc, "faucet": others.hold(0) or 0}
        former = PodRecord("cosmoshub-4-genesis-0", "genesis", 0, "", "", ports, "http://127.0.0.1:8000")
        state.write(Record("devnet", "", (former,)))
        leader, *_ = prepared(tmp_path, MINIMAL)

    assert leader.ports["rpc"] == rpc
    assert "faucet" not in leader.ports


def test_a_port_of_a_former_run_that_is_taken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The pod gets another one, and a warning says so; all others are what they were."""
    before = prepared(tmp_path, MINIMAL)
    taken = before[0].ports["rpc"]
    with Held() as others:
        assert others.hold(taken)
        after = prepared(tmp_path, MINIMAL)

    assert after[0].ports["rpc"] not in {0, taken}
    assert [{**pod.ports, "rpc": 0} for pod in after] == [{**pod.ports, "rpc": 0} for pod in before]
    assert after[1:] == before[1:]
    [warning] = caplog.messages
    assert warning.startswith(f"{before[0].name}: others have taken ports")
    assert warning.endswith(f"rpc {taken} -> {after[0].ports['rpc']}")


def test_a_port_that_a_script_has_made_a_configuration_of(tmp_path: Path) -> None:
    """No step makes that anew, so the port has to be the one that it was; the message does not cost the network."""
    (tmp_path / "config.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    text = f"{MINIMAL}    scripts: {{init-config: {{file: config.sh}}}}\n"
    before = prepared(tmp_path, text)
    with Held() as others:
        assert others.hold(before[0].ports["rpc"])
        with pytest.raises(TemporaryError, match=r"free it: a script") as refused:
            prepared(tmp_path, text)

    assert "volumes" not in str(refused.value)


def test_a_faucet_needs_a_key_of_its_own(tmp_path: Path) -> None:
    """A keys file without one is refused before anything starts, where there is a faucet."""
    write_keys(tmp_path / "keys.json", validators=3)
    text = f"keys: keys.json\n{MINIMAL}"

    assert document(tmp_path, text).network.keys == "keys.json"
    with pytest.raises(BadInputError, match=r"keys: .*keys.json has no key for the faucet; add one entry to the role"):
        document(tmp_path, f"faucet: {{enabled: true}}\n{text}")
