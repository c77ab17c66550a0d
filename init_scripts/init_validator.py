"""``init-validator``: a joining pod gets its identity and the genesis pod's genesis, verified."""

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from pydantic import Field

from exposer.accounts.keyfile import Key, load_keys
from exposer.client import Client
from exposer.errors import BadInputError
from exposer.records import digest_input
from exposer.volume import Transaction
from init_scripts import cometbft, cosmos
from init_scripts.leader import Expected, download_genesis
from init_scripts.scripted_home import make_home
from init_scripts.settings import IdentitySettings, JoiningSettings, Sha256
from init_scripts.signing_state import PATH as SIGNING_STATE
from init_scripts.stage import of_the_node
from init_scripts.step import run_step

STEP = "init-validator"


class ValidatorSettings(IdentitySettings, JoiningSettings):
    """The environment of ``init-validator``."""

    genesis_sha256: Sha256 = Field("", description="the genesis's SHA-256, where it is known")

    INPUTS: ClassVar[tuple[str, ...]] = (
        *JoiningSettings.INPUTS,
        *("hd_path", "coin_type", "ordinal", "genesis_sha256"),
    )

    @cached_property
    def key(self) -> Key:
        """This pod's key; those of others in the file do not matter, unless they make one consensus key of two."""
        keys = load_keys(self.keys_config)
        own = keys.at("validators", self.ordinal)
        if self.derived:
            keys.refuse_shared_identities([own])
        return own

    def inputs(self) -> dict[str, str]:
        """The inputs, with this pod's key."""
        return {**super().inputs(), "KEYS_CONFIG": digest_input(self.key.input())}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the step; returns its exit code."""
    return run_step(STEP, ValidatorSettings, make, argv, "Recover the pod's keys and fetch the verified genesis.")


def make(settings: ValidatorSettings, transaction: Transaction) -> None:
    """Fill the stage with the validator pod's home, and commit it."""
    if not settings.genesis_host:
        raise BadInputError("GENESIS_HOST (--genesis-host) is required: the genesis pod's host, or its exposer's URL")
    facts = _home(settings, transaction)
    expected = Expected(settings.chain_id, settings.genesis_sha256 or None)
    with Client(settings.leader_url, credentials=settings.credentials) as client:
        path = transaction.stage / "config/genesis.json"
        path.unlink(missing_ok=True)  # what `init` of a chain binary left there, or a script: all have one genesis
        download_genesis(client, path, expected, within=settings.download_timeout)
    transaction.commit(state=[SIGNING_STATE, *of_the_node(transaction.stage)], facts=facts)


def _home(settings: ValidatorSettings, transaction: Transaction) -> Mapping[str, Any]:
    """The pod's keys in a home, by the script or by the driver; returns facts for the record."""
    if settings.step_script:
        make_home(settings, transaction, settings.key)
        return {}
    make = cosmos.make_validator if settings.chain_driver == "cosmos" else cometbft.make_validator
    return make(settings, transaction.stage, settings.key)


if __name__ == "__main__":
    sys.exit(main())
