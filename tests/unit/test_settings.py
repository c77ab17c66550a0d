"""Settings of a program: one class makes flags, environment names, help and errors."""

import json
import re
from pathlib import Path

import pytest
from networks import fresh_mnemonic, write_keys
from pydantic import Field

from exposer.comet_config import faults
from exposer.errors import BadInputError
from exposer.settings import Settings, environment_name, parser, read_settings, table, unknown_names, variables
from init_scripts.init_genesis import GenesisSettings
from init_scripts.init_validator import ValidatorSettings
from init_scripts.node_config import ConfigSettings, joining
from init_scripts.registration import CreateValidatorSettings
from init_scripts.settings import JoiningSettings, PodSettings


class Example(Settings):
    """A program with a setting of each kind."""

    chain_dir: Path = Field(description="where it works")
    count: int = Field(1, ge=1, description="how often")
    metrics: bool = Field(False, description="whether it tells")
    secret: str = Field("", max_length=3, description="what nobody may see")
    log_format: str = Field("text", description="how it logs", validation_alias="EXPOSER_LOG_FORMAT")


def read(*arguments: str) -> Example:
    """The example's settings from these arguments."""
    return read_settings(Example, arguments, prog="example", description="An example.")


def test_settings_can_be_told_to_another_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set, by whatever way, is set likewise by the environment that is made of it, defaults too, anywhere."""
    assert variables(read("--chain-dir", "x"))["CHAIN_DIR"] == str(Path.cwd() / "x")
    given = read("--chain-dir", "/x", "--metrics", "--log-format", "json")
    told = variables(given)
    for name, value in told.items():
        monkeypatch.setenv(name, value)

    assert told == {"CHAIN_DIR": "/x", "COUNT": "1", "METRICS": "true", "EXPOSER_LOG_FORMAT": "json"}
    assert read() == given


def test_a_flag_wins_over_the_environment_and_that_over_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Precedence is flag, environment, default."""
    monkeypatch.setenv("CHAIN_DIR", "/from-environment")
    assert read().count == 1
    monkeypatch.setenv("COUNT", "2")
    assert read().count == 2
    assert read("--count", "3").count == 3
    assert read("--metrics").metrics is True
    assert read("--no-metrics").metrics is False


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Manifests set variables to nothing where they mean the default."""
    monkeypatch.setenv("COUNT", "")
    assert read("--chain-dir", "/x").count == 1


def test_an_alias_is_the_variables_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting may have a variable whose name is not its own."""
    monkeypatch.setenv("EXPOSER_LOG_FORMAT", "json")
    assert read("--chain-dir", "/x").log_format == "json"
    assert environment_name(Example, "log_format") == "EXPOSER_LOG_FORMAT"


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ((), r"CHAIN_DIR \(--chain-dir\) is required"),
        (("--chain-dir", "/x", "--count", "many"), r"COUNT \(--count\): .*integer"),
        (("--chain-dir", "/x", "--count", "0"), r"COUNT \(--count\): .*greater than or equal to 1"),
        (("--chain-dir", "/x", "--secret", "hunter2"), r"SECRET \(--secret\)"),
    ],
)
def test_a_wrong_value_names_variable_and_flag_but_not_the_value(arguments: tuple[str, ...], what: str) -> None:
    """What is missing or wrong is named both ways; its value is not quoted, because it may be a secret."""
    with pytest.raises(BadInputError, match=what) as refused:
        read(*arguments)
    assert "hunter2" not in str(refused.value)


def test_an_unknown_flag_is_a_usage_error() -> None:
    """The usage goes to stderr, the exit code is 2."""
    with pytest.raises(SystemExit, match="2"):
        read("--nonsense")


def test_help_and_table_name_every_setting() -> None:
    """Help and docs are made from the class, so that none can be left out."""
    shown = parser(Example, "example", "An example.").format_help()
    for name in Example.model_fields:
        assert environment_name(Example, name) in shown
        assert f"`{environment_name(Example, name)}`" in table(Example)


def test_unknown_variables_with_the_prefix_are_found() -> None:
    """Names with a program's prefix that set nothing are listed."""

    class Prefixed(Settings, env_prefix="EXPOSER_"):
        """A program whose variables have a prefix."""

        host: str = Field("x", description="host")

    assert unknown_names(Prefixed, {"EXPOSER_HOST": "", "EXPOSER_GRPC_PORT": "", "OTHER": ""}) == ["EXPOSER_GRPC_PORT"]


def pod(cls: type[PodSettings] = PodSettings, /, **values: object) -> PodSettings:
    """A pod's settings."""
    return cls.model_validate({"chain_driver": "cometbft", "chain_id": "c", "chain_dir": "/x", **values})


@pytest.mark.parametrize(
    ("values", "ordinal"),
    [
        ({"hostname": "chain-validator-12"}, 12),
        ({"hostname": "solo", "pod_index": 0}, 0),
        ({"hostname": "v-3", "pod_index": 5}, 5),
    ],
)
def test_the_ordinal_follows_the_last_dash(values: dict[str, object], ordinal: int) -> None:
    """The pod's ordinal comes from its name, or from POD_INDEX where that is set."""
    assert pod(PodSettings, **values).ordinal == ordinal


@pytest.mark.parametrize(
    "values",
    [{"hostname": name} for name in ("solo", "validator-7d9f8-x2k4z", "3f2a1b99aa", "v-1x", "v-" + "1" * 5000)] + [{}],
)
def test_an_ordinal_that_nobody_told_is_none(values: dict[str, object]) -> None:
    """Pods that both took 0 would be the same validator twice; the message names both ways to tell it."""
    with pytest.raises(BadInputError, match=r"HOSTNAME.*POD_INDEX.*each pod its own"):
        _ = pod(PodSettings, **values).ordinal


@pytest.mark.parametrize(
    ("values", "host", "url"),
    [
        ({"genesis_host": "g-0"}, "g-0", "http://g-0:8081"),
        (
            {"genesis_host": "g-0", "namespace": "ns"},
            "g-0.ns.svc.cluster.local",
            "http://g-0.ns.svc.cluster.local:8081",
        ),
        ({"genesis_host": "g.example", "namespace": "ns", "genesis_port": 9}, "g.example", "http://g.example:9"),
        ({"genesis_host": "https://g.example:444/x"}, "g.example", "https://g.example:444/x"),
        ({"genesis_host": "g-0:9", "namespace": "ns"}, "g-0.ns.svc.cluster.local", "http://g-0.ns.svc.cluster.local:9"),
        ({"genesis_host": "::1"}, "[::1]", "http://[::1]:8081"),
        (
            {"genesis_host": "fd00::1:8081", "namespace": "ns", "genesis_port": 9},
            "[fd00::1:8081]",
            "http://[fd00::1:8081]:9",
        ),
        ({"genesis_host": "[::1]:444"}, "[::1]", "http://[::1]:444"),
        ({"genesis_host": "http://[::1]:444/x"}, "[::1]", "http://[::1]:444/x"),
    ],
)
def test_the_leader_is_found_by_host_namespace_or_url(values: dict[str, object], host: str, url: str) -> None:
    """The peer address has the host alone; the exposer's URL has the port."""
    settings = pod(JoiningSettings, **values)
    assert isinstance(settings, JoiningSettings)
    assert (settings.leader_host, settings.leader_url) == (host, url)


@pytest.mark.parametrize("host", ["::zz", "no host", "fe80::1%eth0", "g-0:port", "a:b:c", "[::1"])
def test_a_leader_that_is_none_is_told_as_it_is_written(host: str) -> None:
    """What is quoted is the setting's own text, without a port or a domain that nobody wrote."""
    settings = pod(JoiningSettings, genesis_host=host, namespace="ns")
    assert isinstance(settings, JoiningSettings)
    with pytest.raises(
        BadInputError, match=f"^GENESIS_HOST, GENESIS_PORT, NAMESPACE: {re.escape(repr(host))} is no target"
    ):
        _ = settings.leader_url


@pytest.mark.parametrize(
    ("name", "value", "normal"),
    [
        ("genesis_p2p_host", "::1", "[::1]"),
        ("genesis_p2p_host", "[FD00::0:1]", "[fd00::1]"),
        ("genesis_p2p_host", "10.0.0.7", "10.0.0.7"),
        ("genesis_p2p_host", "x-genesis-0.x.svc.cluster.local", "x-genesis-0.x.svc.cluster.local"),
        ("bind_host", "::", "[::]"),
        ("bind_host", "localhost", "localhost"),
        ("external_address", "[2001:db8::1]:26656", "[2001:db8::1]:26656"),
        ("external_address", "tcp://pod_1.example:26656", "tcp://pod_1.example:26656"),
        ("moniker", """-it's "quoted" \\ #1""", """-it's "quoted" \\ #1"""),
    ],
)
def test_an_address_is_taken_as_people_write_it(name: str, value: str, normal: str) -> None:
    """An IPv6 host gets the brackets that it has before a port; names and what is whole stay as they are."""
    assert getattr(pod(ConfigSettings, **{name: value}), name) == normal


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            (name, value)
            for name in ("genesis_p2p_host", "bind_host")
            for value in (
                "host:26656",
                "[::1]:26656",
                "tcp://host",
                "fe80::1%eth0",
                "a b",
                "bücher",
                "1.2.3",
                "[::1",
                " ",
            )
        ),
        *(
            ("external_address", value)
            for value in (
                "host",
                "2001:db8::1",
                "2001:db8::1:26656",
                "[::1]",
                ":26656",
                "host:",
                "host:99999",
                "ö:1",
                "x@h:1",
            )
        ),
        *(("moniker", value) for value in ("Zoë", "   ", "\t", "a\nb", "日本", "a" * 71)),
    ],
)
def test_text_that_cometbft_refuses_is_refused_here(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Before a step does anything; the message names variable and flag."""
    monkeypatch.setenv(name.upper(), value)
    given = ["--chain-driver", "cometbft", "--chain-id", "c", "--chain-dir", "/home"]
    with pytest.raises(BadInputError, match=rf"^{name.upper()} \(--{name.replace('_', '-')}\): "):
        read_settings(ConfigSettings, given, prog="x", description="x")


def test_a_pods_name_that_is_no_moniker_is_told() -> None:
    """The cure is a moniker, because the pod's name may not be its to choose."""
    with pytest.raises(BadInputError, match=r"HOSTNAME \(--hostname\), which is the moniker: .* or set MONIKER"):
        _ = pod(PodSettings, hostname="größe-0").node_name


def test_every_address_of_a_node_has_its_brackets() -> None:
    """Wherever a port follows the host: p2p, RPC, metrics, API, gRPC, JSON-RPC, peers, and the node's own client."""
    own = pod(ConfigSettings, bind_host="::", genesis_host="::1", genesis_p2p_host="fd00::7")
    assert isinstance(own, ConfigSettings)
    files = joining(own, f"{'0' * 40}@{own.leader_node}:{own.genesis_p2p_port}")
    config, app = files["config.toml"], files["app.toml"]

    assert list(faults(config)) == []
    assert config["p2p"]["laddr"] == "tcp://[::]:26656"
    assert config["p2p"]["persistent_peers"] == f"{'0' * 40}@[fd00::7]:26656"
    assert config["instrumentation"]["prometheus_listen_addr"] == "[::]:26660"
    assert {value.removeprefix("tcp://").rpartition(":")[0] for table in app.values() for value in table.values()} == {
        "[::]"
    }
    assert files["client.toml"]["node"] == "tcp://[::1]:26657"


def test_a_cosmos_pod_must_name_its_binary() -> None:
    """Without CHAIN_BIN the cosmos driver has nothing to drive."""
    with pytest.raises(ValueError, match="CHAIN_BIN"):
        pod(chain_driver="cosmos")


def test_a_bare_name_is_not_an_alias(monkeypatch: pytest.MonkeyPatch) -> None:
    """FORCE and LOG_LEVEL are anybody's variables: only EXPOSER_FORCE takes a finished step back."""
    monkeypatch.setenv("FORCE", "true")
    monkeypatch.setenv("LOG_FORMAT", "json")
    given = ("--chain-driver", "cometbft", "--chain-id", "c", "--chain-dir", "/x")

    settings = read_settings(PodSettings, given, prog="p", description="d")
    assert (settings.force, settings.log_format) == (False, "text")
    assert read_settings(PodSettings, (*given, "--force"), prog="p", description="d").force is True
    monkeypatch.setenv("EXPOSER_FORCE", "true")
    assert read_settings(PodSettings, given, prog="p", description="d").force is True


def inputs(cls: type[PodSettings], keys: Path, **values: object) -> dict[str, str]:
    """The inputs of a pod's step."""
    return pod(cls, keys_config=keys, **values).inputs()


def test_inputs_follow_content_not_paths(tmp_path: Path) -> None:
    """A file counts by its content; where an exposer is reached, and how long it is tried, is no input."""
    keys = write_keys(tmp_path / "keys.json", validators=3)
    copy = tmp_path / "copy.json"
    copy.write_text(json.dumps(json.loads(keys.read_text()), indent=7))

    first = inputs(ValidatorSettings, keys, hostname="v-0", genesis_port=1, download_timeout="5s")
    assert first == inputs(ValidatorSettings, copy, hostname="v-0", genesis_port=2, chain_dir="/y")
    assert first != inputs(ValidatorSettings, keys, pod_index=1)


def test_what_nobody_said_is_at_its_default() -> None:
    """A setting that stands at its default is known as such, said or not; each driver has its own for identities."""
    silent = pod(ConfigSettings)

    assert silent.negligible == pod(ConfigSettings, metrics=False).negligible
    assert silent.negligible - pod(ConfigSettings, metrics=True).negligible == {"METRICS"}
    assert "CHAIN_ID" not in silent.negligible
    cosmos = {"chain_driver": "cosmos", "chain_bin": "simd"}
    assert "IDENTITIES" in pod(ValidatorSettings, identities="random", **cosmos).negligible
    assert "IDENTITIES" not in pod(ValidatorSettings, identities="derived", **cosmos).negligible
    assert "IDENTITIES" in pod(ValidatorSettings).negligible


@pytest.mark.parametrize("driver", [{"chain_driver": "cometbft"}, {"chain_driver": "cosmos", "chain_bin": "simd"}])
def test_keys_that_a_step_does_not_use_may_be_added(tmp_path: Path, driver: dict[str, object]) -> None:
    """A keys file that grows, to scale a network, is no other input for the pods that are there; a changed key is."""
    keys = write_keys(tmp_path / "keys.json", validators=3)
    before = (
        inputs(GenesisSettings, keys, num_validators=3, **driver),
        inputs(ValidatorSettings, keys, pod_index=0, **driver),
    )
    document = json.loads(keys.read_text())
    document["validators"].append({"name": "new", "mnemonic": fresh_mnemonic()})
    keys.write_text(json.dumps(document))
    assert before == (
        inputs(GenesisSettings, keys, num_validators=3, **driver),
        inputs(ValidatorSettings, keys, pod_index=0, **driver),
    )

    document["validators"][0]["mnemonic"] = fresh_mnemonic()
    keys.write_text(json.dumps(document))
    after = (
        inputs(GenesisSettings, keys, num_validators=3, **driver),
        inputs(ValidatorSettings, keys, pod_index=0, **driver),
    )
    assert before[0] != after[0]
    assert before[1] != after[1]


@pytest.mark.parametrize("name", ["genesis_patch", "config_overrides"])
def test_a_file_that_is_not_there_is_bad_input(name: str) -> None:
    """A file that was not mounted is named by its variable, on a first run and on a rerun."""
    with pytest.raises(BadInputError, match=f"{name.upper()}: /nowhere: .*mount"):
        pod(ConfigSettings, **{name: "/nowhere"}).inputs()


@pytest.mark.parametrize(
    ("given", "scales"),
    [
        ({"faucet_enabled": True}, True),
        ({"faucet_enabled": False}, False),
        ({"faucet_enabled": True, "validator_set": "genesis", "identities": "derived"}, False),
    ],
)
def test_the_number_of_validators_is_an_input_where_the_genesis_knows_them(
    tmp_path: Path, given: dict[str, object], scales: bool
) -> None:
    """Validators that a faucet funds are in nobody's genesis, so there may be more of them on the next start."""
    keys = write_keys(tmp_path / "keys.json", validators=6)
    chain = {"chain_driver": "cosmos", "chain_bin": "simd", **given}
    three, five = (inputs(GenesisSettings, keys, num_validators=number, **chain) for number in (3, 5))

    different = {name for name in {*three, *five} if three.get(name) != five.get(name)}
    assert different == (set() if scales else {"NUM_VALIDATORS", "KEYS_CONFIG"})
    assert "NUM_VALIDATORS" in pod(GenesisSettings, keys_config=keys, **chain).negligible  # earlier records have it


def test_every_setting_of_the_configuration_is_an_input() -> None:
    """Whatever init-config writes depends on is in its inputs; only the running of the step itself is not."""
    running = {
        "chain_bin",
        "chain_dir",
        "log_format",
        "log_level",
        "force",
        "namespace",
        "genesis_host",
        "genesis_port",
        *("ca_file", "cert_file", "key_file", "token_file"),
    }
    other = {"download_timeout", "keys_config", "hd_path", "coin_type", "pod_index", "hostname", "moniker"}
    other |= {"step_script", "genesis_p2p_host"}  # the one where there is one, the other as `leader_node`
    by_content = {"config_overrides"}  # as `overrides`: what is in them for this pod
    assert set(ConfigSettings.model_fields) - running - other - by_content <= set(ConfigSettings.INPUTS)
    assert "overrides" in ConfigSettings.INPUTS


@pytest.mark.parametrize(
    ("prices", "right"), [("1aevmos", True), ("0.025uatom,1stake", True), ("1", False), ("a", False)]
)
def test_a_gas_price_is_an_amount_of_a_denomination(prices: str, right: bool) -> None:
    """The SDK's DecCoins; anything else is refused before a binary is asked to send it."""
    values = {"chain_driver": "cometbft", "chain_id": "c", "chain_dir": "/home", "gas_prices": prices}
    if right:
        assert CreateValidatorSettings.model_validate(values).gas_prices == prices
    else:
        with pytest.raises(ValueError, match=r"write a price per unit of gas, like 0\.025uatom"):
            CreateValidatorSettings.model_validate(values)


def test_a_carriage_return_at_the_end_of_a_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of variables from Windows leaves one, which no terminal shows; the message names the variable alone."""
    monkeypatch.setenv("CHAIN_ID", "secret-1\r")
    given = ["--chain-driver", "cometbft", "--chain-dir", "/home"]
    with pytest.raises(BadInputError, match=r"^CHAIN_ID ends with a carriage return; save the file .* LF") as refused:
        read_settings(PodSettings, given, prog="x", description="x")

    assert "secret" not in str(refused.value)
