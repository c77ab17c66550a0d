"""The genesis document: read and written without touching a digit, patched, and extended with accounts."""

import copy
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import simplejson

from exposer.accounts import coins as coin
from exposer.errors import BadInputError, MismatchError

Genesis = dict[str, Any]

# Go's encoding/json writes these characters escaped; they stand only inside strings, so the whole text can be replaced.
_GO_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})

# The SDK sorts balances by the bytes of their addresses; translated like this the text sorts the same (BIP-173).
_BECH32_ORDER = {ord(char): position for position, char in enumerate("qpzry9x8gf2tvdw0s3jn54khce6mua7l")}


def load(path: Path, field: str = "genesis") -> Any:
    """JSON with every number kept exactly (`decimal.Decimal` where it is not an integer)."""
    try:
        return simplejson.loads(path.read_bytes(), use_decimal=True)
    except simplejson.JSONDecodeError as error:
        raise BadInputError(f"{field}: not JSON at line {error.lineno}, column {error.colno}") from None
    except UnicodeDecodeError:
        raise BadInputError(f"{field}: not UTF-8") from None
    except OSError as error:
        raise BadInputError(f"{field}: {path}: {error.strerror}; mount the file there") from error


def render(document: Any) -> bytes:
    """JSON as Go's ``json.MarshalIndent(v, "", "  ")`` writes it: the order kept, no newline at the end."""
    text = simplejson.dumps(document, use_decimal=True, indent=2, ensure_ascii=False, separators=(",", ": "))
    return str(text).translate(_GO_ESCAPES).encode()


def merge_patch(document: Genesis, patch: Mapping[str, Any], at: str = "") -> None:
    """Merge ``patch`` into ``document``: objects key by key, anything else replaces what is there.

    Raises:
        BadInputError: the patch has a key that the document has not, where a typing error would pass silently.
    """
    for key, value in patch.items():
        where = f"{at}.{key}" if at else key
        if key not in document:
            near = difflib.get_close_matches(key, document, n=1)
            hint = (
                f"did you mean {near[0]!r}?" if near else f"there is: {', '.join(sorted(document)[:12]) or 'nothing'}"
            )
            raise BadInputError(f"GENESIS_PATCH: this genesis has no {where}; {hint}")
        if isinstance(value, Mapping) and isinstance(document[key], dict) and document[key]:
            merge_patch(document[key], value, where)
        else:
            document[key] = value


def add_accounts(document: Genesis, balances: Mapping[str, dict[str, int]]) -> None:
    """Fund addresses in one pass; every account has the shape of the one that the chain's binary added.

    Args:
        document: an SDK genesis with exactly one account, added by ``add-genesis-account``.
        balances: bech32 address -> denomination -> amount, for the accounts to add.

    Supply is kept equal to the sum of the balances, as the bank module demands (``x/bank/types/genesis.go``).
    """
    accounts, bank = document["app_state"]["auth"]["accounts"], document["app_state"]["bank"]
    if len(accounts) != 1 or len(bank["balances"]) != 1:
        raise MismatchError("the chain's binary did not add exactly one account; its genesis has a form not known here")
    shape, known = accounts[0], bank["balances"][0]["address"]
    for number, (address, funds) in enumerate(balances.items(), start=1):
        if address == known:
            raise BadInputError(f"{address} is funded twice; give each account its own key")
        accounts.append(_numbered(_readdressed(shape, known, address), number))
        bank["balances"].append({"address": address, "coins": coin.to_json(funds)})
    bank["balances"].sort(key=lambda balance: balance["address"].translate(_BECH32_ORDER))
    bank["supply"] = coin.to_json(coin.total(balance["coins"] for balance in bank["balances"]))


def _readdressed(shape: Any, known: str, address: str) -> Any:
    if isinstance(shape, dict):
        return {key: _readdressed(value, known, address) for key, value in shape.items()}
    return address if shape == known else copy.copy(shape)


def _numbered(account: dict[str, Any], number: int) -> dict[str, Any]:
    """Account numbers follow the order of addition, as the SDK's SanitizeGenesisAccounts leaves them."""
    holder = account.get("base_account", account)
    holder["account_number"] = str(number)
    return account
