"""What steps are told that came from outside the network file, by ``${NAME}``: a password may be among it."""

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from exposer.network.file.model import Chain
from exposer.network.plan import Pod
from exposer.network.plan_files import PlanFile

_BESIDES = frozenset({"CODE_REPO", "GENESIS_FROM"})
"""Variables that may have a password in a URL; the others are those of ``chains[].env``."""


def outside(chain: Chain, pods: Iterable[Pod], written: Mapping[str, str]) -> dict[str, str]:
    """Variable of the chain's containers -> its value, where that came from what is ``written`` as ``${NAME}``."""
    names = {entry.name for entry in chain.env} | _BESIDES
    return {
        name: value
        for pod in pods
        if pod.chain == chain.id
        for container in pod.containers
        for name, value in container.environment.items()
        if name in names and came_from_outside(value, written)
    }


def is_private(files: Sequence[PlanFile], written: Mapping[str, str]) -> bool:
    """Whether one of the files has something in it that came from outside."""
    return any(came_from_outside(file.content.decode(errors="replace"), written) for file in files)


def came_from_outside(text: str, written: Mapping[str, str]) -> bool:
    """Whether a value that is ``written`` as ``${NAME}`` is in the text, however short: better once too often."""
    values = (value for value, said in written.items() if value and "$" in said.replace("$$", ""))
    forms = {form for value in values for form in _forms(value)}
    return any(re.search(rf"(?<![A-Za-z0-9]){re.escape(form)}(?![A-Za-z0-9])", text) for form in forms)


def _forms(value: str) -> Iterator[str]:
    """A value as it is, as JSON writes it in a text, and as it writes the number that YAML takes it for."""
    yield value
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    for number in (int, float):
        with contextlib.suppress(ValueError):
            yield str(number(value))
