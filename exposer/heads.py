"""What every server here reads of a request's head, in one way."""

import re
from urllib.parse import unquote

_SLASH = re.compile("%2f", re.IGNORECASE)
PREFACE = b"PRI"
"""The method of HTTP/2's first line, by which a client that did not ask for it begins (RFC 9113, section 3.4)."""


def known_version(version: str) -> str:
    """The version that a request is answered as: ``0.9``, ``1.0`` or ``1.1``; empty where it is another protocol's.

    A later minor version is answered as the highest that is known (RFC 9110, section 2.5).
    """
    if version in {"0.9", "1.0"}:
        return version
    return "1.1" if version.startswith("1.") else ""


def literal_path(raw: bytes) -> str:
    """A path with its escapes decoded, but for those of a slash: it separates nothing (RFC 3986, section 2.2)."""
    return "%2F".join(map(unquote, _SLASH.split(raw.decode("ascii"))))
