"""The environment of a pod's steps and of its exposer, by the names that the steps document."""

from collections.abc import Sequence

from exposer.network.chains import ChainFacts, Versions, faucet_of
from exposer.network.model import Chain, Config, Faucet, Network
from exposer.network.site import Site

COSMOVISOR = {
    "DAEMON_RESTART_AFTER_UPGRADE": "true",
    "DAEMON_ALLOW_DOWNLOAD_BINARIES": "false",  # init-build-images has built all that the plan knows of
    "UNSAFE_SKIP_BACKUP": "true",  # a copy of the whole state at each upgrade, of a network that can be made again
    "COSMOVISOR_COLOR_LOGS": "false",
}
"""How cosmovisor runs a node, unless ``chains[].env`` says otherwise."""
GENESIS_PATCH = "genesis-patch.json"
GENESIS_BALANCES = "genesis-balances.json"
CONFIG_OVERRIDES = "config-overrides.json"
TIMEOUT_COMMIT = "1s"
"""The pace of blocks where the network file does not set it: fast to try things, slow enough for a laptop."""

_RESERVED = (
    "CHAIN_DRIVER CHAIN_ID CHAIN_BIN CHAIN_DIR DENOM COINS HD_PATH COIN_TYPE KEYS_CONFIG NUM_VALIDATORS NUM_RELAYERS"
    " IDENTITIES VALIDATOR_SET BECH32_PREFIX GAS_PRICES MINIMUM_GAS_PRICES CORS_ALLOWED_ORIGINS HOSTNAME POD_INDEX"
    " GENESIS_TIME GENESIS_FROM GENESIS_FROM_SHA256 GENESIS_PRESETS GENESIS_PATCH GENESIS_BALANCES CONFIG_OVERRIDES"
    " FAUCET_ENABLED FAUCET_DIR FAUCET_URL FAUCET_HOST FAUCET_PORT FAUCET_FD FAUCET_DRAIN FAUCET_AMOUNT FAUCET_COOLDOWN"
    " CODE_REPO CODE_TAG UPGRADES UPGRADE_NAME UPGRADE_DIR DAEMON_HOME DAEMON_NAME"
    " GENESIS_HOST GENESIS_PORT GENESIS_P2P_PORT NAMESPACE BIND_HOST EXTERNAL_ADDRESS"
    " P2P_PORT RPC_PORT REST_PORT GRPC_PORT GRPC_WEB_PORT JSON_RPC JSON_RPC_PORT WS_PORT JSON_RPC_METRICS_PORT"
    " METRICS_PORT METRICS NODE_URL"
    " TIMEOUT_PROPOSE TIMEOUT_PROPOSE_DELTA TIMEOUT_PREVOTE TIMEOUT_PREVOTE_DELTA"
    " TIMEOUT_PRECOMMIT TIMEOUT_PRECOMMIT_DELTA TIMEOUT_COMMIT"
    " NETWORK_STATE"  # by it `exposer up` finds the processes of its network again
    " MONIKER TIMEOUT"  # one name for all peers, and one limit for steps that mean different things by it
    " HOME PATH PYTHONPATH PYTHONHOME"  # by these a step finds itself and its tools
)
RESERVED = frozenset(_RESERVED.split())
"""Names that ``chains[].env`` may not set: the plan does, and two sources for one name would hide one of them."""


def of_chain(network: Network, chain: Chain, facts: ChainFacts, site: Site) -> dict[str, str]:
    """What all pods of a chain share."""
    timeouts = {"timeout_commit": TIMEOUT_COMMIT} | network.timeouts.model_dump(
        exclude_none=True, exclude={"time_iota_ms"}
    )
    accounts = {
        "DENOM": facts.denom,
        "COINS": facts.coins,
        "HD_PATH": facts.hd_path,
        "COIN_TYPE": str(facts.coin_type),
        "FAUCET_ENABLED": str(faucet_of(network, chain) is not None).lower(),
        **_given(
            IDENTITIES="derived" if chain.validators == "genesis" else chain.identities,
            VALIDATOR_SET=chain.validators,
            BECH32_PREFIX=chain.prefix,
            GAS_PRICES=facts.gas_prices,
            MINIMUM_GAS_PRICES=chain.minimum_gas_prices,
            JSON_RPC="true" if chain.ports.json_rpc or chain.ports.ws else "",  # whoever states its port wants it
        ),
    }
    return {
        "CHAIN_DRIVER": facts.driver,
        "CHAIN_ID": chain.id,
        "KEYS_CONFIG": site.keys,
        "NUM_VALIDATORS": str(chain.num_validators),
        "NUM_RELAYERS": "0",  # relayers are another tool's, and so are their accounts
        "BIND_HOST": site.bind_host,
        "METRICS": str(chain.metrics).lower(),
        **(accounts if facts.driver == "cosmos" else {}),
        **{name.upper(): value for name, value in timeouts.items()},
        **_given(
            CORS_ALLOWED_ORIGINS=",".join(chain.cors_allowed_origins),
            CONFIG_OVERRIDES=site.file(chain.id, CONFIG_OVERRIDES) if chain.config != Config() else "",
        ),
    }


def of_build(facts: ChainFacts, versions: Versions, pod: str, site: Site) -> dict[str, str]:
    """What ``init-build-images`` makes in a pod's volume; its directory is cosmovisor's."""
    return {
        "DAEMON_NAME": daemon(facts),
        "DAEMON_HOME": site.home(pod),
        "CODE_TAG": versions.genesis,
        **_given(
            CODE_REPO=facts.source,
            UPGRADES=",".join(f"{upgrade.name}={upgrade.version}" for upgrade in versions.upgrades),
        ),
    }


def binary(facts: ChainFacts, versions: Versions | None, pod: str, site: Site) -> str:
    """The binary that the pod's steps drive: the site's, or the one that was built in the pod's volume."""
    return f"{site.home(pod)}/cosmovisor/genesis/bin/{daemon(facts)}" if versions else site.binary(facts)


def daemon(facts: ChainFacts) -> str:
    """The name of the chain's binary, without a directory."""
    return facts.binary.rpartition("/")[2]


def of_leader(network: Network, chain: Chain, pod: str, site: Site) -> dict[str, str]:
    """What only the genesis pod is told."""
    genesis = chain.genesis
    return _given(
        GENESIS_TIME=site.genesis_time,
        GENESIS_FROM=genesis.source
        if genesis.source is None or "://" in genesis.source
        else site.given(genesis.source),
        GENESIS_FROM_SHA256=genesis.sha256,
        GENESIS_PRESETS=",".join(genesis.presets),
        GENESIS_PATCH=site.file(chain.id, GENESIS_PATCH) if genesis.patch else "",
        GENESIS_BALANCES=site.file(chain.id, GENESIS_BALANCES) if chain.balances else "",
        FAUCET_DIR=site.faucet(pod) if faucet_of(network, chain) else "",
    )


def of_follower(network: Network, chain: Chain, leader: str, site: Site) -> dict[str, str]:
    """Where a validator pod finds the genesis pod, and who funds it."""
    ports = site.ports(leader)
    return {
        "GENESIS_HOST": site.host(leader),
        "GENESIS_PORT": str(ports.exposer),
        "GENESIS_P2P_PORT": str(ports.p2p),
        **_given(FAUCET_URL=f"http://{site.host(leader)}:{ports.faucet}" if faucet_of(network, chain) else ""),
    }


def _given(**values: str | None) -> dict[str, str]:
    """Those of the variables that have a value."""
    return {name: value for name, value in values.items() if value}


def of_pod(pod: str, site: Site) -> dict[str, str]:
    """What is a pod's own: its name, its volume, its ports."""
    ports = site.ports(pod)
    return {
        "HOSTNAME": pod,
        "CHAIN_DIR": site.home(pod),
        "EXTERNAL_ADDRESS": f"{site.host(pod)}:{ports.p2p}",
        "P2P_PORT": str(ports.p2p),
        "RPC_PORT": str(ports.rpc),
        "REST_PORT": str(ports.rest),
        "GRPC_PORT": str(ports.grpc),
        "GRPC_WEB_PORT": str(ports.grpc_web),
        "JSON_RPC_PORT": str(ports.json_rpc),
        "WS_PORT": str(ports.ws),
        "JSON_RPC_METRICS_PORT": str(ports.json_rpc_metrics),
        "METRICS_PORT": str(ports.metrics),
        "NODE_URL": f"http://127.0.0.1:{ports.rpc}",
    }


def of_faucet(faucet: Faucet, facts: ChainFacts, pod: str, site: Site) -> dict[str, str]:
    """What the faucet of a genesis pod is told."""
    ports = site.ports(pod)
    return {
        "FAUCET_DIR": site.faucet(pod),
        "FAUCET_HOST": site.bind_host,
        "FAUCET_PORT": str(ports.faucet),
        "FAUCET_DRAIN": "15s",  # below the 20 s after which `exposer up` kills
        "NODE_URL": f"http://127.0.0.1:{ports.rpc}",
        **_given(GAS_PRICES=facts.gas_prices, FAUCET_AMOUNT=faucet.amount, FAUCET_COOLDOWN=faucet.cooldown),
    }


def of_exposer(pod: str, steps: Sequence[str], site: Site) -> dict[str, str]:
    """What the pod's sidecar is told."""
    ports = site.ports(pod)
    return {
        "HOSTNAME": pod,
        "EXPOSER_HOME": site.home(pod),
        "EXPOSER_HOST": site.bind_host,
        "EXPOSER_HTTP_PORT": str(ports.exposer),
        "EXPOSER_STATUS_URL": f"http://127.0.0.1:{ports.rpc}",
        "EXPOSER_STEPS": ",".join(steps),
    }
