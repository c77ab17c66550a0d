"""What steps are told that came from outside the network file, by ``${NAME}``: a password may be among it."""

import re
from collections.abc import Iterable, Mapping, Sequence

from exposer.network.file.model import Chain
from exposer.network.plan import Pod
from exposer.network.plan_files import PlanFile

OF_BUILDS = frozenset({"CODE_REPO", "GENESIS_FROM"})
"""Variables that may have a password in a URL, and are read before the node is there; others are ``chains[].env``."""


def outside(chain: Chain, pods: Iterable[Pod], written: Mapping[str, str]) -> dict[str, str]:
    """Variable of the chain's containers -> its value, where that came from what is ``written`` as ``${NAME}``."""
    names = {entry.name for entry in chain.env} | OF_BUILDS
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
    return any(re.search(rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9])", text) for value in values)
