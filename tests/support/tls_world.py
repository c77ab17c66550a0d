"""Certificate authorities of a test, the files that they issue, and their rotation."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import trustme

from exposer.credentials import Credentials

TOKEN = "a-token-of-this-test-1"
OTHER_TOKEN = "a-token-of-this-test-2"


@dataclass(frozen=True)
class Authorities:
    """The CA of the server's certificate and the CA of the clients', and a directory for what they issue."""

    directory: Path
    server: trustme.CA
    client: trustme.CA

    @classmethod
    def new(cls, directory: Path) -> "Authorities":
        """Two new CAs, with their certificates in ``server-ca.pem`` and ``client-ca.pem``."""
        made = cls(directory, trustme.CA(), trustme.CA())
        made.server.cert_pem.write_to_path(str(directory / "server-ca.pem"))
        made.client.cert_pem.write_to_path(str(directory / "client-ca.pem"))
        return made

    def issue(
        self, name: str, ca: trustme.CA, *, hosts: tuple[str, ...] = ("localhost", "127.0.0.1"), expired: bool = False
    ) -> tuple[Path, Path]:
        """A certificate for these hosts and its key, as ``<name>.pem`` and ``<name>.key``."""
        until = datetime(2021, 1, 1, tzinfo=UTC) if expired else None
        since = datetime(2020, 1, 1, tzinfo=UTC) if expired else None
        leaf = ca.issue_cert(*hosts, common_name=name, not_after=until, not_before=since)
        certificate, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        _replace(certificate, b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        _replace(key, leaf.private_key_pem.bytes())
        return certificate, key

    def write(self, name: str, content: bytes | str) -> Path:
        """A file in the directory, put in the place of a former one in one step."""
        path = self.directory / name
        _replace(path, content if isinstance(content, bytes) else content.encode())
        return path

    def serving(self, *, mutual: bool = False, token: str = "") -> list[str]:
        """`settings` as flags."""
        return [
            f"--{name.replace('_', '-')}={value}" for name, value in self.settings(mutual=mutual, token=token).items()
        ]

    def settings(self, *, mutual: bool = False, token: str = "") -> dict[str, str]:
        """Settings of a sidecar with a certificate, and if wanted with a client CA and a token file."""
        certificate, key = self.issue("server", self.server)
        settings = {"tls_cert_file": str(certificate), "tls_key_file": str(key)}
        if mutual:
            settings["tls_client_ca_file"] = str(self.directory / "client-ca.pem")
        if token:
            settings["token_file"] = str(self.write("tokens", f"{token}\n"))
        return settings

    def credentials(self, *, name: str = "", token: str = "") -> Credentials:
        """What a client needs to trust the server, with a certificate of this name and a token if wanted."""
        certificate, key = self.issue(name, self.client) if name else (None, None)
        shown = self.write("token", token) if token else None
        return Credentials(self.directory / "server-ca.pem", certificate, key, shown)


def _replace(path: Path, content: bytes) -> None:
    successor = path.with_name(f"{path.name}.next")
    successor.write_bytes(content)
    successor.rename(path)
