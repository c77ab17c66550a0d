"""Genesis transactions: each validator bonds by one that the chain's own binary signs and collects.

That of this pod's validator is signed with its keyring. Those of others, whose identities are derived and so known
here, are signed with a keyring in memory that holds one key at a time and is gone before anything is committed.
"""

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from exposer.accounts.hd import at_index
from exposer.accounts.keyfile import Key
from init_scripts.binary import KEYRING, ChainBinary
from init_scripts.dialect import Dialect
from init_scripts.settings import PodSettings

_MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory: what a killed process leaves there no disk keeps
_GENESIS_POD = re.compile(r"genesis-\d+$")


def add_gentxs(
    binary: ChainBinary,
    dialect: Dialect,
    settings: PodSettings,
    *,
    own: Key,
    others: Iterable[Key],
    stake: str,
    flags: Callable[[Key], Sequence[str]] = lambda _: (),
) -> None:
    """Bond ``own`` and the ``others`` in the genesis of ``binary``'s home, where all of them have a balance.

    Args:
        binary: the chain's binary on the genesis pod's home.
        dialect: what it speaks.
        settings: the chain and the genesis pod.
        own: the genesis pod's key, in its keyring.
        others: the keys of the validator pods with the ordinals 0, 1, ...; their identities are derived.
        stake: what each of them bonds, as the SDK writes coins.
        flags: what else this chain's ``gentx`` wants for a key.

    The binary collects them in the order of their files' names, which are node ids: equal keys, equal bytes.
    """
    gentx = [*dialect.genesis("gentx"), own.name, stake, *_described(settings, settings.node_name, settings.hostname)]
    binary.run(*gentx, *KEYRING, *flags(own))
    for ordinal, key in enumerate(others):
        with tempfile.TemporaryDirectory(prefix="gentx-", dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None) as ring:
            keyring = (*KEYRING, "--keyring-dir", ring)
            path = ("--hd-path", at_index(settings.path, key.index))
            binary.run("keys", "add", key.name, "--recover", *path, *keyring, secret=key.mnemonic)
            name = _pod_name(settings, key, ordinal)
            gentx = [*dialect.genesis("gentx"), key.name, stake, *_described(settings, name, name)]
            binary.run(*gentx, *_identity(key), *keyring, *flags(key))
    binary.run(*dialect.genesis("collect-gentxs"))


def _described(settings: PodSettings, moniker: str, host: str) -> list[str]:
    return ["--chain-id", settings.chain_id, "--moniker", moniker[:70], "--ip", host]


def _identity(key: Key) -> list[str]:
    public = key.consensus_key
    pubkey = json.dumps({"@type": public.type_url, "key": public.value})
    return ["--node-id", key.node_id, "--pubkey", pubkey]


def _pod_name(settings: PodSettings, key: Key, ordinal: int) -> str:
    """The validator pod's host name where this pod's tells the pattern (``…-genesis-0``), else the name of its key.

    It becomes a moniker and, in the gentx's memo, a peer; nodes take their peers from ``persistent_peers`` instead.
    """
    found = _GENESIS_POD.search(settings.hostname)
    return f"{settings.hostname[: found.start()]}validator-{ordinal}" if found else key.name
