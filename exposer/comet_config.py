"""Text that CometBFT takes in its ``config.toml``. What it refuses there, it refuses when the node starts.

Sources (CometBFT v0.38): ``p2p/node_info.go`` (DefaultNodeInfo.Validate), ``p2p/netaddress.go``
(NewNetAddressString), ``node/setup.go`` and ``rpc/jsonrpc/server/http_server.go`` (Listen).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from exposer.hosts import check_address

_PEER = "write nodes as id@host:port, with commas between them and 40 hex digits as the id"


def check_moniker(moniker: str) -> str:
    """``moniker``, where CometBFT takes it; raises `ValueError` where it does not."""
    if not re.fullmatch(r"[ -~]*[!-~][ -~]*", moniker):
        raise ValueError("CometBFT takes printable ASCII characters, not all of them blanks; write such a name")
    return moniker


def check_dialled(address: str) -> str:
    """``address``, where peers can dial it: host:port, perhaps with a protocol; raises `ValueError` where not."""
    check_address(_without_protocol(address))
    return address


def faults(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Dotted key and text of what CometBFT refuses in a whole ``config.toml``."""
    for key in _CHECKS:
        table, _, name = key.rpartition(".")
        section = config.get(table) if table else config
        if isinstance(section, Mapping) and (text := fault(key, section.get(name))):
            yield key, text


def fault(key: str, value: object) -> str:
    """What CometBFT refuses of ``value`` at the dotted ``key``; empty where it takes it, or does not care."""
    try:
        if key in _CHECKS and isinstance(value, str) and (value or key == "moniker"):
            _CHECKS[key](value)
    except ValueError as error:
        return str(error)
    return ""


def _without_protocol(address: str) -> str:
    return address.partition("://")[2] or address


def _check_listened(addresses: str) -> None:
    for address in _listed(addresses):
        protocol, _, place = address.partition("://")
        if not place:
            raise ValueError("write the address with its protocol, like tcp://127.0.0.1:26657")
        if protocol != "unix":
            _check_served(place)


def _check_served(address: str) -> None:
    check_address(f"localhost{address}" if address.startswith(":") else address)  # all addresses of the machine


def _check_peers(peers: str) -> None:
    for peer in _listed(peers):
        identity, at, address = _without_protocol(peer).partition("@")
        if not at or not _is_id(identity):
            raise ValueError(_PEER)
        check_address(address)


def _check_ids(ids: str) -> None:
    if not all(map(_is_id, _listed(ids))):
        raise ValueError("write node ids of 40 hex digits, with commas between them")


def _is_id(text: str) -> bool:
    return re.fullmatch("[0-9a-fA-F]{40}", text) is not None


def _listed(text: str) -> list[str]:
    """As CometBFT takes lists apart."""
    return [entry for part in text.split(",") if (entry := part.strip(" "))]


_CHECKS: Mapping[str, Callable[[str], object]] = {
    "moniker": check_moniker,
    "rpc.laddr": _check_listened,
    "rpc.grpc_laddr": _check_listened,
    "rpc.pprof_laddr": _check_served,
    "p2p.laddr": check_dialled,
    "p2p.external_address": check_dialled,
    "p2p.persistent_peers": _check_peers,
    "p2p.seeds": _check_peers,
    "p2p.unconditional_peer_ids": _check_ids,
    "instrumentation.prometheus_listen_addr": _check_served,
}
"""Key -> what raises `ValueError` where CometBFT would not start with the text, or start without what it is for."""
