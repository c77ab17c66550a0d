"""The sidecar's settings, and that what is said about it is what it does."""

import re
from pathlib import Path

import pytest
from project import ROOT
from sidecar_world import calling, commit_all

from exposer.errors import BadInputError
from exposer.server.problem import Code
from exposer.server.settings import ServerSettings, strange_names
from exposer.server.sidecar import PATHS
from exposer.settings import read_settings, table

DOCS = (ROOT / "docs/sidecar.md").read_text(encoding="utf-8")


def test_settings_table() -> None:
    """The table of settings in the docs is the one that the settings class makes."""
    assert table(ServerSettings) in DOCS


def test_codes_table() -> None:
    """The docs list every code of an error with its status, and no other."""
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", DOCS, re.MULTILINE)
    assert rows == [(code.text, str(code.status.value)) for code in Code]


async def test_endpoints_table(tmp_path: Path) -> None:
    """The docs and the OpenAPI document list every endpoint that there is, and no other."""
    async with calling(tmp_path) as (client, _):
        paths = (await client.get("/openapi.json")).json()["paths"]
    assert sorted(re.findall(r"^\| `(/[a-z_.{}/]*)` \|", DOCS, re.MULTILINE)) == sorted(PATHS)
    assert {*paths, "/openapi.json"} == set(PATHS)
    assert all(set(path) == {"get", "head"} for path in paths.values())


async def test_openapi_loads_nothing(tmp_path: Path) -> None:
    """The OpenAPI document names each error's media type, and refers to nothing outside."""
    commit_all(tmp_path)
    async with calling(tmp_path) as (client, _):
        response = await client.get("/openapi.json")
    assert "application/problem+json" in response.json()["paths"]["/genesis"]["get"]["responses"]["503"]["content"]
    assert "http" not in response.text.replace('"HTTPValidationError"', "")


def test_home_sets_the_four() -> None:
    """A home alone sets the four files, and each can be set apart from it."""
    files = ServerSettings(home=Path("/h"), node_id_file=Path("/elsewhere/id")).files
    assert (files.root, files.genesis) == (Path("/h"), Path("/h/config/genesis.json"))
    assert (files.node_id, files.node_key) == (Path("/elsewhere/id"), Path("/h/config/node_key.json"))
    assert files.priv_val == Path("/h/config/priv_validator_key.json")


@pytest.mark.parametrize(("genesis", "root"), [("/h/config/genesis.json", Path("/h")), ("/data/genesis.json", None)])
def test_root_without_home(genesis: str, root: Path | None) -> None:
    """Without a home the volume's root is known by the genesis file's ``config/`` alone."""
    assert ServerSettings(genesis_file=Path(genesis)).files.root == root


def test_flag_over_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag wins over the variable of the same name, which wins over the default."""
    monkeypatch.setenv("EXPOSER_HTTP_PORT", "1")
    monkeypatch.setenv("EXPOSER_STEPS", " a, b ,,c")
    monkeypatch.setenv("EXPOSER_HOST", "")
    settings = read_settings(ServerSettings, ["--http-port", "2"], prog="x", description="")
    assert (settings.http_port, settings.step_names, settings.host) == (2, ("a", "b", "c"), "0.0.0.0")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_PORT", "tcp://1.2.3.4:8081"),
        ("HTTP_PORT", "65536"),
        ("DRAIN", "soon"),
        ("LOG_FORMAT", "xml"),
        ("FD", "-1"),
    ],
)
def test_wrong_value(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A wrong value is told by the names of variable and flag, never by itself."""
    monkeypatch.setenv(f"EXPOSER_{name}", value)
    with pytest.raises(BadInputError, match=f"EXPOSER_{name}") as caught:
        read_settings(ServerSettings, [], prog="x", description="")
    assert value not in str(caught.value)


def test_strange_names() -> None:
    """Names that set nothing are told; what Kubernetes makes for a Service is not among them."""
    links = ["SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT", "PORT_8081_TCP", "PORT_8081_TCP_ADDR"]
    strange = ["GRPC_PORT", "TYPO"]
    environment = {f"EXPOSER_{name}": "tcp://10.0.0.1:8081" for name in [*links, *strange, "HOME", "HTTP_PORT"]}
    assert strange_names(environment) == ["EXPOSER_GRPC_PORT", "EXPOSER_TYPO"]
