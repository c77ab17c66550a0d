"""What is said of the texts of a ``config.toml``; ``tests/chains/test_comet_config.py`` asks the real program."""

import pytest
from comet_texts import LOST, REFUSED, SILENT, TAKEN, WAITING

from exposer.comet_config import fault, faults


def document(key: str, value: object) -> dict[str, object]:
    """A ``config.toml`` with one key."""
    table, _, name = key.rpartition(".")
    return {table: {name: value}} if table else {name: value}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *TAKEN,
        *((key, value) for key, value, _ in WAITING),
        ("proxy_app", "persistent_kvstore"),
        ("proxy_app", "counter"),
    ],
)
def test_what_cometbft_takes_is_taken(key: str, value: str) -> None:
    """In the whole file as by itself."""
    assert fault(key, value) == ""
    assert list(faults({"moniker": "x"} | document(key, value))) == []


@pytest.mark.parametrize(("key", "value"), [*REFUSED, *LOST, *SILENT])
def test_what_cometbft_refuses_is_refused_with_a_cure(key: str, value: str) -> None:
    """The fault says what to write."""
    assert "write " in fault(key, value)
    assert list(faults({"moniker": "x"} | document(key, value))) == [(key, fault(key, value))]


def test_an_id_in_upper_case_is_told_from_another_mistake() -> None:
    """The message says that ids are in lower case."""
    for key, value in SILENT[:4]:
        assert "40 hex digits in lower case" in fault(key, value)


@pytest.mark.parametrize(
    ("key", "value"), [("p2p.pex", True), ("p2p.laddr", 7), ("p2p", "x"), ("mempool.size", "\u00eb")]
)
def test_what_is_no_text_of_these_is_left_to_others(key: str, value: object) -> None:
    """Other keys, and values of another type, are no business of this module."""
    assert fault(key, value) == ""
    assert list(faults({"moniker": "x"} | document(key, value))) == []
