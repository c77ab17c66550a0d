"""Words of a Starship file mean here what they mean there."""

from pathlib import Path

import pytest
from network_world import MINIMAL, PaperSite
from networks import write_keys

from exposer.accounts.keyfile import load_keys
from exposer.accounts.secret import Secret
from exposer.errors import BadInputError
from exposer.network.document import Document, load_document
from exposer.network.key_source import keys_of
from exposer.network.plan import Pod, build_plan
from exposer.network.shown import shown

RELAYERS = "relayers:\n- {name: one, type: hermes, replicas: 1, chains: [a, b]}\n- {name: two, type: ts-relayer}\n"
TIMEOUTS = {
    "TIME_IOTA_MS": "1000",
    "TIMEOUT_PROPOSE": "3s",
    "TIMEOUT_PROPOSE_DELTA": "500ms",
    "TIMEOUT_PREVOTE": "1s",
    "TIMEOUT_PREVOTE_DELTA": "500ms",
    "TIMEOUT_PRECOMMIT": "1s",
    "TIMEOUT_PRECOMMIT_DELTA": "500ms",
    "TIMEOUT_COMMIT": "1s",
}


def load(directory: Path, more: str = "") -> Document:
    """A network of one chain with accounts, and ``more``."""
    path = directory / "network.yaml"
    path.write_text(MINIMAL + more, encoding="utf-8")
    return load_document(path)


def leader(document: Document) -> Pod:
    """Its genesis pod."""
    return build_plan(document.network, PaperSite(), document.directory).pods[0]


@pytest.mark.parametrize(
    ("said", "there"),
    [
        ("", False),
        ("    faucet: {}\n", True),
        ("    faucet: {concurrency: 2}\n", True),
        ("    faucet: {enabled: false, concurrency: 2}\n", False),
        ("    ports: {faucet: 8007}\n", True),
        ("    ports: {rest: 1313}\n", False),
        ("    faucet: {enabled: false}\n    ports: {faucet: 8007}\n", False),
        ("faucet: {type: cosmjs}\n", True),
        ("faucet: {enabled: false}\n", False),
        ("    faucet: {concurrency: 2}\nfaucet: {enabled: false}\n", False),
    ],
)
def test_a_stated_faucet_is_one(tmp_path: Path, said: str, there: bool) -> None:
    """Whoever says anything of it, or states its port, wants it, unless it is switched off."""
    assert (leader(load(tmp_path, said)).faucet is not None) is there


@pytest.mark.parametrize(
    ("image", "ours"),
    [
        ("ghcr.io/cosmology-tech/starship/exposer:20230416-9e2ad5c", False),
        ("ghcr.io/hyperweb-io/starship/exposer@sha256:0123", False),
        ("starship/exposer", False),
        ("registry.example/exposer:1.0.0", True),
        ("mystarship/exposer:1", True),
    ],
)
def test_an_image_of_another_server_is_left_out(tmp_path: Path, image: str, ours: bool) -> None:
    """Starship's has none of the steps."""
    document = load(tmp_path, f"exposer: {{image: {image}, ports: {{rest: 8090}}}}\n")
    assert document.network.exposer.image == (image if ours else None)
    assert ("exposer.image: not exposer's job" in "".join(document.warnings)) is not ours


def test_relayers_are_counted_and_funded(tmp_path: Path) -> None:
    """They are another tool's; what they need of a chain is not."""
    document = load(tmp_path, RELAYERS)
    (warning,) = document.warnings
    kept = tmp_path / "made" / "keys.json"
    keys_of(document, kept)

    assert {step.environment["NUM_RELAYERS"] for step in leader(document).steps} == {"2"}
    assert warning.endswith(
        "relayers: not exposer's job, left out (--strict refuses them); "
        "the accounts of the relayers are funded all the same"
    )
    assert len(load_keys(kept, "").role("relayers")) == 1  # serves any number
    assert leader(load(tmp_path)).steps[0].environment["NUM_RELAYERS"] == "0"


def test_relayers_are_shown_by_name(tmp_path: Path) -> None:
    """A file that is shown says as many as the file that was read."""
    (tmp_path / "network.yaml").write_text(shown(load(tmp_path, RELAYERS)), encoding="utf-8")
    assert load_document(tmp_path / "network.yaml").network.relayers == ("one", "two")


def test_keys_without_relayers_are_refused(tmp_path: Path) -> None:
    """A keys file that lacks what is to be funded is a fault of the file."""
    write_keys(tmp_path / "keys.json", validators=3)
    with pytest.raises(BadInputError, match=r"keys: .*relayers"):
        load(tmp_path, f"keys: keys.json\n{RELAYERS}")


def test_throwaway_keys_serve_relayers(tmp_path: Path) -> None:
    """Without relayers they are what they were."""
    without, some = load(tmp_path, "throwaway: true\n"), load(tmp_path, f"throwaway: true\n{RELAYERS}")

    def roles(made: Secret) -> list[str]:
        """Those that have an entry."""
        (tmp_path / "keys.json").write_bytes(made.reveal())
        return [role for role in ("genesis", "relayers") if load_keys(tmp_path / "keys.json", "").role(role)]

    assert roles(keys_of(without, None)) == ["genesis"]
    assert roles(keys_of(some, None)) == ["genesis", "relayers"]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", TIMEOUTS),
        (
            "timeouts: {timeout_propose: 300ms, timeout_commit: 800ms, time_iota_ms: 10}\n",
            {**TIMEOUTS, "TIMEOUT_PROPOSE": "300ms", "TIMEOUT_COMMIT": "800ms", "TIME_IOTA_MS": "10"},
        ),
    ],
)
def test_scripts_find_every_timeout(tmp_path: Path, more: str, told: dict[str, str]) -> None:
    """Those that the file states, and the usual ones."""
    document = load(tmp_path, f'    scripts: {{updateConfig: {{data: "echo"}}}}\n{more}')
    genesis, config = leader(document).steps
    assert {name: value for name, value in config.environment.items() if name in TIMEOUTS} == told
    assert "TIMEOUT_PROPOSE_DELTA" not in genesis.environment  # which has no script


@pytest.mark.parametrize(
    ("more", "cooldown"),
    [
        ("", None),
        ("throwaway: true\n", "0s"),
        ("throwaway: true\nfaucet: {enabled: true, cooldown: 5s}\n", "5s"),
    ],
)
def test_a_network_to_throw_away_has_no_cool_down(tmp_path: Path, more: str, cooldown: str | None) -> None:
    """Clients of the known faucets ask twice in a row."""
    faucet = leader(load(tmp_path, f"    faucet: {{enabled: true}}\n{more}")).faucet
    assert faucet
    assert faucet.environment.get("FAUCET_COOLDOWN") == cooldown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 1.7.0\n", True),
        ("", False),
        ("    genesis: {presets: [short-unbonding]}\nversion: 1.7.0\n", False),
    ],
)
def test_a_genesis_that_is_shortened_there_is_told_of(tmp_path: Path, text: str, said: bool) -> None:
    """Starship's default scripts change each genesis; whoever brings such a file is told once that here nobody does."""
    path = tmp_path / "network.yaml"
    path.write_text(f"{MINIMAL}{text}")
    told = [line for line in load_document(path).warnings if "short-unbonding" in line]

    assert len(told) == said
