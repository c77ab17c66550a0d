"""BIP-39 sentences: checked, made, and turned into seeds."""

import hashlib
import secrets
import unicodedata
from functools import cache

from mnemonic import Mnemonic as WordList

from exposer.accounts.secret import Masked, Secret

_BITS_OF_WORDS = {12: 128, 15: 160, 18: 192, 21: 224, 24: 256}
WORD_COUNTS = tuple(_BITS_OF_WORDS)


@cache
def _word_list(language: str) -> WordList:
    return WordList(language)


class Mnemonic(Masked):
    """A BIP-39 sentence, normalised; the passphrase is always empty, as it is with ``keys add --recover``."""

    __slots__ = ("_words",)

    def __init__(self, words: str) -> None:
        self._words = " ".join(unicodedata.normalize("NFKD", words).split())

    @classmethod
    def fresh(cls, words: int = 24) -> "Mnemonic":
        """A sentence of as many `WORD_COUNTS` words as nobody has ever had, from the system's random numbers."""
        return cls.of_entropy(secrets.token_bytes(_BITS_OF_WORDS[words] // 8))

    @classmethod
    def of_entropy(cls, entropy: bytes) -> "Mnemonic":
        """The English sentence of 16 to 32 bytes."""
        return cls(_word_list("english").to_mnemonic(entropy))

    def reveal(self) -> str:
        """The sentence itself, for a binary's standard input or a derivation."""
        return self._words

    def is_valid(self) -> bool:
        """Whether the words are of a BIP-39 list and their checksum holds."""
        try:
            if _word_list("english").check(self._words):  # first: finding the language out loads every list there is
                return True
            return _word_list(WordList.detect_language(self._words)).check(self._words)
        except OSError:  # the lists cannot be read: that says nothing of the words
            raise
        except Exception:  # noqa: BLE001 - the library raises its own types; their texts quote the words
            return False

    def seed(self) -> Secret:
        """The 64 bytes of BIP-39."""
        return Secret(hashlib.pbkdf2_hmac("sha512", self._words.encode(), b"mnemonic", 2048))
