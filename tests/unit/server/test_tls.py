import ssl
import time
from pathlib import Path

import pytest
import trustme
from tls_world import Authorities

from exposer.credentials import VARIABLES, Credentials
from exposer.server.settings import ServerSettings, strange_names
from exposer.server.tls import client_name, server_context


@pytest.fixture
def authorities(tmp_path: Path) -> Authorities:
    """Two CAs and a directory."""
    return Authorities.new(tmp_path)


def shake(server: ssl.SSLContext, credentials: Credentials) -> ssl.SSLObject:
    """The server's side of a handshake that went well, without a network between."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = credentials.context().wrap_bio(back, there, server_hostname="localhost")
    far = server.wrap_bio(there, back, server_side=True)
    waiting = {near, far}
    while waiting:
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                continue
    return far


def context(authorities: Authorities, *, mutual: bool) -> ssl.SSLContext:
    """A sidecar's context."""
    made = server_context(ServerSettings.model_validate(authorities.settings(mutual=mutual)))
    assert made
    return made


def test_no_certificate_no_tls() -> None:
    """Without a certificate there is no TLS."""
    assert server_context(ServerSettings()) is None


def test_the_name_in_a_certificate(authorities: Authorities, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verified certificate has its subject as a name; none, or one that expires in its session, has no name."""
    server = context(authorities, mutual=True)
    shown = shake(server, authorities.credentials(name="pod-1"))
    found = client_name(shown)

    assert found
    assert found.startswith("commonName=pod-1,")
    assert client_name(shake(server, authorities.credentials())) is None
    later = ssl.cert_time_to_seconds(str((shown.getpeercert() or {})["notAfter"])) + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert client_name(shown) is None


def test_a_certificate_that_nobody_verified(authorities: Authorities) -> None:
    """Without a client CA a certificate is not asked for, and gives nobody a name."""
    assert client_name(shake(context(authorities, mutual=False), authorities.credentials(name="pod-1"))) is None


def test_a_certificate_of_another_ca(authorities: Authorities) -> None:
    """A handshake with a certificate of another CA fails on the server's side."""
    certificate, key = authorities.issue("stranger", trustme.CA())
    stranger = Credentials(authorities.directory / "server-ca.pem", certificate, key)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake(context(authorities, mutual=True), stranger)


def test_old_protocols_are_refused(authorities: Authorities) -> None:
    """Nothing before TLS 1.2 is spoken, whatever the system's OpenSSL would allow."""
    connection = context(authorities, mutual=False).wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)

    assert connection.context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_what_the_steps_read_is_not_strange() -> None:
    """The clients' variables may stand in the environment that a pod's steps and its sidecar share."""
    assert strange_names(dict.fromkeys([*VARIABLES.values(), "EXPOSER_TLS_CERTFILE"], "x")) == ["EXPOSER_TLS_CERTFILE"]
