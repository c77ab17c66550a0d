import json
from pathlib import Path

from network_world import MINIMAL, STARSHIP_EVERYTHING, STARSHIP_THREE_CHAINS, PaperSite

from exposer.network.child import MARK
from exposer.network.document import embedded_document, load_document
from exposer.network.environment import RESERVED
from exposer.network.plan import Plan, build_plan, pod_names

GENESIS = ["init-genesis", "init-config"]
VALIDATOR = ["wait-for-chains", "init-validator", "init-config"]


def plan_of(directory: Path, text: str) -> Plan:
    """The plan of a network file with ``text``, on paper."""
    path = directory / "network.yaml"
    path.write_text(text, encoding="utf-8")
    return build_plan(load_document(path).network, PaperSite())


def steps(plan: Plan) -> dict[str, list[str]]:
    """Pod -> the names of its init steps."""
    return {pod.name: [step.name for step in pod.steps] for pod in plan.pods}


def test_the_default_network_has_one_genesis_pod_and_three_validators() -> None:
    """Steps and their order follow from the role; a CometBFT chain knows all validators from its genesis."""
    plan = build_plan(embedded_document().network, PaperSite())

    assert steps(plan) == {
        "cometbft-1-genesis-0": GENESIS,
        "cometbft-1-validator-0": VALIDATOR,
        "cometbft-1-validator-1": VALIDATOR,
        "cometbft-1-validator-2": VALIDATOR,
    }
    assert [pod.ordinal for pod in plan.pods] == [0, 0, 1, 2]
    assert {pod.node for pod in plan.pods if pod.ordinal == 2} == {
        ("cometbft", "start", "--home", "/volumes/cometbft-1-validator-2", "--proxy_app=kvstore")
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
    assert plan.pods[1].node == ("gaiad", "start", "--home", "/volumes/cosmoshub-4-validator-0")


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
        "NUM_VALIDATORS": "3",
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
        "METRICS_PORT": "26660",
        "NODE_URL": "http://127.0.0.1:26657",
    }

    assert genesis.environment == {
        **shared,
        "GENESIS_TIME": "2026-01-01T00:00:00Z",
        "HOSTNAME": "cosmoshub-4-genesis-0",
        "CHAIN_DIR": "/volumes/cosmoshub-4-genesis-0",
        "EXTERNAL_ADDRESS": "cosmoshub-4-genesis-0:26656",
    }
    assert validator.environment == {
        **shared,
        "GENESIS_HOST": "cosmoshub-4-genesis-0",
        "GENESIS_PORT": "8081",
        "GENESIS_P2P_PORT": "26656",
        "HOSTNAME": "cosmoshub-4-validator-0",
        "CHAIN_DIR": "/volumes/cosmoshub-4-validator-0",
        "EXTERNAL_ADDRESS": "cosmoshub-4-validator-0:26656",
    }
    assert validator.exposer == {
        "HOSTNAME": "cosmoshub-4-validator-0",
        "EXPOSER_HOME": "/volumes/cosmoshub-4-validator-0",
        "EXPOSER_HOST": "0.0.0.0",
        "EXPOSER_HTTP_PORT": "8081",
        "EXPOSER_STATUS_URL": "http://127.0.0.1:26657",
        "EXPOSER_STEPS": "wait-for-chains,init-validator,init-config",
    }


def test_a_files_own_words_reach_the_steps(tmp_path: Path) -> None:
    """Timeouts, metrics, patches, overrides and variables of the file are in the plan, as data and as files."""
    plan = plan_of(tmp_path, STARSHIP_EVERYTHING)
    genesis, validator = plan.pods[0], plan.pods[1]
    files = {file.name: json.loads(file.content) for file in plan.files}

    assert genesis.environment["GENESIS_PATCH"] == "/files/1234/genesis-patch.json"
    assert "GENESIS_PATCH" not in validator.environment
    assert validator.environment["CONFIG_OVERRIDES"] == "/files/1234/config-overrides.json"
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
        assert pod.node_environment == given
        assert given.items() <= pod.environment.items()
    assert [file.name for file in plan.files] == ["genesis-balances.json"]
    assert plan.pods[2].environment["GENESIS_BALANCES"] == "/files/juno-2/genesis-balances.json"


def test_no_variable_of_the_plan_can_be_overridden(tmp_path: Path) -> None:
    """Every name that the plan sets, and the mark of a network's processes, is one that chains[].env is refused for."""
    for text in (MINIMAL, STARSHIP_EVERYTHING):
        for pod in plan_of(tmp_path, text).pods:
            assert {*pod.environment, MARK} <= RESERVED


def test_pods_have_names_that_orchestrators_accept(tmp_path: Path) -> None:
    """A chain id with capitals, dots and underscores still makes an RFC 1123 label."""
    path = tmp_path / "network.yaml"
    path.write_text(MINIMAL.replace("cosmoshub-4", "Evmos_9000.1"), encoding="utf-8")

    assert pod_names(load_document(path).network.chains[0])[0] == "evmos-9000-1-genesis-0"
