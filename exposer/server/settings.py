"""Settings of the sidecar: one class, from which flags, environment names, help and the table in the docs are made."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from exposer.credentials import VARIABLES
from exposer.duration import parse_duration
from exposer.errors import BadInputError
from exposer.log import LogFormat
from exposer.server.artifact import is_private, parse_artifacts
from exposer.settings import Settings, environment_name, unknown_names

# What Kubernetes sets in every pod of a namespace that has a Service named "exposer" (enableServiceLinks):
# https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables.
_SERVICE_LINK = re.compile(r"EXPOSER_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_.*)?)", re.IGNORECASE)


_DAY = 86_400  # seconds


@dataclass(frozen=True)
class ChainFiles:
    """The four files of a node's home, each None where it is not configured, and the root of their volume."""

    root: Path | None
    genesis: Path | None
    node_id: Path | None
    node_key: Path | None
    priv_val: Path | None


class ServerSettings(Settings):
    """What ``exposer serve`` can be told."""

    model_config = SettingsConfigDict(env_prefix="EXPOSER_")

    home: Path | None = Field(
        default=None, description="the node's home; alone it sets the four files below, in `config/` of it"
    )
    genesis_file: Path | None = Field(default=None, description="`genesis.json`, served by `/genesis`")
    node_id_file: Path | None = Field(default=None, description="`node_id.json`, served by `/node_id`")
    node_key_file: Path | None = Field(
        default=None, description="`node_key.json`; its public half is in `/keys`, and `/node_id` must match it"
    )
    priv_val_file: Path | None = Field(
        default=None, description="`priv_validator_key.json`; its public half is in `/keys` and `/pub_key`"
    )
    host: str = Field(default="0.0.0.0", description="address to listen on")  # noqa: S104 - a pod's peers come from other pods
    http_port: int = Field(default=8081, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    fd: int | None = Field(
        default=None, ge=0, description="a bound TCP socket inherited from the parent, instead of host and port"
    )
    status_url: str = Field(default="", description="the node's RPC; `/status` reports its height")
    stalled_after: str = Field(
        default="60s",
        description="how long the node's height may stay the same before it is not ready; longer where its files say "
        "that blocks are further apart; `0` for ever",
    )
    pod: str = Field(default="", validation_alias="HOSTNAME", description="the pod's name, which `/status` tells")
    steps: str = Field(default="", description="this pod's init steps in their order, separated by commas")
    cache_dir: Path | None = Field(
        default=None,
        description="a writable directory for gzip and zstd variants of large files; none are made without",
    )
    cache_limit: int = Field(default=2048, ge=1, description="MiB that the variants may take together")
    tls_cert_file: Path | None = Field(
        default=None, description="certificate chain (PEM): serve HTTPS; read again when it changes"
    )
    tls_key_file: Path | None = Field(default=None, description="its private key (PEM)")
    tls_client_ca_file: Path | None = Field(
        default=None,
        description="CA (PEM) of the client certificates without which only probes and the bare page are answered",
    )
    token_file: Path | None = Field(
        default=None,
        description="the bearer tokens, one a line, without which only probes and the bare page are answered",
    )
    # Behind the private files, none of which may be among these.
    artifacts: str = Field(
        default="",
        description="further files for `/artifacts/NAME`: `NAME=PATH`, separated by commas; relative to the home",
    )
    max_connections: int = Field(
        default=4096,
        ge=1,
        description="connections at the same time, as far as the memory limit allows them; one more takes the place "
        "of an idle one, or gets a 503",
    )
    request_timeout: str = Field(default="10s", description="how long a client may take to send a request")
    idle_timeout: str = Field(default="65s", description="how long a connection may stay open between requests")
    stall_timeout: str = Field(default="60s", description="how long a download may stand still before it is cut")
    drain: str = Field(default="25s", description="how long downloads may go on after SIGTERM, up to whole seconds")
    log_format: LogFormat = Field(default="text", description="`text` or `json`")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="`debug`, `info`, `warning` or `error`"
    )

    @field_validator("artifacts")
    @classmethod
    def _are_artifacts(cls, value: str, info: ValidationInfo) -> str:
        parse_artifacts(value, info.data.get("home"), _secrets(info.data))
        return value

    @model_validator(mode="after")
    def _serves_nothing_private(self) -> "ServerSettings":
        for name in ("genesis_file", "node_id_file"):
            path: Path | None = getattr(self, name)
            if path and is_private(path, self.secret_files, self.home):
                shown = environment_name(type(self), name)
                raise ValueError(f"{shown} is a private file, which is never served; name the public one")
        return self

    @field_validator("drain", "request_timeout", "idle_timeout", "stall_timeout", "stalled_after")
    @classmethod
    def _is_duration(cls, value: str, info: ValidationInfo) -> str:
        try:
            seconds = parse_duration(value)
        except BadInputError as error:
            raise ValueError("not a duration; write for example 500ms, 25s or 1m") from error
        if not (seconds or info.field_name in {"drain", "stalled_after"}) or seconds > _DAY:
            raise ValueError("not between 1ms and 24h")
        return value

    @property
    def drain_seconds(self) -> float:
        """`drain` in seconds."""
        return parse_duration(self.drain)

    @property
    def step_names(self) -> tuple[str, ...]:
        """`steps` one by one."""
        return tuple(name for name in map(str.strip, self.steps.split(",")) if name)

    @property
    def artifact_files(self) -> dict[str, Path]:
        """`artifacts` by name, in their order, with whole paths."""
        return parse_artifacts(self.artifacts, self.home, self.secret_files)

    @property
    def secret_files(self) -> tuple[Path, ...]:
        """The files that hold a secret, none of which is ever served as it is."""
        return _secrets(self.__dict__)

    @property
    def files(self) -> ChainFiles:
        """The files to serve; without a home, the volume's root is the parent of the genesis file's ``config/``."""
        config = self.home / "config" if self.home else None
        root = self.home
        if root is None and self.genesis_file and self.genesis_file.parent.name == "config":
            root = self.genesis_file.parent.parent
        return ChainFiles(
            root=root,
            genesis=self.genesis_file or (config and config / "genesis.json"),
            node_id=self.node_id_file or (config and config / "node_id.json"),
            node_key=self.node_key_file or (config and config / "node_key.json"),
            priv_val=self.priv_val_file or (config and config / "priv_validator_key.json"),
        )


def _secrets(values: Mapping[str, Any]) -> tuple[Path, ...]:
    """The private files that these settings name; what was wrong in the settings is missing in them."""
    home = values.get("home")
    chain = [home / "config/node_key.json", home / "config/priv_validator_key.json"] if home else []
    names = ("node_key_file", "priv_val_file", "tls_key_file", "token_file")
    return (*chain, *filter(None, map(values.get, names)))


def strange_names(environment: Mapping[str, str] = os.environ) -> list[str]:
    """``EXPOSER_*`` variables that set nothing here, nor in a step beside it, and that Kubernetes did not make."""
    others = unknown_names(ServerSettings, environment)
    return [name for name in others if name not in VARIABLES.values() and not _SERVICE_LINK.fullmatch(name)]
