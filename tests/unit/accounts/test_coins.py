"""Coins as the SDK writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exposer.accounts.coins import parse_coins, render_coins, to_json
from exposer.errors import BadInputError

denoms = st.from_regex(r"[a-zA-Z][a-zA-Z0-9/:._-]{2,8}", fullmatch=True)
amounts = st.dictionaries(denoms, st.integers(0, 2**256 - 1), min_size=1, max_size=5)


@given(coins=amounts)
def test_coins_round_trip_in_every_form(coins: dict[str, int]) -> None:
    """Text and JSON forms give the same amounts back, of any size, sorted by denomination."""
    assert parse_coins(render_coins(coins), "COINS") == coins
    assert {coin["denom"]: int(coin["amount"]) for coin in to_json(coins)} == coins
    assert [coin["denom"] for coin in to_json(coins)] == sorted(coins)


@pytest.mark.parametrize(
    "text", ["", "5", "stake", "5stake,", "-5stake", "5st", "1.5stake", "5stake,6stake", "5stake 6atom"]
)
def test_what_is_no_coin_names_the_variable(text: str) -> None:
    """A wrong or repeated coin is refused with the variable that holds it and an example."""
    with pytest.raises(BadInputError, match=r"COINS: .*100stake"):
        parse_coins(text, "COINS")


@pytest.mark.parametrize("amount", [str(2**256), "9" * 5000, "٣"])
def test_amounts_that_no_chain_knows_are_refused(amount: str) -> None:
    """More than 256 bits and digits of other scripts are bad input, and no fault of the program."""
    with pytest.raises(BadInputError, match="COINS: "):
        parse_coins(f"{amount}stake", "COINS")
