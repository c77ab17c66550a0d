"""The bodies of the chain's endpoints, for ``/openapi.json``; `exposer.server.view` makes the bytes."""

from typing import Literal

from pydantic import BaseModel, Field

from exposer.server.consensus import Consensus
from exposer.server.file import State
from exposer.server.node import NodeStatus

ADDRESS = "^[0-9A-F]{40}$"
"""A validator's address, as nodes write it."""


class TypedKey(BaseModel):
    """A public key as CometBFT writes it: the type's name, and the key in base64."""

    type: str
    value: str


class NodeId(BaseModel):
    """The id by which peers know the node."""

    node_id: str = Field(pattern="^[0-9a-f]{40}$")


class Keys(BaseModel):
    """The public halves of the node's keys."""

    node_id: str = Field(pattern="^[0-9a-f]{40}$")
    node_pub_key: TypedKey
    validator_address: str = Field(pattern=ADDRESS)
    validator_pub_key: TypedKey


class PubKey(BaseModel):
    """The validator's public key: the SDK's name of the type, and the key in base64."""

    type: str
    key: str


class Identity(BaseModel):
    """The network that the pod belongs to, and how far its node is there."""

    chain_id: str
    genesis_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    signed_height: int | None = Field(
        description="the height up to which the pod's validator may have signed; null where that cannot be read"
    )
    peer: str | None = Field(
        description="how other nodes dial this one, `ID@host:port`; null where its files do not say"
    )
    node: NodeStatus | None = Field(description="null while the node does not answer")
    consensus: Consensus | None = Field(
        description="what its consensus works on, where `?validator=` asks for it; null while the node does not answer,"
        " and while it catches up and its write-ahead log does not tell"
    )


class Probe(BaseModel):
    """The answer of a probe that succeeds."""

    status: Literal["alive", "ready"]


class Genesis(BaseModel):
    """A genesis: the file's own bytes, whatever else is in them."""

    chain_id: str
    genesis_time: str


class Artifact(BaseModel):
    """One entry of the index; size (bytes) and SHA-256 (hex) are those of what is served, null while nothing is."""

    name: str
    size: int | None
    sha256: str | None = Field(pattern="^[0-9a-f]{64}$")
    state: State


class Artifacts(BaseModel):
    """The index of the artifacts, in the order of the settings."""

    artifacts: list[Artifact]
