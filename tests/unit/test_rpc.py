"""A node's RPC: answers as real nodes give them, and everything else as a reason to try again."""

import base64
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import Exchange, ScriptedServer, answer

from exposer.client import Client
from exposer.errors import TemporaryError
from exposer.protobuf import message, number
from exposer.rpc import Node, StakingParams, Sync, TxResult, ValidatorState


def rpc(result: object) -> bytes:
    """A JSON-RPC answer."""
    return json.dumps({"jsonrpc": "2.0", "id": -1, "result": result}).encode()


def query(value: bytes = b"", code: int = 0, log: str = "") -> bytes:
    """An answer to abci_query."""
    return rpc({"response": {"code": code, "log": log, "value": base64.b64encode(value).decode() or None}})


def field(place: int, value: bytes | int) -> bytes:
    """A protobuf field."""
    return number(place, value) if isinstance(value, int) else message(place, value)


@pytest.mark.parametrize(("status", "bonded"), [(1, False), (2, False), (3, True)])
def test_a_validator_tells_whether_it_is_bonded(status: int, bonded: bool) -> None:
    """Status 3 of the staking module is bonded; the consensus key stands in a message of its own type."""
    public = field(1, b"/cosmos.crypto.ed25519.PubKey") + field(2, field(1, b"key"))
    message = field(1, field(1, b"cosmosvaloper1x") + field(2, public) + field(4, status) + field(5, b"7"))
    with ScriptedServer(answer(200, query(message))) as server, Client(server.url) as client:
        expected = ValidatorState(bonded, jailed=False, tokens=7, consensus_key=b"key")
        assert Node(client).validator("cosmosvaloper1x") == expected
        assert "Query/Validator" in server.asked[0].path


@pytest.mark.parametrize(("encoded", "least"), [(b"50000000000000000", "0.05"), (b"1" + b"0" * 18, "1"), (b"", "0")])
def test_the_staking_module_tells_its_parameters(encoded: bytes, least: str) -> None:
    """A decimal of the SDK is an integer with 18 decimals on the wire; SDKs before 0.46 have no least commission."""
    params = field(1, field(2, 100) + (field(6, encoded) if encoded else b""))
    with ScriptedServer(answer(200, query(params))) as server, Client(server.url) as client:
        assert Node(client).staking() == StakingParams(100, Decimal(least))


@pytest.mark.parametrize(
    ("tokens", "power", "unit"), [(10**6, 1, 10**6), (1_999_999, 1, 10**6), (10**24 + 5, 10**6, 10**18), (7, 7, 1)]
)
def test_a_unit_of_power_is_read_from_a_validator(tokens: int, power: int, unit: int) -> None:
    """Its tokens by its power, cut to a power of ten: both are of the same validator, found by its key."""
    others = [bonded(b"a", 5), bonded(b"k", tokens)]
    listed = rpc({"validators": [{"pub_key": {"value": base64.b64encode(b"k").decode()}, "voting_power": str(power)}]})

    def script(exchange: Exchange) -> bool:
        return answer(200, listed if exchange.asked.path.startswith("/validators") else query(b"".join(others)))(
            exchange
        )

    with ScriptedServer(script) as server, Client(server.url) as client:
        assert Node(client).unit_of_power() == unit
        others.pop()
        with pytest.raises(TemporaryError, match="in the set of consensus"):
            Node(client).unit_of_power()


def bonded(key: bytes, tokens: int) -> bytes:
    """A validator in a list of them."""
    public = field(1, b"/cosmos.crypto.ed25519.PubKey") + field(2, field(1, key))
    return field(1, field(1, b"cosmosvaloper1x") + field(2, public) + field(4, 3) + field(5, str(tokens).encode()))


def test_no_validator_is_none() -> None:
    """The application's "not found" is an answer, not a failure."""
    refused = query(code=30, log="rpc error: code = NotFound desc = validator cosmosvaloper1x not found")
    with ScriptedServer(answer(200, refused)) as server, Client(server.url) as client:
        assert Node(client).validator("cosmosvaloper1x") is None


@given(amount=st.integers(0, 10**40))
def test_a_balance_of_any_size_is_read(amount: int) -> None:
    """Amounts are text in the message, so that no size is lost."""
    coin = field(1, field(1, b"stake") + field(2, str(amount).encode()))
    with ScriptedServer(answer(200, query(coin))) as server, Client(server.url) as client:
        assert Node(client).balance("cosmos1x", "stake") == amount


def test_an_empty_account_has_nothing() -> None:
    """An account that does not exist has a balance of 0."""
    with ScriptedServer(answer(200, query(field(1, field(1, b"stake"))))) as server, Client(server.url) as client:
        assert Node(client).balance("cosmos1x", "stake") == 0


def test_the_height_of_a_node_is_read() -> None:
    """Height is a string in CometBFT's JSON."""
    status = rpc({"sync_info": {"latest_block_height": "7", "catching_up": True}})
    with ScriptedServer(answer(200, status)) as server, Client(server.url) as client:
        assert Node(client).sync() == Sync(7, catching_up=True)


def test_a_transaction_is_none_until_it_is_in_a_block() -> None:
    """A transaction that is not found is still on its way; one in a block has a code."""
    missing = json.dumps({"error": {"code": -32603, "data": "tx (AB) not found"}}).encode()
    found = rpc({"height": "3", "tx_result": {"code": 5, "log": "insufficient funds"}})
    with ScriptedServer(answer(500, missing), answer(200, found)) as server, Client(server.url) as client:
        assert Node(client).transaction("AB") is None
        assert Node(client).transaction("AB") == TxResult(3, 5, "insufficient funds")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"error": {"message": "starting"}}', query(code=1, log="boom")]
)
def test_any_other_answer_is_a_reason_to_try_again(body: bytes) -> None:
    """A node that is starting, or something else on its port, is not a fact about the account."""
    with (
        ScriptedServer(answer(200, body)) as server,
        Client(server.url) as client,
        pytest.raises(TemporaryError),
    ):
        Node(client).balance("cosmos1x", "stake")
