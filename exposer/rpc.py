"""A running node's RPC (CometBFT ``rpc/openapi``): its height, what the application answers, where a transaction went.

The few application queries go through ``abci_query`` with their messages written by hand (`exposer.protobuf`): they are
the same in every SDK, while each start of a chain binary would cost a second of CPU.
"""

import base64
import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ParamSpec, TypeVar

from exposer.client import Client
from exposer.errors import TemporaryError
from exposer.protobuf import child, count, fields, message, number, parse, string

_CLIP = 500  # characters of a node's own words that a log gets
_BONDED = 3
_STATUS_FIELD, _JAILED_FIELD, _TOKENS_FIELD = 4, 3, 5
_MAX_VALIDATORS_FIELD, _MIN_COMMISSION_FIELD = 2, 6
_DECIMALS = 18  # of the SDK's decimals, which are integers on the wire
_PAGE = 100
_CONSENSUS_KEY = (2, 2, 1)  # the key in the value of the Any


@dataclass(frozen=True)
class Sync:
    """Where a node is: its latest height, and whether it is still behind."""

    height: int
    catching_up: bool


@dataclass(frozen=True)
class ValidatorState:
    """A validator as the staking module sees it."""

    bonded: bool
    jailed: bool
    tokens: int
    """What is bonded to it, in the bond denomination."""
    consensus_key: bytes
    """The public key that its blocks are signed with, without its type."""


@dataclass(frozen=True)
class StakingParams:
    """What the staking module asks of validators."""

    max_validators: int
    min_commission_rate: Decimal


@dataclass(frozen=True)
class TxResult:
    """What became of a transaction in its block; ``code`` 0 is success."""

    height: int
    code: int
    log: str


P = ParamSpec("P")
T = TypeVar("T")


def _sensible(call: Callable[P, T]) -> Callable[P, T]:
    """A call whose answer may be any JSON at all, or any protobuf: what makes no sense is as good as no answer."""

    @functools.wraps(call)
    def checked(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            return call(*arguments, **named)
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise TemporaryError("the node's RPC answers something else; does NODE_URL point to it?") from error

    return checked


class Node:
    """One node's RPC; every call raises `TemporaryError` while the node does not answer as it should."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @_sensible
    def sync(self) -> Sync:
        """Height and state of the node."""
        info = self._call("/status")["sync_info"]
        return Sync(int(info["latest_block_height"]), bool(info["catching_up"]))

    @_sensible
    def balance(self, address: str, denom: str) -> int:
        """What ``address`` has of ``denom`` (``cosmos.bank.v1beta1.Query/Balance``)."""
        answer = self._query("/cosmos.bank.v1beta1.Query/Balance", string(1, address) + string(2, denom))
        return int(child(answer or b"", 1, 2) or b"0")

    @_sensible
    def validator(self, operator: str) -> ValidatorState | None:
        """The validator of this operator (``cosmos.staking.v1beta1.Query/Validator``), or None while there is none."""
        answer = self._query("/cosmos.staking.v1beta1.Query/Validator", string(1, operator))
        validator = fields(answer or b"").get(1)
        return _validator(validator) if isinstance(validator, bytes) else None

    @_sensible
    def staking(self) -> StakingParams:
        """The parameters of the staking module (``cosmos.staking.v1beta1.Query/Params``)."""
        params = child(self._query("/cosmos.staking.v1beta1.Query/Params", b"") or b"", 1)
        least = int(child(params, _MIN_COMMISSION_FIELD) or b"0")  # not there before SDK 0.46
        return StakingParams(count(params, _MAX_VALIDATORS_FIELD), Decimal(least).scaleb(-_DECIMALS).normalize())

    @_sensible
    def unit_of_power(self) -> int:
        """How many tokens make one unit of voting power, a power of ten: one validator's tokens by its power.

        The chain tells it nowhere. Raises `TemporaryError` where no bonded validator is in the set of consensus yet.
        """
        listed = self._call("/validators?per_page=100")["validators"]
        power = {base64.b64decode(one["pub_key"]["value"]): int(one["voting_power"]) for one in listed}
        asked = string(1, "BOND_STATUS_BONDED") + message(2, number(3, _PAGE))
        for field, answer in parse(self._query("/cosmos.staking.v1beta1.Query/Validators", asked) or b""):
            if field == 1 and isinstance(answer, bytes):
                validator = _validator(answer)
                if units := power.get(validator.consensus_key):
                    return int(10 ** (len(str(validator.tokens // units)) - 1))
        raise TemporaryError("no validator of the staking module is in the set of consensus")

    @_sensible
    def transaction(self, tx_hash: str) -> TxResult | None:
        """The result of a transaction (its hash in hex), or None while it is in no block."""
        answer = self._client.get(f"/tx?hash=0x{tx_hash}")
        document = _json(answer.body)
        if "result" not in document:
            return None  # an error of its own for "not found", whose text differs between versions
        result = document["result"]
        return TxResult(
            int(result["height"]), int(result["tx_result"]["code"]), str(result["tx_result"].get("log", ""))
        )

    def _query(self, path: str, message: bytes) -> bytes | None:
        """The application's answer, or None where it says that there is no such thing."""
        response = self._call(f'/abci_query?path="{path}"&data=0x{message.hex()}')["response"]
        if int(response.get("code", 0)) == 0:
            return base64.b64decode(response.get("value") or "")
        if "not found" in str(response.get("log", "")).lower():
            return None
        raise TemporaryError(f"the node cannot answer {path}: {str(response.get('log', ''))[:_CLIP]}")

    def _call(self, path: str) -> Any:
        document = _json(self._client.get(path).body)
        if "result" not in document:
            told = str(document.get("error"))[:_CLIP]
            raise TemporaryError(f"the node at {self._client.url} answers with an error: {told}")
        return document["result"]


def _validator(encoded: bytes) -> ValidatorState:
    """``cosmos.staking.v1beta1.Validator``."""
    return ValidatorState(
        bonded=count(encoded, _STATUS_FIELD) == _BONDED,
        jailed=bool(count(encoded, _JAILED_FIELD)),
        tokens=int(child(encoded, _TOKENS_FIELD) or b"0"),
        consensus_key=child(encoded, *_CONSENSUS_KEY),
    )


def _json(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise TemporaryError("the node's RPC does not answer in JSON; does NODE_URL point to it?") from error
    return document if isinstance(document, dict) else {}
