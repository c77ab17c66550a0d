"""One node of a real chain whose genesis funds a faucet, and that faucet beside it, as processes."""

import asyncio
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from live_network import get_json
from networks import fresh_mnemonic
from waiting import LIMIT, eventually

from exposer.accounts.address import encode_address
from exposer.client import Client
from exposer.rpc import Node

PORTS = ("P2P_PORT", "RPC_PORT", "REST_PORT", "GRPC_PORT", "METRICS_PORT")
SEQUENCE_ERROR = re.compile(r"account sequence mismatch|incorrect account sequence")


@contextmanager
def held_ports(count: int) -> Iterator[list[str]]:
    """Ports of loopback that nobody else gets meanwhile: bound, not listening, and open to a Go node's own bind."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for held in sockets:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(("127.0.0.1", 0))
        yield [str(held.getsockname()[1]) for held in sockets]


def run(step: str, environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a step to its end."""
    command = [sys.executable, "-W", "error", "-m", f"init_scripts.{step}", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False)


@dataclass(frozen=True)
class Coin:
    """What a chain's accounts have, how much a credit is, and how its addresses begin."""

    denom: str = "stake"
    coins: str = "100000000000000stake"
    amount: int = 100000000000
    prefix: str = "cosmos"

    def addresses(self, count: int) -> list[str]:
        """Addresses that nobody has."""
        return [encode_address(self.prefix, secrets.token_bytes(20)) for _ in range(count)]


class FaucetWorld:
    """A context manager: the chain's home and the faucet's volume below ``directory``; what it started ends with it.

    The faucet's listening socket belongs to the test, as a Service's address does: it stays when the faucet goes.
    """

    def __init__(self, directory: Path, binary: str, coin: Coin | None = None, **environment: str) -> None:
        self.directory = directory
        self.binary = binary
        self.coin = coin or Coin()
        self.home = directory / "home"
        self.volume = directory / "faucet"
        self.node: subprocess.Popen[bytes] | None = None
        self.faucet: subprocess.Popen[bytes] | None = None
        self.log = directory / "faucet.log"
        self._held = ExitStack()
        self._environment = environment

    def __enter__(self) -> Self:
        """Make the genesis and put the faucet in position."""
        keys = self.directory / "keys.json"
        roles = {role: [{"name": role, "mnemonic": fresh_mnemonic()}] for role in ("genesis", "faucet")}
        keys.write_text(json.dumps(roles), encoding="utf-8")
        self.listener = self._held.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1024))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        ports = self._held.enter_context(held_ports(len(PORTS)))
        self.node_url = f"http://127.0.0.1:{ports[1]}"
        self.environment = {
            "PATH": os.environ["PATH"],
            "CHAIN_ID": "simapp-1",
            "CHAIN_BIN": self.binary,
            "CHAIN_DIR": str(self.home),
            "DENOM": self.coin.denom,
            "COINS": self.coin.coins,
            "KEYS_CONFIG": str(keys),
            "HOSTNAME": "chain-genesis-0",
            "FAUCET_ENABLED": "true",
            "FAUCET_DIR": str(self.volume),
            "BIND_HOST": "127.0.0.1",
            "TIMEOUT_COMMIT": "500ms",
            "NODE_URL": self.node_url,
            **dict(zip(PORTS, ports, strict=True)),
            **self._environment,
        }
        for step in ("init_genesis", "init_config", "init_faucet"):
            done = run(step, self.environment)
            assert done.returncode == 0, done.stderr
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in (self.faucet, self.node):
            if process:
                process.kill()
                process.wait()
        self._held.close()
        if error and self.log.exists():
            print(self.log.read_text(encoding="utf-8")[-20000:])

    def start_node(self) -> None:
        """Start the node, until it makes blocks."""
        command = [self.binary, "start", "--home", str(self.home)]
        with (self.directory / "node.log").open("ab") as log:
            self.node = subprocess.Popen(command, stdout=log, stderr=log)
        eventually("the node makes blocks", self._makes_blocks)

    def start_faucet(self, *prefix: str, ready: bool = True, **settings: str) -> None:
        """Start the faucet, behind the command ``prefix``, and wait until it can pay."""
        if self.faucet:
            self.faucet.wait(LIMIT)  # the one before, which the test has ended
        fd = self.listener.fileno()
        command = [*prefix, sys.executable, "-W", "error", "-m", "exposer", "faucet", "--fd", str(fd)]
        with self.log.open("ab") as log:
            environment = {**self.environment, **settings}
            self.faucet = subprocess.Popen(command, env=environment, stderr=log, pass_fds=[fd])
        if ready:
            eventually("the faucet can pay", self.is_ready)

    def is_ready(self) -> bool:
        """Whether the faucet can pay."""
        assert self.faucet is not None
        try:
            return self.faucet.poll() is None and httpx.get(f"{self.url}/readyz", timeout=2.0).is_success
        except httpx.HTTPError:
            return False

    def kill(self, process: "subprocess.Popen[bytes] | None") -> None:
        """SIGKILL, until it is gone."""
        assert process is not None
        process.send_signal(signal.SIGKILL)
        process.wait(LIMIT)

    def status(self) -> Any:
        """What the faucet says of itself."""
        return get_json(f"{self.url}/status")

    def settled(self) -> bool:
        """Whether nothing is owed any more."""
        return bool(self.status()["pending"] == 0)

    def held(self, *addresses: str) -> list[int]:
        """What each account has of the coin, as the chain says."""
        with Client(self.node_url) as client:
            return [Node(client).balance(address, self.coin.denom) for address in addresses]

    def query(self, *arguments: str) -> Any:
        """The JSON that the chain's binary answers with."""
        node = self.node_url.replace("http", "tcp")
        flags = ("--node", node, "--home", str(self.home), "--output", "json")
        done = subprocess.run(
            [self.binary, "query", *arguments, *flags], capture_output=True, text=True, timeout=LIMIT, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def entries(self) -> int:
        """How many entries the faucet's journal has."""
        return (self.volume / "journal.jsonl").read_bytes().count(b'"is":')

    def goes_on(self, done: Callable[[], bool], entries: int) -> bool:
        """Wait until the journal has so many entries more, or all is ``done``: returns whether it is not."""
        until = self.entries() + entries
        eventually("the journal grows", lambda: done() or self.entries() >= until, pause=0.002)
        return not done()

    def tx(self, arguments: Sequence[str], stdin: str = "") -> None:
        """Run the chain's binary as anybody could."""
        done = subprocess.run(
            [self.binary, *arguments], input=stdin, capture_output=True, text=True, timeout=LIMIT, check=False
        )
        assert done.returncode == 0, done.stderr

    def begin_anew(self) -> None:
        """Another chain of the same name: a fresh home, made with the same keys."""
        shutil.rmtree(self.home)
        for step in ("init_genesis", "init_config"):
            done = run(step, self.environment)
            assert done.returncode == 0, done.stderr

    def logs(self) -> str:
        """All that faucet and node have said."""
        paths = (self.log, self.directory / "node.log")
        return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in paths if path.exists())

    def _makes_blocks(self) -> bool:
        assert self.node is not None
        assert self.node.poll() is None, "the node has ended"
        try:
            status = get_json(f"{self.node_url}/status")["result"]
        except OSError:
            return False
        return int(status["sync_info"]["latest_block_height"]) > 0


async def credit_all(url: str, denom: str, addresses: Sequence[str]) -> "Counter[tuple[int, str]]":
    """All credits at once, each asked for once; statuses with their words."""
    async with _client() as client:
        asked = (client.post(f"{url}/credit", json={"address": address, "denom": denom}) for address in addresses)
        return Counter(map(_told, await asyncio.gather(*asked)))


async def insist(url: str, denom: str, addresses: Sequence[str]) -> "Counter[tuple[int, str]]":
    """All credits at once, each asked for until the faucet has given it or says that it has taken it before."""
    async with _client() as client:

        async def one(address: str) -> tuple[int, str]:
            """Insist for one address."""
            while True:
                try:
                    answer = await client.post(f"{url}/credit", json={"address": address, "denom": denom})
                except httpx.HTTPError:
                    continue
                if answer.status_code != 503:
                    return _told(answer)
                await asyncio.sleep(0.05)  # a client's pause, not a synchronisation

        return Counter(await asyncio.gather(*map(one, addresses)))


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=LIMIT, limits=httpx.Limits(max_connections=None), trust_env=False)


def _told(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    return answer.status_code, body.get("code", body["status"])
