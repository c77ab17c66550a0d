from pathlib import Path

import pytest
from network_mistakes import CHAIN
from network_world import MINIMAL, STARSHIP_EVERYTHING, STARSHIP_THREE_CHAINS
from networks import write_keys

from exposer.errors import BadInputError
from exposer.network.document import Document, embedded_document, load_document
from exposer.network.file.chains import known_chains, resolve
from exposer.network.file.explain import model_at
from exposer.network.file.model import Network


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


@pytest.mark.parametrize("path", ["coinType: 60", "hdPath: m/44'/60'/0'/0/0"])
def test_a_coin_type_is_no_algorithm(tmp_path: Path, path: str) -> None:
    """A custom chain with Ethereum's coin type may have Cosmos keys, and then a unit of power is 10^6."""
    fields = f"id: a, name: custom, binary: simd, prefix: cosmos, denom: stake, coins: 100000000000000stake, {path}"
    (chain,) = load(tmp_path, f"chains:\n  - {{{fields}, numValidators: 1}}\n").network.chains

    assert chain.coins == "100000000000000stake"


@pytest.mark.parametrize("amount", ["5uosmo", "5uosmo,20000000uatom"])
def test_a_fault_of_the_faucet_hides_no_other(tmp_path: Path, amount: str) -> None:
    """Commission, number and stake of the validators are judged beside it."""
    faucet = f"faucet: {{enabled: true, amount: '{amount}'}}\n"
    found = faults(tmp_path, CHAIN + faucet + "    coins: 19999999uatom\n    commission: {rate: 0.3}\n")
    fields = {line.split(": ")[1] for line in found[1:]}

    assert fields == {"chains[0].faucet.amount", "chains[0].coins", "chains[0].commission"}


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    """Several faults come at once, in the order of the file."""
    found = faults(tmp_path, "chainz: 1\n" + MINIMAL.replace(": 3", ": three") + "    coins: 5\n")

    assert found[0] == "3 faults:"
    assert [line.split(": ")[0] for line in found[1:]] == ["network.yaml:1", "network.yaml:6", "network.yaml:7"]


def test_a_file_that_cannot_be_read_is_bad_input(tmp_path: Path) -> None:
    """A missing file, a directory and a file that is no text are each refused with their name."""
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none.yaml", tmp_path, binary):
        with pytest.raises(BadInputError, match=str(path)):
            load_document(path)


def test_more_levels_than_the_parser_can_follow_are_bad_input(tmp_path: Path) -> None:
    """Where YAML's own parser gives up there is no line to tell, and no stack is shown."""
    assert faults(tmp_path, "[" * 600 + "]" * 600) == [
        "network.yaml: is nested more than 100 levels deep; make it flatter"
    ]


def test_starship_files_are_accepted_as_they_are(tmp_path: Path) -> None:
    """The chain part of a Starship file counts; one warning names what is not our job, one more what differs."""
    three = load(tmp_path, STARSHIP_THREE_CHAINS)
    everything = load(tmp_path, STARSHIP_EVERYTHING)

    assert [chain.id for chain in three.network.chains] == ["osmosis-1", "cosmoshub-4", "juno-2"]
    assert three.network.chains[2].env[0].value == "true"
    assert [warning.split(": ")[1] for warning in three.warnings] == ["relayers, explorer, registry", "version"]
    assert everything.network.chains[0].id == "1234"
    assert everything.network.timeouts.timeout_commit == "800ms"
    assert "monitoring" in everything.warnings[0]


def test_every_port_has_the_name_of_the_docs(tmp_path: Path) -> None:
    """Ports of an EVM chain have Starship's names too."""
    names = ("exposer", "p2p", "rpc", "rest", "grpc", "grpc-web", "json-rpc", "ws", "metrics", "faucet")
    (ours,) = load(
        tmp_path, CHAIN + f"ports: {{{', '.join(f'{name}: {7000 + n}' for n, name in enumerate(names))}}}\n"
    ).network.chains
    (theirs,) = load(tmp_path, CHAIN + "ports: {evm-http-jsonrpc: 8545, evm-ws: 8546}\n").network.chains

    assert list(ours.ports.model_dump(by_alias=True).values()).count(None) == 0
    assert (theirs.ports.json_rpc, theirs.ports.ws) == (8545, 8546)


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
