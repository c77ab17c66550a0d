"""Genesis documents in every layout in which a chain has its validators, as small as they can be.

The consumer's is that of interchain-security (``x/ccv/types/genesis.go``): what its binary's ``init`` writes, with what
the provider answers to ``query provider consumer-genesis`` in ``ccvconsumer``.
"""

from collections.abc import Callable, Mapping
from typing import Any

from exposer.accounts.address import encode_address

KEY = "RrclQz9bIhkIy/gfL485g3PYMeiIku4qeo495787X10="
AMINO_KEY = encode_address("cosmosvalconspub", bytes.fromhex("1624de6420") + bytes(32))
STAKE = 5_000_000
Document = dict[str, Any]


def operator(number: int = 1) -> str:
    """An operator's address."""
    return encode_address("cosmosvaloper", bytes([number]) * 20)


def account(number: int = 1) -> str:
    """Its account's."""
    return encode_address("cosmos", bytes([number]) * 20)


def create_validator(number: int = 1, **changed: Any) -> Document:
    """The message by which a validator bonds, in the words of SDK 0.40 and later."""
    return {
        "@type": "/cosmos.staking.v1beta1.MsgCreateValidator",
        "description": {
            "moniker": f"node-{number}",
            "identity": "",
            "website": "",
            "security_contact": "",
            "details": "",
        },
        "commission": {"rate": "0.1", "max_rate": "0.2", "max_change_rate": "0.01"},
        "min_self_delegation": "1",
        "delegator_address": "",
        "validator_address": operator(number),
        "pubkey": {"@type": "/cosmos.crypto.ed25519.PubKey", "key": f"{number}{KEY[1:]}"},
        "value": {"denom": "stake", "amount": str(STAKE)},
        **changed,
    }


def gentx(
    message: Document, *, signer: str = "/cosmos.crypto.secp256k1.PubKey", fee: Document | None = None
) -> Document:
    """A gentx of SDK 0.40 and later."""
    return {
        "body": {"messages": [message], "memo": ""},
        "auth_info": {
            "signer_infos": [{"public_key": {"@type": signer, "key": ""}}],
            "fee": {"amount": [], "gas_limit": "200000", **(fee or {})},
        },
        "signatures": [""],
    }


def amino_gentx(message: Document) -> Document:
    """The same of an SDK before 0.40, whose keys are in bech32."""
    kept = {name: value for name, value in message.items() if name != "@type"}
    value = {**kept, "delegator_address": account(), "pubkey": AMINO_KEY}
    return {
        "type": "cosmos-sdk/StdTx",
        "value": {
            "msg": [{"type": "cosmos-sdk/MsgCreateValidator", "value": value}],
            "fee": {"amount": None, "gas": "1"},
        },
    }


def coins(amount: int = 2 * STAKE, denom: str = "stake") -> list[dict[str, str]]:
    """What an account has."""
    return [{"denom": denom, "amount": str(amount)}]


def modern(*gentxs: Document | str, **staking: Any) -> Document:
    """``genutil.gen_txs``: SDK 0.40 and later."""
    members = range(1, len(gentxs) + 1)
    return {
        "chain_id": "c-1",
        "initial_height": 1,
        "consensus": {"params": {"block": {"max_gas": "-1"}, "validator": {"pub_key_types": ["ed25519"]}}},
        "app_state": {
            "auth": {
                "accounts": [{"@type": "/cosmos.auth.v1beta1.BaseAccount", "address": account(n)} for n in members]
            },
            "bank": {"balances": [{"address": account(n), "coins": coins()} for n in members], "supply": []},
            "genutil": {"gen_txs": list(gentxs)},
            "staking": {"params": {"bond_denom": "stake", "min_commission_rate": "0.05"}, "validators": [], **staking},
        },
    }


def genutil_gentxs(*gentxs: Document) -> Document:
    """``genutil.gentxs``: SDK 0.36 to 0.39, accounts with their coins."""
    owner = {"type": "cosmos-sdk/Account", "value": {"address": account(), "coins": coins()}}
    return _old({"genutil": {"gentxs": list(gentxs)}, "auth": {"accounts": [owner]}})


def hub_1(*gentxs: Document) -> Document:
    """``app_state.gentxs``: before SDK 0.36, as cosmoshub-1."""
    return _old({"gentxs": list(gentxs), "accounts": [{"address": account(), "coins": coins()}], "auth": {}})


def _old(state: Document) -> Document:
    staking = {"params": {"bond_denom": "stake"}, "validators": None}
    return {
        "chain_id": "c-1",
        "consensus_params": {"block": {"max_gas": "-1"}},
        "app_state": {"staking": staking, **state},
    }


def exported(
    status: object, key: object = None, *, jailed: bool = False, tokens: int = STAKE, **staking: Any
) -> Document:
    """The state of a chain that ran, with one validator."""
    public = key or {"@type": "/cosmos.crypto.ed25519.PubKey", "key": KEY}
    validator = {"status": status, "jailed": jailed, "consensus_pubkey": public, "operator_address": operator()}
    document = modern(validators=[{**validator, "tokens": str(tokens)}], **staking)
    document["app_state"]["bank"]["balances"] = [{"address": "bonded_tokens_pool", "coins": coins(STAKE)}]
    return document


def last_powers(*powers: object, name: str = "power") -> Document:
    """What ``export`` says of the last block's validators."""
    return {"exported": True, "last_validator_powers": [{"address": operator(), name: power} for power in powers]}


def consumer(place: str = "provider", *, enabled: object = True, power: str = "500") -> Document:
    """A consumer chain's; its validators are where interchain-security has them from v4 on, or before."""
    valset = {"initial_val_set": [{"pub_key": {"ed25519": KEY}, "power": power}]}
    state = {"params": {"enabled": enabled}, **({place: valset} if place else valset), "new_chain": True}
    return {"chain_id": "c-1", "initial_height": 1, "app_state": {"ccvconsumer": state, "genutil": {"gen_txs": []}}}


RUNS: Mapping[str, Callable[[], Document]] = {
    "validators": lambda: {"chain_id": "c-1", "validators": [{"power": "10"}]},
    "consensus.validators": lambda: {"chain_id": "c-1", "consensus": {"validators": [{"power": "10"}]}},
    "gen_txs": lambda: modern(gentx(create_validator())),
    "gen_txs of two": lambda: modern(gentx(create_validator()), gentx(create_validator(2))),
    "gen_txs, key in bech32": lambda: modern(gentx(create_validator(pubkey=AMINO_KEY))),
    "gen_txs of another module": lambda: modern(
        gentx({"@type": "/initia.mstaking.v1.MsgCreateValidator", "amount": []})
    ),
    "genutil.gentxs": lambda: genutil_gentxs(amino_gentx(create_validator())),
    "gentxs": lambda: hub_1(amino_gentx(create_validator())),
    "gentxs, less than a unit": lambda: hub_1(amino_gentx(create_validator(value=coins(666)[0]))),
    "gentxs of a fork": lambda: hub_1(amino_gentx(create_validator(value=coins()[0] | {"amount": "10.5"}))),
    "exported": lambda: exported("BOND_STATUS_BONDED"),
    "exported, in numbers": lambda: exported(3),
    "exported before 0.40": lambda: exported(2, AMINO_KEY),
    "exported, with powers": lambda: exported("BOND_STATUS_BONDED", **last_powers("5")),
    "exported before 0.40, with powers": lambda: exported(2, AMINO_KEY, **last_powers("0", "5", name="Power")),
    "exported before 0.40, less than a unit": lambda: exported(2, AMINO_KEY, tokens=666),
    "made from a state, unbonded": lambda: exported("BOND_STATUS_UNBONDED"),
    "made from a state, one unit": lambda: exported("BOND_STATUS_UNBONDING", tokens=10**6),
    "made from a state, in numbers": lambda: exported(2),
    "made from a state before 0.40": lambda: exported(1, AMINO_KEY),
    "a module's own": lambda: {"chain_id": "c-1", "app_state": {"opchild": {"validators": [{"cons_power": "1"}]}}},
    "consumer": consumer,
    "consumer before v4": lambda: consumer(""),
}
"""Layout -> a document that runs."""
STANDS: Mapping[str, tuple[Callable[[], Document], str]] = {
    "nobody": (modern, "app_state.genutil.gen_txs"),
    "validators are none": (lambda: {"chain_id": "c-1", "validators": []}, "app_state.genutil.gen_txs"),
    "gentxs are null": (lambda: {**hub_1(), "app_state": {"gentxs": None}}, "app_state.genutil.gen_txs"),
    "exported, jailed": (lambda: exported("BOND_STATUS_BONDED", jailed=True), "app_state.genutil.gen_txs"),
    "exported, no powers": (lambda: exported("BOND_STATUS_BONDED", **last_powers()), "app_state.genutil.gen_txs"),
    "exported, powers of 0": (lambda: exported("BOND_STATUS_BONDED", **last_powers("0")), "app_state.genutil.gen_txs"),
    "exported, powers are not there": (
        lambda: exported("BOND_STATUS_UNBONDED", exported=True),
        "app_state.genutil.gen_txs",
    ),
    "exported, powers are null": (
        lambda: exported(3, exported=True, last_validator_powers=None),
        "app_state.genutil.gen_txs",
    ),
    "bonded without tokens": (lambda: exported("BOND_STATUS_BONDED", tokens=0), "app_state.genutil.gen_txs"),
    "below a unit": (lambda: exported(3, tokens=10**6 - 1), "app_state.genutil.gen_txs"),
    "before 0.40, without tokens": (lambda: exported(2, AMINO_KEY, tokens=0), "app_state.genutil.gen_txs"),
    "consumer, not enabled": (lambda: consumer(enabled=False), "app_state.genutil.gen_txs"),
    "consumer, no power": (lambda: consumer(power="0"), "app_state.ccvconsumer.provider.initial_val_set"),
    "consumer before v4, no power": (lambda: consumer("", power="0"), "app_state.ccvconsumer.initial_val_set"),
}
"""What nobody makes blocks of -> the document, and the path that the finding names."""
