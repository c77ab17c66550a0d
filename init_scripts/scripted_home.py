"""A pod's home that a script makes in place of a driver: whatever it does, the pod has the identity that it must."""

from pathlib import Path

from exposer.accounts.keyfile import Key
from exposer.documents import DocumentError
from exposer.errors import BadInputError
from exposer.identity import node_id, node_public_key, validator_public_key
from exposer.volume import Transaction
from init_scripts import cometbft
from init_scripts.identity_files import NODE_KEY, VALIDATOR_KEY, write_identity
from init_scripts.script import run_script
from init_scripts.settings import IdentitySettings
from init_scripts.signing_state import PATH as SIGNING_STATE
from init_scripts.stage import admit


def make_home(settings: IdentitySettings, transaction: Transaction, key: Key) -> None:
    """Fill the stage by ``STEP_SCRIPT``; an identity that is derived is there before it, and has to be there after it.

    Raises:
        BadInputError: what it left has no identity, or another one.
    """
    if settings.chain_driver == "cometbft":
        cometbft.write_home(settings, transaction.stage, key)
    elif settings.derived:
        write_identity(transaction.stage, key)
    run_script(settings, {"CHAIN_DIR": transaction.stage}, lock=transaction.volume.lock)
    judge_home(transaction.stage, key if settings.derived else None)


def judge_home(stage: Path, derived: Key | None, name: str = "STEP_SCRIPT") -> None:
    """Raises `BadInputError` unless the home that the script ``name`` left can be committed and has an identity.

    Where identities are derived, it has to be that of ``derived``.
    """
    admit(stage, name)
    for path in (NODE_KEY, VALIDATOR_KEY, SIGNING_STATE):
        if not (stage / path).is_file():
            raise BadInputError(f"{name}: it left no {path}; let it run `$CHAIN_BIN init` with --home $CHAIN_DIR")
    try:
        node, consensus = (stage / NODE_KEY).read_bytes(), (stage / VALIDATOR_KEY).read_bytes()
        found = (node_id(node_public_key(node)), validator_public_key(consensus))
    except DocumentError as error:
        raise BadInputError(f"{name}: a key that it left is none: {error}") from error
    if derived and found != (derived.node_id, derived.consensus_key):
        raise BadInputError(
            f"{name}: it replaced {NODE_KEY} or {VALIDATOR_KEY}, which other pods know from the keys file "
            f"(IDENTITIES=derived); let it keep those that it finds"
        )
