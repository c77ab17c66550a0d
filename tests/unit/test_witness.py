import base64
import gzip
import logging
import secrets
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote
from urllib.request import ProxyHandler, build_opener

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from scripted_server import ScriptedServer, answer
from sidecar_world import FILES, Keys
from witness import FILLER, WITNESS, Witness

FORMS: dict[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "hex": lambda secret: secret.hex().encode(),
    "HEX": lambda secret: secret.hex().upper().encode(),
    "repr": lambda secret: repr(secret).encode(),
    "base64": base64.b64encode,
    "base64, one byte on": lambda secret: base64.b64encode(b"x" + secret + b"yz"),
    "base64, two bytes on": lambda secret: base64.b64encode(b"xx" + secret + b"yz"),
    "base64url": lambda secret: base64.urlsafe_b64encode(secret).rstrip(b"="),
    "lines of base64": lambda secret: base64.encodebytes(b"x" * 40 + secret),
    "url-encoded": lambda secret: quote(secret).encode(),
    "url-encoded base64": lambda secret: quote(base64.b64encode(secret), safe="").encode(),
    "in much else": lambda secret: FILLER * 8000 + b"0123" + secret + FILLER,
}


@pytest.mark.parametrize("form", FORMS)
def test_answer(form: str) -> None:
    """A secret in an answer is seen in whatever form, by whichever client."""
    secret = secrets.token_bytes(32)
    with WITNESS.planted(secret) as hits, ScriptedServer(answer(200, FORMS[form](secret))) as server:
        httpx.get(server.url, trust_env=False)
    assert set(hits) == {"an answer has a secret of planted"}
    with WITNESS.planted(secret) as hits, ScriptedServer(answer(200, FORMS[form](secret))) as server:
        build_opener(ProxyHandler({})).open(server.url).read()
    assert set(hits) == {"an answer has a secret of planted"}


def test_compressed_answer() -> None:
    """A secret is seen behind a content coding, too."""
    secret = secrets.token_bytes(32)
    body = answer(200, gzip.compress(secret.hex().encode()), {"Content-Encoding": "gzip"})
    with WITNESS.planted(secret) as hits, ScriptedServer(body) as server:
        httpx.get(server.url, trust_env=False)
    assert set(hits) == {"an answer has a secret of planted"}


def test_log() -> None:
    """A secret in a log record, or in its stack, is seen."""
    secret, other = secrets.token_hex(32), secrets.token_hex(32)
    with WITNESS.planted(bytes.fromhex(secret)) as hits:
        logging.getLogger("exposer").warning("a secret: %s", secret)
    assert hits == ["a log has a secret of planted"]
    with WITNESS.planted(bytes.fromhex(other)) as hits:
        try:
            bytes.fromhex(other).decode("ascii")
        except ValueError as error:
            error.add_note(other)
            logging.getLogger("exposer").warning("a fault", exc_info=True)
    assert hits == ["a log has a secret of planted"]


def test_secrets_of_files(tmp_path: Path) -> None:
    """Key files and mnemonics that a test leaves in its directory are secrets, and its logs are read."""
    mnemonic = "legal winner thank year wave sausage worth useful legal winner thank yellow"
    keys = Keys("a pod of which nobody else knows")
    (tmp_path / FILES[2]).write_bytes(keys.node_key())
    (tmp_path / "keys.json").write_text(f'{{"genesis": [{{"name": "g", "mnemonic": "{mnemonic}"}}]}}')
    (tmp_path / "step.log").write_text(f"a: {mnemonic}\nb: {keys.seed('node').hex()}\n")
    assert sorted(Witness().check(tmp_path)) == [
        "a log has a secret of keys.json",
        "a log has a secret of node_key.json",
    ]
    (tmp_path / "step.log").unlink()


def test_keys_and_tokens(tmp_path: Path) -> None:
    """TLS keys of every kind, and tokens, are secrets; in the header of a request a token may be."""
    rsa, ed25519 = generate_private_key(65537, 2048), Ed25519PrivateKey.generate()
    for name, key in (("rsa.key", rsa), ("ed25519.pem", ed25519)):
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / name).write_bytes(pem)
    (tmp_path / "tokens").write_text("a-token-of-the-witness\n")
    prime = rsa.private_numbers().p
    (tmp_path / "step.log").write_text(f"{prime:x}\n{ed25519.private_bytes_raw().hex()}\na-token-of-the-witness\n")
    assert sorted(Witness().check(tmp_path)) == [
        f"a log has a secret of {name}" for name in ("ed25519.pem", "rsa.key", "tokens")
    ]
    (tmp_path / "step.log").write_text("GET / HTTP/1.1\r\nAuthorization: Bearer a-token-of-the-witness\r\n")
    assert Witness().check(tmp_path) == []


def test_nothing() -> None:
    """Half of a secret, another one, and its hash are not it."""
    secret = secrets.token_bytes(32)
    with WITNESS.planted(secret) as hits:
        logging.getLogger("exposer").warning("%s %s", secret[:15].hex(), secrets.token_hex(32))
    assert hits == []
