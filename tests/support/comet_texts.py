"""Texts of a ``config.toml``, and whether CometBFT takes them: what the code says is held to the real program by it."""

PEER = "0123456789abcdef0123456789abcdef01234567"
TAKEN = [
    ("moniker", '-it\'s "quoted" \\\\ #1'),
    ("moniker", " a "),
    ("rpc.laddr", "tcp://127.0.0.1:0"),
    ("rpc.laddr", "tcp://[::1]:0,tcp://127.0.0.1:0"),
    ("rpc.laddr", "tcp://:0"),
    ("rpc.laddr", ""),
    ("p2p.laddr", "tcp://[::1]:0"),
    ("p2p.laddr", "127.0.0.1:0"),
    ("p2p.external_address", "[2001:db8::1]:26656"),
    ("p2p.external_address", "tcp://localhost:26656"),
    ("p2p.persistent_peers", f"{PEER}@[::1]:1, tcp://{PEER[::-1]}@127.0.0.1:1,"),
    ("p2p.seeds", f"{PEER}@127.0.0.1:1"),
    ("p2p.unconditional_peer_ids", PEER),
]
REFUSED = [
    ("moniker", "Zo\u00eb"),
    ("moniker", "   "),
    ("moniker", "a\tb"),
    ("moniker", ""),
    ("rpc.laddr", "127.0.0.1:0"),
    ("rpc.laddr", "tcp://::1:0"),
    ("rpc.laddr", "tcp://127.0.0.1"),
    ("p2p.laddr", "tcp://:::0"),
    ("p2p.laddr", "tcp://:0"),
    ("p2p.laddr", "tcp://127.0.0.1"),
    ("p2p.external_address", "2001:db8::1"),
    ("p2p.external_address", "127.0.0.1"),
    ("p2p.external_address", "127.0.0.1:99999"),
    ("p2p.external_address", ":26656"),
    ("p2p.persistent_peers", f"{PEER}@::1:1"),
    ("p2p.persistent_peers", f"{PEER}@127.0.0.1"),
    ("p2p.persistent_peers", "127.0.0.1:1"),
    ("p2p.persistent_peers", f"{PEER[1:]}@127.0.0.1:1"),
    ("p2p.seeds", f"{PEER}@::1:1"),
    ("p2p.unconditional_peer_ids", f"{PEER[2:]}"),
]
LOST = [
    ("rpc.pprof_laddr", "::1:6060"),
    ("instrumentation.prometheus_listen_addr", ":::26660"),
    ("instrumentation.prometheus_listen_addr", "127.0.0.1"),
    ("p2p.persistent_peers", f"{PEER}@a b:1"),
]
"""With these CometBFT starts, and logs that it does without what they are for."""
