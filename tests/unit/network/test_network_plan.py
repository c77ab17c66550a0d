import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from network_world import EVERYTHING_OF_OURS, MINIMAL, STARSHIP_EVERYTHING, STARSHIP_THREE_CHAINS, PaperSite

from exposer.network.document import embedded_document, load_document
from exposer.network.environment import COSMOVISOR, RESERVED
from exposer.network.local.leftovers import MARK
from exposer.network.names import pod_names, pod_prefix, set_name
from exposer.network.plan import Plan, Pod, build_plan

GENESIS = ["init-genesis", "init-config"]
VALIDATOR = ["wait-for-chains", "init-validator", "init-config"]


def plan_of(directory: Path, text: str) -> Plan:
    """The plan of a network file with ``text``, on paper."""
    path = directory / "network.yaml"
    path.write_text(text, encoding="utf-8")
    (directory / "exported.json").touch()
    return build_plan(load_document(path).network, PaperSite(), directory)


def steps(plan: Plan) -> dict[str, list[str]]:
    """Pod -> the names of its init steps."""
    return {pod.name: [step.name for step in pod.steps] for pod in plan.pods}


def test_the_default_network_has_one_genesis_pod_and_three_validators() -> None:
    """Steps and their order follow from the role; a CometBFT chain knows all validators from its genesis."""
    plan = build_plan(embedded_document().network, PaperSite(), Path())

    assert steps(plan) == {
        "cometbft-1-genesis-0": GENESIS,
        "cometbft-1-validator-0": VALIDATOR,
        "cometbft-1-validator-1": VALIDATOR,
        "cometbft-1-validator-2": VALIDATOR,
    }
    assert [pod.ordinal for pod in plan.pods] == [0, 0, 1, 2]
    assert {pod.node.command for pod in plan.pods if pod.ordinal == 2} == {
        ("cometbft", "start", "--home", "/node/cometbft-1-validator-2", "--proxy_app=kvstore")
    }
    assert not any(pod.after_start for pod in plan.pods)


def test_validators_of_a_chain_with_accounts_join_by_a_transaction(tmp_path: Path) -> None:
    """create-validator runs beside the node of every pod but the genesis pod."""
    plan = plan_of(tmp_path, MINIMAL)

    assert [[step.name for step in pod.after_start] for pod in plan.pods] == [
        [],
        ["create-validator"],
        ["create-validator"],
    ]
    assert plan.pods[1].node.command == ("gaiad", "start", "--home", "/node/cosmoshub-4-validator-0")


def test_steps_in_brackets_are_there_when_they_are_asked_for(tmp_path: Path) -> None:
    """Builds come before everything in both roles, the faucet last in the genesis pod."""
    asked = "    build: {enabled: true, source: v1}\n    faucet: {enabled: true}\n"
    plan = plan_of(tmp_path, MINIMAL + asked)

    assert steps(plan)["cosmoshub-4-genesis-0"] == ["init-build-images", *GENESIS, "init-faucet"]
    assert steps(plan)["cosmoshub-4-validator-0"] == ["init-build-images", *VALIDATOR]
    assert plan.pods[0].environment["FAUCET_ENABLED"] == "true"


def test_a_faucet_for_all_chains_can_be_switched_off_for_one(tmp_path: Path) -> None:
    """A chain's own word wins over the file's."""
    both = (
        "faucet: {enabled: true}\n"
        + MINIMAL
        + "  - {id: b, name: osmosis, numValidators: 1, faucet: {enabled: false}}\n"
    )
    plan = plan_of(tmp_path, both)

    assert [pod.environment["FAUCET_ENABLED"] for pod in plan.pods if pod.role == "genesis"] == ["true", "false"]


def test_the_environment_of_both_roles(tmp_path: Path) -> None:
    """Every variable that a step documents comes from the file, the defaults of the chain, or the site."""
    genesis, validator, _ = plan_of(tmp_path, MINIMAL).pods
    shared = {
        "CHAIN_DRIVER": "cosmos",
        "CHAIN_ID": "cosmoshub-4",
        "CHAIN_BIN": "gaiad",
        "KEYS_CONFIG": "/configs/keys.json",
        "NUM_RELAYERS": "0",
        "FAUCET_ENABLED": "false",
        "BIND_HOST": "0.0.0.0",
        "METRICS": "false",
        "DENOM": "uatom",
        "COINS": "100000000000000uatom",
        "HD_PATH": "m/44'/118'/0'/0/0",
        "COIN_TYPE": "118",
        "TIMEOUT_COMMIT": "1s",
        "P2P_PORT": "26656",
        "RPC_PORT": "26657",
        "REST_PORT": "1317",
        "GRPC_PORT": "9090",
        "GRPC_WEB_PORT": "9091",
        "JSON_RPC_PORT": "8545",
        "WS_PORT": "8546",
        "JSON_RPC_METRICS_PORT": "6065",
        "METRICS_PORT": "26660",
        "NODE_URL": "http://127.0.0.1:26657",
    }

    assert genesis.environment == {
        **shared,
        "NUM_VALIDATORS": "3",
        "PEER_EXPOSERS": "cosmoshub-4-validator-0:8081,cosmoshub-4-validator-1:8081",
        "GENESIS_TIME": "2026-01-01T00:00:00Z",
        "HOSTNAME": "cosmoshub-4-genesis-0",
        "CHAIN_DIR": "/node/cosmoshub-4-genesis-0",
        "EXTERNAL_ADDRESS": "cosmoshub-4-genesis-0:26656",
    }
    assert validator.environment == {
        **shared,
        "PEER_EXPOSERS": "cosmoshub-4-genesis-0:8081,cosmoshub-4-validator-0:8081,cosmoshub-4-validator-1:8081",
        "GENESIS_HOST": "cosmoshub-4-genesis-0",
        "GENESIS_PORT": "8081",
        "GENESIS_P2P_PORT": "26656",
        "HOSTNAME": "cosmoshub-4-validator-0",
        "CHAIN_DIR": "/node/cosmoshub-4-validator-0",
        "EXTERNAL_ADDRESS": "cosmoshub-4-validator-0:26656",
    }
    assert validator.exposer.environment == {
        "HOSTNAME": "cosmoshub-4-validator-0",
        "PYTHONMALLOC": "malloc",
        "EXPOSER_HOME": "/node/cosmoshub-4-validator-0",
        "EXPOSER_HOST": "0.0.0.0",
        "EXPOSER_HTTP_PORT": "8081",
        "EXPOSER_STATUS_URL": "http://127.0.0.1:26657",
        "EXPOSER_STEPS": "wait-for-chains,init-validator,init-config",
        "EXPOSER_DRAIN": "25s",
    }


def test_a_files_own_words_reach_the_steps(tmp_path: Path) -> None:
    """Timeouts, metrics, patches, overrides and variables of the file are in the plan, as data and as files."""
    plan = plan_of(tmp_path, STARSHIP_EVERYTHING)
    genesis, validator = plan.pods[0], plan.pods[1]
    files = {file.name: json.loads(file.content) for file in plan.files}

    assert genesis.environment["GENESIS_PATCH"] == "/patch/1234/genesis-patch.json"
    assert "GENESIS_PATCH" not in validator.environment
    assert validator.environment["CONFIG_OVERRIDES"] == "/patch/1234/config-overrides.json"
    assert genesis.environment["METRICS"] == "true"
    assert genesis.environment["TIMEOUT_COMMIT"] == "800ms"
    assert "TIME_IOTA_MS" not in genesis.environment
    assert files["genesis-patch.json"]["app_state"]["gov"]["params"]["threshold"] == "0.5"
    assert files["config-overrides.json"] == {
        "app.toml": {"pruning": "nothing"},
        "config.toml": {"p2p": {"max_num_inbound_peers": 100}},
    }


def test_a_chains_variables_reach_its_steps_and_its_node(tmp_path: Path) -> None:
    """chains[].env is for all pods of that chain, and for no other's."""
    plan = plan_of(tmp_path, STARSHIP_THREE_CHAINS)

    for pod in plan.pods:
        given = {"DEBUG": "true"} if pod.chain == "juno-2" else {}
        assert pod.node.environment == {**given, "HOME": f"/scratch/{pod.name}"}
        assert given.items() <= pod.environment.items()
    assert [file.name for file in plan.files] == ["genesis-balances.json"]
    assert plan.pods[2].environment["GENESIS_BALANCES"] == "/patch/juno-2/genesis-balances.json"


def everything(directory: Path) -> dict[str, Pod]:
    """The pods of a network with all that a file may ask for, by their names."""
    return {pod.name: pod for pod in plan_of(directory, EVERYTHING_OF_OURS).pods}


def told(environment: Mapping[str, str], names: str) -> dict[str, str | None]:
    """Some variables, None for those that are not set."""
    return {name: environment.get(name) for name in names.split()}


def test_what_is_built_is_driven_by_the_steps_and_run_by_cosmovisor(tmp_path: Path) -> None:
    """Each pod builds into its own volume, and its later steps and its node use what is there."""
    for name in ("one-1-genesis-0", "one-1-validator-1"):
        pod = everything(tmp_path)[name]

        assert pod.builds
        assert told(pod.environment, "CODE_REPO CODE_TAG UPGRADES DAEMON_NAME DAEMON_HOME CHAIN_BIN BUILD_TAGS") == {
            "CODE_REPO": "https://example.org/chain",
            "CODE_TAG": "v1.0.0",
            "UPGRADES": "v2=v2.0.0,v3=main",
            "DAEMON_NAME": "chaind",
            "DAEMON_HOME": f"/node/{name}",
            "CHAIN_BIN": f"/node/{name}/cosmovisor/genesis/bin/chaind",
            "BUILD_TAGS": "netgo",
        }
        assert pod.node.command == ("cosmovisor", "run", "start", "--home", f"/node/{name}")
        assert pod.node.environment == {
            "HOME": f"/scratch/{name}",
            "DAEMON_HOME": f"/node/{name}",
            "DAEMON_NAME": "chaind",
            "DAEMON_RESTART_AFTER_UPGRADE": "true",
            "DAEMON_ALLOW_DOWNLOAD_BINARIES": "false",
            "COSMOVISOR_COLOR_LOGS": "false",
            "UNSAFE_SKIP_BACKUP": "false",  # chains[].env has said so
            "BUILD_TAGS": "netgo",
        }


def test_what_is_built_without_upgrades_runs_by_itself(tmp_path: Path) -> None:
    """The node is the built binary, and a version may name a Go module."""
    pod = everything(tmp_path)["two-1-validator-0"]

    assert pod.environment["CODE_TAG"] == "github.com/cosmos/ibc-go/v8/testing/simapp/simd@v8.8.0"
    assert "UPGRADES" not in pod.environment
    assert pod.node.command == (f"/node/{pod.name}/cosmovisor/genesis/bin/simd", "start", "--home", f"/node/{pod.name}")
    assert pod.node.environment == {"HOME": f"/scratch/{pod.name}"}


def test_a_faucet_is_the_genesis_pods_and_the_others_are_sent_to_it(tmp_path: Path) -> None:
    """The step gets its volume, the program beside the node its port, joiners the URL; one chain's own no wins."""
    pods = everything(tmp_path)
    leader, joiner, other = pods["one-1-genesis-0"], pods["one-1-validator-0"], pods["two-1-genesis-0"]
    names = "FAUCET_ENABLED FAUCET_DIR FAUCET_URL"

    assert told(leader.environment, names) == {
        "FAUCET_ENABLED": "true",
        "FAUCET_DIR": "/faucet/one-1-genesis-0",
        "FAUCET_URL": None,
    }
    assert told(joiner.environment, names) == {
        "FAUCET_ENABLED": "true",
        "FAUCET_DIR": None,
        "FAUCET_URL": "http://one-1-genesis-0:8000",
    }
    assert told(other.environment, names) == {"FAUCET_ENABLED": "false", "FAUCET_DIR": None, "FAUCET_URL": None}
    assert leader.faucet
    assert leader.faucet.environment == {
        "FAUCET_DIR": "/faucet/one-1-genesis-0",
        "FAUCET_HOST": "0.0.0.0",
        "FAUCET_PORT": "8000",
        "FAUCET_DRAIN": "15s",
        "FAUCET_AMOUNT": "20000000uchain",
        "FAUCET_COOLDOWN": "5m",
        "GAS_PRICES": "0.5uchain",
        "NODE_URL": "http://127.0.0.1:26657",
        "BUILD_TAGS": "netgo",
        "UNSAFE_SKIP_BACKUP": "false",
    }
    assert joiner.faucet is other.faucet is None
    assert [step.name for step in leader.steps][-1] == "init-faucet"
    assert "init-faucet" not in [step.name for step in (*joiner.steps, *other.steps)]


def test_validators_of_the_genesis_do_not_join(tmp_path: Path) -> None:
    """Where the genesis names all validators, their keys are derived and there is no create-validator."""
    pods = everything(tmp_path)
    named, joining = pods["two-1-validator-0"], pods["one-1-validator-0"]

    assert named.after_start == ()
    assert told(named.environment, "IDENTITIES VALIDATOR_SET") == {"IDENTITIES": "derived", "VALIDATOR_SET": "genesis"}
    assert [step.name for step in joining.after_start] == ["create-validator"]
    assert told(joining.environment, "IDENTITIES VALIDATOR_SET") == {"IDENTITIES": "derived", "VALIDATOR_SET": None}


def test_where_a_genesis_starts_from_and_how_it_is_changed(tmp_path: Path) -> None:
    """The genesis pod alone is told; the patch has what is left of the file's mapping, dotted paths as they are."""
    pods = everything(tmp_path)
    files = {(file.chain, file.name): json.loads(file.content) for file in plan_of(tmp_path, EVERYTHING_OF_OURS).files}
    names = "GENESIS_FROM GENESIS_FROM_SHA256 GENESIS_PRESETS GENESIS_PATCH GENESIS_BALANCES"

    assert told(pods["one-1-genesis-0"].environment, names) == {
        "GENESIS_FROM": "/given/exported.json",
        "GENESIS_FROM_SHA256": "ab" * 32,
        "GENESIS_PRESETS": "fast-governance,short-unbonding",
        "GENESIS_PATCH": "/patch/one-1/genesis-patch.json",
        "GENESIS_BALANCES": "/patch/one-1/genesis-balances.json",
    }
    assert set(told(pods["one-1-validator-0"].environment, names).values()) == {None}
    assert files["one-1", "genesis-patch.json"] == {"app_state.gov.params.quorum": "0.1"}
    vesting = {
        "type": "periodic",
        "start": "2026-01-01T00:00:00Z",
        "periods": [{"length": "24h", "amount": "9uchain"}],
    }
    address = "chain1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqxp55vg"
    assert files["one-1", "genesis-balances.json"] == [{"address": address, "amount": "9uchain", "vesting": vesting}]


def test_a_genesis_may_come_from_a_url(tmp_path: Path) -> None:
    """A URL is what it is, wherever the network runs."""
    url = "https://example.org/genesis.json"
    plan = plan_of(tmp_path, f"{MINIMAL}    genesis: {{from: '{url}'}}\n")

    assert plan.pods[0].environment["GENESIS_FROM"] == url
    assert "GENESIS_PATCH" not in plan.pods[0].environment


def test_prices_origins_and_single_pods_overrides_reach_every_pod(tmp_path: Path) -> None:
    """What a chain's configuration says is told to all its pods; whose override is whose, init-config tells apart."""
    pods = everything(tmp_path)
    overrides = plan_of(tmp_path, EVERYTHING_OF_OURS).files[2]

    for name in ("one-1-genesis-0", "one-1-validator-1"):
        assert told(
            pods[name].environment,
            "GAS_PRICES MINIMUM_GAS_PRICES CORS_ALLOWED_ORIGINS CONFIG_OVERRIDES JSON_RPC"
            " COMMISSION_RATE COMMISSION_MAX_RATE COMMISSION_MAX_CHANGE_RATE",
        ) == {
            "COMMISSION_RATE": "0.25",
            "COMMISSION_MAX_RATE": "0.5",
            "COMMISSION_MAX_CHANGE_RATE": "0.1",
            "GAS_PRICES": "0.5uchain",
            "MINIMUM_GAS_PRICES": "0.25uchain",
            "CORS_ALLOWED_ORIGINS": "https://a.example,https://b.example",
            "CONFIG_OVERRIDES": "/patch/one-1/config-overrides.json",
            "JSON_RPC": "true",
        }
    assert json.loads(overrides.content) == {"pods": {"validator-1": {"app.toml": {"pruning": "nothing"}}}}


def test_no_variable_of_the_plan_can_be_overridden(tmp_path: Path) -> None:
    """Every name that the plan sets, and the mark of a network's processes, is one that chains[].env is refused for."""
    for text in (MINIMAL, STARSHIP_EVERYTHING, EVERYTHING_OF_OURS):
        for pod in plan_of(tmp_path, text).pods:
            free = {"BUILD_TAGS", *COSMOVISOR}
            given = {name for container in pod.containers[1:] for name in container.environment}
            assert {*given, MARK} - free <= RESERVED


def test_pods_have_names_that_orchestrators_accept(tmp_path: Path) -> None:
    """A chain id with capitals, dots and underscores still makes an RFC 1123 label."""
    path = tmp_path / "network.yaml"
    path.write_text(MINIMAL.replace("cosmoshub-4", "Evmos_9000.1"), encoding="utf-8")

    assert pod_names(load_document(path).network.chains[0])[0] == "evmos-9000-1-genesis-0"
    for chain_id in ("9", "x" * 50, "-._" + "9-" * 20, "a" * 41 + "-b", "A.b-"):
        name = set_name(chain_id, "validator")
        assert re.fullmatch("[a-z]([a-z0-9-]*[a-z0-9])?", name)
        assert len(name) <= 52  # a StatefulSet labels its pods with its name and 11 more characters
    assert pod_prefix("x" * 49 + "1") != pod_prefix("x" * 49 + "2")


def test_every_container_sees_what_it_needs_and_no_more(tmp_path: Path) -> None:
    """Keys are for the steps that derive from them; the sidecar reads the home, and gates and nodes see no secret."""
    leader, joiner = (everything(tmp_path)[f"one-1-{name}"] for name in ("genesis-0", "validator-1"))
    seen = {
        (pod.role, container.name): {mount.volume: mount.read_only for mount in container.mounts}
        for pod in (leader, joiner)
        for container in pod.containers
    }

    assert seen == {
        ("genesis", "exposer"): {"node": True},
        ("genesis", "init-build-images"): {"node": False},
        ("genesis", "init-genesis"): {"keys": True, "patch": True, "node": False},
        ("genesis", "init-config"): {"patch": True, "node": False},
        ("genesis", "init-faucet"): {"keys": True, "node": False, "faucet": False},
        ("genesis", "node"): {"node": False},
        ("genesis", "faucet"): {"faucet": False},
        ("validator", "exposer"): {"node": True},
        ("validator", "init-build-images"): {"node": False},
        ("validator", "wait-for-chains"): {"node": True},
        ("validator", "init-validator"): {"keys": True, "node": False},
        ("validator", "init-config"): {"patch": True, "node": False},
        ("validator", "node"): {"node": False},
        ("validator", "create-validator"): {"keys": True, "node": False},
    }


@pytest.mark.parametrize(
    ("faucet", "credit"), [("{enabled: true, amount: 70000000uatom}", "70000000uatom"), ("{enabled: true}", None)]
)
def test_the_genesis_pod_knows_a_stated_credit(tmp_path: Path, faucet: str, credit: str | None) -> None:
    """By it the genesis validator bonds what those do that join; without one both go by COINS."""
    path = tmp_path / "network.yaml"
    path.write_text(f"{MINIMAL}    faucet: {faucet}\n", encoding="utf-8")
    leader, *followers = build_plan(load_document(path).network, PaperSite(), tmp_path).pods

    assert leader.environment.get("FAUCET_CREDIT") == credit
    assert not any("FAUCET_CREDIT" in pod.environment for pod in followers)
