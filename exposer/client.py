"""Talking to an exposer, and to other small HTTP servers, from a program without an event loop.

Only httpcore stands below it: a gate that starts many times on a tenth of a CPU cannot afford more. Redirects
are not followed and proxy variables are not honoured: an exposer never redirects, and pods reach each other
directly.
"""

import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpcore

from exposer import __version__
from exposer.certificates import explain
from exposer.credentials import Credentials
from exposer.dialer import LEAST, Deadline, Dialer, LateError
from exposer.errors import BadInputError, TemporaryError, UsageError
from exposer.rotation import Rotating

_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?|\[[0-9A-Fa-f:.]+\]")
_PRINTABLE = re.compile(r"[!-~]+")
_CUT_OFF = "cut the connection"
_CUT = "without sending"  # what h11 and httpcore say of a connection that ends too early
_HEADERS = {"user-agent": f"exposer/{__version__}", "accept-encoding": "identity"}


def base_url(target: str, default_port: int = 8081, scheme: str = "http") -> str:
    """The URL, without a slash at its end, of ``name``, ``host:port`` (IPv6 in brackets) or an http(s) URL.

    ``default_port`` and ``scheme`` are those of a target that is no URL.

    Raises:
        UsageError: ``target`` is none of them.
    """
    secret = "credentials" if "@" in target else "a query or a fragment" if {*target} & {"?", "#"} else ""
    shown = f"a URL with {secret} in it" if secret else repr(target)
    cure = f"{shown} is no target: write a name, host:port, [IPv6]:port or an http:// or https:// URL"
    try:
        parts = urlsplit(target if "://" in target else f"http://{target}")
        port = parts.port
    except ValueError as error:  # a port that is no number, brackets that do not close
        raise UsageError(cure) from error
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    whole = parts.scheme in {"http", "https"} and "@" not in parts.netloc and not parts.query + parts.fragment
    if not (whole and _PRINTABLE.fullmatch(target) and _HOST.fullmatch(host)) or port == 0:
        raise UsageError(cure)
    if "://" in target:
        return target.rstrip("/")
    if parts.path:
        raise UsageError(cure)
    return f"{scheme}://{host}:{port or default_port}"


@dataclass(frozen=True)
class Answer:
    """A whole answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Stream:
    """An answer whose body is still on its way."""

    def __init__(self, response: httpcore.Response, place: str) -> None:
        self.status = response.status
        self.headers = {name.decode("ascii").lower(): value.decode("latin-1") for name, value in response.headers}
        self._response = response
        self._place = place

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes; raises `TemporaryError` where it is cut or stalls."""
        with _plain_words(self._place):
            yield from self._response.iter_stream()


class Client:
    """A connection to one server, kept between requests; for one thread.

    Every network fault is a `TemporaryError` that says in plain words what failed; so is a server whose certificate
    is not trusted, or that does not trust this client's: certificates are replaced while programs wait.
    """

    def __init__(
        self, url: str, *, timeout: float = 10.0, credentials: Credentials | None = None, address: str | None = None
    ) -> None:
        """A client of the server at ``url``, a target as for `base_url`.

        ``timeout``: seconds for a whole answer, and to connect. ``credentials``: what this one server is shown; their
        files are read again when they change. ``address``: which of the addresses of the name is connected to.

        Raises:
            UsageError: ``url`` is no target.
            BadInputError: a file of the credentials is missing or wrong.
        """
        self._credentials = credentials or Credentials()
        self.url = base_url(url, scheme=self._credentials.scheme)
        self.place = urlsplit(self.url).netloc
        self.timeout = timeout
        self._credentials.headers()  # wrong at the start means wrong for good
        secure = self.url.startswith("https://")
        self._tls = Rotating(self._credentials.tls_files, self._credentials.context) if secure else None
        self._context = self._tls.current() if self._tls else None
        self._deadline = Deadline()
        self._address = address
        self._pool = self._connect()
        # Servers that end a handshake often do not say why, and in TLS 1.3 the client's side of it is over by then.
        shown = secure and self._credentials.cert_file
        self._suspicion = "; it may not trust this client's certificate" if shown else ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the connection go."""
        self._pool.close()

    def get(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        limit: int = 1 << 20,
    ) -> Answer:
        """`request` with GET."""
        return self.request("GET", path, headers=headers, timeout=timeout, limit=limit)

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        limit: int = 1 << 20,
    ) -> Answer:
        """The whole answer, of any status.

        Args:
            method: for example ``POST``.
            path: what follows the client's URL, with its query.
            body: the request's body.
            headers: further headers; they win over the client's own.
            timeout: seconds for the whole, from the look-up of the name to the answer's last byte, instead of the
                client's; to connect never takes longer than the client's.
            limit: bytes; more is a `TemporaryError`, because whoever sends that is not who was asked.

        Raises:
            TemporaryError: no whole answer came.
        """
        timeout = self.timeout if timeout is None else timeout
        with self._open(method, path, body, headers, timeout=timeout, within=timeout) as stream:
            received = bytearray()
            for chunk in stream.chunks():
                received += chunk
                if len(received) > limit:
                    raise TemporaryError(f"{self.place} answers {path.partition('?')[0]} with more than {limit} bytes")
            return Answer(stream.status, stream.headers, bytes(received))

    @contextmanager
    def stream(
        self,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        within: float = float("inf"),
    ) -> Iterator[Stream]:
        """An answer to GET, of any status, whose body is read piece by piece; arguments as for `request`.

        ``timeout`` is for the headers, and then for each piece; ``within`` seconds all of it must be over.
        """
        timeout = self.timeout if timeout is None else timeout
        with self._open("GET", path, b"", headers, timeout=timeout, within=within) as stream:
            yield stream

    @contextmanager
    def _open(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str] | None,
        *,
        timeout: float,
        within: float,
    ) -> Iterator[Stream]:
        read = max(min(timeout, within), LEAST)
        began = time.monotonic()
        self._deadline.ends = began + read  # else headers that come byte by byte would never end
        limits = {"connect": min(read, self.timeout), "read": read, "write": read, "pool": read}
        # The name in a certificate has no dot at its end; that of a host may have one (RFC 6066, section 3).
        name = (urlsplit(self.url).hostname or "").rstrip(".")
        fields = {**_HEADERS, **self._authorization(), **(headers or {})}
        self._refresh()
        with ExitStack() as stack:
            with _plain_words(self.place, self._suspicion):
                answer = self._pool.stream(
                    method,
                    self.url + path,
                    headers=list(fields.items()),
                    content=body or None,
                    extensions={"timeout": limits, "sni_hostname": name},
                )
                response = stack.enter_context(answer)
            self._deadline.ends = began + max(within, LEAST)
            yield Stream(response, self.place)

    def _connect(self) -> httpcore.ConnectionPool:
        dialer = Dialer(self._deadline, self._address)
        return httpcore.ConnectionPool(self._context, network_backend=dialer, max_connections=1)

    def _refresh(self) -> None:
        """Let a connection go that was made with former certificates."""
        if self._tls and (context := self._tls.current()) is not self._context:
            self._pool.close()
            self._context = context
            self._pool = self._connect()

    def _authorization(self) -> dict[str, str]:
        try:
            return self._credentials.headers()
        except BadInputError as error:  # it was right at the start: somebody is replacing it
            raise TemporaryError(str(error)) from error


@contextmanager
def _plain_words(place: str, suspicion: str = "") -> Iterator[None]:
    """Network faults become `TemporaryError`; all else passes. ``suspicion``: why a connection may have been cut."""
    try:
        yield
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
        told = _explain(error, place)
        raise TemporaryError(told + suspicion if told.endswith(_CUT_OFF) else told) from error


def _explain(error: Exception, place: str) -> str:
    system = error.args[0] if error.args else None  # httpcore drops causes, but keeps them here
    if isinstance(system, socket.gaierror):
        return f"cannot resolve host {urlsplit(f'//{place}').hostname} ({system.strerror})"
    if isinstance(system, ConnectionRefusedError):
        return f"{place} refused the connection"
    if isinstance(system, ConnectionResetError | ssl.SSLEOFError):
        return f"{place} {_CUT_OFF}"
    if isinstance(system, ssl.SSLError):
        return f"{place} {explain(system)}"
    words: dict[type[Exception], str] = {
        LateError: "takes too long over its answer",
        httpcore.ConnectTimeout: "did not accept the connection in time",
        httpcore.TimeoutException: "stalled",
        httpcore.ConnectError: f"cannot be reached ({getattr(system, 'strerror', None) or error})",
        httpcore.NetworkError: _CUT_OFF,
    }
    cut = _CUT_OFF if _CUT in str(error) else f"does not speak HTTP ({error})"
    return f"{place} {next((text for kind, text in words.items() if isinstance(error, kind)), cut)}"
