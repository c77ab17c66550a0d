"""The environment of a pod's steps and of its exposer, by the names that the steps document."""

from collections.abc import Collection, Sequence

from exposer.network.file.chains import ChainFacts, Versions, faucet_of, resolve, versions_of
from exposer.network.file.model import Chain, Network
from exposer.network.file.parts import Config, Faucet
from exposer.network.file.scripts import UPDATE
from exposer.network.site import PodPorts, Site

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
GENESIS_BASE = "genesis-base.json"
SCRIPT = "STEP_SCRIPT"
"""The variable of a step that a script of the network file takes the place of."""
UPDATE_SCRIPT = "UPDATE_SCRIPT"
"""That of the one on whose genesis a script is let."""
EXPOSER_DRAIN = "25s"
"""How long a sidecar lets downloads go on after SIGTERM; whoever stops a pod has to wait for longer."""
TIMEOUT_COMMIT = "1s"
"""The pace of blocks where the network file does not set it: fast to try things, slow enough for a laptop."""

_RESERVED = (
    "CHAIN_DRIVER CHAIN_ID CHAIN_BIN CHAIN_DIR DENOM COINS HD_PATH COIN_TYPE KEYS_CONFIG NUM_VALIDATORS NUM_RELAYERS"
    " IDENTITIES VALIDATOR_SET BECH32_PREFIX GAS_PRICES MINIMUM_GAS_PRICES CORS_ALLOWED_ORIGINS HOSTNAME POD_INDEX"
    " COMMISSION_RATE COMMISSION_MAX_RATE COMMISSION_MAX_CHANGE_RATE"
    " GENESIS_TIME GENESIS_FROM GENESIS_FROM_SHA256 GENESIS_PRESETS GENESIS_PATCH GENESIS_BALANCES CONFIG_OVERRIDES"
    " FAUCET_CREDIT FAUCET_ENABLED FAUCET_DIR FAUCET_URL FAUCET_HOST FAUCET_PORT FAUCET_FD FAUCET_DRAIN FAUCET_AMOUNT"
    " FAUCET_COOLDOWN"
    " CODE_REPO CODE_TAG UPGRADES UPGRADE_NAME UPGRADE_DIR DAEMON_HOME DAEMON_NAME"
    " GENESIS_HOST GENESIS_PORT GENESIS_P2P_HOST GENESIS_P2P_PORT PEER_EXPOSERS NAMESPACE BIND_HOST EXTERNAL_ADDRESS"
    " STEP_SCRIPT UPDATE_SCRIPT STAY STAY_FILE POD_NAME"
    " P2P_PORT RPC_PORT REST_PORT GRPC_PORT GRPC_WEB_PORT JSON_RPC JSON_RPC_PORT WS_PORT JSON_RPC_METRICS_PORT"
    " METRICS_PORT METRICS NODE_URL"
    " TIMEOUT_PROPOSE TIMEOUT_PROPOSE_DELTA TIMEOUT_PREVOTE TIMEOUT_PREVOTE_DELTA"
    " TIMEOUT_PRECOMMIT TIMEOUT_PRECOMMIT_DELTA TIMEOUT_COMMIT TIME_IOTA_MS"
    " NETWORK_STATE"  # by it `exposer up` finds the processes of its network again
    " MONIKER TIMEOUT"  # one name for all peers, and one limit for steps that mean different things by it
    " HOME PATH PYTHONPATH PYTHONHOME"  # by these a step finds itself and its tools
)
RESERVED = frozenset(_RESERVED.split())
"""Names that ``chains[].env`` may not set: the plan does, and two sources for one name would hide one of them."""


_FIXED = (
    "CHAIN_DRIVER CHAIN_ID DENOM IDENTITIES HD_PATH COIN_TYPE COINS NUM_RELAYERS FAUCET_ENABLED VALIDATOR_SET"
    " VALIDATOR_STAKE GAS_PRICES COMMISSION_RATE COMMISSION_MAX_RATE COMMISSION_MAX_CHANGE_RATE"
    " GENESIS_TIME GENESIS_FROM GENESIS_FROM_SHA256 GENESIS_SHA256 GENESIS_PRESETS GENESIS_PATCH GENESIS_BALANCES"
    " STEP_SCRIPT UPDATE_SCRIPT CODE_REPO CODE_TAG UPGRADES DAEMON_NAME BUILD_PACKAGE BUILD_TAGS BUILD_REQUIRES"
)
FIXED = frozenset(_FIXED.split())
"""What the genesis, the accounts or the binaries of a pod were made from: at another value its steps end with exit 5.

``NUM_VALIDATORS`` is one of them where the genesis names all validators.
"""
_CHANGEABLE = (
    "BIND_HOST EXTERNAL_ADDRESS MINIMUM_GAS_PRICES CORS_ALLOWED_ORIGINS CONFIG_OVERRIDES METRICS METRICS_PORT"
    " P2P_PORT RPC_PORT REST_PORT GRPC_PORT GRPC_WEB_PORT GENESIS_P2P_PORT"
    " JSON_RPC JSON_RPC_PORT WS_PORT JSON_RPC_METRICS_PORT"
    " TIMEOUT_PROPOSE TIMEOUT_PROPOSE_DELTA TIMEOUT_PREVOTE TIMEOUT_PREVOTE_DELTA"
    " TIMEOUT_PRECOMMIT TIMEOUT_PRECOMMIT_DELTA TIMEOUT_COMMIT"
)
CHANGEABLE = {"init-config": frozenset(_CHANGEABLE.split()), "init-faucet": frozenset({"FAUCET_AMOUNT"})}
"""Step -> how what it configures runs: it takes another value, unless a script takes its place."""
DEFAULTS = {"VALIDATOR_SET": "join", "IDENTITIES": "random"}
"""What of `FIXED` a step takes where nothing is said and something may be."""

FIELDS = {
    "CHAIN_ID": "id",
    "CHAIN_BIN": "binary",
    "NUM_VALIDATORS": "numValidators",
    "BECH32_PREFIX": "prefix",
    "DENOM": "denom",
    "COINS": "coins",
    "HD_PATH": "hdPath",
    "COIN_TYPE": "coinType",
    "GAS_PRICES": "gasPrices",
    "MINIMUM_GAS_PRICES": "minimumGasPrices",
    "COMMISSION_RATE": "commission.rate",
    "COMMISSION_MAX_RATE": "commission.maxRate",
    "COMMISSION_MAX_CHANGE_RATE": "commission.maxChangeRate",
    "CORS_ALLOWED_ORIGINS": "corsAllowedOrigins",
    "CONFIG_OVERRIDES": "config",
    "GENESIS_FROM": "genesis",
    "GENESIS_FROM_SHA256": "genesis",
    "GENESIS_PRESETS": "genesis",
    "GENESIS_PATCH": "genesis",
    "GENESIS_BALANCES": "balances",
    "FAUCET_CREDIT": "faucet",
    "FAUCET_ENABLED": "faucet",
    "IDENTITIES": "identities",
    "VALIDATOR_SET": "validators",
    "DAEMON_NAME": "binary",
    "STEP_SCRIPT": "scripts",
    "UPDATE_SCRIPT": "scripts",
    "CODE_REPO": "repo",
    "CODE_TAG": "build",
    "UPGRADES": "upgrade",
}
"""Variable -> the field of a chain that it is made from: a step names variables, and a user knows the file's fields."""


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
            COMMISSION_RATE=chain.commission.rate,
            COMMISSION_MAX_RATE=chain.commission.max_rate,
            COMMISSION_MAX_CHANGE_RATE=chain.commission.max_change_rate,
            JSON_RPC="true" if chain.ports.json_rpc or chain.ports.ws else "",  # whoever states its port wants it
        ),
    }
    return {
        "CHAIN_DRIVER": facts.driver,
        "CHAIN_ID": chain.id,
        "KEYS_CONFIG": site.keys,
        "NUM_RELAYERS": str(len(network.relayers)),
        "BIND_HOST": site.bind_host,
        "METRICS": str(chain.metrics).lower(),
        **(accounts if facts.driver == "cosmos" else {}),
        **{name.upper(): value for name, value in timeouts.items()},
        **_given(
            CORS_ALLOWED_ORIGINS=",".join(chain.cors_allowed_origins),
            CONFIG_OVERRIDES=_file(site, chain, CONFIG_OVERRIDES) if chain.config != Config() else "",
        ),
    }


def of_build(chain: Chain, versions: Versions, pod: str, site: Site) -> dict[str, str]:
    """What ``init-build-images`` makes in a pod's volume; its directory is cosmovisor's."""
    facts = resolve(chain)
    return {
        "DAEMON_NAME": daemon(facts),
        "DAEMON_HOME": _home(site, chain, pod),
        "CODE_TAG": versions.genesis,
        **_given(
            CODE_REPO=facts.source,
            UPGRADES=",".join(f"{upgrade.name}={upgrade.version}" for upgrade in versions.upgrades),
        ),
    }


def binary(chain: Chain, pod: str, site: Site) -> str:
    """The binary that the pod's steps drive: the site's, or the one that was built in the pod's volume."""
    facts = resolve(chain)
    return _built(chain, pod, site) if versions_of(chain) else site.binary(facts, site.way(chain))


def _built(chain: Chain, pod: str, site: Site) -> str:
    return f"{_home(site, chain, pod)}/cosmovisor/genesis/bin/{daemon(resolve(chain))}"


def of_node(chain: Chain, pod: str, site: Site) -> tuple[tuple[str, ...], dict[str, str]]:
    """The command line of a pod's node, and what of its environment the plan states.

    ``HOME`` is a place of the pod's own: binaries of SDK 0.50 write to their default home even when another is named,
    and read what a user of the machine has there. Where the binary has an image, the node runs in it.
    """
    facts, versions, home = resolve(chain), versions_of(chain), _home(site, chain, pod)
    start, told = ("start", "--home", home), {"HOME": site.scratch(pod)}
    if versions and versions.cosmovisor:
        own = {"DAEMON_HOME": home, "DAEMON_NAME": daemon(facts)}
        return ("cosmovisor", "run", *start), {**COSMOVISOR, **own, **told}
    program = _built(chain, pod, site) if versions else site.binary(facts, "present")
    application = ("--proxy_app=kvstore",) if facts.driver == "cometbft" else ()
    return (program, *start, *application), told


_OF_NODES = ("p2p", "rpc")
_OF_APPLICATIONS = ("rest", "grpc", "grpc_web")
_OF_EVM = ("json_rpc", "ws", "json_rpc_metrics")


def node_ports(chain: Chain, ports: PodPorts) -> dict[str, int]:
    """What a node listens on, by name; some of it only where its chain has it and it is switched on."""
    facts = resolve(chain)
    names = (*_OF_NODES, *(("metrics",) if chain.metrics else ()))
    if facts.driver == "cosmos":
        names += _OF_APPLICATIONS
    if facts.algorithm == "eth_secp256k1" or chain.ports.json_rpc or chain.ports.ws:
        names += _OF_EVM
    return {name: getattr(ports, name) for name in names}


_TIMEOUTS = {
    "TIME_IOTA_MS": "1000",
    "TIMEOUT_PROPOSE": "3s",
    "TIMEOUT_PROPOSE_DELTA": "500ms",
    "TIMEOUT_PREVOTE": "1s",
    "TIMEOUT_PREVOTE_DELTA": "500ms",
    "TIMEOUT_PRECOMMIT": "1s",
    "TIMEOUT_PRECOMMIT_DELTA": "500ms",
}
"""CometBFT's own defaults (``config/config.go``), and Tendermint's of a block time's unit."""


def of_scripts(network: Network, chain: Chain, step: str, scripts: Collection[str], site: Site) -> dict[str, str]:
    """What tells a step of the ``scripts`` of the network file that are for it, and of what they read.

    Scripts that were written for Starship read every timeout, whether the file states it or not.
    """
    place = site.directory("scripts", "", chain.id)
    mine = {SCRIPT: step, **({UPDATE_SCRIPT: UPDATE} if step == "init-genesis" else {})}
    found = {variable: f"{place}/{name}" for variable, name in mine.items() if name in scripts}
    stated = {name.upper(): str(value) for name, value in network.timeouts.model_dump(exclude_none=True).items()}
    return {**_TIMEOUTS, **stated, **found} if found else {}


def _file(site: Site, chain: Chain, name: str) -> str:
    """Path of a file that is made from the network file, the same in all pods of its chain."""
    return f"{site.directory('patch', '', chain.id)}/{name}"


def _home(site: Site, chain: Chain, pod: str) -> str:
    return site.directory("node", pod, chain.id)


def daemon(facts: ChainFacts) -> str:
    """The name of the chain's binary, without a directory."""
    return facts.binary.rpartition("/")[2]


def of_leader(network: Network, chain: Chain, pods: Sequence[str], site: Site) -> dict[str, str]:
    """The variables of the genesis pod alone, which is the first of ``pods``; they name each of the others."""
    genesis, faucet = chain.genesis, faucet_of(network, chain)
    return _given(
        NUM_VALIDATORS=str(chain.num_validators),  # not the others: one more of them changes nothing for those there
        GENESIS_TIME=site.genesis_time(resolve(chain)),
        GENESIS_FROM=genesis.source
        if genesis.source is None or "://" in genesis.source
        else site.given(genesis.source),
        GENESIS_FROM_SHA256=genesis.sha256,
        GENESIS_PRESETS=",".join(genesis.presets),
        GENESIS_PATCH=_file(site, chain, GENESIS_PATCH) if genesis.patch else "",
        GENESIS_BALANCES=_file(site, chain, GENESIS_BALANCES) if chain.balances else "",
        FAUCET_DIR=site.directory("faucet", pods[0], chain.id) if faucet else "",
        FAUCET_CREDIT=faucet.amount if faucet else "",
        PEER_EXPOSERS=",".join(f"{site.host(pod, 'exposer')}:{site.ports(pod).exposer}" for pod in pods[1:])
        if site.exposers(pods)
        else "",
    )


def of_follower(network: Network, chain: Chain, pods: Sequence[str], site: Site) -> dict[str, str]:
    """Where a validator pod finds the genesis pod, which is the first of ``pods``, the other pods, and the faucet."""
    leader = pods[0]
    ports, exposer, p2p = site.ports(leader), site.host(leader, "exposer"), site.host(leader, "p2p")
    faucet = f"http://{site.host(leader, 'faucet')}:{ports.faucet}"
    return {
        "GENESIS_HOST": exposer,
        "GENESIS_PORT": str(ports.exposer),
        "GENESIS_P2P_PORT": str(ports.p2p),
        **_given(
            GENESIS_P2P_HOST=p2p if p2p != exposer else "",
            FAUCET_URL=faucet if faucet_of(network, chain) else "",
            PEER_EXPOSERS=",".join(site.exposers(pods)),
        ),
    }


def _given(**values: str | None) -> dict[str, str]:
    """Those of the variables that have a value."""
    return {name: value for name, value in values.items() if value}


def of_pod(chain: Chain, pod: str, site: Site) -> dict[str, str]:
    """What is a pod's own: its name, its volume, its ports."""
    ports = site.ports(pod)
    return {
        "HOSTNAME": pod,
        "CHAIN_DIR": _home(site, chain, pod),
        "EXTERNAL_ADDRESS": f"{site.host(pod, 'node')}:{ports.p2p}",
        "P2P_PORT": str(ports.p2p),
        "RPC_PORT": str(ports.rpc),
        "REST_PORT": str(ports.rest),
        "GRPC_PORT": str(ports.grpc),
        "GRPC_WEB_PORT": str(ports.grpc_web),
        "JSON_RPC_PORT": str(ports.json_rpc),
        "WS_PORT": str(ports.ws),
        "JSON_RPC_METRICS_PORT": str(ports.json_rpc_metrics),
        "METRICS_PORT": str(ports.metrics),
        "NODE_URL": _rpc(pod, site),
    }


def _rpc(pod: str, site: Site) -> str:
    return f"http://{site.beside(pod, 'node')}:{site.ports(pod).rpc}"


def of_faucet(network: Network, faucet: Faucet, chain: Chain, pod: str, site: Site) -> dict[str, str]:
    """What the faucet of a genesis pod is told."""
    cooldown = faucet.cooldown or ("0s" if network.throwaway else None)
    facts, ports = resolve(chain), site.ports(pod)
    return {
        "FAUCET_DIR": site.directory("faucet", pod, chain.id),
        "FAUCET_HOST": site.bind_host,
        "FAUCET_PORT": str(ports.faucet),
        "FAUCET_DRAIN": "15s",  # below the 20 s after which `exposer up` kills
        "NODE_URL": _rpc(pod, site),
        **_given(GAS_PRICES=facts.gas_prices, FAUCET_AMOUNT=faucet.amount, FAUCET_COOLDOWN=cooldown),
    }


def of_exposer(chain: Chain, pod: str, steps: Sequence[str], site: Site) -> dict[str, str]:
    """What the pod's sidecar is told."""
    ports = site.ports(pod)
    return {
        "HOSTNAME": pod,
        "EXPOSER_HOME": _home(site, chain, pod),
        "EXPOSER_HOST": site.bind_host,
        "PYTHONMALLOC": "malloc",  # so that what a crowd needed is given back (exposer.server.memory)
        "EXPOSER_HTTP_PORT": str(ports.exposer),
        "EXPOSER_STATUS_URL": _rpc(pod, site),
        "EXPOSER_STEPS": ",".join(steps),
        "EXPOSER_DRAIN": EXPOSER_DRAIN,
    }
