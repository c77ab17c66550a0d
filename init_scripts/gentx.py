"""Genesis transactions: each validator bonds by one that the chain's own binary signs and collects.

That of this pod's validator is signed with its keyring. Those of others, whose identities are derived and so known
here, are signed with a keyring in memory that holds one key at a time and is gone before anything is committed.
"""

import contextlib
import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from exposer.accounts.hd import at_index
from exposer.accounts.keyfile import Key
from exposer.errors import BadInputError, from_input_error
from init_scripts.binary import KEYRING, ChainBinary
from init_scripts.dialect import Dialect
from init_scripts.settings import PodSettings

_MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory: no disk keeps what is there
_GENESIS_POD = re.compile(r"genesis-[0-9]+$")


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
        with _keyring(settings.root) as ring:
            keyring = (*KEYRING, "--keyring-dir", str(ring))
            path = ("--hd-path", at_index(settings.path, key.index))
            binary.run("keys", "add", key.name, "--recover", *path, *keyring, secret=key.mnemonic)
            name = _pod_name(settings, key, ordinal)
            gentx = [*dialect.genesis("gentx"), key.name, stake, *_described(settings, name, name)]
            binary.run(*gentx, *_identity(key), *keyring, *flags(key))
    binary.run(*dialect.genesis("collect-gentxs"))


def keyring_of(volume: Path) -> Path:
    """Where the keyring in memory is: named by the volume, for its next run to find what a killed one left."""
    root = volume.stat()
    return _MEMORY / f"gentx-{root.st_dev:x}-{root.st_ino:x}"


def forget_keyring(volume: Path) -> None:
    """Remove what a killed run left of its keyring; the volume's lock is held, so nobody uses it."""
    shutil.rmtree(keyring_of(volume), ignore_errors=True)


@contextlib.contextmanager
def _keyring(volume: Path) -> Iterator[Path]:
    """An empty keyring for one key; raises `BadInputError` where there is no memory to put it into."""
    ring = keyring_of(volume)
    needed = f"VALIDATOR_SET=genesis signs with a keyring in memory, for which {_MEMORY}"
    if not _MEMORY.is_mount():
        raise BadInputError(f"{needed} is no file system of its own here; mount a tmpfs there")
    try:
        ring.mkdir(mode=0o700)
    except OSError as error:
        raise from_input_error(error, f"{needed} is needed", "mount a tmpfs there that this user can write") from error
    try:
        yield ring
    finally:
        shutil.rmtree(ring)


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
