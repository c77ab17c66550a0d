"""Network files with one mistake each, and what is said of it."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from network_world import MINIMAL


class Mistake(NamedTuple):
    """A network file, the line that tells what is wrong with it, and the files beside it.

    ``told`` begins with the file where it is not ``network.yaml``, and then with the line in it.
    """

    text: str
    told: str
    files: Mapping[str, str] = MappingProxyType({})


CHAIN = MINIMAL + "    "
CUSTOM = "chains:\n  - {id: a, name: custom, numValidators: 1, binary: b, prefix: p, denom: uaa, coins: 20000000uaa}\n"
FUNDED = "address: cosmos1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqnrql8a"
CONFIG = "the plan's own, for steps and other pods go by it; use"
KEYS = json.dumps(
    {
        role: [{"name": role, "mnemonic": f"{'abandon ' * 11}about"}]
        for role in ("genesis", "validators", "faucet", "keys")
    }
)
MISTAKES: dict[str, Mistake] = {
    "no chains": Mistake("name: x\n", "1: chains: is required; add it"),
    "chains empty": Mistake("chains: []\n", "1: chains: must have at least one entry"),
    "chains not a list": Mistake("chains: {}\n", "1: chains: must be a list; begin each entry with '- '"),
    "not a mapping": Mistake("- a\n", "1: must be a mapping that begins with name and chains"),
    "not YAML": Mistake(
        "chains: [1\nname: x\n",
        "2: not YAML: expected ',' or ']', but got ':'; correct it there",
    ),
    "two documents": Mistake(
        MINIMAL + "---\na: 1\n",
        "6: not YAML: but found another document; correct it there",
    ),
    "key twice": Mistake(
        CHAIN + "name: osmosis\n",
        "6: chains[0].name: is there twice; keep one (the first is on line 4)",
    ),
    "unknown key": Mistake(
        CHAIN + "balnces: []\n",
        "6: chains[0].balnces: is not a known name; did you mean balances?",
    ),
    "wrong case": Mistake(
        CHAIN + "numvalidators: 3\n",
        "6: chains[0].numvalidators: is not a known name; did you mean numValidators?",
    ),
    "unknown nested key": Mistake(
        CHAIN + "ports: {rpx: 1}\n",
        "6: chains[0].ports.rpx: is not a known name; did you mean rpc?",
    ),
    "unknown top key": Mistake(
        "timeout: {}\n" + MINIMAL,
        "1: timeout: is not a known name; did you mean timeouts?",
    ),
    "no id": Mistake(
        "chains:\n  - name: osmosis\n    numValidators: 1\n",
        "2: chains[0].id: is required; add it",
    ),
    "bad id": Mistake(
        MINIMAL.replace("cosmoshub-4", "a b"),
        "3: chains[0].id: must be 1 to 50 letters, digits, dots, dashes or underscores",
    ),
    "unknown chain": Mistake(
        MINIMAL.replace("name: cosmoshub", "name: cosmohub"),
        "4: chains[0].name: 'cosmohub' is not a known chain; did you mean cosmoshub?",
    ),
    "no validators": Mistake(MINIMAL.replace(": 3", ": 0"), "5: chains[0].numValidators: must be at least 1"),
    "too many validators": Mistake(
        MINIMAL.replace(": 3", ": 101"),
        "5: chains[0].numValidators: must be at most 100",
    ),
    "validators quoted": Mistake(
        MINIMAL.replace(": 3", ": '3'"),
        "5: chains[0].numValidators: must be a whole number, without quotes",
    ),
    "validators absent": Mistake(
        MINIMAL.replace(": 3", ":"),
        "5: chains[0].numValidators: must be a whole number, without quotes",
    ),
    "bad coins": Mistake(CHAIN + "coins: lots\n", "6: chains[0].coins: must be coins like 100stake,5uatom"),
    "denom not in coins": Mistake(
        CHAIN + "coins: 5stake\n",
        "6: chains[0].coins: has no uatom, the denomination to bond; add for example 100000000000uatom to coins",
    ),
    "bad denom": Mistake(
        CHAIN + "denom: a\n",
        "6: chains[0].denom: must be a denomination of 3 to 128 characters, like uatom",
    ),
    "port out of range": Mistake(
        CHAIN + "ports:\n      rpc: 70000\n",
        "7: chains[0].ports.rpc: must be at most 65535",
    ),
    "port twice": Mistake(
        CHAIN + "ports: {rpc: 7000, rest: 7000}\n",
        "6: chains[0].ports.rest: is the port of chains[0].ports.rpc too; give each its own",
    ),
    "one port by two names": Mistake(
        CHAIN + "ports: {json-rpc: 8545, evm-rpc: 8546}\n",
        "6: chains[0].ports: has evm-rpc, which is json-rpc, more than once; keep one",
    ),
    "bad duration": Mistake(
        "timeouts: {timeout_commit: fast}\n" + MINIMAL,
        "1: timeouts.timeout_commit: must be a duration; write for example 500ms, 1s or 1m30s",
    ),
    "bad switch": Mistake(
        CHAIN + "faucet: {enabled: maybe}\n",
        "6: chains[0].faucet.enabled: must be true or false, without quotes",
    ),
    "bad choice": Mistake(
        CHAIN + "faucet: {type: other}\n",
        "6: chains[0].faucet.type: must be one of 'cosmjs' or 'starship'",
    ),
    "bad path": Mistake(CHAIN + "hdPath: 44/118\n", "6: chains[0].hdPath: must be a path like m/44'/118'/0'/0/0"),
    "path of another coin": Mistake(
        CHAIN + "hdPath: m/44'/60'/0'/0/0\n    coinType: 118\n",
        "6: chains[0].hdPath: is not a path of coinType 118; leave one of the two out",
    ),
    "bad variable": Mistake(
        CHAIN + "env: [{name: a-b, value: c}]\n",
        "6: chains[0].env[0].name: must be letters, digits and underscores",
    ),
    "our variable": Mistake(
        CHAIN + "env: [{name: CHAIN_DIR, value: c}]\n",
        "6: chains[0].env[0].name: CHAIN_DIR is set by exposer itself; use the network file's own field for it",
    ),
    "our variable in another case": Mistake(
        CHAIN + "env: [{name: chain_dir, value: c}]\n",
        "6: chains[0].env[0].name: chain_dir is set by exposer itself; use the network file's own field for it",
    ),
    "a switch of ours": Mistake(
        CHAIN + "env: [{name: Exposer_Force, value: true}]\n",
        "6: chains[0].env[0].name: Exposer_Force is set by exposer itself; use the network file's own field for it",
    ),
    "bad address": Mistake(
        CHAIN + "balances: [{address: me, amount: 5uatom}]\n",
        "6: chains[0].balances[0].address: must be an address like cosmos1...",
    ),
    "unknown file": Mistake(
        CHAIN + "config: {apps.toml: {}}\n",
        "6: chains[0].config.apps.toml: is not a known name; did you mean app.toml?",
    ),
    "genesis a list": Mistake(
        CHAIN + "genesis: []\n",
        "6: chains[0].genesis: must be a mapping of names to values",
    ),
    "no number of JSON": Mistake(
        CHAIN + "genesis: {a: .nan}\n",
        "6: chains[0].genesis.a: is not a number that JSON has; put it in quotes",
    ),
    "a typing error beside the genesis": Mistake(
        CHAIN + "genesis: {preset: [fast-governance]}\n",
        "6: chains[0].genesis.preset: is no part of a genesis; did you mean presets?",
    ),
    "no such preset": Mistake(
        CHAIN + "genesis: {presets: [fast]}\n",
        "6: chains[0].genesis.presets[0]: must be one of 'fast-governance' or 'short-unbonding'",
    ),
    "a digest of nothing": Mistake(
        CHAIN + f"genesis: {{sha256: {'ab' * 32}}}\n",
        "6: chains[0].genesis.sha256: is of the genesis to start from; add from, or remove it",
    ),
    "no digest": Mistake(
        CHAIN + "genesis: {sha256: ab}\n",
        "6: chains[0].genesis.sha256: must be the 64 hex digits that sha256sum prints",
    ),
    "no genesis to start from": Mistake(
        CHAIN + "genesis: {from: here.json}\n",
        "6: chains[0].genesis.from: here.json is no file",
    ),
    "a pod that is not there": Mistake(
        CHAIN + "config: {pods: {validator-2: {app.toml: {pruning: nothing}}}}\n",
        "6: chains[0].config.pods.validator-2: is no pod of this chain; there are genesis-0, validator-0, validator-1",
    ),
    "an unknown file of a pod": Mistake(
        CHAIN + "config: {pods: {genesis-0: {apps.toml: {}}}}\n",
        "6: chains[0].config.pods.genesis-0.apps.toml: is not a known name; did you mean app.toml?",
    ),
    "keys that nobody can know": Mistake(
        CHAIN + "validators: genesis\n    identities: random\n",
        "7: chains[0].identities: is random, and validators: genesis must know every pod's keys before it starts",
    ),
    "joining without accounts": Mistake(
        MINIMAL.replace("cosmoshub\n", "cometbft\n") + "    validators: join\n",
        "6: chains[0].validators: is always genesis with cometbft, whose genesis names every validator; remove it",
    ),
    "a faucet without accounts": Mistake(
        MINIMAL.replace("cosmoshub\n", "cometbft\n") + "    faucet: {enabled: true}\n",
        "6: chains[0].faucet.enabled: means nothing to cometbft, which has no SDK application; remove it",
    ),
    "bad prices": Mistake(
        CHAIN + "gasPrices: cheap\n", "6: chains[0].gasPrices: must be gas prices like 0.025uatom,1stake"
    ),
    "bad origin": Mistake(
        CHAIN + "corsAllowedOrigins: ['a,b']\n",
        "6: chains[0].corsAllowedOrigins[0]: must be an origin like https://example.org, or '*'",
    ),
    "vesting without an end": Mistake(
        CHAIN + f"balances: [{{{FUNDED}, amount: 5uatom, vesting: {{type: delayed}}}}]\n",
        "6: chains[0].balances[0].vesting.end: is required with type: delayed; add it",
    ),
    "no time": Mistake(
        CHAIN + f"balances: [{{{FUNDED}, amount: 5uatom, vesting: {{type: delayed, end: soon}}}}]\n",
        "6: chains[0].balances[0].vesting.end: must be a time in UTC like 2026-01-31T00:00:00Z",
    ),
    "no day": Mistake(
        CHAIN + f"balances: [{{{FUNDED}, amount: 5uatom, vesting: {{type: delayed, end: 2027-13-45T99:00:00Z}}}}]\n",
        "6: chains[0].balances[0]: vesting.end: '2027-13-45T99:00:00Z' is not a time; write 2030-01-31T00:00:00Z",
    ),
    "more vesting than funds": Mistake(
        CHAIN + f"balances: [{{{FUNDED}, amount: 5uatom, vesting: {{type: permanent-locked, amount: 9uatom}}}}]\n",
        "6: chains[0].balances[0]: vesting.amount: 9uatom vest, and the account has 5uatom",
    ),
    "a field of other vesting": Mistake(
        CHAIN
        + f"balances: [{{{FUNDED}, amount: 5uatom, vesting: {{type: permanent-locked, end: 2030-01-01T00:00:00Z}}}}]\n",
        "6: chains[0].balances[0]: vesting.end is nothing that permanent-locked vesting has",
    ),
    "an address that was cut": Mistake(
        CHAIN + "balances: [{address: cosmos1qqqq, amount: 5uatom}]\n",
        "6: chains[0].balances[0]: address: 'cosmos1qqqq' is no bech32 address of 20 or 32 bytes; copy it again, whole",
    ),
    "another chain's address": Mistake(
        CHAIN + "balances: [{address: juno1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq93ryqp, amount: 5uatom}]\n",
        "6: chains[0].balances[0]: address: 'juno1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq93ryqp' is no address of this chain",
    ),
    "too few coins": Mistake(
        CHAIN + "coins: 19999999uatom\n",
        "6: chains[0].coins: lets a validator bond 999999uatom, less than 1000000uatom, one unit of voting power",
    ),
    "too few coins of an EVM chain": Mistake(
        CHAIN.replace("cosmoshub\n", "evmos\n") + "coins: 10000000000000000000aevmos\n",
        "6: chains[0].coins: lets a validator bond 500000000000000000aevmos, less than 1000000000000000000aevmos, one",
    ),
    "too little for who joins": Mistake(
        CHAIN + "faucet: {enabled: true, amount: 1000000uatom}\n",
        "6: chains[0].faucet.amount: lets a validator bond 50000uatom, less than 1000000uatom, one unit of voting "
        "power; give at least 20000000uatom",
    ),
    "too little of a faucet's default for who joins": Mistake(
        CHAIN + "coins: 1000000000uatom\n    faucet: {enabled: true}\n",
        "6: chains[0].coins: lets a validator bond 50000uatom, less than 1000000uatom, one unit of voting power; "
        "give at least 20000000000uatom",
    ),
    "a stake without power": Mistake(
        CHAIN + "env: [{name: VALIDATOR_STAKE, value: 5uatom}]\n",
        "6: chains[0].env[0].value: lets a validator bond 5uatom, less than 1000000uatom, one unit of voting power",
    ),
    "a commission below the chain's and not above its most": Mistake(
        CHAIN + "genesis: {app_state.staking.params.min_commission_rate: '0.15'}\n",
        "6: chains[0].genesis.app_state.staking.params.min_commission_rate: is more than validators have: the "
        "commission's rate, 0.1, is below the chain's min_commission_rate, 0.15; set commission.rate to 0.15 or more",
    ),
    "a stake of two coins": Mistake(
        CHAIN + "env: [{name: VALIDATOR_STAKE, value: '1000000uatom,1foo'}]\n",
        "6: chains[0].env[0].value: is 2 coins, and a validator bonds one; keep uatom",
    ),
    "a stake that nobody has": Mistake(
        CHAIN + "coins: 20000000uatom\n    env: [{name: VALIDATOR_STAKE, value: 20000001uatom}]\n",
        "7: chains[0].env[0].value: is 20000001uatom, and an account that bonds it has 20000000uatom; lower it",
    ),
    "a commission above its most": Mistake(
        CHAIN + "commission: {rate: 0.3}\n",
        "6: chains[0].commission: is refused by every chain: the commission's rate, 0.3, is not from 0 to its max "
        "rate, 0.2; change one of the two",
    ),
    "a change of commission above its most": Mistake(
        CHAIN + "commission: {rate: 0, maxRate: 0.001}\n",
        "6: chains[0].commission: is refused by every chain: the commission's max change rate, 0.01, is not from 0",
    ),
    "a commission that is none": Mistake(
        CHAIN + "commission: {rate: 1.5}\n", "6: chains[0].commission.rate: must be a decimal from 0 to 1, like 0.05"
    ),
    "a commission below the chain's": Mistake(
        CHAIN + "genesis: {app_state: {staking.params: {min_commission_rate: '0.25'}}}\n",
        "6: chains[0].genesis.app_state.staking.params.min_commission_rate: is more than validators have: the "
        "commission's rate, 0.1, is below the chain's min_commission_rate, 0.25; set commission.rate and "
        "commission.maxRate to 0.25 or more",
    ),
    "more validators than the chain takes": Mistake(
        CHAIN + "genesis: {app_state.staking.params.max_validators: 2}\n",
        "6: chains[0].genesis.app_state.staking.params.max_validators: is 2, and the chain has 3 validators",
    ),
    "coins twice": Mistake(
        CHAIN + "coins: '20uatom,20uatom'\n",
        "6: chains[0].coins: '20uatom' is not a coin, or is there twice",
    ),
    "gas in foreign coins": Mistake(
        CHAIN + "gasPrices: 1uosmo\n",
        "6: chains[0].gasPrices: is in uosmo, of which no account has any; name a denomination of coins",
    ),
    "gas that nobody pays": Mistake(
        CHAIN + "minimumGasPrices: 0.1uatom\n",
        "6: chains[0].minimumGasPrices: asks for gas to be paid, and validators that join and the faucet pay nothing;",
    ),
    "a faucet of foreign coins": Mistake(
        CHAIN + "faucet: {enabled: true, amount: '5uosmo,1uatom'}\n",
        "6: chains[0].faucet.amount: is 5uosmo, and the faucet of cosmoshub-4 has 0uosmo (coins)",
    ),
    "a faucet that helps nobody to join": Mistake(
        CHAIN + "coins: '20000000uatom,20uosmo'\n    faucet: {enabled: true, amount: 5uosmo}\n",
        "7: chains[0].faucet.amount: has no uatom, which the validators of cosmoshub-4 that join ask for; add it",
    ),
    "the faucet's port is the node's": Mistake(
        CHAIN + "ports: {rpc: 26657}\n    faucet: {enabled: true, ports: {rest: 26657}}\n",
        "6: chains[0].ports.rpc: is the port of chains[0].faucet.ports.rest too; give each its own",
    ),
    "two ports for one faucet": Mistake(
        CHAIN + "ports: {faucet: 8001}\n    faucet: {enabled: true, ports: {rest: 8002}}\n",
        "7: chains[0].faucet.ports.rest: is not the port in ports.faucet; keep one of the two",
    ),
    "one port for two faucets": Mistake(
        "faucet: {enabled: true, ports: {rest: 8001}}\n" + MINIMAL + "  - {id: b, name: osmosis, numValidators: 1}\n",
        "1: faucet.ports.rest: is the port of faucet.ports.rest too; give each its own (ports.faucet of each chain)",
    ),
    "the plan's address": Mistake(
        CHAIN + "config: {config.toml: {rpc: {laddr: 'tcp://127.0.0.1:5000'}}}\n",
        f"6: chains[0].config.config.toml.rpc.laddr: is {CONFIG} ports.rpc",
    ),
    "the plan's address by a path": Mistake(
        CHAIN + "config: {pods: {genesis-0: {app.toml: {api.+address: x}}}}\n",
        f"6: chains[0].config.pods.genesis-0.app.toml.api.+address: is {CONFIG} ports.rest",
    ),
    "another genesis": Mistake(
        CHAIN + "config: {config.toml: {genesis_file: x}}\n",
        f"6: chains[0].config.config.toml.genesis_file: is {CONFIG} what exposer's steps write there; remove it",
    ),
    "a null of TOML": Mistake(
        CHAIN + "config: {config.toml: {p2p: ~}}\n",
        "6: chains[0].config.config.toml.p2p: has no value, and TOML has no null; give it one, or leave it out",
    ),
    "a table without a key": Mistake(
        CHAIN + "config: {app.toml: {+oracle: {}}}\n",
        "6: chains[0].config.app.toml.+oracle: is a table without a key, which changes nothing",
    ),
    "a key without a name": Mistake(
        CHAIN + "config: {app.toml: {api: {+: 1}}}\n",
        "6: chains[0].config.app.toml.api.+: is a key without a name",
    ),
    "a list of mappings": Mistake(
        CHAIN + "config: {app.toml: {api: {+x: [{a: 1}]}}}\n",
        "6: chains[0].config.app.toml.api.+x: is a list of more than values",
    ),
    "a pod's application without one": Mistake(
        MINIMAL.replace("cosmoshub\n", "cometbft\n") + "    config: {pods: {genesis-0: {app.toml: {pruning: a}}}}\n",
        "6: chains[0].config.pods.genesis-0.app.toml: means nothing to cometbft, which has no SDK application",
    ),
    "a genesis from nowhere": Mistake(
        CHAIN + "genesis: {from: 'ftp://x/y'}\n",
        "6: chains[0].genesis.from: is a URL of ftp, which is not asked; write one of http or https, or a path",
    ),
    "a path beyond BIP-32": Mistake(
        CHAIN + "hdPath: m/44'/99999999999999'/0'/0/0\n",
        "6: chains[0].hdPath: must be a path like m/44'/118'/0'/0/0, each number below 2147483648",
    ),
    "a variable twice": Mistake(
        CHAIN + "env: [{name: A, value: b}, {name: A, value: c}]\n",
        "6: chains[0].env[1].name: A is there twice; keep one",
    ),
    "a variable that a step needs": Mistake(
        CHAIN + "env: [{name: PYTHONPATH, value: /x}]\n",
        "6: chains[0].env[0].name: PYTHONPATH is set by exposer itself; use the network file's own field for it",
    ),
    "an upgrade without a version": Mistake(
        CHAIN + "upgrade: {enabled: true, genesis: v1, upgrades: [{name: v2, version: ''}]}\n",
        "6: chains[0].upgrade.upgrades[0].version: is required; add the version to build",
    ),
    "an upgrade twice": Mistake(
        CHAIN + "upgrade: {enabled: true, genesis: v1, upgrades: [{name: v2, version: a}, {name: V2, version: b}]}\n",
        "6: chains[0].upgrade.upgrades[1].name: is there twice: cosmovisor looks for both plans in upgrades/v2",
    ),
    **{
        f"cosmovisor with {name}={value}": Mistake(
            CHAIN + f"env: [{{name: {name}, value: '{value}'}}]\n    upgrade: {{enabled: true, genesis: v1}}\n",
            f"6: chains[0].env[0].{told}",
        )
        for name, value, told in (
            (
                "COSMOVISOR_DISABLE_RECASE",
                "yes",
                "value: must be true or false: cosmovisor takes nothing else for COSMOV",
            ),
            (
                "UNSAFE_SKIP_BACKUP",
                "1",
                "value: must be true or false: cosmovisor takes nothing else for UNSAFE_SKIP_BA",
            ),
            ("cosmovisor_disable_recase", "true", "name: is not a variable of cosmovisor, which knows COSMOVISOR_DIS"),
            ("DAEMON_POLL_INTERVAL", "0s", "value: must be a duration above zero with its unit, like 300ms"),
            ("DAEMON_PREUPGRADE_MAX_RETRIES", "many", "value: must be a whole number from 0"),
            ("DAEMON_DATA_BACKUP_DIR", "backup", "value: must be an absolute path"),
            (
                "COSMOVISOR_CUSTOM_PREUPGRADE",
                "a.sh",
                "value: names a file in the node's cosmovisor directory, where no",
            ),
            ("DAEMON_HOME", "/x", "name: DAEMON_HOME is set by exposer itself; use the network file's own field"),
            ("DAEMON_NAME", "x", "name: DAEMON_NAME is set by exposer itself; use the network file's own field"),
        )
    },
    **{
        f"a {key} that CometBFT refuses, for {whom}": Mistake(
            CHAIN + f"config: {before}{{config.toml: {{{key}: '{value}'}}}}{after}\n",
            f"6: chains[0].config.{at}config.toml.{key}: is refused when the node starts: {told}",
        )
        for key, value, told in (
            ("moniker", "Zoë", "CometBFT takes printable ASCII characters, not all of them blanks; write such a name"),
            ("p2p.seeds", f"{'0' * 40}@::1:26656", "write host:port, an IPv6 address as [IPv6]:port"),
            ("p2p.persistent_peers", "a:1", "write nodes as id@host:port, with commas between them and 40 hex digits"),
        )
        for whom, before, after, at in (
            ("all pods", "", "", ""),
            ("one pod", "{pods: {genesis-0: ", "}}", "pods.genesis-0."),
        )
    },
    "two ways to build": Mistake(
        CHAIN + "build: {enabled: true, source: a}\n    upgrade: {enabled: true, genesis: a}\n",
        "6: chains[0].build.enabled: is true, and upgrade is enabled too, which builds its genesis version; keep one",
    ),
    "a version of no repository": Mistake(
        CUSTOM.replace("coins: 20000000uaa", "coins: 20000000uaa, build: {enabled: true, source: v1}"),
        "2: chains[0].build.source: is a version of repo, which is not there; add repo, or write a Go module's path@",
    ),
    "two versions in one": Mistake(
        CHAIN + "build: {enabled: true, source: 'v1,v2'}\n",
        "6: chains[0].build.source: must be a tag, a branch, a commit, or a Go module's path@version",
    ),
    "build without source": Mistake(
        CHAIN + "build: {enabled: true}\n",
        "6: chains[0].build.source: is required when it is enabled; add the version to build",
    ),
    "custom without binary": Mistake(
        CUSTOM.replace("binary: b, ", ""),
        "2: chains[0].binary: is required with name: custom; add it",
    ),
    "accounts without accounts": Mistake(
        MINIMAL.replace("cosmoshub\n", "cometbft\n") + "    coins: 5stake\n",
        "6: chains[0].coins: means nothing to cometbft, which has no accounts; remove it",
    ),
    "an application without one": Mistake(
        MINIMAL.replace("cosmoshub\n", "cometbft\n") + "    config: {app.toml: {pruning: nothing}}\n",
        "6: chains[0].config.app.toml: means nothing to cometbft, which has no SDK application; remove it",
    ),
    "a port without a server": Mistake(
        MINIMAL.replace("cosmoshub\n", "cometbft\n") + "    ports: {rest: 1317}\n",
        "6: chains[0].ports.rest: means nothing to cometbft, which has no SDK application; remove it",
    ),
    "same pods": Mistake(
        MINIMAL + "  - {id: Cosmoshub.4, name: osmosis, numValidators: 1}\n",
        "6: chains[1].id: gives pods the same names as chains[0].id does; give each chain its own id",
    ),
    "keys missing": Mistake(
        "keys: keys.json\n" + MINIMAL,
        "1: keys: keys.json: No such file or directory; mount the keys file there, or make it (exposer keys new)",
    ),
    "alias in itself": Mistake("a: &x {b: *x}\n", "1: an alias that contains itself; write it out"),
    "a control character": Mistake("a:\n- \x07\n", "2: not YAML: has the character"),
    "a character of no text": Mistake(
        CHAIN + 'image: "a\\0b"\n', "6: chains[0].image: has a character that no text has; write it without"
    ),
    "a name of no text": Mistake(MINIMAL + "? [a, b]\n: c\n", "6: has a name that is no text; write the name out"),
    "a merge of nothing": Mistake(
        CHAIN + "<<: 3\n", "6: chains[0]: has a << that is no mapping; name one by its alias"
    ),
    "no end of a number": Mistake(
        CHAIN + "genesis: {a: 1e999}\n",
        "6: chains[0].genesis.a: is not a number that JSON has; put it in quotes",
    ),
    "more levels than a file has": Mistake(
        f"a:\n- {'[' * 101}{']' * 101}\n", "2: is nested more than 100 levels deep; make it flatter"
    ),
    "aliases of aliases": Mistake(
        "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else 'x'] * 10)}]\n" for n in range(9)),
        "1: aliases that repeat too much; write the file with fewer of them",
    ),
    "a name that no label holds": Mistake(
        MINIMAL.replace("devnet", "devnet-"),
        "1: name: must be 1 to 63 letters, digits, dots, dashes or underscores, a letter or digit at both ends",
    ),
    "a variable that is not set": Mistake(
        MINIMAL.replace(": 3", ": ${UNSET_HERE}"),
        "5: chains[0].numValidators: needs the variable UNSET_HERE, which is not set; set UNSET_HERE in the environment"
        " or in .env beside the file, or write ${UNSET_HERE:-default}",
    ),
    "a variable that is needed": Mistake(
        MINIMAL.replace(": 3", ": ${UNSET_HERE:?say how many}"),
        "5: chains[0].numValidators: needs the variable UNSET_HERE: say how many; set UNSET_HERE in the environment",
    ),
    "a variable without an end": Mistake(
        CHAIN + "image: ${A\n", "6: chains[0].image: has a ${ without its }; write ${NAME} or ${NAME:-default}, and $$"
    ),
    "a variable within braces": Mistake(
        CHAIN + "ports: {rpc: ${RPC}}\n",
        "6: not YAML: expected ',' or '}', but got '{'; within {} write ${NAME} as $NAME or in quotes",
    ),
    "a variable of the shell": Mistake(
        CHAIN + "image: ${A/b/c}\n", "6: chains[0].image: has ${A/b/c}, which names no variable; write ${NAME} or"
    ),
    "a variable of another type": Mistake(
        MINIMAL.replace(": 3", ": ${N}"), "5: chains[0].numValidators: must be a whole number", {".env": "N=many\n"}
    ),
    "a variable's secret": Mistake(
        CHAIN + "balances: [{address: '${WHOSE}', amount: 5uatom}]\n",
        "6: chains[0].balances[0]: address: '${WHOSE}' is no bech32 address of 20 or 32 bytes; copy it again, whole",
        {".env": "WHOSE=cosmos1secretsecret\n"},
    ),
    "no file of variables": Mistake(
        CHAIN + "image: $UNSET_HERE\n", ".env:2: is no variable; write NAME=VALUE", {".env": "A=1\nB C\n"}
    ),
    "a file that is not there": Mistake(
        "include: [b.yaml]\n" + MINIMAL, "1: include[0].path: b.yaml is no file; write a path from ./"
    ),
    "files in a ring": Mistake(
        "include: [b.yaml]\n" + MINIMAL,
        "b.yaml:1: include[0].path: makes the file include itself (network.yaml -> b.yaml -> network.yaml); remove one",
        {"b.yaml": "include: [network.yaml]\n"},
    ),
    "no list of files": Mistake(
        "include: {b: c}\n" + MINIMAL, "1: include: must be a list; begin each entry with '- '"
    ),
    "a file without a path": Mistake(
        "include: [{env_file: b.env}]\n" + MINIMAL, "1: include[0].path: is required; add it"
    ),
    "no file of an included file's variables": Mistake(
        "include: [{path: b.yaml, env_file: b.env}]\n" + MINIMAL,
        "b.env: No such file or directory; name the file of variables that is meant",
        {"b.yaml": "keys: $UNSET_HERE\n"},
    ),
    "a mistake in an included file": Mistake(
        "include: [sub/b.yaml]\n" + MINIMAL,
        "sub/b.yaml:2: chains[0].name: 'osmosi' is not a known chain; did you mean osmosis?",
        {"sub/b.yaml": "chains:\n- {name: osmosi, id: b, numValidators: 1}\n"},
    ),
    "an included file of another kind": Mistake(
        "include: [b.yaml]\n" + MINIMAL, "b.yaml:1: must be a mapping that begins with name", {"b.yaml": "- a\n"}
    ),
    "a section in two files": Mistake(
        "include: [b.yaml]\ntimeouts: {timeout_commit: 1s}\n" + MINIMAL,
        "2: timeouts: is in b.yaml:1 too; keep one of the two",
        {"b.yaml": "timeouts: {timeout_commit: 2s}\n"},
    ),
    "one port in two files": Mistake(
        "include: [b.yaml]\n" + CHAIN + "ports: {rpc: 7000}\n",
        "7: chains[0].ports.rpc: is the port of chains[0].ports.rest (b.yaml:2) too; give each its own",
        {"b.yaml": "chains:\n- {name: osmosis, id: b, numValidators: 1, ports: {rest: 7000}}\n"},
    ),
    "keys of one's own to throw away": Mistake(
        "throwaway: true\nkeys: keys.json\n" + MINIMAL,
        "1: throwaway: is true, and keys names keys of your own; keep one",
        {"keys.json": KEYS},
    ),
    "a switch of YAML 1.1": Mistake(
        "throwaway: yes\n" + MINIMAL, "1: throwaway: must be true or false, without quotes"
    ),
    "a way that there is not": Mistake(
        "images: {binary: linked}\n" + MINIMAL, "1: images.binary: must be one of 'same', 'copied' or 'volume'"
    ),
    "a mounted binary by its name": Mistake(
        "images: {binary: volume}\n" + CHAIN + "binary: gaiad\n",
        "7: chains[0].binary: is a name, and images.binary: volume needs its absolute path in the image; write /usr",
    ),
    "a binary of no image": Mistake(
        "images: {binary: copied}\n" + CUSTOM,
        "3: chains[0].image: is required with images.binary: copied; name the image that has the chain's binary",
    ),
    "a namespace that is no label": Mistake(
        "kubernetes: {namespace: My_Net}\n" + MINIMAL,
        "1: kubernetes.namespace: must be 1 to 63 lower-case letters, digits or dashes, with no dash at its ends",
    ),
    "storage of no size": Mistake(
        "kubernetes: {storage: {className: fast}}\n" + MINIMAL, "1: kubernetes.storage.size: is required; add it"
    ),
    "storage of another size": Mistake(
        "kubernetes: {storage: {size: 10 GB}}\n" + MINIMAL,
        "1: kubernetes.storage.size: must be a quantity like 500m, 0.5, 400M or 10Gi",
    ),
    "a class that is no name": Mistake(
        "kubernetes: {storage: {size: 1Gi, className: Fast}}\n" + MINIMAL,
        "1: kubernetes.storage.className: must be lower-case letters, digits, dashes and dots",
    ),
    "a sidecar of another kind": Mistake(
        "kubernetes: {sidecar: none}\n" + MINIMAL, "1: kubernetes.sidecar: must be one of 'native' or 'classic'"
    ),
    "an unknown name of Kubernetes'": Mistake(
        "kubernetes: {networkpolicy: false}\n" + MINIMAL,
        "1: kubernetes.networkpolicy: is not a known name; did you mean networkPolicy?",
    ),
    "a probe of nothing": Mistake(
        CHAIN + "readinessProbe: {periodSeconds: 5}\n",
        "6: chains[0].readinessProbe: must have one of exec, httpGet, tcpSocket and grpc; keep one",
    ),
    "a probe of two kinds": Mistake(
        CHAIN + "readinessProbe: {tcpSocket: {port: rpc}, grpc: {port: 9090}}\n",
        "6: chains[0].readinessProbe: must have one of exec, httpGet, tcpSocket and grpc; keep one",
    ),
    "a probe of another orchestrator": Mistake(
        CHAIN + "readinessProbe: {httpGet: {port: rpc}, interval: 5s}\n",
        "6: chains[0].readinessProbe.interval: is not a known name; known here: exec, httpGet",
    ),
    "a probe of no port": Mistake(
        CHAIN + "readinessProbe: {tcpSocket: {port: 0}}\n",
        "6: chains[0].readinessProbe.tcpSocket.port: must be a port from 1 to 65535, or the name of one",
    ),
    "a quantity that is none": Mistake(
        "resources: {node: {cpu: lots}}\n" + MINIMAL,
        "1: resources.node.cpu: must be a quantity like 500m, 0.5, 400M or 10Gi",
    ),
    "an amount in two ways": Mistake(
        CHAIN + "resources: {cpu: 1, limits: {cpu: 2}}\n",
        "6: chains[0].resources: has cpu beside limits and requests; write it in one of the two ways",
    ),
    "a request above its limit": Mistake(
        "exposer: {resources: {requests: {memory: 1Gi}, limits: {memory: 1G}}}\n" + MINIMAL,
        "1: exposer.resources: requests 1Gi of memory, above the limit of 1G; raise the limit",
    ),
    "an amount of less than a byte": Mistake(
        CHAIN + "resources: {requests: {memory: 400m}}\n",
        "6: chains[0].resources.requests.memory: is in parts of a byte; write 400M for megabytes",
    ),
    "a probe of a port that is none": Mistake(
        CHAIN + "readinessProbe: {tcpSocket: {port: rcp}}\n",
        "6: chains[0].readinessProbe.tcpSocket.port: is no port of the node; it has p2p, rpc, rest, grpc, grpc-web",
    ),
    "an exposer on the port of a node": Mistake(
        "exposer: {ports: {rest: 26657}}\n" + MINIMAL,
        "1: exposer.ports.rest: is the port of a pod's rpc; choose another",
    ),
    "a script of an unknown step": Mistake(
        CHAIN + "scripts: {initGenesis: {data: a}}\n",
        "6: chains[0].scripts.initGenesis: is not a known name; did you mean init-genesis?",
    ),
    "a script of nothing": Mistake(
        CHAIN + "scripts: {init-config: {name: a}}\n",
        "6: chains[0].scripts.init-config: has neither file nor data; write one of them",
    ),
    "a script that is empty": Mistake(
        CHAIN + "scripts: {init-config: {data: ''}}\n",
        "6: chains[0].scripts.init-config: is empty, and would leave the step without its work; write a program",
    ),
    "a script that is not there": Mistake(
        CHAIN + "scripts: {init-config: {file: a.sh}}\n",
        "6: chains[0].scripts.init-config.file: a.sh: No such file or directory; name a file that is there",
    ),
    "two scripts of one step": Mistake(
        CHAIN + "scripts: {init-config: {data: a}, updateConfig: {data: b}}\n",
        "6: chains[0].scripts.updateConfig: is a script of init-config, and so is init-config; keep one",
    ),
    "a script that nothing runs": Mistake(
        CHAIN + "scripts: {init-faucet: {data: a}}\n",
        "6: chains[0].scripts.init-faucet: is a script of init-faucet, which no pod of this chain runs; remove it, or",
    ),
    "a part of another chain": Mistake(
        CHAIN + "ics: {enabled: true, provider: b}\n",
        "6: chains[0].ics: is not supported, and without it this would be another chain; remove it if that is what is",
    ),
}

COMMANDS = {
    "config check": ("config", "check"),
    "config show": ("config", "show"),
    "up": ("up", "--timeout", "1s"),
    "plan": ("plan",),
    "render compose": ("render", "compose", "-o", "out"),
    "render k8s": ("render", "k8s", "-o", "out"),
}
"""Those that read a network file, by what they are called."""


def write(mistake: Mistake) -> dict[str, str]:
    """Put the files of a mistake into this directory; their names and contents."""
    files = {"network.yaml": mistake.text, **mistake.files}
    for name, text in files.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    return files


def there() -> dict[str, str]:
    """Every file of this directory, with what is in it."""
    return {str(path): path.read_text(encoding="utf-8") for path in Path().rglob("*") if path.is_file()}


def expected(mistake: Mistake) -> str:
    """How the one line on stderr begins."""
    return f"exposer: {'network.yaml:' if mistake.told[:1].isdigit() else ''}{mistake.told}"
