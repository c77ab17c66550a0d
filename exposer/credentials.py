"""By what a client knows an exposer, and by what it is known: CA, client certificate and bearer token, in files."""

import argparse
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from exposer.certificates import PemFile, trust, use_pair
from exposer.documents import DocumentError
from exposer.errors import BadInputError
from exposer.stamps import read_regular

TOKEN_FILE_LIMIT = 1 << 16
"""Bytes."""
DESCRIPTIONS = {
    "ca_file": "CA (PEM) of the exposer's certificate; with it a bare host is asked over HTTPS",
    "cert_file": "client certificate (PEM) to show to the exposer",
    "key_file": "its private key (PEM)",
    "token_file": "bearer token to show to the exposer: the file's first line",
}
"""Field of `Credentials` -> what it is; flags and settings are made from it."""
VARIABLES = {name: f"EXPOSER_{name.upper()}" for name in DESCRIPTIONS}
_TOKEN = re.compile(rb"[!-~]{16,}")


@dataclass(frozen=True)
class Credentials:
    """Paths, each None where there is none; files are read when they are used, and again when they change.

    Raises:
        BadInputError: a client certificate without its key, or the key alone.
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    token_file: Path | None = None

    def __post_init__(self) -> None:
        if bool(self.cert_file) != bool(self.key_file):
            raise BadInputError(f"{_setting('cert_file')} and {_setting('key_file')} come together; set both")

    @classmethod
    def of(cls, source: object) -> Self:
        """Those in the attributes of ``source`` with the names of the fields, for example parsed flags."""
        return cls(**{field.name: getattr(source, field.name) for field in fields(cls)})

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Those that `VARIABLES` name."""
        return cls(**{name: _path(environment.get(variable, "")) for name, variable in VARIABLES.items()})

    @property
    def scheme(self) -> str:
        """The scheme of a target that names none: who sets up TLS does not mean to send a token in the clear."""
        return "https" if self.ca_file or self.cert_file else "http"

    @property
    def tls_files(self) -> list[Path]:
        """The files that `context` reads."""
        return [path for path in (self.ca_file, self.cert_file, self.key_file) if path]

    def context(self) -> ssl.SSLContext:
        """A context that trusts the CA (without one, those that public servers have) and shows the certificate.

        Raises:
            BadInputError: a file is missing or wrong; the message names its setting.
        """
        if self.ca_file:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            trust(context, PemFile(_setting("ca_file"), self.ca_file))
        else:
            import httpcore  # noqa: PLC0415 - the sidecar, which reads token files too, does without it

            context = httpcore.default_ssl_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.cert_file and self.key_file:
            pair = PemFile(_setting("cert_file"), self.cert_file), PemFile(_setting("key_file"), self.key_file)
            use_pair(context, *pair)
        return context

    def headers(self) -> dict[str, str]:
        """What a request carries; the token is read anew each time.

        Raises:
            BadInputError: there is no token in the token file.
        """
        if not self.token_file:
            return {}
        try:
            tokens = parse_tokens(read_regular(self.token_file, TOKEN_FILE_LIMIT))
        except OSError as error:
            cure = f"{self.token_file}: {error.strerror or error}; mount the file there"
            raise BadInputError(f"{_setting('token_file')}: {cure}") from error
        except DocumentError as error:
            raise BadInputError(f"{_setting('token_file')}: {self.token_file} is {error}") from error
        return {"authorization": f"Bearer {tokens[0].decode('ascii')}"}


def parse_tokens(data: bytes) -> tuple[bytes, ...]:
    """The tokens in a token file, one a line: while tokens change, the old and the new one.

    Raises:
        DocumentError: there is none, or a line is none: at least 16 printable ASCII characters without a space.
    """
    tokens = tuple(line.strip() for line in data.splitlines() if line.strip())
    if not tokens:
        raise DocumentError("empty; write a token into it")
    if len(data) > TOKEN_FILE_LIMIT or not all(map(_TOKEN.fullmatch, tokens)):
        raise DocumentError("no token file; write tokens of 16 or more printable ASCII characters, one a line")
    return tokens


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Give ``parser`` a flag for each field, with the environment's value as its default; read by `Credentials.of`."""
    for name, description in DESCRIPTIONS.items():
        variable = VARIABLES[name]
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=_path,
            default=_path(os.environ.get(variable, "")),
            metavar="FILE",
            help=f"{description} [{variable}]",
        )


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _setting(name: str) -> str:
    return f"{VARIABLES[name]} (--{name.replace('_', '-')})"
