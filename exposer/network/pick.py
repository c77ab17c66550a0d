"""One of several names, from what a person typed."""

import difflib
from collections.abc import Sequence

from exposer.errors import BadInputError


def pick(typed: str, known: Sequence[str], what: str) -> str:
    """The name that is ``typed``, or the only one that ends with it after a dash: ``genesis-0`` of ``chain-genesis-0``.

    Raises:
        BadInputError: there is none, or more than one; the message has those that come near, or all.
    """
    if typed in known:
        return typed
    ending = [name for name in known if name.endswith(f"-{typed}")]
    if len(ending) == 1:
        return ending[0]
    if ending:
        raise BadInputError(f"{what} {typed}: there are {', '.join(ending)}; name one of them")
    whole = {short: name for name in known for short in (name, "-".join(name.split("-")[-2:]))}
    near = [whole[short] for short in difflib.get_close_matches(typed, whole, n=1)]
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}" if known else "there is none"
    raise BadInputError(f"{what} {typed}: there is none of this name; {hint}")
