import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from network_world import MINIMAL
from ruamel.yaml import YAML

from exposer.accounts.keyfile import load_keys
from exposer.accounts.secret import Secret
from exposer.cli import main
from exposer.errors import BadInputError
from exposer.network.environment import CHANGEABLE, FIXED
from exposer.network.key_source import key_files
from exposer.settings import environment_name
from init_scripts.init_build_images import BuildSettings
from init_scripts.init_faucet import FaucetStepSettings
from init_scripts.init_genesis import GenesisSettings
from init_scripts.init_validator import ValidatorSettings
from init_scripts.node_config import ConfigSettings
from init_scripts.settings import PodSettings  # noqa: TC001 - as the classes above


def network(directory: Path, text: str = "") -> Path:
    """A network file of two validators."""
    path = directory / "network.yaml"
    path.write_text(MINIMAL.replace(": 3", ": 2") + text, encoding="utf-8")
    return path


def mode(path: Path) -> int:
    """Its permissions."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("what", ["compose", "k8s"])
def test_fresh_keys_are_kept_by_the_next_rendering(tmp_path: Path, what: str) -> None:
    """Rendering again, for more validators too, changes no key; who may not look into the directory sees none."""
    path, output = network(tmp_path, "faucet: {enabled: true}\n"), tmp_path / "out"

    assert main(["render", what, str(path), "-o", str(output)]) == 0
    before = (output / "keys/keys.json").read_bytes()
    assert mode(output / "keys") == 0o700
    assert main(["render", what, str(path), "-o", str(output), "--validators", "9"]) == 0
    assert (output / "keys/keys.json").read_bytes() == before
    assert load_keys(output / "keys/keys.json", "").at("validators", 50).index == 50  # one entry serves any ordinal


def test_parts_of_the_keys_hold_one_role_each() -> None:
    """Whoever has to read one of them sees no mnemonic of another; what is no keys file is refused."""
    roles = {role: [{"name": role, "mnemonic": f"{role} words"}] for role in ("genesis", "validators", "faucet")}
    files = key_files(Secret(json.dumps(roles).encode()))

    assert {name: json.loads(content.reveal()) for name, content in files.items()} == {
        "keys.json": roles,
        "validators.json": {"validators": roles["validators"]},
        "faucet.json": {"faucet": roles["faucet"]},
    }
    for wrong in (b"[1]", b"{"):
        with pytest.raises(BadInputError, match="keys: the file is not a JSON object"):
            key_files(Secret(wrong))


def test_no_mnemonic_is_in_what_others_may_read(tmp_path: Path) -> None:
    """Of the manifests the Secret alone has the keys, and nobody but its owner can read that file."""
    output = tmp_path / "out"
    assert main(["render", "k8s", str(network(tmp_path)), "-o", str(output)]) == 0
    words = {
        entry["mnemonic"] for role in json.loads((output / "keys/keys.json").read_bytes()).values() for entry in role
    }

    for path in output.rglob("*"):
        if path.is_file() and any(mnemonic in path.read_text() for mnemonic in words):
            assert path in {output / "keys.yaml", output / "keys/keys.json"}
            assert mode(path) == 0o600


@pytest.mark.parametrize("what", ["compose", "k8s"])
def test_a_throwaway_network_renders_the_same_everywhere(tmp_path: Path, what: str) -> None:
    """Its keys follow from its name: two renderings are equal, byte for byte, and a stream needs no directory."""
    path = network(tmp_path, "throwaway: true\n")
    for name in ("one", "two"):
        assert main(["render", what, str(path), "-o", str(tmp_path / name)]) == 0

    def content(name: str) -> dict[str, bytes]:
        """Relative path -> bytes."""
        root = tmp_path / name
        return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}

    assert content("one") == content("two")


def test_a_stream_has_every_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a directory all objects come in one stream, for kubectl apply -f -."""
    assert main(["render", "k8s", str(network(tmp_path, "throwaway: true\n"))]) == 0
    kinds = [entry["kind"] for entry in YAML(typ="safe").load_all(capsys.readouterr().out)]

    assert kinds.count("StatefulSet") == 2
    assert "Kustomization" not in kinds


def test_a_stream_keeps_no_fresh_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Keys that nobody would find again are refused, with what to do."""
    assert main(["render", "k8s", str(network(tmp_path))]) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "exposer keys new FILE" in printed.err


def test_without_a_kustomization_the_directory_can_be_applied(tmp_path: Path) -> None:
    """--plain leaves manifests alone: kubectl apply -f reads every file of a directory."""
    assert (
        main(["render", "k8s", str(network(tmp_path, "throwaway: true\n")), "-o", str(tmp_path / "out"), "--plain"])
        == 0
    )

    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".yaml"}
    assert not (tmp_path / "out/kustomization.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["compose"], "docker compose up"), (["k8s"], "kubectl apply -k ."), (["k8s", "--plain"], "kubectl apply -f .")],
)
def test_a_rendering_says_what_starts_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    """The command is one that works in the directory that was written."""
    path = network(tmp_path, "throwaway: true\n")

    assert main(["render", *arguments, str(path), "-o", str(tmp_path / "out")]) == 0
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("what", ["compose", "k8s"])
def test_a_fault_leaves_nothing_written(tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What cannot be rendered is refused before the first file: here a build without an image that can build."""
    path = network(tmp_path, "    build: {enabled: true, source: v1.0.0}\n")

    assert main(["render", what, str(path), "-o", str(tmp_path / "out")]) == 3
    assert "images.build" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("what", "name"), [("compose", "compose.yaml"), ("k8s", "kustomization.yaml"), ("k8s", "cosmoshub-4.yaml")]
)
def test_a_file_of_the_users_is_not_replaced(
    tmp_path: Path, what: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that no rendering made stays as it is, and no other one is written; an earlier rendering's is replaced."""
    path, output = network(tmp_path, "throwaway: true\n"), tmp_path / "out"
    output.mkdir()
    (output / name).write_text("theirs: true\n")

    assert main(["render", what, str(path), "-o", str(output)]) == 5
    assert f"{output / name} was not made by exposer render; move it away" in capsys.readouterr().err
    assert [(file.name, file.read_text()) for file in output.iterdir()] == [(name, "theirs: true\n")]

    (output / name).unlink()
    for _ in range(2):
        assert main(["render", what, str(path), "-o", str(output)]) == 0


def test_a_network_file_is_not_replaced_by_its_own_rendering(tmp_path: Path) -> None:
    """It lies where its manifests go, and its chain gives one of them its name."""
    path = network(tmp_path, "throwaway: true\n")
    path.write_text(path.read_text().replace("id: cosmoshub-4", "id: network"))
    before = path.read_text()

    assert main(["render", "k8s", str(path), "-o", str(tmp_path)]) == 5
    assert path.read_text() == before


FAUCET = "throwaway: true\nfaucet: {enabled: true}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("SECRET='a b'\n# mine", "SECRET='a b'\n# mine\nCOMPOSE_PROFILES=faucet\n"),
        ("COMPOSE_PROFILES=faucet,mine\n", "COMPOSE_PROFILES=faucet,mine\n"),
        ("", "COMPOSE_PROFILES=faucet\n"),
    ],
)
def test_variables_of_the_user_stay(tmp_path: Path, before: str, after: str) -> None:
    """The .env beside the network file is where its variables are: the profile is added, once, and its mode is kept."""
    path = network(tmp_path, FAUCET)
    (tmp_path / ".env").write_text(before)
    (tmp_path / ".env").chmod(0o600)

    for _ in range(2):
        assert main(["render", "compose", str(path), "-o", str(tmp_path)]) == 0
        assert (tmp_path / ".env").read_text() == after
    assert mode(tmp_path / ".env") == 0o600


def test_keys_are_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fresh keys stay when the network file names others; a copy of those that it names is followed as they grow."""
    output = tmp_path / "out"
    kept = output / "keys/keys.json"
    assert main(["render", "compose", str(network(tmp_path)), "-o", str(output)]) == 0
    before = kept.read_bytes()

    assert main(["render", "compose", str(network(tmp_path, "throwaway: true\n")), "-o", str(output)]) == 5
    assert "has other keys, and keys are never overwritten" in capsys.readouterr().err
    assert kept.read_bytes() == before

    grown = json.loads(before)
    grown["keys"].append({"name": "more", "mnemonic": grown["keys"][0]["mnemonic"]})
    (tmp_path / "mine.json").write_text(json.dumps(grown))
    assert main(["render", "compose", str(network(tmp_path, "keys: mine.json\n")), "-o", str(output)]) == 0
    assert json.loads(kept.read_bytes()) == grown


@pytest.mark.parametrize("what", ["compose", "k8s"])
def test_keys_that_anybody_can_make_are_not_kept_as_fresh_ones(
    tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A network that is no longer one to throw away gets keys of its own, or is told where the old ones lie."""
    output = tmp_path / "out"
    assert main(["render", "compose", str(network(tmp_path, "throwaway: true\n")), "-o", str(output)]) == 0

    assert main(["render", what, str(network(tmp_path)), "-o", str(output)]) == 3
    assert "which anybody can make; delete it" in capsys.readouterr().err
    (output / "keys/keys.json").unlink()
    assert main(["render", what, str(network(tmp_path)), "-o", str(output)]) == 0


def test_containers_can_read_what_is_mounted(tmp_path: Path) -> None:
    """Whoever renders may keep new files to himself (umask 077): a container's user reads them all the same."""
    former = os.umask(0o077)
    try:
        assert main(["render", "compose", str(network(tmp_path, FAUCET)), "-o", str(tmp_path / "out")]) == 0
    finally:
        os.umask(former)

    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {mode(path) for path in files} == {0o644}
    assert mode(tmp_path / "out/keys") == 0o700


@pytest.mark.parametrize("what", ["compose", "k8s"])
def test_a_binary_of_this_machine_is_in_no_image(tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A path from the network file is what `exposer up` takes; a container would say that there is no such file."""
    path = network(tmp_path, "    binary: ./gaiad\nthrowaway: true\n")

    assert main(["render", what, str(path)]) == 3
    assert "binary: ./gaiad is a path from the network file, which no image has" in capsys.readouterr().err


STORAGE = "kubernetes: {storage: {size: 1Gi}}\n"


def manifests(output: Path) -> dict[Path, bytes]:
    """The files of a rendering with objects in them."""
    return {path: path.read_bytes() for path in output.rglob("*.yaml")}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (STORAGE, STORAGE.replace("1Gi", "2Gi"), "kubernetes.storage"),
        (STORAGE, "", "kubernetes.storage"),
        ("", STORAGE, "kubernetes.storage"),
        ("", "name", "name"),
    ],
)
def test_what_kubernetes_would_refuse_halfway_is_refused_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], before: str, after: str, told: str
) -> None:
    """Nothing of the former rendering is touched, and the fault names the field and the cure."""
    output = tmp_path / "out"
    assert main(["render", "k8s", str(network(tmp_path, f"throwaway: true\n{before}")), "-o", str(output)]) == 0
    before_it = manifests(output)
    path = network(tmp_path, "throwaway: true\n" + ("" if after == "name" else after))
    if after == "name":
        path.write_text(f"name: another\n{path.read_text().partition(chr(10))[2]}")
    capsys.readouterr()

    assert main(["render", "k8s", str(path), "-o", str(output)]) == 5
    error = capsys.readouterr().err
    assert f"    {told}: Kubernetes lets nobody change it (StatefulSet cosmoshub-4-genesis)\n" in error
    assert f"kubectl delete -k {output}" in error
    assert manifests(output) == before_it


SCRIPTED = "    scripts: {init-config: {data: echo}}\n"
UPGRADED = "    upgrade: {enabled: true, genesis: v1, upgrades: [{name: v2, version: v2.0.0}]}\n"
BUILDER = "images: {build: 'builder:1'}\n"
PATCHED = "    genesis: {patch: {a: {b: 1}}}\n"
ADDRESS = "cosmos149vy9xvyt3k5hn94yhqjucxcdem3tjpwgmhsmu"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("", PATCHED, "chains[].genesis (GENESIS_PATCH)"),
        (PATCHED, PATCHED.replace("1", "2"), "chains[].genesis (GENESIS_PATCH)"),
        (PATCHED, "", "chains[].genesis (GENESIS_PATCH)"),
        ("", "    genesis: {presets: [fast-governance]}\n", "chains[].genesis (GENESIS_PRESETS)"),
        ("", f"    balances: [{{address: {ADDRESS}, amount: 1uatom}}]\n", "chains[].balances (GENESIS_BALANCES)"),
        ("", "    coins: 70000000uatom\n", "chains[].coins (COINS)"),
        ("", "    commission: {rate: 0.2, maxRate: 0.3}\n", "chains[].commission.rate (COMMISSION_RATE)"),
        ("", "    identities: derived\n", "chains[].identities (IDENTITIES)"),
        ("", "relayers: [{name: r, type: hermes, chains: [cosmoshub-4, cosmoshub-4]}]\n", "NUM_RELAYERS"),
        ("", "faucet: {enabled: true}\n", "chains[].faucet (FAUCET_ENABLED)"),
        ("", "--validators 5", "chains[].numValidators (NUM_VALIDATORS)"),
        (SCRIPTED, SCRIPTED.replace("echo", "echo 2"), "chains[].scripts (STEP_SCRIPT)"),
        (SCRIPTED, f"    metrics: true\n{SCRIPTED}", "METRICS"),
        (UPGRADED + BUILDER, UPGRADED.replace("v2.0.0", "v2.0.1") + BUILDER, "chains[].upgrade (UPGRADES)"),
        ("", "keys", "keys: they are other ones"),
    ],
)
def test_what_would_stop_complete_pods_is_refused_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], before: str, after: str, told: str
) -> None:
    """Another input of the genesis: the pods of the former rendering would end with exit 5, one by one."""
    output = tmp_path / "out"
    assert main(["render", "k8s", str(network(tmp_path, f"{before}throwaway: true\n")), "-o", str(output)]) == 0
    before_it = manifests(output)
    flags = after.split() if after.startswith("--") else []
    path = network(tmp_path, f"{'' if flags or after == 'keys' else after}throwaway: true\n")
    if after == "keys":
        path.write_text(path.read_text().replace("throwaway: true", "keys: other.json"))
        assert main(["keys", "new", str(tmp_path / "other.json")]) == 0
    capsys.readouterr()

    assert main(["render", "k8s", str(path), "-o", str(output), *flags]) == 5
    error = capsys.readouterr().err
    assert f"    {told}: " in error
    assert "complete pods" in error
    assert " would stop with exit code 5\n" in error
    assert f"Put it back. Or delete that network (kubectl delete -k {output}) and its claims, remove" in error
    assert manifests(output) == before_it


@pytest.mark.parametrize(
    "more",
    [
        "    metrics: true\n",
        "    config: {config.toml: {p2p: {send_rate: 1}}}\n",
        "    corsAllowedOrigins: ['*']\n",
        "kubernetes: {networkPolicy: false}\n",
        "timeouts: {timeout_commit: 9s}\n",
        "    env: [{name: X, value: '${TOKEN}'}]\n",
    ],
)
def test_what_may_change_is_rendered_again(tmp_path: Path, more: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """How nodes run is in their template, so that they roll; what is beside them is another object for Kubernetes."""
    monkeypatch.setenv("TOKEN", "correct-horse")
    output = tmp_path / "out"
    templates = []
    for text in ("", more):
        path = network(tmp_path, f"{text}{FAUCET}")
        assert main(["render", "k8s", str(path), "-o", str(output)]) == 0
        templates.append(pod_templates(output))

    assert (templates[0] != templates[1]) is not more.startswith("kubernetes")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "    validators: join\n    identities: random\n"),
        ("    scripts: {create-validator: {data: echo}}\n", "    scripts: {create-validator: {data: echo 2}}\n"),
        (
            "    scripts: {init-genesis: {data: echo}}\n",
            "    metrics: true\n    scripts: {init-genesis: {data: echo}}\n",
        ),
        (UPGRADED, UPGRADED.replace("}]}", "}, {name: v3, version: v3.0.0}]}")),
        (
            "    repo: https://me:one@example.org/a.git\n" + UPGRADED,
            "    repo: https://me:${TOKEN}@example.org/a.git\n" + UPGRADED,
        ),
    ],
)
def test_what_says_the_same_is_rendered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, after: str
) -> None:
    """A default that is stated, other credentials, one plan more, a script of what has no record: no step refuses."""
    monkeypatch.setenv("TOKEN", "correct-horse")
    output = tmp_path / "out"
    for text in (before, after, before):
        assert main(["render", "k8s", str(network(tmp_path, f"{text}{BUILDER}{FAUCET}")), "-o", str(output)]) == 0


def test_what_is_not_there_is_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file with what came from outside is in no repository: a checkout renders the same network again."""
    monkeypatch.setenv("TOKEN", "correct-horse")
    output = tmp_path / "out"
    text = "    env: [{name: BUILD_TAGS, value: '${TOKEN}'}]\n    genesis: {patch: {a: {b: '${TOKEN}'}}}\n"
    for _ in range(2):
        assert main(["render", "k8s", str(network(tmp_path, f"{text}{FAUCET}")), "-o", str(output)]) == 0
        (output / "cosmoshub-4-env.yaml").unlink()


@pytest.mark.parametrize(
    "text",
    [
        "kind: Secret\n",
        "kind: ConfigMap\nmetadata:\n",
        "kind: StatefulSet\nmetadata: {name: cosmoshub-4-genesis}\n",
        "kind: Secret\nmetadata: {name: x}\ndata: {a: '!'}\n",
        "kind: StatefulSet\nmetadata: {name: cosmoshub-4-genesis}\nspec: {template: {spec: {initContainers: [1]}}}\n",
        "a: {\n",
        "a: 1\na: 2\n",
    ],
)
def test_an_edited_manifest_is_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    """What cannot be compared is not replaced behind somebody's back, and no fault of this program."""
    path, output = network(tmp_path, FAUCET), tmp_path / "out"
    assert main(["render", "k8s", str(path), "-o", str(output)]) == 0
    file = output / "cosmoshub-4-genesis.yaml"
    file.write_text(file.read_text().partition("\n")[0] + "\n" + text)

    assert main(["render", "k8s", str(path), "-o", str(output)]) == 5
    assert f"{output}: a manifest there is not as it was rendered" in capsys.readouterr().err


def test_what_an_earlier_version_did_not_say_is_no_difference(tmp_path: Path) -> None:
    """A variable that is new in this version is at its default; another value of one that both have counts."""
    output = tmp_path / "out"
    path = network(tmp_path, "throwaway: true\n")
    assert main(["render", "k8s", str(path), "-o", str(output)]) == 0
    for file in output.glob("*.yaml"):
        text = re.sub(r" +- name: COMMISSION_RATE\n +value: .*\n", "", file.read_text())
        file.write_text(text.replace("(exposer 0", "(exposer 0.0"))

    assert main(["render", "k8s", str(path), "-o", str(output)]) == 0
    assert (
        main(
            ["render", "k8s", str(network(tmp_path, "    coins: 70000000uatom\nthrowaway: true\n")), "-o", str(output)]
        )
        == 5
    )


def pod_templates(output: Path) -> list[Any]:
    """Those of all StatefulSets of a rendering."""
    documents = (one for path in sorted(output.glob("*.yaml")) for one in YAML(typ="safe").load_all(path.read_bytes()))
    return [one["spec"]["template"] for one in documents if one["kind"] == "StatefulSet"]


def test_more_validators_restart_nobody(tmp_path: Path) -> None:
    """No pod's template says how many there are; the genesis pod reads it, and whom to ask, of a ConfigMap."""
    output = tmp_path / "out"
    path = network(tmp_path, FAUCET)
    templates = []
    for number in (1, 3, 5):
        assert main(["render", "k8s", str(path), "-o", str(output), "--validators", str(number)]) == 0
        templates.append(pod_templates(output))
        text = (output / "cosmoshub-4.yaml").read_text()
        assert f'NUM_VALIDATORS: "{number}"' in text
        assert text.count(".cosmoshub-4-validator:8081") == number - 1

    assert templates[0] == templates[1][:1]
    assert templates[1] == templates[2]


@pytest.mark.parametrize(
    ("storage", "told"),
    [("", "stay as they are until you delete them"), ("kubernetes: {storage: {size: 1Gi}}\n", "are replaced")],
)
def test_what_becomes_of_pods_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], storage: str, told: str
) -> None:
    """A rendering over another one says it of each StatefulSet whose pods are other ones in it."""
    output = tmp_path / "out"
    said = []
    for text in ("", "    metrics: true\n"):
        assert main(["render", "k8s", str(network(tmp_path, f"{text}{FAUCET}{storage}")), "-o", str(output)]) == 0
        said.append(capsys.readouterr().err)

    assert "StatefulSet" not in said[0]
    for pods in ("genesis", "validator"):
        assert f"over the former rendering: StatefulSet cosmoshub-4-{pods}: its pods {told}\n" in said[1]


def test_every_input_of_a_step_is_fixed_or_may_change(tmp_path: Path) -> None:
    """What a step of a complete pod refuses is known to the renderer, by the names of the variables that it reads."""
    steps: list[type[PodSettings]] = [
        GenesisSettings,
        ConfigSettings,
        ValidatorSettings,
        FaucetStepSettings,
        BuildSettings,
    ]
    read_from = {
        "daemon": "DAEMON_NAME",
        "amounts": "FAUCET_AMOUNT",
        "overrides": "CONFIG_OVERRIDES",
        "node_name": "HOSTNAME",
        "ordinal": "HOSTNAME",
        "learned": "CHAIN_ID",
        "leader_node": "GENESIS_HOST",
    }
    """Inputs that are no settings themselves -> the variable that decides."""
    of_the_pod = {"HOSTNAME", "GENESIS_HOST"}
    for cls in steps:
        names = {*cls.INPUTS, *cls.SCRIPTS}
        variables = {read_from.get(name) or environment_name(cls, name) for name in names}
        assert variables - of_the_pod <= FIXED | CHANGEABLE["init-config"] | CHANGEABLE["init-faucet"], cls
    settings = ConfigSettings.model_construct(chain_dir=tmp_path)
    named = {read_from.get(name, name) for name in settings.changeable}
    assert {name.upper() for name in named} - of_the_pod - {"MONIKER"} == CHANGEABLE["init-config"]
    assert not FIXED & CHANGEABLE["init-config"]


def test_files_of_a_chain_that_is_gone_go(tmp_path: Path) -> None:
    """Kubectl apply -f DIR would go on applying them; what was not rendered stays."""
    output, path = tmp_path / "out", network(tmp_path, "throwaway: true\n")
    one = path.read_text()
    path.write_text(one.replace("throwaway", "  - {id: other-1, name: cosmoshub, numValidators: 1}\nthrowaway"))
    assert main(["render", "k8s", str(path), "-o", str(output)]) == 0
    assert (output / "other-1-genesis.yaml").exists()
    (output / "mine.yaml").write_text("kind: ConfigMap\n")
    path.write_text(one)

    assert main(["render", "k8s", str(path), "-o", str(output)]) == 0
    assert {file.name for file in output.glob("*.yaml")} == {
        *("keys.yaml", "kustomization.yaml", "mine.yaml"),
        *("cosmoshub-4.yaml", "cosmoshub-4-genesis.yaml", "cosmoshub-4-validator.yaml"),
    }
