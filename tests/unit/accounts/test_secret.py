"""Secrets: no common way of turning one into text or bytes shows it."""

import copy
import dataclasses
import hmac
import json
import logging
import pickle
import pprint
import traceback
from collections.abc import Callable
from itertools import pairwise

import pytest
from networks import fresh_mnemonic

from exposer.accounts.hd import derive_secp256k1, standard_path
from exposer.accounts.keyfile import Key, Keys
from exposer.accounts.mnemonic import Mnemonic
from exposer.accounts.secret import Secret

PATH = standard_path(118)
TEXTS: dict[str, Callable[[object], str]] = {
    "str": str,
    "repr": repr,
    "format": "{}".format,
    "percent": lambda value: "%s %r" % (value, value),  # noqa: UP031 - this very form is tested
    "list": lambda value: str([value]),
    "pprint": pprint.pformat,
    "ascii": ascii,
}


def secrets() -> list[tuple[object, list[str]]]:
    """Objects that hold a secret, each with the forms in which it must not be seen."""
    words = fresh_mnemonic()
    key = Key("n", Mnemonic(words))
    found: list[tuple[object, list[str]]] = [
        (holder, [f"{one} {two}" for one, two in pairwise(words.split())])
        for holder in (key.mnemonic, key, Keys({"keys": [key]}))
    ]
    for secret in (key.mnemonic.seed(), key.private_key(PATH), key.consensus_seed(), key.node_seed()):
        raw = secret.reveal()
        found.append((secret, [raw.hex(), repr(raw), str(list(raw))]))
    return found


@pytest.mark.parametrize("name", TEXTS)
def test_no_text_form_shows_a_secret(name: str) -> None:
    """Mnemonics, seeds and private keys, and what holds them, are masked in each form of text."""
    for secret, forms in secrets():
        shown = TEXTS[name](secret)
        assert not [form for form in forms if form in shown]


def test_no_format_shows_a_secret() -> None:
    """A width or a precision is refused rather than filled in."""
    for secret in (Mnemonic(fresh_mnemonic()), Secret(b"private")):
        with pytest.raises(TypeError, match="unsupported format"):
            f"{secret:>99}"


@pytest.mark.parametrize("leave", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps])
def test_a_secret_does_not_leave_by_serialisation(leave: Callable[[object], object]) -> None:
    """Pickling, copying and JSON are refused, and so is a dataclass turned into a dictionary."""
    for secret in (Mnemonic(fresh_mnemonic()), Secret(b"private")):
        with pytest.raises(TypeError, match=r"seriali[sz]"):
            leave(secret)
    with pytest.raises(TypeError, match="Mnemonic is not serialised"):
        dataclasses.asdict(Key("n", Mnemonic(fresh_mnemonic())))


def test_a_traceback_with_local_variables_shows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure in the middle of a derivation, told with every local variable, has neither seed nor key in it."""
    secret = Mnemonic(fresh_mnemonic()).seed()
    derived = [derive_secp256k1(secret, path).reveal() for path in ("m/44'", "m/44'/118'", "m/44'/118'/0'")]
    calls, real = iter(range(9)), hmac.digest

    def digest(key: bytes, message: bytes, name: str) -> bytes:
        return bytes([255]) * 64 if next(calls) == 4 else real(key, message, name)

    monkeypatch.setattr(hmac, "digest", digest)
    try:
        derive_secp256k1(secret, PATH)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        told = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    else:
        pytest.fail("the derivation ended well")

    assert "Secret(***)" in told
    assert "derive_secp256k1" in told
    here = told.partition("in derive_secp256k1")[2]  # this function's own locals come before
    for raw in (secret.reveal(), *derived):
        assert raw.hex() not in here
        assert repr(raw) not in here


def test_a_log_record_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    """A secret that is logged by accident is masked, as an argument and as text."""
    words = fresh_mnemonic()
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").debug("%s %r", Mnemonic(words), Secret(words.encode()))

    assert caplog.messages == ["Mnemonic(***) Secret(***)"]
