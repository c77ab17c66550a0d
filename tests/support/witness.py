"""Reads along in the whole test run, and knows every secret that a test put on a volume: none may ever be told.

What is read: each byte that comes from a socket of this process, also decrypted and decoded; each record of its log;
what our programs write to their output; and the logs that they leave in a test's directory.
"""

import base64
import functools
import json
import logging
import os
import re
import socket
import ssl
import subprocess
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from leaks import Searched

FILLER = b"0123456789abcdef" * 64
"""What the tests' large files are full of; it is passed over, so that they cost next to nothing here."""
_HELD = 4 << 20  # bytes of one connection that are kept until the test is over
_OVERLAP = 4096  # bytes that are read again: more than any form of a secret takes
_KEY_FILES = {"node_key.json", "priv_validator_key.json", "faucet_key.json"}
_TOKEN_FILES = {"token", "tokens"}
_SHOWN = re.compile(rb"^authorization:[^\r\n]*", re.IGNORECASE | re.MULTILINE)  # requests that servers of tests get
_LOG_FILES = re.compile(r".*\.log|up\.txt")
_SMALL = 1 << 20

Totals = tuple[int, int, int, list[bytes]]
"""Answers, lines, hits, and the SHA-256 of each secret; of types that execnet sends."""


class Witness:
    """Secrets, and where they were seen; what has come is held until `check`, which knows all secrets of a test."""

    def __init__(self) -> None:
        self.answers = self.lines = self.seen = 0
        self._known: dict[bytes, str] = {}
        self._ever: set[bytes] = set()
        self._hits: list[str] = []
        self._streams: dict[int, bytearray] = {}
        self._told = bytearray()
        self._lock = threading.RLock()

    def totals(self) -> "Totals":
        """What was read, and the SHA-256 of each secret: one that two processes know counts once."""
        return self.answers, self.lines, self.seen, sorted(self._ever)

    def add(self, totals: "Totals") -> None:
        """Count what another process has read as well."""
        answers, lines, seen, ever = totals
        self.answers, self.lines, self.seen = self.answers + answers, self.lines + lines, self.seen + seen
        self._ever.update(ever)

    def learn(self, secret: bytes, name: str) -> None:
        """Look for a secret from now on; ``name`` is what it is called where it is found."""
        assert len(secret) >= 16, "too short to be told from chance"
        self._known[secret] = name
        self._ever.add(sha256(secret).digest())

    def hear(self, stream: object, data: bytes) -> None:
        """Bytes that came on a connection."""
        with self._lock:
            self.answers += data.count(b"HTTP/1.1 ")  # a request has its version at the line's end
            held = self._streams.setdefault(id(stream), bytearray())  # one that is gone is still read to its end
            held += data
            if len(held) > _HELD:
                self._scan(bytes(held), "an answer")
                del held[:-_OVERLAP]

    def tell(self, text: str | bytes) -> None:
        """What a program wrote, one line or several."""
        data = text.encode(errors="surrogateescape") if isinstance(text, str) else text
        with self._lock:
            self.lines += data.count(b"\n") or bool(data)
            self._told += data + b"\n"

    def check(self, directory: Path | None = None) -> list[str]:
        """Where secrets were seen since the last time, those of the files in a test's ``directory`` among them."""
        with self._lock:
            before = self._known.copy()
            for path in _files(directory) if directory else ():
                for secret in _secrets_in(path):
                    self.learn(secret, path.name)
                if _LOG_FILES.fullmatch(path.name) and path.is_file():
                    self.tell(path.read_bytes())
            for held in self._streams.values():
                self._scan(bytes(held), "an answer")
            self._scan(bytes(self._told), "a log")
            self._streams.clear()
            self._told.clear()
            self._known = before
            hits, self._hits = self._hits, []
            self.seen += len(hits)
            return hits

    @contextmanager
    def planted(self, secret: bytes) -> Iterator[list[str]]:
        """Where a secret is seen that is told on purpose; it does not count."""
        counted = self.seen, set(self._ever)
        assert self.check() == []
        hits: list[str] = []
        self.learn(secret, "planted")
        try:
            yield hits
            hits += self.check()
        finally:
            del self._known[secret]
            self.seen, self._ever = counted

    def _scan(self, data: bytes, where: str) -> None:
        searched = Searched(_SHOWN.sub(b"", data.replace(FILLER, b"")))
        self._hits += [
            f"{where} has a secret of {name}" for secret, name in self._known.items() if searched.has(secret)
        ]


def _files(directory: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(directory):
        yield from (Path(parent, name) for name in names)


def _secrets_in(path: Path) -> Iterator[bytes]:
    """The private bytes of a key file, mnemonics, and bearer tokens; nothing for a file of another kind."""
    name = path.name
    if not (
        name in _KEY_FILES | _TOKEN_FILES
        or name.endswith((".key", ".pem"))
        or (name.endswith(".json") and "keys" in name)
    ):
        return
    try:
        data = path.read_bytes() if path.is_file() and path.stat().st_size < _SMALL else b""
        if name in _KEY_FILES:
            yield base64.b64decode(json.loads(data)["priv_key"]["value"])[:32]
        elif b"PRIVATE KEY" in data:
            key = load_pem_private_key(data, None)
            if isinstance(key, EllipticCurvePrivateKey):
                yield key.private_numbers().private_value.to_bytes(32, "big")
            elif isinstance(key, RSAPrivateKey):
                numbers = key.private_numbers()
                yield from (number.to_bytes((number.bit_length() + 7) // 8, "big") for number in (numbers.p, numbers.d))
            elif isinstance(key, Ed25519PrivateKey):
                yield key.private_bytes_raw()
        elif name in _TOKEN_FILES:
            yield from (token for token in data.split() if len(token) >= 16)
        else:
            yield from re.findall(rb'"mnemonic":\s*"((?:\w+ ){11,}\w+)"', data)
    except (OSError, ValueError, KeyError, TypeError):
        return  # a test of broken files


WITNESS = Witness()
"""The one of this process."""


def install() -> None:
    """Let `WITNESS` read along from now on, until the process ends."""
    for owner, name in ((socket.socket, "recv"), (ssl.SSLSocket, "read"), (ssl.SSLObject, "read")):
        setattr(owner, name, _receiving(getattr(owner, name)))
    setattr(socket.socket, "recv_into", _receiving_into(socket.socket.recv_into))  # noqa: B010 - a type of the standard library
    setattr(httpx.Response, "read", _reading(httpx.Response.read))  # noqa: B010 - as above
    aread = httpx.Response.aread

    async def reading(response: httpx.Response) -> bytes:
        """`httpx.Response.aread`, read along."""
        return _decoded(response, await aread(response))

    setattr(httpx.Response, "aread", reading)  # noqa: B010 - as above
    communicate: Any = subprocess.Popen.communicate

    @functools.wraps(communicate)
    def communicating(process: "subprocess.Popen[Any]", *arguments: Any, **named: Any) -> Any:
        outputs = communicate(process, *arguments, **named)
        if _is_ours(process.args):
            for output in filter(None, outputs):
                WITNESS.tell(output)
        return outputs

    setattr(subprocess.Popen, "communicate", communicating)  # noqa: B010 - as above
    make = logging.getLogRecordFactory()

    def recording(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = make(*arguments, **named)
        WITNESS.tell(_text(record))
        return record

    logging.setLogRecordFactory(recording)


def _receiving(receive: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(receive)
    def receiving(stream: object, *arguments: Any, **named: Any) -> Any:
        result = receive(stream, *arguments, **named)
        if isinstance(result, int):  # TLS, into a buffer
            buffer = named.get("buffer") or arguments[1]
            WITNESS.hear(stream, bytes(memoryview(buffer)[:result]))
        else:
            WITNESS.hear(stream, result)
        return result

    return receiving


def _receiving_into(receive: Callable[..., int]) -> Callable[..., int]:
    @functools.wraps(receive)
    def receiving(stream: object, buffer: Any, *arguments: Any) -> int:
        count = receive(stream, buffer, *arguments)
        WITNESS.hear(stream, bytes(memoryview(buffer).cast("B")[:count]))
        return count

    return receiving


def _reading(read: Callable[[httpx.Response], bytes]) -> Callable[[httpx.Response], bytes]:
    return functools.wraps(read)(lambda response: _decoded(response, read(response)))


def _decoded(response: httpx.Response, content: bytes) -> bytes:
    """An answer as it is after decoding; one that came through no socket is counted here."""
    WITNESS.answers += "network_stream" not in response.extensions
    WITNESS.hear(response, b"\n".join((*(b"%s: %s" % field for field in response.headers.raw), content)))
    return content


def _is_ours(command: Any) -> bool:
    words = [command] if isinstance(command, str | bytes | os.PathLike) else list(command)
    return any(re.search(r"(^|/)exposer$|^init_scripts|zygote\.py$", os.fsdecode(word)) for word in words)


def _text(record: logging.LogRecord) -> str:
    stack = "".join(traceback.format_exception(record.exc_info[1])) if record.exc_info else ""
    return f"{record.getMessage()}\n{stack}" if stack else record.getMessage()
