"""The gentxs of a genesis, in every layout that the SDK has had.

They are in ``genutil.gen_txs`` from SDK 0.40 on, in ``genutil.gentxs`` from 0.36, and in ``app_state.gentxs`` before.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from exposer.accounts.address import decode_address, encode_address
from exposer.accounts.commission import Commission
from exposer.errors import BadInputError
from exposer.genesis.source import FORMS, Source

_MODERN, *_OLD = PLACES = (
    ("app_state", "genutil", "gen_txs"),
    ("app_state", "genutil", "gentxs"),
    ("app_state", "gentxs"),
)
_JUDGED = {"/cosmos.staking.v1beta1.MsgCreateValidator", "cosmos-sdk/MsgCreateValidator"}
"""The SDK's own message; chains that have another (Initia, OKTC) have other rules."""
_RATES = ("rate", "max_rate", "max_change_rate")
_AMINO = {"1624de64": "ed25519", "eb5ae987": "secp256k1"}
"""The first bytes of a public key in bech32, up to SDK 0.40 (``tendermint/crypto/encoding/amino``)."""


class Bond(NamedTuple):
    """What one gentx does."""

    path: str
    operator: str
    delegator: str
    """The account that bonds; empty where the operator's address is none, and no other was read."""
    stated: str
    """What the message says of that account; newer SDKs leave it out."""
    denom: str
    amount: int
    least: int | None
    """The least that the validator bonds itself; None before SDK 0.34."""
    commission: Commission | None
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


def bonds(source: Source) -> Iterator[Bond]:
    """Each message of a gentx by which a validator bonds, as far as it is the SDK's own.

    Forks of SDKs before 0.40 have forms of their own; what cannot be read there is left out.
    """
    for place in PLACES:
        number = 0
        for run in source.runs(source.find(*place)):
            for gentx in run.values:
                with contextlib.suppress(*FORMS) if place in _OLD else contextlib.nullcontext():
                    yield from list(_bonds(f"{'.'.join(place)}.{number}", gentx, modern=place == _MODERN))
                number += 1


def has_gentxs(source: Source) -> bool:
    """Whether there is any, of any form."""
    return any(True for place in PLACES for _ in source.runs(source.find(*place)))


def _bonds(path: str, gentx: Mapping[str, Any], *, modern: bool) -> Iterator[Bond]:
    fee = (gentx.get("auth_info") or gentx.get("value") or {}).get("fee") or {}
    for message in _messages(gentx):
        if str(message.get("@type")) not in _JUDGED:
            continue
        stake, rates = message.get("value") or message["delegation"], message.get("commission") or {}
        key, key_type = consensus_key(message.get("pubkey"))
        yield Bond(
            path,
            operator=str(message["validator_address"]),
            delegator=_delegator(message, modern=modern),
            stated=str(message.get("delegator_address") or ""),
            denom=str(stake["denom"]),
            amount=int(stake["amount"]),
            least=int(message["min_self_delegation"]) if "min_self_delegation" in message else None,
            commission=Commission.of(*(rates.get(name) or 0 for name in _RATES)) if rates or not modern else None,
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
        return str(public.get("key")), str(public["@type"]).split(".")[-2]
    if isinstance(public, Mapping):  # tendermint/PubKeyEd25519
        return str(public.get("value")), str(public.get("type")).rpartition("PubKey")[2].lower()
    with contextlib.suppress(BadInputError):
        return str(public), _AMINO.get(decode_address(str(public or ""))[1][:4].hex(), "")
    return str(public or ""), ""


def _delegator(message: Mapping[str, Any], *, modern: bool) -> str:
    """The account that bonds: the operator's, whatever is stated; before SDK 0.40 it could be another."""
    stated = str(message.get("delegator_address") or "")
    if stated and not modern:
        return stated
    try:
        prefix, raw = decode_address(str(message["validator_address"]))
    except BadInputError:
        return ""
    with contextlib.suppress(BadInputError):
        if decode_address(stated)[1] == raw:
            return stated  # its prefix may be unlike the operator's
    return encode_address(prefix.removesuffix("valoper"), raw)
