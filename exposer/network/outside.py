"""What came from outside the network file, by ``${NAME}``, and reaches the steps: it may be a password."""

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping

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
        if name in names and _came_from_outside(value, written)
    }


def is_private(file: PlanFile, written: Mapping[str, str]) -> bool:
    """Whether the file has something in it that came from outside."""
    return _came_from_outside(file.content.decode(errors="replace"), written)


def _came_from_outside(text: str, written: Mapping[str, str]) -> bool:
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
