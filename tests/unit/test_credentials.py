import argparse
import os
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st
from tls_world import TOKEN, Authorities

from exposer.credentials import Credentials, add_flags, parse_tokens
from exposer.documents import DocumentError
from exposer.errors import BadInputError


@pytest.fixture
def authorities(tmp_path: Path) -> Authorities:
    """Two CAs and a directory."""
    return Authorities.new(tmp_path)


def test_flags_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each field has a flag and a variable; an empty variable is none."""
    monkeypatch.setenv("EXPOSER_CA_FILE", "/environment/ca")
    monkeypatch.setenv("EXPOSER_TOKEN_FILE", "/environment/token")
    monkeypatch.setenv("EXPOSER_KEY_FILE", "")
    parser = argparse.ArgumentParser()
    add_flags(parser)

    given = Credentials.of(parser.parse_args(["--token-file", "/flag/token"]))

    assert given == Credentials(ca_file=Path("/environment/ca"), token_file=Path("/flag/token"))
    assert Credentials.from_environment().token_file == Path("/environment/token")
    assert Credentials.from_environment({}) == Credentials()


@pytest.mark.parametrize("given", [{"cert_file": Path("c")}, {"key_file": Path("k")}])
def test_half_a_pair(given: dict[str, Path]) -> None:
    """A certificate without its key, or a key alone, is refused with the names of both settings."""
    with pytest.raises(BadInputError, match=r"EXPOSER_CERT_FILE .*EXPOSER_KEY_FILE .*come together"):
        Credentials(**given)


def test_a_ca_makes_a_bare_host_mean_https() -> None:
    """Whoever names a CA or a client certificate means HTTPS; a token alone does not say so."""
    pair = Credentials(cert_file=Path("c"), key_file=Path("k"))

    assert [Credentials(ca_file=Path("a")).scheme, pair.scheme] == ["https", "https"]
    assert [Credentials(token_file=Path("t")).scheme, Credentials().scheme] == ["http", "http"]


def test_a_client_verifies(authorities: Authorities) -> None:
    """Names and certificates of servers are verified, with a CA of one's own and without, from TLS 1.2 on."""
    for context in (authorities.credentials().context(), Credentials().context()):
        assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert len(authorities.credentials().context().get_ca_certs()) == 1


@pytest.mark.parametrize(
    ("name", "fault", "words"),
    [
        ("server-ca", "missing", r"EXPOSER_CA_FILE \(--ca-file\): .*No such file"),
        ("server-ca", "empty", r"EXPOSER_CA_FILE \(--ca-file\): .*no CA certificate"),
        ("pod", "missing", r"EXPOSER_CERT_FILE \(--cert-file\): .*No such file"),
        ("pod", "fifo", r"EXPOSER_CERT_FILE .*is not a file"),
        ("pod", "empty", r"EXPOSER_CERT_FILE .* and EXPOSER_KEY_FILE .* are not a certificate"),
        ("pod", "other", r"EXPOSER_CERT_FILE .* and EXPOSER_KEY_FILE .* do not belong together"),
        ("pod", "encrypted", r"EXPOSER_CERT_FILE .* unencrypted key"),
    ],
)
def test_wrong_certificates(authorities: Authorities, name: str, fault: str, words: str) -> None:
    """Each fault of a file is bad input that names the setting; no key is in the text, and no terminal is asked."""
    credentials = authorities.credentials(name="pod")
    path = authorities.directory / f"{name}.pem"
    path.unlink()
    if fault == "fifo":
        os.mkfifo(path)
    elif fault == "empty":
        path.touch()
    elif fault == "other":
        authorities.issue("another", authorities.client)[0].rename(path)
    elif fault == "encrypted":
        authorities.issue("pod", authorities.client)
        key = authorities.directory / "pod.key"
        private = load_pem_private_key(key.read_bytes(), None)
        secret = BestAvailableEncryption(b"secret")
        key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, secret))
    with pytest.raises(BadInputError, match=words) as caught:
        credentials.context()

    assert "PRIVATE KEY" not in str(caught.value)


def test_the_token_is_read_anew(tmp_path: Path) -> None:
    """The first line is sent, as it is at that moment; a representation of credentials holds paths alone."""
    path = tmp_path / "token"
    path.write_text(f"\n{TOKEN}\r\nanother-token-of-this\n")
    credentials = Credentials(token_file=path)

    assert credentials.headers() == {"authorization": f"Bearer {TOKEN}"}
    assert TOKEN not in repr(credentials)
    path.write_text("x" * 16)
    assert credentials.headers() == {"authorization": "Bearer " + "x" * 16}
    assert Credentials().headers() == {}


@pytest.mark.parametrize(
    "content",
    [None, b"", b"\n \n", b"few", b"with a space in it, and long", b"\xff" * 20, TOKEN.encode() * 4000],
    ids=["missing", "empty", "blank", "short", "space", "binary", "huge"],
)
def test_no_token(tmp_path: Path, content: bytes | None) -> None:
    """A file without a token is bad input that names the setting and holds nothing of the file."""
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInputError, match=r"EXPOSER_TOKEN_FILE \(--token-file\): ") as caught:
        Credentials(token_file=path).headers()

    assert not [part for part in ("few", "long", TOKEN) if part in str(caught.value).replace(str(path), "")]


@given(st.binary(max_size=200))
def test_any_bytes_are_tokens_or_refused(data: bytes) -> None:
    """Whatever a file holds, its tokens can stand in a header, and are too long to be guessed."""
    with suppress(DocumentError):
        assert (tokens := parse_tokens(data))
        assert all(len(token) >= 16 and token.decode("ascii").isprintable() and b" " not in token for token in tokens)
