"""TLS of the sidecar: certificate, key and client CA from files that may be replaced while it serves."""

import ssl
import time
from typing import Any

from exposer.certificates import PemFile, trust, use_pair
from exposer.errors import BadInputError
from exposer.rotation import Rotating
from exposer.server.settings import ServerSettings
from exposer.settings import environment_name, flag_name


class RotatingContext(ssl.SSLContext):
    """A server's context that leaves each new connection to the context which its files make at that moment.

    A whole context, and not only another certificate by the SNI callback: tickets and sessions are a context's own,
    so that none which a former CA vouched for is resumed under a new one.
    """

    contexts: Rotating[ssl.SSLContext]

    def wrap_bio(self, *arguments: Any, **named: Any) -> ssl.SSLObject:
        """What asyncio calls for each connection that it accepts."""
        return self.contexts.current().wrap_bio(*arguments, **named)


def server_context(settings: ServerSettings) -> ssl.SSLContext | None:
    """The context to serve HTTPS with, TLS 1.2 or newer; None where no certificate is configured.

    With a client CA a certificate of another one fails the handshake; to show none is left to `exposer.server.access`.

    Raises:
        BadInputError: certificate, key and client CA are not complete, or cannot be used.
    """
    certificate, key = _file(settings, "tls_cert_file"), _file(settings, "tls_key_file")
    authority = _file(settings, "tls_client_ca_file")
    if certificate and key:
        files = [file.path for file in (certificate, key, authority) if file]
        result = RotatingContext(ssl.PROTOCOL_TLS_SERVER)
        result.contexts = Rotating(files, lambda: _make(certificate, key, authority))
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


def _make(certificate: PemFile, key: PemFile, authority: PemFile | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    use_pair(context, certificate, key)
    if authority:
        trust(context, authority)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _file(settings: ServerSettings, field: str) -> PemFile | None:
    path = getattr(settings, field)
    return PemFile(_setting(field), path) if path else None


def _setting(field: str) -> str:
    return f"{environment_name(ServerSettings, field)} ({flag_name(field)})"
