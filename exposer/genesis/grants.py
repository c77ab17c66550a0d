"""What a genesis is to give, and to whom: keys and ``GENESIS_BALANCES``, each address once."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from exposer.accounts.coins import parse_coins, render_coins
from exposer.errors import BadInputError
from exposer.genesis.addresses import AddressForm, module_address
from exposer.genesis.source import Source
from exposer.genesis.vesting import Vesting, parse_vesting

_FIELD = "GENESIS_BALANCES"
_MODULES = (
    *("bonded_tokens_pool", "not_bonded_tokens_pool", "distribution", "fee_collector", "gov", "mint", "nft"),
    *("transfer", "interchainaccounts", "feeibc", "wasm", "evm", "erc20", "inflation"),
)


def module_error(where: str, address: object, module: object) -> BadInputError:
    """What a grant to a module's account is refused with: the module's own books have to match what it has."""
    return BadInputError(
        f"{where}: {address} is the account of the module {module}, which keeps it itself; leave it out"
    )


class Grants:
    """Address -> coins, in the order of addition; a million of them take about 150 bytes each."""

    def __init__(self, form: AddressForm) -> None:
        self._form = form
        self._modules = {module_address(form.prefix, name): name for name in _MODULES}
        self._coins: dict[str, str] = {}  # as text: accounts that get the same share it
        self.vesting: dict[str, Vesting] = {}
        self.total: dict[str, int] = {}

    def __contains__(self, address: object) -> bool:
        return address in self._coins

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Addresses, each with its coins as `parse_coins` reads them."""
        yield from self._coins.items()

    def coins(self, address: str) -> dict[str, int]:
        """What an address gets; nothing where it is none of these."""
        return dict(_parsed(self._coins.get(address, ""))[1])

    def add(self, address: object, coins: str, where: str) -> str:
        """Give ``coins`` to an address, which may have none; returns it in bech32.

        Raises:
            BadInputError: it is no address of this chain, a module's, or has been given something; ``where`` is named.
        """
        normal = self._form.normal(address, where)
        if normal in self._modules:
            raise module_error(where, normal, self._modules[normal])
        if normal in self._coins:
            raise BadInputError(
                f"{where}: {normal} is funded twice; give each account its own key, and its balance once"
            )
        try:
            self._coins[normal], parsed = _parsed(coins)
        except BadInputError as error:
            raise BadInputError(f"{where}: {error}") from error
        for denom, amount in parsed.items():
            self.total[denom] = self.total.get(denom, 0) + amount
        return normal

    def load(self, path: Path, genesis_time: int) -> None:
        """Add the entries of a JSON list of ``{"address", "amount", "vesting"?}``, which is never held whole.

        Args:
            path: the list.
            genesis_time: Unix seconds; vesting starts there unless it says another time.

        Raises:
            BadInputError: an entry is wrong; it is named by its number, from 0 on.
        """
        with Source(path, _FIELD, unique=True) as source:
            if source.kind(source.root) != "[":
                raise BadInputError(f"{_FIELD}: not a JSON list of {{address, amount}}")
            number = 0
            for run in source.runs(source.root):
                for entry in run.values:
                    self._enter(entry, genesis_time, f"{_FIELD}: entry {number}")
                    number += 1

    def _enter(self, entry: object, genesis_time: int, where: str) -> None:
        if not isinstance(entry, Mapping) or not {"address", "amount"} <= entry.keys():
            raise BadInputError(f"{where} has no address and amount")
        if unknown := sorted(entry.keys() - {"address", "amount", "vesting"}):
            raise BadInputError(f"{where}: there is no {unknown[0]!r}; it has address, amount and vesting")
        address = self.add(entry["address"], str(entry["amount"]), where)
        if entry.get("vesting") is not None:
            vesting = parse_vesting(entry["vesting"], self.coins(address), genesis_time, f"{where}: vesting")
            self.vesting[address] = vesting


@lru_cache(maxsize=1024)
def _parsed(text: str) -> tuple[str, Mapping[str, int]]:
    """The SDK's own form of coins, without those of amount zero, and what it says."""
    coins = {denom: amount for denom, amount in parse_coins(text, "amount").items() if amount} if text else {}
    return render_coins(coins), coins
