"""Where the genesis pod is: what ``GENESIS_HOST``, ``GENESIS_PORT`` and ``NAMESPACE`` say of it.

A gate uses it, so it needs no settings library.
"""

import re

from exposer.client import base_url
from exposer.hosts import bracketed

_PARTS = re.compile(r"(?:[A-Za-z]+://)?(\[[^\]]*\]|[^:/]*)(?::([0-9]+))?(?:/.*)?")


def host_of(given: str, namespace: str) -> str:
    """The name or address of the host: a name without a dot is that of a Service in the ``namespace``."""
    found = _PARTS.fullmatch(bracketed(given))
    host = found[1] if found else given
    service = namespace and not {*host} & {".", "["}
    return f"{host}.{namespace}.svc.cluster.local" if service else host


def target_of(given: str, port: object, namespace: str) -> str:
    """The target of its exposer, for `base_url`: a URL as it is; else the host, with the port it has or ``port``.

    Raises:
        UsageError: ``given`` is none; the message has it as it is written.
    """
    base_url(given if "%" in given else bracketed(given))  # a zone is refused in any case
    found = _PARTS.fullmatch(bracketed(given))
    own = found[2] if found else None
    return given if "://" in given else f"{host_of(given, namespace)}:{own or port}"
