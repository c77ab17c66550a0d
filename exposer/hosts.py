"""Hosts and addresses with a port as people write them: in an address an IPv6 host stands in brackets (RFC 3986)."""

import re
from contextlib import suppress
from ipaddress import ip_address

_NAME = re.compile(r"(?=.{1,253}\Z)([A-Za-z0-9_-]{1,63}\.)*(?![0-9]+\.?\Z)[A-Za-z0-9_-]{1,63}\.?")
_LAST_PORT = 65535


def bare(host: str) -> str:
    """``host`` as the system's calls take it: an IPv6 address without its brackets."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def bracketed(host: str) -> str:
    """``host``, in brackets where it is an IPv6 address without them; anything else as it is."""
    try:
        return f"[{host}]" if ip_address(host).version == 6 else host  # noqa: PLR2004 - of the Internet Protocol
    except ValueError:
        return host


def check_host(host: str) -> str:
    """``host`` as it stands before a port: a name, an IPv4 address, or an IPv6 address in its short form in brackets.

    Raises:
        ValueError: it is none of them; a port is written elsewhere, and a zone (``%eth0``) means nothing to others.
    """
    try:
        address = str(ip_address(bare(host)))
    except ValueError:
        if not _NAME.fullmatch(host):
            raise ValueError("write a host alone: a name, an IPv4 or an IPv6 address, without a port") from None
        return host
    if "%" in address:
        raise ValueError("write the IPv6 address without its zone, which only this machine knows")
    return bracketed(address)


def check_address(address: str) -> str:
    """``address``, where it is a host and a port with a colon between them.

    Raises:
        ValueError: it is not.
    """
    host, _, port = address.rpartition(":")
    with suppress(ValueError):
        if re.fullmatch("[0-9]{1,5}", port) and int(port) <= _LAST_PORT and bracketed(host) == host:
            check_host(host)
            return address
    raise ValueError("write host:port, an IPv6 address as [IPv6]:port")
