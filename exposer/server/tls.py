"""TLS of the sidecar: certificate, key and client CA from files that may be replaced while it serves."""

import contextlib
import os
import ssl
import time
from asyncio.sslproto import SSLProtocol
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from exposer.certificates import PemFile, trust, use_pair
from exposer.errors import BadInputError
from exposer.rotation import Rotating
from exposer.server.settings import ServerSettings
from exposer.settings import environment_name, flag_name

_BUFFER = 16 << 10  # bytes: a record of TLS


@dataclass(frozen=True)
class Pair:
    """A certificate's chain and its private key, in PEM."""

    chain: bytes
    key: bytes = field(repr=False)


class RotatingContext(ssl.SSLContext):
    """A server's context that leaves each new connection to the context which its files make at that moment.

    A whole context, and not only another certificate by the SNI callback: tickets and sessions are a context's own,
    so that none which a former CA vouched for is resumed under a new one. Pair and CA count apart from each other:
    while the pair is not whole the former one stays, under the CA of now; while the CA is not, there is none.
    """

    pair: Rotating[Pair]
    authority: Rotating[bytes] | None = None
    _made: tuple[Pair, bytes | None, ssl.SSLContext] | None = None

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        """What asyncio calls for each connection that it accepts."""
        pair, authority = self.pair.current(), self.authority.current() if self.authority else None
        if self._made is None or self._made[:2] != (pair, authority):
            self._made = pair, authority, _make(pair, authority)
        return self._made[2].wrap_bio(*arguments, **named)


def server_context(settings: ServerSettings) -> ssl.SSLContext | None:
    """The context to serve HTTPS with, TLS 1.2 or newer; None where no certificate is configured.

    With a client CA a certificate of another one fails the handshake; to show none is left to `exposer.server.access`.

    Raises:
        BadInputError: certificate, key and client CA are not complete, or cannot be used.
    """
    certificate, key = _file(settings, "tls_cert_file"), _file(settings, "tls_key_file")
    authority = _file(settings, "tls_client_ca_file")
    if certificate and key:
        # asyncio holds a buffer of this size for each connection; 256 KiB are for uploads.
        SSLProtocol.max_size = _BUFFER
        result = RotatingContext(ssl.PROTOCOL_TLS_SERVER)
        result.pair = Rotating([certificate.path, key.path], lambda: _read_pair(certificate, key))
        if authority:
            result.authority = Rotating([authority.path], lambda: _read_authority(authority), otherwise=b"")
        return result
    if certificate or key:
        raise BadInputError(f"{_setting('tls_cert_file')} and {_setting('tls_key_file')} come together; set both")
    if authority:
        raise BadInputError(f"{_setting('tls_client_ca_file')} needs {_setting('tls_cert_file')} and its key; set them")
    return None


def client_name(connection: ssl.SSLObject) -> str | None:
    """The subject of the client's verified certificate, like ``commonName=pod-1``; None where it showed none.

    None too where the certificate of a resumed session has expired since: OpenSSL does not look again.
    """
    certificate = connection.getpeercert()
    if not certificate or ssl.cert_time_to_seconds(str(certificate["notAfter"])) < time.time():
        return None
    subject: Any = certificate.get("subject", ())
    return ",".join(f"{name}={value}" for part in reversed(subject) for name, value in part)


def _read_pair(certificate: PemFile, key: PemFile) -> Pair:
    use_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificate, key)
    return Pair(certificate.read(), key.read())


def _read_authority(authority: PemFile) -> bytes:
    trust(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), authority)
    return authority.read()


def _make(pair: Pair, authority: bytes | None) -> ssl.SSLContext:
    """A context; where ``authority`` is empty, client certificates are asked for, and none is good."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with _as_file(pair.chain) as chain, _as_file(pair.key) as key:
        context.load_cert_chain(chain, key)
    if authority is not None:
        context.verify_mode = ssl.CERT_OPTIONAL
    if authority:
        with _as_file(authority) as file:
            context.load_verify_locations(file)
    return context


@contextlib.contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """A path to this content, which is on no disk: OpenSSL takes keys from files alone, and these may be gone."""
    with open(os.memfd_create("pem"), "wb", buffering=0) as file:  # noqa: PTH123 - it has no path before
        file.write(content)
        yield f"/proc/self/fd/{file.fileno()}"


def _file(settings: ServerSettings, field: str) -> PemFile | None:
    path = getattr(settings, field)
    return PemFile(_setting(field), path) if path else None


def _setting(field: str) -> str:
    return f"{environment_name(ServerSettings, field)} ({flag_name(field)})"
