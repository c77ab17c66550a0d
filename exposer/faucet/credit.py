"""One credit: who gets what."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Credit:
    """A credit that was accepted; ``time`` is when, in seconds since the epoch: its cool-down begins there."""

    number: int
    address: str
    denom: str
    amount: int
    time: float

    @property
    def account(self) -> tuple[str, str]:
        """What cools down: one denomination at one address."""
        return self.address, self.denom
