"""What steps are told that came from outside the network file, by ``${NAME}``: a password may be among it."""

from collections.abc import Iterable, Mapping

from exposer.network.file.model import Chain
from exposer.network.file.source import conceal
from exposer.network.plan import Pod

_BESIDES = {"CODE_REPO", "GENESIS_FROM"}
"""Variables that may have a password in a URL; the others are those of ``chains[].env``."""


def outside(chain: Chain, pods: Iterable[Pod], written: Mapping[str, str]) -> dict[str, str]:
    """Variable of the chain's containers -> its value, where that came from what is ``written`` as ``${NAME}``."""
    names = {entry.name for entry in chain.env} | _BESIDES
    asked = {value: text for value, text in written.items() if "$" in text.replace("$$", "")}  # not a dollar alone
    return {
        name: value
        for pod in pods
        if pod.chain == chain.id
        for container in pod.containers
        for name, value in container.environment.items()
        if name in names and conceal(value, asked) != value
    }
