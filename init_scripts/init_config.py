"""``init-config``: the pod's configuration, the patched genesis, and last ``node_id.json``, the sign of readiness."""

import re
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from exposer import comet_config
from exposer.client import Client
from exposer.commit import link
from exposer.documents import DocumentError, render_node_id
from exposer.errors import BadInputError, MismatchError
from exposer.genesis.lint import refuse_unrunnable
from exposer.identity import node_id, node_public_key
from exposer.records import NETWORK, Record, newest_artifacts, read_records
from exposer.volume import Transaction
from init_scripts import cosmos, toml
from init_scripts.binary import ChainBinary
from init_scripts.dialect import Dialect
from init_scripts.join import GENESIS
from init_scripts.leader import fetch_node_id, refuse_another_genesis
from init_scripts.members import PEERS
from init_scripts.node_config import ConfigSettings, joining, running
from init_scripts.overrides import FILES
from init_scripts.patching import Wishes, patch_genesis
from init_scripts.script import run_script
from init_scripts.stage import admit, keep_changes, lay_out, of_the_node
from init_scripts.step import run_step

STEP = "init-config"
NODE_ID = "config/node_id.json"
LEADER = "leader"
"""The fact that tells the genesis pod's node id."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the step; returns its exit code."""
    return run_step(STEP, ConfigSettings, make, argv, "Configure the node, patch the genesis, publish the node id.")


def make(settings: ConfigSettings, transaction: Transaction) -> None:
    """Stage the configuration, the patched genesis and the node id, and commit them, the node id last.

    A script takes the place of how the node runs by default. What joins the node to its network is in the files that it
    finds, and what the user asks for by name (the patch, presets, overrides) is done behind it. Where only how the node
    runs has changed since a former run, the genesis stays as that made it.
    """
    stage, home = transaction.stage, transaction.root
    if GENESIS not in newest_artifacts(read_records(home)):
        raise BadInputError(f"no step has made {GENESIS} on this volume; run init-genesis or init-validator first")
    leader = _leader(settings, transaction) if settings.genesis_host else ""
    first = f"{leader}@{settings.leader_node}:{settings.genesis_p2p_port}" if leader else ""
    asked = [joining(settings, first or str(_facts(home).get(PEERS, "")))]
    found: Callable[[str], Path] = transaction.found
    if settings.step_script:
        found = partial(Path, stage)
        lay_out(transaction)
        _edit_files(found, stage, asked, {})
        run_script(settings, {"CHAIN_DIR": stage}, lock=transaction.volume.lock)
        admit(stage)
        asked = [{}]  # nothing more, but it has to be TOML
    else:
        (stage / "config").mkdir()
        asked.append(running(settings))
    _edit_files(found, stage, asked, settings.overrides)
    if settings.json_rpc and not settings.step_script:
        _refuse_no_json_rpc(stage / "config/app.toml")
    if not transaction.former:
        _finish_genesis(settings, transaction, found(GENESIS))
    elif GENESIS in newest_artifacts([transaction.former]):
        link(home / GENESIS, stage / GENESIS)
    (stage / NODE_ID).parent.mkdir(exist_ok=True)
    (stage / NODE_ID).write_bytes(render_node_id(_own_node_id(home)))
    facts = {NETWORK: settings.chain_id, **({LEADER: leader} if leader else {})}
    transaction.commit(last=[NODE_ID], state=of_the_node(stage), facts=facts)


def _edit_files(
    found: Callable[[str], Path],
    stage: Path,
    asked: Sequence[Mapping[str, toml.Edits]],
    overrides: Mapping[str, Sequence[toml.Edits]],
) -> None:
    """Write the node's files to ``stage``, as ``found`` but for what was ``asked`` and they know, and for overrides.

    Raises:
        BadInputError: an override is of a file, or of a key, that this node has not; or CometBFT refuses a text.
    """
    for name in FILES:
        own = overrides.get(name, [])
        file = found(f"config/{name}")
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            for edits in asked:
                text = toml.edit(text, edits.get(name, {}), existing_only=True, field=name)
            for edits in own:
                text = toml.edit(text, edits, field=f"CONFIG_OVERRIDES: {name}")
            _refuse_unstartable(name, text, f"CONFIG_OVERRIDES: {name}" if own else name)
            (stage / "config" / name).write_text(text, encoding="utf-8")
        elif own:
            raise BadInputError(f"CONFIG_OVERRIDES: {name}: this node has no such file; remove it")


def _refuse_unstartable(name: str, text: str, field: str) -> None:
    if name == "config.toml":
        for key, fault in comet_config.faults(tomllib.loads(text)):
            raise BadInputError(f"{field}: {key}: {fault}")


def _refuse_no_json_rpc(app: Path) -> None:
    if app.exists() and "json-rpc" not in tomllib.loads(app.read_text(encoding="utf-8")):
        raise BadInputError("JSON_RPC: this chain has none; leave it out (ports json-rpc, ws in a network file)")


def _leader(settings: ConfigSettings, transaction: Transaction) -> str:
    """The node id of the genesis pod; a complete pod knows it, and starts without that pod."""
    if transaction.former and (known := _known_leader(settings, transaction.former)):
        return known
    with Client(settings.leader_url, credentials=settings.credentials) as client:
        leader = fetch_node_id(client, within=settings.download_timeout)
        refuse_another_genesis(client, newest_artifacts(read_records(settings.root))[GENESIS].sha256)
    return leader


def _known_leader(settings: ConfigSettings, former: Record) -> str:
    """What the record says; those of earlier versions do not, but the committed config.toml does."""
    if LEADER in former.facts:
        return str(former.facts[LEADER])
    config = tomllib.loads((settings.root / "config/config.toml").read_text(encoding="utf-8"))
    peers = str(config.get("p2p", {}).get("persistent_peers", ""))
    found = re.match(rf"([0-9a-f]{{40}})@{re.escape(settings.leader_node)}:[0-9]+(?:,|$)", peers)
    return found[1] if found else ""


def _finish_genesis(settings: ConfigSettings, transaction: Transaction, genesis: Path) -> None:
    """Leave it in the stage where it is another than the volume's: patched, or changed by a script."""
    stage, home = transaction.stage, transaction.root
    joined = not settings.genesis_host and NETWORK in _facts(home)
    if (settings.genesis_patch or settings.genesis_presets) and not joined:
        _patch_genesis(settings, genesis, stage)
    if settings.step_script:
        keep_changes(transaction)
    if joined:  # the network's genesis is what it is, and was patched when it was made
        (stage / GENESIS).unlink(missing_ok=True)
    if (stage / GENESIS).exists():
        _judge_genesis(settings, home, stage)


def _patch_genesis(settings: ConfigSettings, genesis: Path, stage: Path) -> None:
    if settings.genesis_host:
        raise BadInputError("GENESIS_PATCH: a validator pod takes the genesis as it is; patch it in the genesis pod")
    presets = [name.strip() for name in settings.genesis_presets.split(",") if name.strip()]
    patched = stage / f"{GENESIS}.patched"
    patch_genesis(genesis, patched, Wishes(presets, settings.genesis_patch))
    patched.rename(stage / GENESIS)


def _judge_genesis(settings: ConfigSettings, home: Path, stage: Path) -> None:
    """Refuse a genesis that was changed where it may not be, or so that it will not run."""
    if settings.genesis_host:
        raise BadInputError(
            "STEP_SCRIPT: it changed the genesis, which is the same in all pods; change it in genesis-0"
        )
    facts = _facts(home)
    if "dialect" in facts:
        binary = ChainBinary(settings.chain_bin, stage)
        cosmos.validate(binary, Dialect.from_facts(facts), stage / GENESIS)
    refuse_unrunnable(stage / GENESIS, settings.chain_id)


def _facts(home: Path) -> Mapping[str, Any]:
    return {name: value for record in read_records(home) for name, value in record.facts.items()}


def _own_node_id(home: Path) -> str:
    try:
        return node_id(node_public_key((home / "config/node_key.json").read_bytes()))
    except DocumentError as error:
        raise MismatchError(f"config/node_key.json: {error}; restore it, or use an empty volume") from error


if __name__ == "__main__":
    sys.exit(main())
