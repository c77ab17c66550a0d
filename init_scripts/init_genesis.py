"""``init-genesis``: the genesis pod creates the state that all others start from."""

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from exposer.accounts.coins import parse_coins
from exposer.accounts.keyfile import Key, Keys, load_keys
from exposer.errors import BadInputError
from exposer.genesis import document as genesis
from exposer.genesis.lint import refuse_unrunnable
from exposer.records import digest_input
from exposer.volume import Transaction
from init_scripts import cometbft, cosmos
from init_scripts.settings import TIME_PATTERN, PodSettings
from init_scripts.signing_state import PATH as SIGNING_STATE
from init_scripts.step import run_step

STEP = "init-genesis"


class GenesisSettings(PodSettings):
    """The environment of ``init-genesis``."""

    coins: str = Field("100000000000000stake", description="what every funded account has")
    num_validators: int = Field(1, ge=1, description="how many validators the network has, the genesis pod included")
    num_relayers: int = Field(0, ge=0, description="how many relayer accounts are funded")
    faucet_enabled: bool = Field(False, description="a faucet funds the validators, instead of the genesis")
    validator_stake: str = Field("", description="what the validator bonds; default a twentieth of COINS")
    genesis_time: str = Field(
        "", pattern=TIME_PATTERN, description="RFC 3339 in UTC; default the time of the first run"
    )
    genesis_balances: Path | None = Field(None, description="JSON list of {address, amount} to fund besides")

    INPUTS: ClassVar[tuple[str, ...]] = (
        *PodSettings.INPUTS,
        *("node_name", "hostname", "hd_path", "coin_type", "coins", "num_validators", "num_relayers", "faucet_enabled"),
        *("validator_stake", "genesis_time", "genesis_balances"),
    )

    @cached_property
    def used_keys(self) -> list[Key]:
        """The keys that go into the genesis, the genesis pod's first; the file may hold others."""
        keys = load_keys(self.keys_config)
        others = funded_keys(keys, self) if self.chain_driver == "cosmos" else members(keys, self)
        return [keys.at("genesis", 0), *others]

    def inputs(self) -> dict[str, str]:
        """The inputs, with the keys that go into the genesis."""
        return {**super().inputs(), "KEYS_CONFIG": digest_input([key.input() for key in self.used_keys])}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the step; returns its exit code."""
    return run_step(STEP, GenesisSettings, make, argv, "Create the genesis and the genesis pod's identity.")


def make(settings: GenesisSettings, transaction: Transaction) -> None:
    """Fill the stage with the genesis pod's home, and commit it."""
    drive = _cosmos if settings.chain_driver == "cosmos" else _cometbft
    facts = drive(settings, transaction.stage)
    transaction.commit(state=[SIGNING_STATE], facts=facts)


def _cometbft(settings: GenesisSettings, stage: Path) -> Mapping[str, Any]:
    facts = cometbft.make_genesis(settings, stage, members=settings.used_keys, genesis_time=settings.genesis_time)
    refuse_unrunnable(genesis.load(stage / "config/genesis.json"), settings.chain_id)
    return facts


def members(keys: Keys, settings: GenesisSettings) -> list[Key]:
    """The keys of the validator pods."""
    return [keys.at("validators", ordinal) for ordinal in range(settings.num_validators - 1)]


def _cosmos(settings: GenesisSettings, stage: Path) -> Mapping[str, Any]:
    coins = parse_coins(settings.coins, "COINS")
    stake = settings.validator_stake
    return cosmos.make_genesis(
        settings,
        stage,
        validator=settings.used_keys[0],
        funded=settings.used_keys[1:],
        balances=load_balances(settings.genesis_balances) if settings.genesis_balances else {},
        coins=coins,
        stake=parse_coins(stake, "VALIDATOR_STAKE") if stake else cosmos.default_stake(coins, settings.denom),
        genesis_time=settings.genesis_time,
    )


def funded_keys(keys: Keys, settings: GenesisSettings) -> list[Key]:
    """The keys that get COINS beside the genesis validator's; where there is a faucet, validators ask it instead."""
    faucet = settings.faucet_enabled
    return [
        *keys.role("faucet")[: 1 if faucet else 0],
        *keys.role("keys"),
        *([] if faucet else members(keys, settings)),
        *(keys.at("relayers", ordinal) for ordinal in range(settings.num_relayers)),
        *(
            keys.at("relayers_cli", ordinal)
            for ordinal in range(settings.num_relayers if keys.role("relayers_cli") else 0)
        ),
    ]


def load_balances(path: Path) -> dict[str, dict[str, int]]:
    """Address -> denomination -> amount, from a JSON list of ``{"address", "amount"}``; raises `BadInputError`."""
    entries = genesis.load(path, "GENESIS_BALANCES")
    if not isinstance(entries, list):
        raise BadInputError("GENESIS_BALANCES: not a JSON list of {address, amount}")
    balances: dict[str, dict[str, int]] = {}
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict) or not {"address", "amount"} <= entry.keys():
            raise BadInputError(f"GENESIS_BALANCES: entry {number} has no address and amount")
        if entry["address"] in balances:
            raise BadInputError(f"GENESIS_BALANCES: {entry['address']} is there twice")
        balances[str(entry["address"])] = parse_coins(str(entry["amount"]), f"GENESIS_BALANCES: entry {number}")
    return balances


if __name__ == "__main__":
    sys.exit(main())
