"""What init-config sets in the files that real binaries write, and whose overrides count."""

import json
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from project import real_binary

from exposer.errors import BadInputError
from init_scripts.node_config import ConfigSettings, joining, running
from init_scripts.overrides import load_overrides
from init_scripts.toml import edit

BINARIES = ["simd", "simd-0.46", "simd-0.47", "wasmd", "evmosd"]
NEVER_ON = {"rosetta", "memiavl", "versiondb"}
PORTS = {"p2p": 1, "rpc": 2, "rest": 3, "grpc": 4, "grpc_web": 5, "json_rpc": 6, "ws": 7, "json_rpc_metrics": 8}


def settings(**given: Any) -> ConfigSettings:
    """The step's settings, with a port of its own for every server."""
    ports = {f"{name}_port": 50000 + number for name, number in {**PORTS, "metrics": 9}.items()}
    must = {"chain_id": "evmos_9000-1", "chain_bin": "x", "chain_dir": Path("/x"), "bind_host": "127.0.0.1"}
    return ConfigSettings(**{**must, **ports, **given})


def flat(document: Mapping[str, Any], at: str = "") -> dict[str, Any]:
    """Dotted path -> value."""
    result: dict[str, Any] = {}
    for key, value in document.items():
        path = f"{at}.{key}" if at else key
        result.update(flat(value, path) if isinstance(value, dict) else {path: value})
    return result


@pytest.fixture(scope="module", params=BINARIES)
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration directory of a home that a real binary has just made."""
    directory = tmp_path_factory.mktemp(request.param)
    command = [real_binary(request.param), "init", "moniker", "--chain-id", "evmos_9000-1", "--home", str(directory)]
    subprocess.run(command, check=True, capture_output=True)
    return directory / "config"


def configured(home: Path, own: ConfigSettings) -> dict[str, dict[str, Any]]:
    """File -> dotted path -> value, after the step's own edits; those it has not asked for must be as they were."""
    found = {}
    for name in ("config.toml", "app.toml", "client.toml"):
        sets = [joining(own, "peer")[name], running(own).get(name, {})]
        after = before = (home / name).read_text(encoding="utf-8")
        for asked in sets:
            after = edit(after, asked, existing_only=True)
        known, found[name] = flat(tomllib.loads(before)), flat(tomllib.loads(after))
        wanted = {path: value for asked in sets for path, value in flat(asked).items() if path in known}
        assert len(wanted) == sum(path in known for asked in sets for path in flat(asked))  # no key is in both
        assert found[name] == {**known, **wanted}
        assert all(edit(after, asked, existing_only=True) == after for asked in sets)
    return found


def test_only_what_a_pod_needs_is_set(home: Path) -> None:
    """Of a real binary's files the step changes the keys that it states, on every SDK, and switches on nothing else."""
    found = configured(home, settings())
    on = {path.partition(".")[0] for path, value in found["app.toml"].items() if path.endswith(".enable") and value}
    before = flat(tomllib.loads((home / "app.toml").read_text(encoding="utf-8")))
    was_on = {path.partition(".")[0] for path, value in before.items() if path.endswith(".enable") and value}

    assert on == was_on | {"api", "grpc"}
    assert not on & NEVER_ON
    assert found["app.toml"]["minimum-gas-prices"] == "0stake"
    assert found["config.toml"]["rpc.cors_allowed_origins"] == []


def test_every_server_that_may_be_on_has_a_port_of_the_pods_own(home: Path) -> None:
    """No two pods of one machine meet: each address of a server is one that was asked for, or of one that stays off."""
    found = configured(home, settings())
    addresses = {
        f"{name} {path}": value
        for name in ("config.toml", "app.toml")
        for path, value in found[name].items()
        if path.rpartition(".")[2].endswith(("address", "laddr", "listen_addr")) and value
        if path.partition(".")[0] not in NEVER_ON and path != "p2p.external_address"
    }

    assert {path: value for path, value in addresses.items() if "127.0.0.1:5000" not in value} == {}
    assert len({value.rpartition(":")[2] for value in addresses.values()}) == len(addresses)


def test_metrics_gas_prices_and_origins_are_set_where_they_are_asked_for(home: Path) -> None:
    """Each of the three reaches every key that this SDK has for it."""
    found = configured(home, settings(metrics=True, minimum_gas_prices="5stake", cors_allowed_origins="http://a.b, *"))
    app = found["app.toml"]

    assert found["config.toml"]["rpc.cors_allowed_origins"] == ["http://a.b", "*"]
    assert found["config.toml"]["instrumentation.prometheus"] is True
    assert (app["telemetry.enabled"], app["telemetry.prometheus-retention-time"]) == (True, 3600)
    assert app["minimum-gas-prices"] == "5stake"
    assert app["api.enabled-unsafe-cors"] is True
    assert app.get("grpc-web.enable-unsafe-cors") in {True, None}


def test_named_origins_open_nothing_to_others(home: Path) -> None:
    """API and gRPC-web have one switch for all origins and no list: it stays off unless all are asked for."""
    found = configured(home, settings(cors_allowed_origins="https://good.example"))

    assert found["config.toml"]["rpc.cors_allowed_origins"] == ["https://good.example"]
    assert [path for path, value in found["app.toml"].items() if "unsafe-cors" in path and value] == []


def test_the_json_rpc_of_an_evm_chain_is_on_where_it_is_asked_for(home: Path) -> None:
    """Where the binary has one it is switched on; other chains' files get no such table."""
    app = configured(home, settings(json_rpc=True))["app.toml"]

    assert app.get("json-rpc.enable") is (True if home.parent.name.startswith("evmosd") else None)


def overrides(directory: Path, content: object) -> Path:
    """The overrides' file."""
    path = directory / "overrides.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_pods_own_overrides_come_last(tmp_path: Path) -> None:
    """What is said for all pods counts for each, and what is said for one pod after it, for that one alone."""
    path = overrides(
        tmp_path,
        {"app.toml": {"a": 1.5}, "pods": {"validator-1": {"app.toml": {"a": 2}, "client.toml": {"b": 3}}}},
    )

    assert load_overrides(path, "validator-1") == {"app.toml": [{"a": 1.5}, {"a": 2}], "client.toml": [{"b": 3}]}
    assert load_overrides(path, "genesis-0") == {"app.toml": [{"a": 1.5}]}


def test_other_pods_overrides_are_no_input(tmp_path: Path) -> None:
    """A pod whose own configuration stays the same does not conflict with a change for another pod."""
    inputs = []
    for value in (1, 2):
        path = overrides(tmp_path, {"pods": {"validator-1": {"app.toml": {"a": value}}}})
        pods = [{"hostname": "x-genesis-0"}, {"hostname": "x-validator-1", "genesis_host": "leader"}]
        inputs.append([settings(config_overrides=path, **pod).inputs()["CONFIG_OVERRIDES"] for pod in pods])

    assert inputs[0][0] == inputs[1][0]
    assert inputs[0][1] != inputs[1][1]


WRONG = {
    "no object": ([], "CONFIG_OVERRIDES: not a JSON object; write {file: {table: {key: value}}}"),
    "no file": ({"apps.toml": {}}, "CONFIG_OVERRIDES: apps.toml is not a file of a node; there are config.toml"),
    "no table": ({"app.toml": 1}, "CONFIG_OVERRIDES: app.toml: not a JSON object"),
    "no pod": ({"pods": {"validator": {}}}, "CONFIG_OVERRIDES: pods: validator is no pod; there are genesis-0"),
    "no file of a pod": (
        {"pods": {"genesis-0": {"x": {}}}},
        "CONFIG_OVERRIDES: pods: genesis-0: x is not a file of a node",
    ),
}


@pytest.mark.parametrize(("content", "what"), WRONG.values(), ids=WRONG)
def test_overrides_of_another_form_are_named(tmp_path: Path, content: object, what: str) -> None:
    """The variable, the place in it and the form that is expected are told."""
    with pytest.raises(BadInputError) as caught:
        load_overrides(overrides(tmp_path, content), "genesis-0")

    assert str(caught.value).startswith(what)
