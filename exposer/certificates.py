"""Certificates, keys and CAs (PEM) from files into a TLS context, with errors that name the setting and hold no key."""

import ssl
import stat
from dataclasses import dataclass
from pathlib import Path

from exposer.errors import BadInputError


@dataclass(frozen=True)
class PemFile:
    """A PEM file, and the ``setting`` that names it, as errors call it."""

    setting: str
    path: Path

    def readable(self) -> str:
        """The path; raises `BadInputError` where there is no file that can be read."""
        self.read()
        return str(self.path)

    def read(self) -> bytes:
        """The content; raises `BadInputError` where there is no file that can be read."""
        try:
            if not stat.S_ISREG(self.path.stat().st_mode):  # opening a FIFO would block
                raise BadInputError(f"{self.setting}: {self.path} is not a file; mount the file there")
            return self.path.read_bytes()
        except OSError as error:
            raise BadInputError(f"{self.setting}: {self.path}: {error.strerror}; mount the file there") from error


def use_pair(context: ssl.SSLContext, certificate: PemFile, key: PemFile) -> None:
    """Let ``context`` show this certificate; raises `BadInputError` where it and its key are not a pair."""
    chain, private = certificate.readable(), key.readable()
    try:
        # With a password of its own a context never asks a terminal for the one of an encrypted key.
        context.load_cert_chain(chain, private, password="-")  # noqa: S106 - it opens nothing
    except (ssl.SSLError, OSError) as error:
        other = isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH"
        what = "do not belong together" if other else "are not a certificate and its unencrypted key in PEM"
        raise BadInputError(f"{certificate.setting} and {key.setting} {what}; issue both again") from error


def trust(context: ssl.SSLContext, authority: PemFile) -> None:
    """Let ``context`` trust the CAs in this file; raises `BadInputError` where there is none."""
    try:
        context.load_verify_locations(authority.readable())
    except (ssl.SSLError, OSError) as error:
        raise BadInputError(f"{authority.setting}: {authority.path} holds no CA certificate in PEM") from error


def explain(error: ssl.SSLError) -> str:
    """What the other side of a connection did, for a sentence that begins with its name."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"is not trusted ({error.verify_message.rstrip('.')})"
    reason = (error.reason or "no reason").replace("_", " ").lower()
    if reason == "wrong version number":
        return "does not speak TLS"
    _, alert, told = reason.partition("alert ")
    return f"refused this client ({told})" if alert else f"fails in TLS ({reason})"
