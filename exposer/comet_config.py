"""Text that CometBFT takes in its ``config.toml``. What it refuses there, it refuses when the node starts.

Sources (CometBFT v0.38): ``p2p/node_info.go`` (DefaultNodeInfo.Validate), ``p2p/netaddress.go``
(NewNetAddressString), ``p2p/transport.go`` (upgrade), ``node/setup.go``, ``rpc/jsonrpc/server/http_server.go``
(Listen), ``privval/utils.go`` (NewSignerListener), ``proxy/client.go`` (DefaultClientCreator), ``config/config.go``.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from exposer.duration import go_nanoseconds
from exposer.hosts import check_address

_PEER = "write nodes as id@host:port, with commas between them and 40 hex digits in lower case as the id"
_APPLICATION = re.compile("(persistent_)?kvstore(_connsync)?|e2e(_connsync)?|noop|counter(_serial)?")
_PROTOCOLS = ("tcp", "tcp4", "tcp6", "unix")
_LONGEST_SOCKET = 107  # bytes, of Linux


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
        if key in _CHECKS and isinstance(value, str) and (value or key in _NEVER_EMPTY):
            _CHECKS[key](value)
    except ValueError as error:
        return str(error)
    return ""


def _without_protocol(address: str) -> str:
    return address.partition("://")[2] or address


def _check_all_listened(addresses: str) -> None:
    for address in _listed(addresses):
        _check_listened(address)


def _check_listened(address: str) -> None:
    if "://" not in address:
        raise ValueError("write the address with its protocol, like tcp://127.0.0.1:26657")
    _check_socket(address, _PROTOCOLS)


def _check_signer(address: str) -> None:
    _check_socket(address, ("tcp", "unix"))


def _check_application(address: str) -> None:
    if not _APPLICATION.fullmatch(address):
        _check_socket(address, _PROTOCOLS)


def _check_socket(address: str, protocols: tuple[str, ...]) -> None:
    protocol, separator, place = address.partition("://")
    if separator and protocol not in protocols:
        raise ValueError(f"write one of {', '.join(protocols)} before ://; CometBFT takes no other protocol here")
    if separator and protocol == "unix":
        if not 0 < len(place.encode()) <= _LONGEST_SOCKET:
            raise ValueError(f"write the path of a socket, of {_LONGEST_SOCKET} bytes at most")
    else:
        _check_served(place if separator else address)


def _check_served(address: str) -> None:
    check_address(f"localhost{address}" if address.startswith(":") else address)  # all addresses of the machine


def _check_peers(peers: str) -> None:
    for peer in _listed(peers):
        identity, at, address = _without_protocol(peer).partition("@")
        if not at or not _is_id(identity):
            raise ValueError(_PEER)
        check_address(address)


def is_peer(text: str) -> bool:
    """Whether a node can dial it: ``ID@host:port``."""
    try:
        _check_peers(text)
    except ValueError:
        return False
    return text != "" and "," not in text


def _check_ids(ids: str) -> None:
    if not all(map(_is_id, _listed(ids))):
        raise ValueError("write node ids of 40 hex digits in lower case, with commas between them")


def _is_id(text: str) -> bool:
    """CometBFT takes upper case too, but compares ids as text: it never recognizes the peer."""
    return re.fullmatch("[0-9a-f]{40}", text) is not None


def _check_duration(text: str) -> None:
    if go_nanoseconds(text) < 0:
        raise ValueError("write a duration that is not negative, like 500ms")


def _listed(text: str) -> list[str]:
    """As CometBFT takes lists apart."""
    return [entry for part in text.split(",") if (entry := part.strip(" "))]


_DURATIONS = tuple(
    f"{table}.{name}"
    for table, names in (
        ("rpc", "timeout_broadcast_tx_commit"),
        ("p2p", "flush_throttle_timeout persistent_peers_max_dial_period handshake_timeout dial_timeout"),
        ("mempool", "recheck_timeout ttl-duration"),
        ("statesync", "trust_period discovery_time chunk_request_timeout"),
        ("consensus", "timeout_propose timeout_prevote timeout_precommit timeout_commit"),
        ("consensus", "timeout_propose_delta timeout_prevote_delta timeout_precommit_delta"),
        ("consensus", "create_empty_blocks_interval peer_gossip_sleep_duration peer_query_maj23_sleep_duration"),
    )
    for name in names.split()
)
_NEVER_EMPTY = frozenset({"moniker", "proxy_app", "p2p.laddr", *_DURATIONS})
_CHECKS: Mapping[str, Callable[[str], object]] = {
    "moniker": check_moniker,
    "proxy_app": _check_application,
    "priv_validator_laddr": _check_signer,
    "rpc.laddr": _check_all_listened,
    "rpc.grpc_laddr": _check_listened,
    "rpc.pprof_laddr": _check_served,
    "p2p.laddr": check_dialled,
    "p2p.external_address": check_dialled,
    "p2p.persistent_peers": _check_peers,
    "p2p.seeds": _check_peers,
    "p2p.unconditional_peer_ids": _check_ids,
    "p2p.private_peer_ids": _check_ids,
    "instrumentation.prometheus_listen_addr": _check_served,
    **dict.fromkeys(_DURATIONS, _check_duration),
}
"""Key -> what raises `ValueError` where CometBFT would not start with the text, or start without what it is for."""
