"""What tests of the network need: files of Starship's kind, a site without a machine, and stand-in programs."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exposer.network.file.chains import ChainFacts
from exposer.network.file.model import Chain
from exposer.network.local.child import Program, inherited_environment
from exposer.network.site import PodPorts, Server, Volume, Way

MINIMAL = """\
name: devnet
chains:
  - id: cosmoshub-4
    name: cosmoshub
    numValidators: 3
"""

# After the examples in Starship's tests/e2e/configs: two chains with relayers and a registry beside them.
STARSHIP_THREE_CHAINS = """\
name: starship-e2e-tests
version: 1.3.0

chains:
  - id: osmosis-1
    name: osmosis
    numValidators: 1
    faucet:
      enabled: false
    ports:
      rest: 1313
      rpc: 26653
      exposer: 38083
  - id: cosmoshub-4
    name: cosmoshub
    image: ghcr.io/hyperweb-io/starship/gaia:v10.0.1
    numValidators: 1
    ports: {rest: 1317, rpc: 26657, exposer: 38087, faucet: 8007}
    resources:
      limits: {cpu: "0.2", memory: 400M}
      requests: {cpu: 0.1, memory: 200M}
  - id: juno-2
    name: juno
    numValidators: 2
    balances:
      - address: juno1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq93ryqp
        amount: 100000000000ujuno
    env:
      - name: DEBUG
        value: true
    readinessProbe: {httpGet: {path: /status, port: 26657}}

relayers:
  - name: relayer
    type: hermes
    replicas: 1
    chains: [osmosis-1, cosmoshub-4, juno-2]

registry:
  enabled: true
  ports:
    rest: 8081
    grpc: 9091

explorer: {enabled: false}
"""

# After Starship's values.yaml: everything that it lets a chain and the top of the file say.
STARSHIP_EVERYTHING = """\
name: everything
version: 1.8.0
images:
  imagePullPolicy: Always
resources:
  node: {cpu: "0.5", memory: 500M}
  wait: {cpu: "0.1", memory: 100M}
exposer:
  image: ghcr.io/hyperweb-io/starship/exposer:20250205-544757d
  ports: {rest: 8081}
  resources: {cpu: "0.2", memory: 200M}
timeouts:
  time_iota_ms: 10
  timeout_propose: 400ms
  timeout_propose_delta: 400ms
  timeout_prevote: 400ms
  timeout_prevote_delta: 400ms
  timeout_precommit: 400ms
  timeout_precommit_delta: 400ms
  timeout_commit: 800ms
faucet: {enabled: false, type: cosmjs, ports: {rest: 8000}}
chains:
  - id: 1234
    name: custom
    numValidators: 4
    image: ghcr.io/someone/chaind:v1
    home: /root/.chaind
    binary: chaind
    prefix: chain
    denom: uchain
    prettyName: Chain
    coins: 100000000000000uchain,5stake
    hdPath: m/44'/118'/0'/0/0
    coinType: 118
    repo: https://example.org/chain
    metrics: true
    assets: [{base: uchain}]
    build: {enabled: false, source: v1.0.0}
    upgrade:
      enabled: false
      type: build
      genesis: v1.0.0
      upgrades: [{name: v2, version: v2.0.0}]
    faucet: {enabled: false, type: starship, concurrency: 2, resources: {cpu: "0.1", memory: 200M}}
    ports: {rpc: 26657, rest: 1317, grpc: 9090, grpc-web: 9091, exposer: 8081, faucet: 8000}
    genesis:
      app_state: {gov: {params: {voting_period: 20s, threshold: "0.5"}}}
    config:
      app.toml: {pruning: nothing}
      config.toml: {p2p: {max_num_inbound_peers: 100}}
monitoring: {enabled: false}
ingress: {enabled: false}
"""

EVERYTHING_OF_OURS = """\
name: everything
faucet: {enabled: true, cooldown: 5m}
chains:
  - id: one-1
    name: custom
    numValidators: 3
    binary: bin/chaind
    prefix: chain
    denom: uchain
    coins: 100000000000000uchain
    repo: https://example.org/chain
    identities: derived
    gasPrices: 0.5uchain
    commission: {rate: 0.25, maxRate: "0.5", maxChangeRate: "0.1"}
    minimumGasPrices: 0.25uchain
    corsAllowedOrigins: [https://a.example, https://b.example]
    upgrade: {enabled: true, genesis: v1.0.0, upgrades: [{name: v2, version: v2.0.0}, {name: v3, version: main}]}
    faucet: {amount: 20000000uchain, ports: {rest: 8007}}
    ports: {json-rpc: 8545}
    genesis:
      from: exported.json
      sha256: abababababababababababababababababababababababababababababababab
      presets: [fast-governance, short-unbonding]
      app_state.gov.params.quorum: "0.1"
    balances:
      - address: chain1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqxp55vg
        amount: 9uchain
        vesting: {type: periodic, start: 2026-01-01T00:00:00Z, periods: [{length: 24h, amount: 9uchain}]}
    env: [{name: BUILD_TAGS, value: netgo}, {name: UNSAFE_SKIP_BACKUP, value: false}]
    config: {pods: {validator-1: {app.toml: {pruning: nothing}}}}
  - id: two-1
    name: simapp
    numValidators: 2
    validators: genesis
    faucet: {enabled: false}
    build: {enabled: true, source: github.com/cosmos/ibc-go/v8/testing/simapp/simd@v8.8.0}
"""


class PaperSite:
    """A site that answers every question with something recognisable, and has no machine."""

    bind_host = "0.0.0.0"
    keys = "/configs/keys.json"

    def genesis_time(self, _facts: ChainFacts) -> str:
        """The same for all."""
        return "2026-01-01T00:00:00Z"

    def directory(self, volume: Volume, pod: str, chain_id: str) -> str:
        """A directory of the pod's own, or of the chain's."""
        return f"/{volume}/{pod if volume in {'node', 'faucet'} else chain_id}"

    def given(self, path: str) -> str:
        """A path below one of the network file's."""
        return f"/given/{path}"

    def content(self, _path: str) -> None:
        """Pods see it."""

    def scratch(self, pod: str) -> str:
        """A directory of the pod's own."""
        return f"/scratch/{pod}"

    def exposers(self, pods: Sequence[str]) -> Sequence[str]:
        """Each under its own name."""
        return [f"{pod}:8081" for pod in pods]

    def host(self, pod: str, _server: Server) -> str:
        """The pod's name."""
        return pod

    def beside(self, _pod: str, _server: Server) -> str:
        """The same machine."""
        return "127.0.0.1"

    def ports(self, _pod: str) -> PodPorts:
        """The well-known ones."""
        return PodPorts()

    def way(self, _chain: Chain) -> Way:
        """It is there."""
        return "present"

    def binary(self, facts: ChainFacts, _way: Way) -> str:
        """Its name."""
        return facts.binary

    def image(self, _chain: Chain, container: str) -> str:
        """One for each container."""
        return f"image-of-{container}"


def stand_in(directory: Path, code: str, *, name: str = "step", port: int | None = None, **kinds: Any) -> Program:
    """A program that runs Python ``code``, with its log in ``directory``."""
    log = directory / "pod" / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = inherited_environment(directory)
    return Program("pod", name, (sys.executable, "-S", "-c", code), environment, log, port, **kinds)
