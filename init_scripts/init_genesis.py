"""``init-genesis``: the genesis pod creates the state that all others start from."""

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from exposer.accounts.coins import STAKE_SHARE, one_credit, parse_coin, parse_coins
from exposer.accounts.keyfile import Key, Keys, load_keys
from exposer.errors import BadInputError
from exposer.genesis.lint import refuse_unrunnable
from exposer.records import NETWORK, digest_file, digest_input
from exposer.volume import Transaction
from init_scripts import cometbft, cosmos
from init_scripts.binary import ChainBinary
from init_scripts.bonding import COMMISSION, CommissionSettings, default_stake
from init_scripts.dialect import Dialect
from init_scripts.founder import empty, find_network, refuse_stranger
from init_scripts.gentx import forget_keyring
from init_scripts.join import GENESIS, JoinerSettings, join, resume_signing
from init_scripts.members import peers_of
from init_scripts.scratch import scratch
from init_scripts.script import run_script
from init_scripts.scripted_home import judge_home, make_home
from init_scripts.settings import GAS_PRICES, TIME_PATTERN, GasPrices, Place, Sha256, ValidatorSet
from init_scripts.signing_state import PATH as SIGNING_STATE
from init_scripts.stage import of_the_node
from init_scripts.step import run_step

STEP = "init-genesis"


class GenesisSettings(JoinerSettings, CommissionSettings):
    """The environment of ``init-genesis``."""

    coins: str = Field("100000000000000stake", description="what every funded account has")
    num_validators: int = Field(1, ge=1, description="how many validators the network has, the genesis pod included")
    validator_set: ValidatorSet = Field(
        "join",
        description="join: others come by create-validator; genesis: all are in it, which needs IDENTITIES=derived",
    )
    bech32_prefix: str = Field("", description="what addresses have to begin with; default as the binary has it")
    num_relayers: int = Field(0, ge=0, description="how many relayer accounts are funded")
    faucet_enabled: bool = Field(False, description="a faucet funds the validators, instead of the genesis")
    validator_stake: str = Field(
        "", description="what the validator bonds; default a twentieth of COINS, or of what those get who join later"
    )
    faucet_credit: str = Field(
        "", description="what a validator that joins gets of the faucet; default a thousandth of COINS"
    )
    gas_prices: GasPrices = Field("", description=GAS_PRICES)
    genesis_time: str = Field(
        "", pattern=TIME_PATTERN, description="RFC 3339 in UTC; default the time of the first run"
    )
    genesis_balances: Path | None = Field(None, description="JSON list of {address, amount, vesting} to fund besides")
    genesis_from: Place = Field(
        "", description="a genesis or an exported state to start from: a path or an http(s) URL"
    )
    genesis_from_sha256: Sha256 = Field("", description="the SHA-256 of that file")
    update_script: Path | None = Field(None, description="a script that edits the genesis as soon as it is made")

    INPUTS: ClassVar[tuple[str, ...]] = (
        *JoinerSettings.INPUTS,
        *("node_name", "hostname", "hd_path", "coin_type", "coins", "num_relayers", "faucet_enabled"),
        *("validator_set", "validator_stake", "gas_prices", "genesis_time", "genesis_balances", *COMMISSION),
        *("genesis_from", "genesis_from_sha256"),
    )
    SCRIPTS: ClassVar[tuple[str, ...]] = (*JoinerSettings.SCRIPTS, "update_script")
    FOUNDS: ClassVar[bool] = True

    @model_validator(mode="after")
    def _set_fits_identities(self) -> Self:
        if self.validator_set == "genesis" and not self.derived:
            raise ValueError(
                "VALIDATOR_SET=genesis names the consensus keys of pods that have not started, so it needs "
                "IDENTITIES=derived; set both, or VALIDATOR_SET=join"
            )
        return self

    @model_validator(mode="after")
    def _base_has_a_binary(self) -> Self:
        if self.genesis_from and self.chain_driver != "cosmos":
            raise ValueError("GENESIS_FROM is for CHAIN_DRIVER=cosmos; a chain without a binary starts anew")
        return self

    @cached_property
    def members(self) -> list[Key]:
        """The keys of all validators of the genesis, the genesis pod's first; the file may hold others."""
        keys = load_keys(self.keys_config)
        own = keys.at("genesis", 0)
        if self.derived and keys.role("validators"):
            keys.refuse_shared_identities([own, *validator_keys(keys, self)])
        return [own, *(validator_keys(keys, self) if self.whole else [])]

    @cached_property
    def funded(self) -> list[Key]:
        """The keys that have a balance beside those of the validators in the genesis."""
        return funded_keys(load_keys(self.keys_config), self) if self.chain_driver == "cosmos" else []

    def inputs(self) -> dict[str, str]:
        """The inputs, with the keys that go into the genesis, and their number where it decides which these are.

        Where a faucet funds who joins, the genesis knows nothing of them, and their number may change.
        """
        keys = digest_input([key.input() for key in [*self.members, *self.funded]])
        number = {"NUM_VALIDATORS": digest_input(self.num_validators)} if self._names_joiners else {}
        return {**super().inputs(), "KEYS_CONFIG": keys, **number}

    @property
    def negligible(self) -> frozenset[str]:
        """Those of every step, and the number of validators, which earlier versions always recorded as an input."""
        return super().negligible | {"NUM_VALIDATORS"}

    @property
    def bonded(self) -> dict[str, int]:
        """What each validator of the genesis bonds: by default what those will that join, so that all are equal."""
        if self.validator_stake:
            return parse_coin(self.validator_stake, "VALIDATOR_STAKE")
        coins = parse_coins(self.coins, "COINS")
        stake = default_stake(coins, self.denom)
        if self.whole or self.num_validators == 1 or not self.faucet_enabled:
            return stake
        credit = parse_coins(self.faucet_credit, "FAUCET_CREDIT") if self.faucet_credit else one_credit(coins)
        return default_stake(credit, self.denom) if credit.get(self.denom, 0) >= STAKE_SHARE else stake

    @property
    def others(self) -> int | None:
        """The validator pods; where none are named, their number was not."""
        return self.num_validators - 1 or None

    @property
    def whole(self) -> bool:
        """Whether all validators are in the genesis."""
        return self.chain_driver == "cometbft" or self.validator_set == "genesis"

    @property
    def _names_joiners(self) -> bool:
        """Whether something in the genesis is the validator pods': they themselves, or their funds."""
        return self.whole or not self.faucet_enabled


def main(argv: Sequence[str] | None = None) -> int:
    """Run the step; returns its exit code."""
    return run_step(STEP, GenesisSettings, make, argv, "Create the genesis and the genesis pod's identity.")


def make(settings: GenesisSettings, transaction: Transaction) -> None:
    """Fill the stage with the genesis pod's home, and commit it."""
    forget_keyring(settings.root)
    drive = _cosmos if settings.chain_driver == "cosmos" else _cometbft
    facts = _scripted(settings, transaction) if settings.step_script else drive(settings, transaction.stage)
    if settings.update_script:
        run_script(settings, {"CHAIN_DIR": transaction.stage}, field="update_script", lock=transaction.volume.lock)
        judge_home(transaction.stage, settings.members[0] if settings.derived else None, "UPDATE_SCRIPT")
    if settings.step_script or settings.update_script:
        _judge(settings, transaction, facts)
    key, own = settings.members[0], digest_file(transaction.stage / GENESIS)[1]
    members = find_network(settings, key, own) if settings.exposers else []
    if members and members[0].genesis_sha256 != own:
        empty(transaction.stage)
        judge = partial(refuse_stranger, key=key)
        sources, sha256 = [member.exposer for member in members], members[0].genesis_sha256
        join(settings, transaction, key, sources=sources, sha256=sha256, known=members, judge=judge)
        return
    if members:  # what was made is what they have, patched as it is
        resume_signing(settings, transaction.stage, key, settings.exposers, known=members)
        facts = {**facts, NETWORK: settings.chain_id, **peers_of(members)}
    transaction.commit(state=[SIGNING_STATE, *of_the_node(transaction.stage)], facts=facts)


def _scripted(settings: GenesisSettings, transaction: Transaction) -> Mapping[str, Any]:
    """As a driver: the home that the script makes."""
    make_home(settings, transaction, settings.members[0])
    if settings.chain_driver == "cometbft":
        return {}
    with scratch(settings.root, STEP) as directory:
        return cosmos.learn(settings, settings.members[0], directory)


def _judge(settings: GenesisSettings, transaction: Transaction, facts: Mapping[str, Any]) -> None:
    """Refuse what scripts left where it will not run."""
    genesis = transaction.stage / GENESIS
    if not genesis.is_file():
        raise BadInputError(f"STEP_SCRIPT, UPDATE_SCRIPT: they left no {GENESIS}; let it be below $CHAIN_DIR")
    refuse_unrunnable(genesis, settings.chain_id)
    if settings.chain_driver == "cosmos":
        with scratch(settings.root, STEP) as directory:
            binary = ChainBinary(settings.chain_bin, transaction.stage, directory)
            cosmos.validate(binary, Dialect.from_facts(facts), genesis)


def _cometbft(settings: GenesisSettings, stage: Path) -> Mapping[str, Any]:
    facts = cometbft.make_genesis(settings, stage, members=settings.members, genesis_time=settings.genesis_time)
    refuse_unrunnable(stage / GENESIS, settings.chain_id)
    return facts


def validator_keys(keys: Keys, settings: GenesisSettings) -> list[Key]:
    """The keys of the validator pods."""
    return [keys.at("validators", ordinal) for ordinal in range(settings.num_validators - 1)]


def _cosmos(settings: GenesisSettings, stage: Path) -> Mapping[str, Any]:
    coins = parse_coins(settings.coins, "COINS")
    wanted = cosmos.Wanted(
        coins=coins,
        stake=settings.bonded,
        funded=settings.funded,
        balances=settings.genesis_balances,
        genesis_time=settings.genesis_time,
        base=settings.genesis_from,
        base_sha256=settings.genesis_from_sha256,
        gas_prices=settings.gas_prices,
        rates=settings.rates,
        prefix=settings.bech32_prefix,
    )
    return cosmos.make_genesis(
        settings, stage, validator=settings.members[0], others=settings.members[1:], wanted=wanted
    )


def funded_keys(keys: Keys, settings: GenesisSettings) -> list[Key]:
    """The keys that get COINS beside the genesis's validators; where there is a faucet, those that join ask it."""
    faucet = settings.faucet_enabled
    joining = not faucet and settings.validator_set == "join"
    return [
        *keys.role("faucet")[: 1 if faucet else 0],
        *keys.role("keys"),
        *(validator_keys(keys, settings) if joining else []),
        *(keys.at("relayers", ordinal) for ordinal in range(settings.num_relayers)),
        *(
            keys.at("relayers_cli", ordinal)
            for ordinal in range(settings.num_relayers if keys.role("relayers_cli") else 0)
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())
