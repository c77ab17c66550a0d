"""``init-validator``: a joining pod gets its identity and the genesis pod's genesis, verified."""

import sys
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

from pydantic import Field

from exposer.accounts.keyfile import Key, load_keys
from exposer.errors import BadInputError
from exposer.records import digest_input
from exposer.volume import Transaction
from init_scripts.join import JoinerSettings, join
from init_scripts.members import Exposer
from init_scripts.settings import JoiningSettings, Sha256
from init_scripts.step import run_step

STEP = "init-validator"


class ValidatorSettings(JoinerSettings, JoiningSettings):
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
    join(
        settings,
        transaction,
        settings.key,
        sources=[Exposer(settings.leader_url)],
        sha256=settings.genesis_sha256 or None,
    )


if __name__ == "__main__":
    sys.exit(main())
