"""Asking a faucet for coins."""

import json

from exposer.client import Client
from exposer.errors import BadInputError, TemporaryError

_PATIENCE = 60.0  # seconds; the answer comes when the transaction is in a block
_PASSING = {405, 408, 425, 429}
"""Answers of 4xx that time mends; 405 is what CosmJS's faucet says of an address that it credited lately."""
_CLIPPED = 300  # characters of an answer that go into an error


def ask_faucet(url: str, address: str, denom: str, *, within: float) -> None:
    """Ask the faucet at ``url`` once, ``within`` seconds, for a credit.

    Raises:
        BadInputError: it will never give it.
        TemporaryError: it does not give it now.
    """
    body = json.dumps({"address": address, "denom": denom}).encode()
    with Client(url) as faucet:
        answer = faucet.request(
            "POST",
            "/credit",
            body=body,
            headers={"content-type": "application/json"},
            timeout=min(_PATIENCE, within),
        )
    if answer.status < 300:  # noqa: PLR2004 - a success
        return
    words = " ".join(answer.body.decode(errors="replace").split())[:_CLIPPED]
    text = f"the faucet answers {answer.status} when it is asked for {denom}: {words or 'nothing more'}"
    final = 400 <= answer.status < 500 and answer.status not in _PASSING  # noqa: PLR2004 - the client's faults
    raise BadInputError(f"FAUCET_URL: {text}") if final else TemporaryError(text)
