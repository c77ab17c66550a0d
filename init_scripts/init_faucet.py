"""``init-faucet``: the faucet's account and what it may give are put in position, on a volume of the faucet's own."""

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from exposer.accounts.coins import one_credit, parse_coins
from exposer.accounts.keyfile import Key, load_keys
from exposer.accounts.purse import FACTS, KEY, STEP, Purse
from exposer.errors import BadInputError
from exposer.records import digest_input, read_record
from exposer.volume import Transaction
from init_scripts import init_genesis
from init_scripts.script import run_script
from init_scripts.settings import PodSettings
from init_scripts.stage import admit
from init_scripts.step import run_step

_LEARNED = ("prefix", "algorithm", "key_type")


class FaucetStepSettings(PodSettings):
    """The environment of ``init-faucet``."""

    faucet_dir: Path = Field(Path("/faucet"), description="the faucet's own volume")
    coins: str = Field("100000000000000stake", description="what every funded account has")
    faucet_amount: str = Field("", description="what one credit is, like 5stake,7atom; default a thousandth of COINS")

    INPUTS: ClassVar[tuple[str, ...]] = ("chain_id", "hd_path", "coin_type", "amounts", "learned")

    @property
    def changeable(self) -> frozenset[str]:
        """What one credit is."""
        return frozenset() if self.step_script else frozenset({"amounts"})

    @property
    def root(self) -> Path:
        """The faucet's volume; how far the step is, the pod's tells."""
        return self.faucet_dir

    @cached_property
    def key(self) -> Key:
        """The faucet's key; those of others in the file do not matter."""
        return load_keys(self.keys_config).at("faucet", 0)

    @cached_property
    def amounts(self) -> dict[str, int]:
        """Denomination -> what one credit is."""
        if self.faucet_amount:
            return parse_coins(self.faucet_amount, "FAUCET_AMOUNT")
        return one_credit(parse_coins(self.coins, "COINS"))

    @cached_property
    def learned(self) -> Mapping[str, Any]:
        """What ``init-genesis`` learned from the chain's binary about its accounts."""
        record = read_record(self.chain_dir, init_genesis.STEP)
        facts = record.facts if record else {}
        if not facts.keys() >= set(_LEARNED):
            raise BadInputError(
                f"CHAIN_DIR: {init_genesis.STEP} has made no accounts in {self.chain_dir}; run it there first, "
                f"with CHAIN_DRIVER=cosmos"
            )
        return {name: facts[name] for name in _LEARNED}

    def inputs(self) -> dict[str, str]:
        """The inputs, with the faucet's key."""
        return {**super().inputs(), "KEYS_CONFIG": digest_input(self.key.input())}

    def purse(self) -> Purse:
        """The faucet's account, and what one credit is."""
        private_key = self.key.private_key(self.path)
        return Purse(self.chain_id, amounts=self.amounts, private_key=private_key, **self.learned)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the step; returns its exit code."""
    return run_step(STEP, FaucetStepSettings, make, argv, "Put the faucet in position on its own volume.")


def make(settings: FaucetStepSettings, transaction: Transaction) -> None:
    """Fill the stage with the faucet's account, and commit it."""
    if settings.step_script:
        run_script(settings, {"FAUCET_DIR": transaction.stage}, lock=transaction.volume.lock)
        admit(transaction.stage)
        _refuse_no_purse(settings, transaction.stage)
    else:
        settings.purse().write(transaction.stage)
    transaction.commit()


def _refuse_no_purse(settings: FaucetStepSettings, stage: Path) -> None:
    try:
        found = Purse.load(stage)
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise BadInputError(
            f"STEP_SCRIPT: it left no {FACTS} and {KEY} that a faucet can start from ({type(error).__name__}); "
            f"docs/scripts.md has their form"
        ) from None  # the cause may quote the key
    if found.chain_id != settings.chain_id:
        raise BadInputError(f"STEP_SCRIPT: {FACTS} is of chain {found.chain_id!r}, not {settings.chain_id!r}")


if __name__ == "__main__":
    sys.exit(main())
