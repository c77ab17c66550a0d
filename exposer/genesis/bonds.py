"""The gentxs of a genesis, in every layout that the SDK has had.

They are in ``genutil.gen_txs`` from SDK 0.40 on, in ``genutil.gentxs`` from 0.36, and in ``app_state.gentxs`` before.
"""

import base64
import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from exposer.accounts.address import decode_address, encode_address
from exposer.accounts.commission import Commission
from exposer.errors import BadInputError
from exposer.genesis.finding import Finding
from exposer.genesis.source import FORMS, Source

_MODERN, *_OLD = PLACES = (
    ("app_state", "genutil", "gen_txs"),
    ("app_state", "genutil", "gentxs"),
    ("app_state", "gentxs"),
)
_JUDGED = {"/cosmos.staking.v1beta1.MsgCreateValidator", "cosmos-sdk/MsgCreateValidator"}
"""The SDK's own message; chains that have another (Initia, OKTC) have other rules."""
_SDK = ("/cosmos.", "cosmos-sdk/")
"""How the SDK's own messages begin; none but the judged ones makes a validator."""
_AMINO = {"1624de64": "ed25519", "eb5ae987": "secp256k1"}
"""The first bytes of a public key in bech32, up to SDK 0.40 (``tendermint/crypto/encoding/amino``)."""
_KEY_BYTES = {"ed25519": 32, "secp256k1": 33}
"""Bytes of a consensus key (``crypto/keys`` of SDK 0.40 and later)."""
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,77})")  # Go takes a leading zero for octal
_DECIMAL = re.compile(r"[-+]?[0-9]{1,78}(\.[0-9]{1,18})?")
"""As tools write what ``cosmossdk.io/math`` reads (``Int``, ``LegacyDec``), both as text."""
_AGAIN = "make it again with the chain's gentx command"


class _UnreadableError(Exception):
    """No chain can read this gentx, or makes a validator of it: the problem, and the cure."""


class Bond(NamedTuple):
    """What one gentx does."""

    path: str
    operator: str
    delegator: str
    """The account that pays; empty where it is not known: not every operator's prefix ends with ``valoper``."""
    stated: str
    """What the message says of that account; newer SDKs leave it out."""
    denom: str
    amount: int
    least: int | None
    """The least that the validator bonds itself; None where it is not stated."""
    commission: Commission
    description: Mapping[str, str]
    consensus_key: str
    key_type: str
    """As consensus parameters name it; empty where it is not known here."""
    ethereum: bool
    """Whether it is signed with a key of Ethereum's kind."""
    gas: int
    fees: Mapping[str, int]
    modern: bool
    """Whether it is in the form of SDK 0.40 and later."""


def bonds(source: Source) -> Iterator[Bond | Finding]:
    """Each message of a gentx by which a validator bonds, as far as it is the SDK's own, or why a gentx has none.

    Forks of SDKs before 0.40 have forms of their own; what cannot be read there is left out.
    """
    for place in PLACES:
        number = 0
        for run in source.runs(source.find(*place)):
            for gentx in run.values:
                path = f"{'.'.join(place)}.{number}"
                if place == _MODERN:
                    yield from _modern_bonds(path, gentx)
                else:
                    with contextlib.suppress(*FORMS, BadInputError, _UnreadableError):
                        yield from list(_bonds(path, gentx, modern=False))
                number += 1


def has_gentxs(source: Source) -> bool:
    """Whether there is any, of any form."""
    return any(True for place in PLACES for _ in source.runs(source.find(*place)))


def _modern_bonds(path: str, gentx: Any) -> list[Bond | Finding]:
    try:
        _refuse_without_validator(list(_messages(gentx)))
        return list(_bonds(path, gentx, modern=True))
    except _UnreadableError as error:
        return [Finding(path, *error.args)]
    except FORMS as error:
        return [Finding(path, f"it cannot be read as a gentx ({type(error).__name__}: {error})", _AGAIN)]


def _refuse_without_validator(messages: list[Mapping[str, Any]]) -> None:
    """A chain's own messages may make validators; those of the SDK are known."""
    types = [str(message.get("@type")) for message in messages]
    if all(one.startswith(_SDK) and one not in _JUDGED for one in types):
        sent = f"its messages are {', '.join(types)}" if types else "it has no message"
        raise _UnreadableError(f"it makes no validator: {sent}", _AGAIN)


def _bonds(path: str, gentx: Mapping[str, Any], *, modern: bool) -> Iterator[Bond]:
    fee = (gentx.get("auth_info") or gentx.get("value") or {}).get("fee") or {}
    for message in _messages(gentx):
        if str(message.get("@type")) not in _JUDGED:
            continue
        stake, least = message.get("value") or message["delegation"], message.get("min_self_delegation")
        key, key_type = consensus_key(message.get("pubkey"))
        if isinstance(message.get("pubkey"), Mapping) and modern:
            _refuse_size(key, key_type)
        yield Bond(
            path,
            operator=str(message["validator_address"]),
            delegator=_delegator(message, modern=modern),
            stated=str(message.get("delegator_address") or ""),
            denom=str(stake["denom"]),
            amount=_whole("amount", stake["amount"], modern=modern),
            least=None if least is None else _whole("min_self_delegation", least, modern=modern),
            commission=_commission(message.get("commission") or {}, modern=modern),
            description=message.get("description") or {},
            consensus_key=key,
            key_type=key_type,
            ethereum="ethsecp256k1" in str((gentx.get("auth_info") or {}).get("signer_infos")),
            gas=int(fee.get("gas_limit") or fee.get("gas") or 0),
            fees={coin["denom"]: int(coin["amount"]) for coin in fee.get("amount") or []},
            modern=modern,
        )


def _messages(gentx: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Those of a transaction; those of amino, up to SDK 0.39, in the form of the others."""
    yield from (gentx.get("body") or {}).get("messages") or []
    for message in (gentx.get("value") or {}).get("msg") or []:
        yield {"@type": message["type"], **{name.lower(): value for name, value in message["value"].items()}}


def consensus_key(public: object) -> tuple[str, str]:
    """A consensus key and its type; empty where there is none, or it is not known here."""
    if isinstance(public, Mapping) and "@type" in public:  # /cosmos.crypto.ed25519.PubKey
        return str(public.get("key") or ""), str(public["@type"]).split(".")[-2]
    if isinstance(public, Mapping):  # tendermint/PubKeyEd25519
        return str(public.get("value") or ""), str(public.get("type")).rpartition("PubKey")[2].lower()
    with contextlib.suppress(BadInputError):
        return str(public), _AMINO.get(decode_address(str(public or ""))[1][:4].hex(), "")
    return str(public or ""), ""


def _refuse_size(key: str, key_type: str) -> None:
    size = _KEY_BYTES.get(key_type)
    if not key or size is None:
        return
    with contextlib.suppress(ValueError):
        if len(base64.b64decode(key, validate=True)) == size:
            return
    problem = f"its consensus key {key} is not {size} bytes in base64"
    raise _UnreadableError(problem, "make it again with the node's key (pubkey)")


def _whole(name: str, value: object, *, modern: bool) -> int:
    if modern and not (isinstance(value, str) and _WHOLE.fullmatch(value)):
        raise _UnreadableError(f"its {name}, {value!r}, is not a whole number in quotes", f'write {name} like "1"')
    return int(str(value))


def _commission(rates: Mapping[str, Any], *, modern: bool) -> Commission:
    names = ("rate", "max_rate", "max_change_rate")
    if modern and not rates:
        raise _UnreadableError("it has no commission", f"{_AGAIN} (COMMISSION_RATE)")
    for name in names if modern else ():
        value = rates.get(name)
        if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
            problem = f"its commission.{name}, {value!r}, is not a decimal with at most 18 places in quotes"
            raise _UnreadableError(problem, 'write it like "0.1"')
    return Commission.of(*(rates.get(name) or 0 for name in names))


def _delegator(message: Mapping[str, Any], *, modern: bool) -> str:
    """The account that bonds: the operator's, whatever is stated; before SDK 0.40 it could be another."""
    stated, operator = str(message.get("delegator_address") or ""), str(message["validator_address"])
    if stated and not modern:
        return stated
    try:
        prefix, raw = decode_address(operator)
    except BadInputError:
        problem = f"its validator_address, {operator!r}, is not a bech32 address"
        raise _UnreadableError(problem, "copy it again, whole") from None
    with contextlib.suppress(BadInputError):
        if decode_address(stated)[1] == raw:
            return stated  # its prefix may be unlike the operator's
    return encode_address(prefix.removesuffix("valoper"), raw) if prefix.endswith("valoper") else ""
