from pathlib import Path

import pytest

from exposer.accounts.coins import one_credit
from exposer.errors import BadInputError
from init_scripts.bonding import default_stake
from init_scripts.init_genesis import GenesisSettings

JOINS = {"num_validators": 3, "faucet_enabled": True}
DERIVED = {"validator_set": "genesis", "identities": "derived"}


def bonded(tmp_path: Path, **more: object) -> int:
    """What the genesis validator bonds, of 10^14 stake."""
    settings = {"chain_id": "a-1", "chain_bin": "simd", "chain_dir": tmp_path, "coins": f"{10**14}stake", **more}
    return GenesisSettings.model_validate(settings).bonded["stake"]


def test_the_genesis_validator_bonds_what_those_will_that_join(tmp_path: Path) -> None:
    """A joiner bonds a twentieth of one credit: so does the genesis validator, or it alone would have all the power."""
    credit = one_credit({"stake": 10**14})

    assert bonded(tmp_path, **JOINS) == default_stake(credit, "stake")["stake"] == 5 * 10**9


@pytest.mark.parametrize(
    ("settings", "stake"),
    [
        ({"num_validators": 3}, 5 * 10**12),
        ({**JOINS, "num_validators": 1}, 5 * 10**12),
        ({**JOINS, **DERIVED}, 5 * 10**12),
        ({**JOINS, "faucet_credit": f"{4 * 10**12}stake,7atom"}, 2 * 10**11),
        ({**JOINS, "faucet_credit": "7atom"}, 5 * 10**12),
        ({**JOINS, "coins": "2000stake"}, 100),
        ({**JOINS, "validator_stake": "7stake"}, 7),
    ],
    ids=[
        "funded in the genesis",
        "nobody joins",
        "all in the genesis",
        "a stated credit",
        "of another coin",
        "tiny",
        "stated",
    ],
)
def test_what_decides_the_stake(tmp_path: Path, settings: dict[str, object], stake: int) -> None:
    """Who is funded by the genesis bonds a twentieth of COINS, as the genesis validator does; what is stated wins."""
    assert bonded(tmp_path, **settings) == stake


def test_a_stake_is_one_coin(tmp_path: Path) -> None:
    """A gentx bonds one; of two the message would be about the one without power."""
    with pytest.raises(
        BadInputError, match="VALIDATOR_STAKE: '1000000stake,1foo' is 2 coins, and a validator bonds one"
    ):
        bonded(tmp_path, validator_stake="1000000stake,1foo")
