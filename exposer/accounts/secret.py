"""Types that cannot be printed by accident: what a mnemonic, a seed and a private key travel in."""

from typing import NoReturn


class Masked:
    """No text form, format or traceback with local variables shows it, and it is neither pickled nor copied."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is not serialised; reveal() it where it is used")


class Secret(Masked):
    """Private bytes: a seed, a private key, or a file that holds one."""

    __slots__ = ("_raw",)

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def reveal(self) -> bytes:
        """The bytes themselves, for a derivation, a signature or a file of the pod's own."""
        return self._raw
