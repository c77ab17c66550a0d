"""A network's directory on this machine: its lock, its record, its keys and the volume and logs of every pod.

exposer-network.lock       held while ``exposer up`` runs; holds its process id
network.json               what `Record` says, written durably
keys.json                  the fresh keys, unless the network file names its own, or is one to throw away
throwaway-keys.json        then, those that anybody can make
files/<chain>/patch        genesis patch, balances, config overrides
files/<chain>/scripts      what runs in place of steps
<pod>/home                 the pod's volume
<pod>/faucet               the faucet's own volume, in a genesis pod that has one
<pod>/home.old-<n>         former volumes, which ``--force`` set aside; ``faucet.old-<n>`` likewise
<pod>/logs/<program>.log   one for each step, the exposer, the node and the faucet
up.log                     the output of ``exposer up --detach``
"""

import contextlib
import fcntl
import itertools
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from exposer.durable import write_durably
from exposer.errors import BadInputError, TemporaryError

_RECORD = "network.json"


@dataclass(frozen=True)
class PodRecord:
    """One pod for who looks from outside.

    ``ports`` is name -> port of all that are kept for the pod; ``serving`` names those that its programs listen on.
    ``faucet_url`` is None where it has no faucet; ``denom`` and ``prefix`` are empty where its chain has no accounts.
    """

    name: str
    role: str
    ordinal: int
    exposer_url: str
    rpc_url: str
    ports: Mapping[str, int]
    faucet_url: str | None = None
    chain: str = ""
    serving: Sequence[str] = field(default_factory=list)
    denom: str = ""
    prefix: str = ""

    @property
    def chain_name(self) -> str:
        """The chain's id; where an older record has none, what the pod's name begins with."""
        return self.chain or self.name.removesuffix(f"-{self.role}-{self.ordinal}")


@dataclass(frozen=True)
class Record:
    """What ``exposer up`` leaves for its own next run and for ``status``: the pods in the plan's order."""

    name: str
    genesis_time: str
    pods: tuple[PodRecord, ...] = ()
    former_ports: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def ports(self, pod: str) -> Mapping[str, int]:
        """The ports that ``pod`` had when it last ran."""
        return next((one.ports for one in self.pods if one.name == pod), self.former_ports.get(pod, {}))


class State:
    """The directory of one network."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    @property
    def keys(self) -> Path:
        """The fresh keys of this network."""
        return self.root / "keys.json"

    @property
    def throwaway_keys(self) -> Path:
        """Keys that follow from the network's name, where its file wants such."""
        return self.root / "throwaway-keys.json"

    @property
    def lock(self) -> Path:
        """Held by the running ``exposer up``; where it is, the directory is a network's: no other program's file."""
        return self.root / "exposer-network.lock"

    def exists(self) -> bool:
        """Whether the directory is a network's."""
        return self.lock.exists()

    @property
    def up_log(self) -> Path:
        """The output of an ``up`` in the background."""
        return self.root / "up.log"

    def home(self, pod: str) -> Path:
        """The pod's volume."""
        return self.root / pod / "home"

    def faucet(self, pod: str) -> Path:
        """The faucet's own volume."""
        return self.root / pod / "faucet"

    def log(self, pod: str, program: str) -> Path:
        """The log of one of the pod's programs."""
        return self.root / pod / "logs" / f"{program}.log"

    def files(self, chain_id: str, volume: str) -> Path:
        """The plan's files of a chain that are in one ``volume``."""
        return self.root / "files" / chain_id / volume

    def read(self) -> Record | None:
        """The record, or None where no network was prepared; raises `BadInputError` where it is damaged."""
        try:
            raw: dict[str, Any] = json.loads((self.root / _RECORD).read_bytes())
            return Record(**{**raw, "pods": tuple(PodRecord(**pod) for pod in raw["pods"])})
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, TypeError, KeyError) as error:
            raise BadInputError(f"{self.root / _RECORD} is damaged; delete {self.root} and start over") from error

    def write(self, record: Record) -> None:
        """Keep the record."""
        write_durably(self.root / _RECORD, json.dumps(asdict(record), indent=2).encode() + b"\n")

    def write_file(self, path: Path, content: bytes) -> None:
        """Keep one of the plan's files; an equal one is left untouched."""
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_durably(path, content)

    def make_pod(self, pod: str, *, fresh: bool) -> None:
        """Create the pod's directories; ``fresh`` sets its volumes aside, each as the next ``<volume>.old-<n>``."""
        for volume in (self.home(pod), self.faucet(pod)) if fresh else ():
            if volume.exists():
                asides = (volume.with_name(f"{volume.name}.old-{number}") for number in itertools.count(1))
                volume.rename(next(aside for aside in asides if not aside.exists()))
        for directory in (self.home(pod), self.root / pod / "logs"):
            directory.mkdir(parents=True, exist_ok=True)

    def create(self) -> None:
        """Make the directory, where it is missing; raises `BadInputError` when it is something else's."""
        if self.root.is_dir() and not self.exists() and any(self.root.iterdir()):
            raise BadInputError(f"{self.root} holds other files; choose an empty or a new directory with --state")
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.lock.touch()  # first: a directory without it that is not empty is taken for somebody else's
        (self.root / ".gitignore").write_text("*\n", encoding="utf-8")  # there are keys in here

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the network for this process, creating its directory where it is missing.

        Raises:
            BadInputError: the directory holds something else.
            TemporaryError: another process holds the network.
        """
        self.create()
        with _locked(self.lock) as lock:
            if lock is None:
                raise TemporaryError(
                    f"{self.root}: another exposer up{self._holder_text()} runs this network; "
                    f"stop it with exposer down, or choose another --state"
                )
            lock.truncate(0)
            lock.write(str(os.getpid()).encode())
            lock.flush()
            yield

    def holder(self) -> int | None:
        """The process id of the running ``exposer up`` of this network, None when there is none."""
        if not self.lock.exists():
            return None
        with _locked(self.lock) as lock:
            return None if lock else self._written_holder()

    def delete(self) -> None:
        """Delete the network; to be called while it is held."""
        shutil.rmtree(self.root)

    def _written_holder(self) -> int | None:
        text = self.lock.read_text(encoding="ascii", errors="replace")
        return int(text) if text.isdecimal() else None

    def _holder_text(self) -> str:
        pid = self._written_holder()
        return f" (process {pid})" if pid else ""


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[BinaryIO | None]:
    """The lock file at ``path``, locked; None while another process has it. The lock ends with its process."""
    with path.open("a+b") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        if path.exists() and path.samefile(f"/proc/self/fd/{lock.fileno()}"):
            yield lock
        else:  # deleted meanwhile, with its network: whoever did it is about to end
            yield None
