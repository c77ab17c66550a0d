from pathlib import Path

import pytest
from network_world import MINIMAL, STARSHIP_EVERYTHING, STARSHIP_THREE_CHAINS
from networks import write_keys

from exposer.errors import BadInputError
from exposer.network.chains import known_chains, resolve
from exposer.network.document import Document, embedded_document, load_document, model_at
from exposer.network.model import Network


def load(directory: Path, text: str, *, strict: bool = False) -> Document:
    """The document of a network file with ``text``."""
    path = directory / "network.yaml"
    path.write_text(text, encoding="utf-8")
    return load_document(path, strict=strict)


def faults(directory: Path, text: str, *, strict: bool = False) -> list[str]:
    """The faults of a network file, without the directory before the file's name."""
    with pytest.raises(BadInputError) as caught:
        load(directory, text, strict=strict)
    return str(caught.value).replace(f"{directory}/", "").splitlines()


CHAIN = MINIMAL + "    "
CUSTOM = "chains:\n  - {id: a, name: custom, numValidators: 1, binary: b, prefix: p, denom: uaa, coins: 20uaa}\n"
FUNDED = "address: cosmos1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqnrql8a"
CONFIG = "the plan's own, for steps and other pods go by it; use"
FAULTS = {
    "no chains": ("name: x\n", "1: chains: is required; add it"),
    "chains empty": ("chains: []\n", "1: chains: must have at least one entry"),
    "chains not a list": ("chains: {}\n", "1: chains: must be a list; begin each entry with '- '"),
    "not a mapping": ("- a\n", "1: must be a mapping that begins with name and chains"),
    "not YAML": (
        "chains: [1\nname: x\n",
        "2: not YAML: expected ',' or ']', but got ':'; correct it there",
    ),
    "two documents": (
        MINIMAL + "---\na: 1\n",
        "6: not YAML: but found another document; correct it there",
    ),
    "key twice": (
        CHAIN + "name: osmosis\n",
        "6: chains[0].name: is there twice; keep one (the first is on line 4)",
    ),
    "unknown key": (
        CHAIN + "balnces: []\n",
        "6: chains[0].balnces: is not a known name; did you mean balances?",
    ),
    "wrong case": (
        CHAIN + "numvalidators: 3\n",
        "6: chains[0].numvalidators: is not a known name; did you mean numValidators?",
    ),
    "unknown nested key": (
        CHAIN + "ports: {rpx: 1}\n",
        "6: chains[0].ports.rpx: is not a known name; did you mean rpc?",
    ),
    "unknown top key": (
        "timeout: {}\n" + MINIMAL,
        "1: timeout: is not a known name; did you mean timeouts?",
    ),
    "no id": (
        "chains:\n  - name: osmosis\n    numValidators: 1\n",
        "2: chains[0].id: is required; add it",
    ),
    "bad id": (
        MINIMAL.replace("cosmoshub-4", "a b"),
        "3: chains[0].id: must be 1 to 50 letters, digits, dots, dashes or underscores",
    ),
    "unknown chain": (
        MINIMAL.replace("name: cosmoshub", "name: cosmohub"),
        "4: chains[0].name: 'cosmohub' is not a known chain; did you mean cosmoshub?",
    ),
    "no validators": (MINIMAL.replace(": 3", ": 0"), "5: chains[0].numValidators: must be at least 1"),
    "too many validators": (
        MINIMAL.replace(": 3", ": 101"),
        "5: chains[0].numValidators: must be at most 100",
    ),
    "validators quoted": (
        MINIMAL.replace(": 3", ": '3'"),
        "5: chains[0].numValidators: must be a whole number, without quotes",
    ),
    "validators absent": (
        MINIMAL.replace(": 3", ":"),
        "5: chains[0].numValidators: must be a whole number, without quotes",
    ),
    "bad coins": (CHAIN + "coins: lots\n", "6: chains[0].coins: must be coins like 100stake,5uatom"),
    "denom not in coins": (
        CHAIN + "coins: 5stake\n",
        "6: chains[0].coins: has no uatom, the denomination to bond; add for example 1000000uatom to coins",
    ),
    "bad denom": (
        CHAIN + "denom: a\n",
        "6: chains[0].denom: must be a denomination of 3 to 128 characters, like uatom",
    ),
    "port out of range": (
        CHAIN + "ports:\n      rpc: 70000\n",
        "7: chains[0].ports.rpc: must be at most 65535",
    ),
    "port twice": (
        CHAIN + "ports: {rpc: 7000, rest: 7000}\n",
        "6: chains[0].ports.rest: is the port of chains[0].ports.rpc too; give each its own",
    ),
    "bad duration": (
        "timeouts: {timeout_commit: fast}\n" + MINIMAL,
        "1: timeouts.timeout_commit: must be a duration; write for example 500ms, 1s or 1m30s",
    ),
    "bad switch": (
        CHAIN + "faucet: {enabled: maybe}\n",
        "6: chains[0].faucet.enabled: must be true or false, without quotes",
    ),
    "bad choice": (
        CHAIN + "faucet: {type: other}\n",
        "6: chains[0].faucet.type: must be one of 'cosmjs' or 'starship'",
    ),
    "bad path": (CHAIN + "hdPath: 44/118\n", "6: chains[0].hdPath: must be a path like m/44'/118'/0'/0/0"),
    "path of another coin": (
        CHAIN + "hdPath: m/44'/60'/0'/0/0\n    coinType: 118\n",
        "6: chains[0].hdPath: is not a path of coinType 118; leave one of the two out",
    ),
    "bad variable": (
        CHAIN + "env: [{name: a-b, value: c}]\n",
        "6: chains[0].env[0].name: must be letters, digits and underscores",
    ),
    "our variable": (
        CHAIN + "env: [{name: CHAIN_DIR, value: c}]\n",
        "6: chains[0].env[0].name: CHAIN_DIR is set by exposer itself; use the network file's own field for it",
    ),
    "our variable in another case": (
        CHAIN + "env: [{name: chain_dir, value: c}]\n",
        "6: chains[0].env[0].name: chain_dir is set by exposer itself; use the network file's own field for it",
    ),
    "a switch of ours": (
        CHAIN + "env: [{name: Exposer_Force, value: true}]\n",
        "6: chains[0].env[0].name: Exposer_Force is set by exposer itself; use the network file's own field for it",
    ),
    "bad address": (
        CHAIN + "balances: [{address: me, amount: 5uatom}]\n",
        "6: chains[0].balances[0].address: must be an address like cosmos1...",
    ),
    "unknown file": (
        CHAIN + "config: {apps.toml: {}}\n",
        "6: chains[0].config.apps.toml: is not a known name; did you mean app.toml?",
    ),
    "genesis a list": (
        CHAIN + "genesis: []\n",
        "6: chains[0].genesis: must be a mapping of names to values",
    ),
    "no number of JSON": (
        CHAIN + "genesis: {a: .nan}\n",
        "6: chains[0].genesis.a: is not a number that JSON has; put it in quotes",
    ),
    "a typing error beside the genesis": (
        CHAIN + "genesis: {preset: [fast-governance]}\n",
        "6: chains[0].genesis.preset: is no part of a genesis; did you mean presets?",
    ),
    "no such preset": (
        CHAIN + "genesis: {presets: [fast]}\n",
        "6: chains[0].genesis.presets[0]: must be one of 'fast-governance' or 'short-unbonding'",
    ),
    "a digest of nothing": (
        CHAIN + f"genesis: {{sha256: {'ab' * 32}}}\n",
        "6: chains[0].genesis.sha256: is of the genesis to start from; add from, or remove it",
    ),
    "no digest": (
        CHAIN + "genesis: {sha256: ab}\n",
        "6: chains[0].genesis.sha256: must be the 64 hex digits that sha256sum prints",
    ),
    "no genesis to start from": (
        CHAIN + "genesis: {from: here.json}\n",
        "6: chains[0].genesis.from: here.json is no file",
    ),
    "a pod that is not there": (
        CHAIN + "config: {pods: {validator-2: {app.toml: {pruning: nothing}}}}\n",
        "6: chains[0].config.pods.validator-2: is no pod of this chain; there are genesis-0, validator-0, validator-1",
    ),
    "an unknown file of a pod": (
        CHAIN + "config: {pods: {genesis-0: {apps.toml: {}}}}\n",
        "6: chains[0].config.pods.genesis-0.apps.toml: is not a known name; did you mean app.toml?",
    ),
    "keys that nobody can know": (
        CHAIN + "validators: genesis\n    identities: random\n",
        "7: chains[0].identities: is random, and validators: genesis must know every pod's keys before it starts",
    ),
    "joining without accounts": (
        MINIMAL.replace("cosmoshub\n", "cometbft\n") + "    validators: join\n",
        "6: chains[0].validators: is always genesis with cometbft, whose genesis names every validator; remove it",
    ),
    "a faucet without accounts": (
        MINIMAL.replace("cosmoshub\n", "cometbft\n") + "    faucet: {enabled: true}\n",
        "6: chains[0].faucet.enabled: means nothing to cometbft, which has no SDK application; remove it",
    ),
    "bad prices": (CHAIN + "gasPrices: cheap\n", "6: chains[0].gasPrices: must be gas prices like 0.025uatom,1stake"),
    "bad origin": (
        CHAIN + "corsAllowedOrigins: ['a,b']\n",
        "6: chains[0].corsAllowedOrigins[0]: must be an origin like https://example.org, or '*'",
    ),
    "vesting without an end": (
        CHAIN + f"balances: [{{{FUNDED}, amount: 5uatom, vesting: {{type: delayed}}}}]\n",
        "6: chains[0].balances[0].vesting.end: is required with type: delayed; add it",
    ),
    "no time": (
        CHAIN + f"balances: [{{{FUNDED}, amount: 5uatom, vesting: {{type: delayed, end: soon}}}}]\n",
        "6: chains[0].balances[0].vesting.end: must be a time in UTC like 2026-01-31T00:00:00Z",
    ),
    "no day": (
        CHAIN + f"balances: [{{{FUNDED}, amount: 5uatom, vesting: {{type: delayed, end: 2027-13-45T99:00:00Z}}}}]\n",
        "6: chains[0].balances[0]: vesting.end: '2027-13-45T99:00:00Z' is not a time; write 2030-01-31T00:00:00Z",
    ),
    "more vesting than funds": (
        CHAIN + f"balances: [{{{FUNDED}, amount: 5uatom, vesting: {{type: permanent-locked, amount: 9uatom}}}}]\n",
        "6: chains[0].balances[0]: vesting.amount: 9uatom vest, and the account has 5uatom",
    ),
    "a field of other vesting": (
        CHAIN
        + f"balances: [{{{FUNDED}, amount: 5uatom, vesting: {{type: permanent-locked, end: 2030-01-01T00:00:00Z}}}}]\n",
        "6: chains[0].balances[0]: vesting.end is nothing that permanent-locked vesting has",
    ),
    "an address that was cut": (
        CHAIN + "balances: [{address: cosmos1qqqq, amount: 5uatom}]\n",
        "6: chains[0].balances[0]: address: 'cosmos1qqqq' is no bech32 address of 20 or 32 bytes; copy it again, whole",
    ),
    "another chain's address": (
        CHAIN + "balances: [{address: juno1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq93ryqp, amount: 5uatom}]\n",
        "6: chains[0].balances[0]: address: 'juno1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq93ryqp' is no address of this chain",
    ),
    "too few coins": (CHAIN + "coins: 5uatom\n", "6: chains[0].coins: has too little uatom to bond a part of; give at"),
    "coins twice": (
        CHAIN + "coins: '20uatom,20uatom'\n",
        "6: chains[0].coins: '20uatom' is not a coin, or is there twice",
    ),
    "gas in foreign coins": (
        CHAIN + "gasPrices: 1uosmo\n",
        "6: chains[0].gasPrices: is in uosmo, of which no account has any; name a denomination of coins",
    ),
    "gas that nobody pays": (
        CHAIN + "minimumGasPrices: 0.1uatom\n",
        "6: chains[0].minimumGasPrices: asks for gas to be paid, and validators that join and the faucet pay nothing;",
    ),
    "a faucet of foreign coins": (
        CHAIN + "faucet: {enabled: true, amount: '5uosmo,1uatom'}\n",
        "6: chains[0].faucet.amount: is 5uosmo, and the faucet of cosmoshub-4 has 0uosmo (coins)",
    ),
    "a faucet that helps nobody to join": (
        CHAIN + "coins: '20uatom,20uosmo'\n    faucet: {enabled: true, amount: 5uosmo}\n",
        "7: chains[0].faucet.amount: has no uatom, which the validators of cosmoshub-4 that join ask for; add it",
    ),
    "the faucet's port is the node's": (
        CHAIN + "ports: {rpc: 26657}\n    faucet: {enabled: true, ports: {rest: 26657}}\n",
        "6: chains[0].ports.rpc: is the port of chains[0].faucet.ports.rest too; give each its own",
    ),
    "two ports for one faucet": (
        CHAIN + "ports: {faucet: 8001}\n    faucet: {enabled: true, ports: {rest: 8002}}\n",
        "7: chains[0].faucet.ports.rest: is not the port in ports.faucet; keep one of the two",
    ),
    "one port for two faucets": (
        "faucet: {enabled: true, ports: {rest: 8001}}\n" + MINIMAL + "  - {id: b, name: osmosis, numValidators: 1}\n",
        "1: faucet.ports.rest: is the port of faucet.ports.rest too; give each its own (ports.faucet of each chain)",
    ),
    "the plan's address": (
        CHAIN + "config: {config.toml: {rpc: {laddr: 'tcp://127.0.0.1:5000'}}}\n",
        f"6: chains[0].config.config.toml.rpc.laddr: is {CONFIG} ports.rpc",
    ),
    "the plan's address by a path": (
        CHAIN + "config: {pods: {genesis-0: {app.toml: {api.+address: x}}}}\n",
        f"6: chains[0].config.pods.genesis-0.app.toml.api.+address: is {CONFIG} ports.rest",
    ),
    "another genesis": (
        CHAIN + "config: {config.toml: {genesis_file: x}}\n",
        f"6: chains[0].config.config.toml.genesis_file: is {CONFIG} what exposer's steps write there; remove it",
    ),
    "a null of TOML": (
        CHAIN + "config: {config.toml: {p2p: ~}}\n",
        "6: chains[0].config.config.toml.p2p: has no value, and TOML has no null; give it one, or leave it out",
    ),
    "a table without a key": (
        CHAIN + "config: {app.toml: {+oracle: {}}}\n",
        "6: chains[0].config.app.toml.+oracle: is a table without a key, which changes nothing",
    ),
    "a key without a name": (
        CHAIN + "config: {app.toml: {api: {+: 1}}}\n",
        "6: chains[0].config.app.toml.api.+: is a key without a name",
    ),
    "a list of mappings": (
        CHAIN + "config: {app.toml: {api: {+x: [{a: 1}]}}}\n",
        "6: chains[0].config.app.toml.api.+x: is a list of more than values",
    ),
    "a pod's application without one": (
        MINIMAL.replace("cosmoshub\n", "cometbft\n") + "    config: {pods: {genesis-0: {app.toml: {pruning: a}}}}\n",
        "6: chains[0].config.pods.genesis-0.app.toml: means nothing to cometbft, which has no SDK application",
    ),
    "a genesis from nowhere": (
        CHAIN + "genesis: {from: 'ftp://x/y'}\n",
        "6: chains[0].genesis.from: is a URL of ftp, which is not asked; write one of http or https, or a path",
    ),
    "a path beyond BIP-32": (
        CHAIN + "hdPath: m/44'/99999999999999'/0'/0/0\n",
        "6: chains[0].hdPath: must be a path like m/44'/118'/0'/0/0, each number below 2147483648",
    ),
    "a variable twice": (
        CHAIN + "env: [{name: A, value: b}, {name: A, value: c}]\n",
        "6: chains[0].env[1].name: A is there twice; keep one",
    ),
    "a variable that a step needs": (
        CHAIN + "env: [{name: PYTHONPATH, value: /x}]\n",
        "6: chains[0].env[0].name: PYTHONPATH is set by exposer itself; use the network file's own field for it",
    ),
    "an upgrade without a version": (
        CHAIN + "upgrade: {enabled: true, genesis: v1, upgrades: [{name: v2, version: ''}]}\n",
        "6: chains[0].upgrade.upgrades[0].version: is required; add the version to build",
    ),
    "an upgrade twice": (
        CHAIN + "upgrade: {enabled: true, genesis: v1, upgrades: [{name: v2, version: a}, {name: V2, version: b}]}\n",
        "6: chains[0].upgrade.upgrades[1].name: is there twice; cosmovisor does not tell names apart by case",
    ),
    "two ways to build": (
        CHAIN + "build: {enabled: true, source: a}\n    upgrade: {enabled: true, genesis: a}\n",
        "6: chains[0].build.enabled: is true, and upgrade is enabled too, which builds its genesis version; keep one",
    ),
    "a version of no repository": (
        CUSTOM.replace("coins: 20uaa", "coins: 20uaa, build: {enabled: true, source: v1}"),
        "2: chains[0].build.source: is a version of repo, which is not there; add repo, or write a Go module's path@",
    ),
    "two versions in one": (
        CHAIN + "build: {enabled: true, source: 'v1,v2'}\n",
        "6: chains[0].build.source: must be a tag, a branch, a commit, or a Go module's path@version",
    ),
    "build without source": (
        CHAIN + "build: {enabled: true}\n",
        "6: chains[0].build.source: is required when it is enabled; add the version to build",
    ),
    "custom without binary": (
        CUSTOM.replace("binary: b, ", ""),
        "2: chains[0].binary: is required with name: custom; add it",
    ),
    "custom scripts": (
        CHAIN + "scripts: {}\n",
        "6: chains[0].scripts: is not supported, and without it this would be another chain",
    ),
    "accounts without accounts": (
        MINIMAL.replace("cosmoshub\n", "cometbft\n") + "    coins: 5stake\n",
        "6: chains[0].coins: means nothing to cometbft, which has no accounts; remove it",
    ),
    "an application without one": (
        MINIMAL.replace("cosmoshub\n", "cometbft\n") + "    config: {app.toml: {pruning: nothing}}\n",
        "6: chains[0].config.app.toml: means nothing to cometbft, which has no SDK application; remove it",
    ),
    "a port without a server": (
        MINIMAL.replace("cosmoshub\n", "cometbft\n") + "    ports: {rest: 1317}\n",
        "6: chains[0].ports.rest: means nothing to cometbft, which has no SDK application; remove it",
    ),
    "same pods": (
        MINIMAL + "  - {id: Cosmoshub.4, name: osmosis, numValidators: 1}\n",
        "6: chains[1].id: gives pods the same names as chains[0] does; give each chain its own id",
    ),
    "keys missing": (
        "keys: keys.json\n" + MINIMAL,
        "1: keys: keys.json: No such file or directory; mount the keys file there, or make it (exposer keys new)",
    ),
    "alias in itself": ("a: &x {b: *x}\n", "1: an alias that contains itself; write it out"),
    "a control character": (
        "a: \x07\n",
        " not YAML: unacceptable character #x0007: special characters are not allowed; correct it there",
    ),
}


@pytest.mark.parametrize(
    "field", ["prefix: p", "denom: uaa", "coins: 5uaa", "hdPath: m/0/0", "coinType: 60", "balances: []"]
)
def test_no_field_of_accounts_is_silently_ignored(tmp_path: Path, field: str) -> None:
    """A chain without accounts refuses every one of them by its name."""
    found = faults(tmp_path, MINIMAL.replace("cosmoshub\n", "cometbft\n") + f"    {field}\n")

    name = field.partition(":")[0]
    assert found == [f"network.yaml:6: chains[0].{name}: means nothing to cometbft, which has no accounts; remove it"]


@pytest.mark.parametrize("name", ["VALIDATOR_STAKE", "FEES", "BUILD_TAGS", "FAUCET_PATIENCE", "LD_LIBRARY_PATH"])
def test_variables_that_only_a_user_sets_are_the_users(tmp_path: Path, name: str) -> None:
    """What the plan never sets can be set by chains[].env."""
    (chain,) = load(tmp_path, CHAIN + f"env: [{{name: {name}, value: x}}]\n").network.chains

    assert chain.env[0].name == name


@pytest.mark.parametrize(("text", "expected"), FAULTS.values(), ids=FAULTS)
def test_a_fault_names_file_line_field_and_cure(tmp_path: Path, text: str, expected: str) -> None:
    """Each wrong file is refused with the one line that says where it is wrong and what to do."""
    found = faults(tmp_path, text)

    assert len(found) == 1
    assert found[0].startswith(f"network.yaml:{expected}")


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    """Several faults come at once, in the order of the file."""
    found = faults(tmp_path, "chainz: 1\n" + MINIMAL.replace(": 3", ": three") + "    coins: 5\n")

    assert found[0] == "3 faults, nothing was started:"
    assert [line.split(": ")[0] for line in found[1:]] == ["network.yaml:1", "network.yaml:6", "network.yaml:7"]


def test_a_file_that_cannot_be_read_is_bad_input(tmp_path: Path) -> None:
    """A missing file, a directory and a file that is no text are each refused with their name."""
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none.yaml", tmp_path, binary):
        with pytest.raises(BadInputError, match=str(path)):
            load_document(path)


def test_starship_files_are_accepted_as_they_are(tmp_path: Path) -> None:
    """The chain part of a Starship file counts, and all that is not our job is named in one warning."""
    three = load(tmp_path, STARSHIP_THREE_CHAINS)
    everything = load(tmp_path, STARSHIP_EVERYTHING)

    assert [chain.id for chain in three.network.chains] == ["osmosis-1", "cosmoshub-4", "juno-2"]
    assert three.network.chains[2].env[0].value == "true"
    assert [warning.split(": ")[1] for warning in three.warnings] == ["relayers, explorer, registry"]
    assert everything.network.chains[0].id == "1234"
    assert everything.network.timeouts.timeout_commit == "800ms"
    assert "monitoring" in everything.warnings[0]


def test_strict_refuses_what_is_not_our_job(tmp_path: Path) -> None:
    """With strict each foreign section is a fault on its line."""
    found = faults(tmp_path, STARSHIP_THREE_CHAINS, strict=True)

    assert "network.yaml:33: relayers: is not exposer's job; remove it, or run without --strict" in found


def test_yaml_values_keep_their_meaning(tmp_path: Path) -> None:
    """Dates stay text, YAML 1.2 numbers are numbers, and merged aliases count."""
    values = "genesis_time: 2024-01-01T00:00:00Z, octal: 0o17, hex: 0xff, ten: 010, half: 0.5, off: no, nil: ~"
    text = f"{CHAIN}genesis: &g {{{values}}}\n"
    more = "  - {id: b, name: osmosis, numValidators: 1, genesis: {<<: *g, ten: 11}}\n"
    first, second = (chain.genesis.patch for chain in load(tmp_path, text + more).network.chains)

    assert first == {
        "genesis_time": "2024-01-01T00:00:00Z",
        "octal": 15,
        "hex": 255,
        "ten": 10,
        "half": 0.5,
        "off": "no",
        "nil": None,
    }
    assert second == {**first, "ten": 11}


@pytest.mark.parametrize("value", ["1.10", "0x10", "010", "1e3", "1_000", "12345678901234567890.5", "true"])
def test_a_bare_number_for_text_is_the_text(tmp_path: Path, value: str) -> None:
    """Where text is meant, a number keeps the digits that are written, and does not take YAML's way through a float."""
    (chain,) = load(tmp_path, CHAIN + f"env: [{{name: A, value: {value}}}]\n").network.chains

    assert chain.env[0].value == value


NARROWED = {
    "a pod that is gone": (
        CHAIN + "config: {pods: {validator-1: {app.toml: {pruning: nothing}}}}\n",
        1,
        "config.pods.validator-1: is no pod of this chain; there are genesis-0$",
    ),
    "keys for fewer": (
        "keys: keys.json\n" + MINIMAL,
        9,
        "keys: .* role 'validators' has 2 entries and ordinal 7 needs one more",
    ),
}


@pytest.mark.parametrize(("text", "validators", "what"), NARROWED.values(), ids=NARROWED)
def test_another_number_of_validators_is_checked_again(tmp_path: Path, text: str, validators: int, what: str) -> None:
    """What fitted the file's own number may not fit that of the command line."""
    write_keys(tmp_path / "keys.json", validators=3)
    document = load(tmp_path, text)
    with pytest.raises(BadInputError, match=what):
        document.narrowed(None, validators)


def test_one_chain_of_a_file_keeps_its_place_in_faults(tmp_path: Path) -> None:
    """A file narrowed to one chain still names the line and the position that the chain has in the file."""
    document = load(tmp_path, STARSHIP_THREE_CHAINS).narrowed("juno", 5)

    assert [(chain.id, chain.num_validators) for chain in document.network.chains] == [("juno-2", 5)]
    assert document.source.fault(("chains", 0, "binary"), "x").endswith("network.yaml:22: chains[2].binary: x")
    with pytest.raises(
        BadInputError, match=r"--chain gaia: .* has no such chain; it has osmosis-1, cosmoshub-4, juno-2"
    ):
        load(tmp_path, STARSHIP_THREE_CHAINS).narrowed("gaia", None)


def test_every_known_chain_makes_a_network_of_its_own() -> None:
    """Each entry of the defaults is complete enough to be brought up by its name alone."""
    for name in known_chains():
        chain = embedded_document(name).network.chains[0]
        facts = resolve(chain)

        assert chain.num_validators == 4
        assert facts.binary
        assert facts.driver == "cometbft" or (facts.denom in facts.coins and f"/{facts.coin_type}'" in facts.hd_path)
    with pytest.raises(BadInputError, match=r"--chain osmosi: 'osmosi' is not a known chain; did you mean osmosis\?"):
        embedded_document("osmosi")


def test_a_coin_type_alone_moves_the_path(tmp_path: Path) -> None:
    """A chain that states only its coin type gets the standard path of that coin."""
    chain = load(tmp_path, CHAIN + "coinType: 60\n").network.chains[0]

    assert resolve(chain).hd_path == "m/44'/60'/0'/0/0"


def test_the_model_of_a_place_is_found_by_the_names_of_the_file() -> None:
    """Suggestions come from the mapping at hand; free-form parts have none."""
    assert model_at(()) is Network
    assert model_at(("chains", 0, "ports")) is not None
    assert model_at(("chains", 0, "config", "app.toml")) is None
    assert model_at(("nowhere",)) is None
