"""BIP-39 sentences, in a type that cannot be printed by accident."""

import hashlib
import unicodedata
from functools import cache

from mnemonic import Mnemonic as WordList


@cache
def _word_list(language: str) -> WordList:
    return WordList(language)


class Mnemonic:
    """A BIP-39 sentence that cannot be printed by accident."""

    __slots__ = ("_words",)

    def __init__(self, words: str) -> None:
        self._words = " ".join(unicodedata.normalize("NFKD", words).split())

    def __repr__(self) -> str:
        return "Mnemonic(***)"

    def reveal(self) -> str:
        """The sentence itself, for a binary's standard input or a derivation."""
        return self._words

    def is_valid(self) -> bool:
        """Whether the words are of a BIP-39 list and their checksum holds."""
        try:
            if _word_list("english").check(self._words):  # first: finding the language out loads every list there is
                return True
            return _word_list(WordList.detect_language(self._words)).check(self._words)
        except Exception:  # noqa: BLE001 - the library raises its own types; their texts quote the words
            return False

    def seed(self) -> bytes:
        """The 64 bytes of BIP-39, without a passphrase."""
        return hashlib.pbkdf2_hmac("sha512", self._words.encode(), b"mnemonic", 2048)
