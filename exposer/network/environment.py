"""The environment of a pod's steps and of its exposer, by the names that the steps document."""

from collections.abc import Sequence

from exposer.network.chains import ChainFacts, has_faucet
from exposer.network.model import Chain, Config, Network
from exposer.network.site import Site

GENESIS_PATCH = "genesis-patch.json"
GENESIS_BALANCES = "genesis-balances.json"
CONFIG_OVERRIDES = "config-overrides.json"
TIMEOUT_COMMIT = "1s"
"""The pace of blocks where the network file does not set it: fast to try things, slow enough for a laptop."""

_RESERVED = (
    "CHAIN_DRIVER CHAIN_ID CHAIN_BIN CHAIN_DIR DENOM COINS HD_PATH COIN_TYPE KEYS_CONFIG NUM_VALIDATORS NUM_RELAYERS"
    " FAUCET_ENABLED HOSTNAME POD_INDEX GENESIS_TIME GENESIS_PATCH GENESIS_BALANCES CONFIG_OVERRIDES"
    " GENESIS_HOST GENESIS_PORT GENESIS_P2P_PORT NAMESPACE BIND_HOST EXTERNAL_ADDRESS"
    " P2P_PORT RPC_PORT REST_PORT GRPC_PORT METRICS_PORT METRICS NODE_URL"
    " TIMEOUT_PROPOSE TIMEOUT_PROPOSE_DELTA TIMEOUT_PREVOTE TIMEOUT_PREVOTE_DELTA"
    " TIMEOUT_PRECOMMIT TIMEOUT_PRECOMMIT_DELTA TIMEOUT_COMMIT"
    " NETWORK_STATE"  # by it `exposer up` finds the processes of its network again
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
    }
    return {
        "CHAIN_DRIVER": facts.driver,
        "CHAIN_ID": chain.id,
        "CHAIN_BIN": site.binary(facts),
        "KEYS_CONFIG": site.keys,
        "NUM_VALIDATORS": str(chain.num_validators),
        "NUM_RELAYERS": "0",  # relayers are another tool's, and so are their accounts
        "FAUCET_ENABLED": str(has_faucet(network, chain)).lower(),
        "BIND_HOST": site.bind_host,
        "METRICS": str(chain.metrics).lower(),
        **(accounts if facts.driver == "cosmos" else {}),
        **{name.upper(): value for name, value in timeouts.items()},
        **({"CONFIG_OVERRIDES": site.file(chain.id, CONFIG_OVERRIDES)} if chain.config != Config() else {}),
    }


def of_leader(chain: Chain, site: Site) -> dict[str, str]:
    """What only the genesis pod is told."""
    return {
        **({"GENESIS_TIME": site.genesis_time} if site.genesis_time else {}),
        **({"GENESIS_PATCH": site.file(chain.id, GENESIS_PATCH)} if chain.genesis else {}),
        **({"GENESIS_BALANCES": site.file(chain.id, GENESIS_BALANCES)} if chain.balances else {}),
    }


def of_follower(leader: str, site: Site) -> dict[str, str]:
    """Where a validator pod finds the genesis pod."""
    ports = site.ports(leader)
    return {
        "GENESIS_HOST": site.host(leader),
        "GENESIS_PORT": str(ports.exposer),
        "GENESIS_P2P_PORT": str(ports.p2p),
    }


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
        "METRICS_PORT": str(ports.metrics),
        "NODE_URL": f"http://127.0.0.1:{ports.rpc}",
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
