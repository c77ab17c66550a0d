"""Scripts of a chain that run in place of its steps' own work, or on it: which step each is for, and its bytes."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from exposer.errors import BadInputError, from_input_error
from exposer.line_ends import foreign_form, unix_form
from exposer.network.file.model import Chain
from exposer.network.file.parts import Script, Scripts
from exposer.network.file.source import Fault

STEPS = {
    "init_build_images": "init-build-images",
    "build_chain": "init-build-images",
    "init_genesis": "init-genesis",
    "create_genesis": "init-genesis",
    "update_genesis": "init-genesis",
    "init_validator": "init-validator",
    "init_config": "init-config",
    "update_config": "init-config",
    "init_faucet": "init-faucet",
    "create_validator_step": "create-validator",
    "create_validator": "create-validator",
}
"""Field of `Scripts` -> the step whose work it is."""
UPDATE = "update-genesis"
"""The name of the one script that takes no step's place: it runs within ``init-genesis``, on what was made there."""


def scripts_of(chain: Chain, directory: Path) -> Mapping[str, bytes]:
    """Step, or `UPDATE` -> the script; ``directory`` is what relative paths in the network file start from.

    Raises:
        BadInputError: a file cannot be read.
    """
    return {_role(name): _content(script, directory) for name, script in _given(chain)}


def scripted(chain: Chain, step: str) -> bool:
    """Whether a script has a part in the step's work."""
    return any(STEPS[name] == step for name, _ in _given(chain))


def faults_of_scripts(chain: Chain, directory: Path, steps: Collection[str]) -> Iterator[Fault]:
    """Faults of the scripts of a chain whose pods have these ``steps``."""
    first: dict[str, str] = {}
    for name, script in _given(chain):
        step, at = STEPS[name], ("scripts", _written(name))
        role = _role(name)
        if role in first:
            yield at, f"is a script of {step}, and so is {_written(first[role])}; keep one"
        first.setdefault(role, name)
        if step not in steps:
            yield at, f"is a script of {step}, which no pod of this chain runs; remove it, or enable what it is for"
        if script.data is None and script.file is None:
            yield at, "has neither file nor data; write one of them"
            continue
        try:
            content = _content(script, directory)
        except BadInputError as error:
            yield (*at, "file"), str(error)
            continue
        if not content.strip():
            yield at, "is empty, and would leave the step without its work; write a program"


def _given(chain: Chain) -> Iterator[tuple[str, Script]]:
    for name in STEPS:
        script: Script | None = getattr(chain.scripts, name)
        if script is not None:
            yield name, script


def _role(name: str) -> str:
    return UPDATE if name == "update_genesis" else STEPS[name]


def _written(name: str) -> str:
    return Scripts.model_fields[name].alias or name


def _content(script: Script, directory: Path) -> bytes:
    """The script's bytes, with the line ends of Linux: YAML gives ``data`` those, whatever the network file has."""
    if script.data is not None:
        return unix_form(script.data.encode())
    path = directory / (script.file or "")
    try:
        content = unix_form(path.read_bytes())
    except OSError as error:
        raise from_input_error(error, str(path), "name a file that is there") from error
    if fault := foreign_form(content):
        raise BadInputError(f"{path}: {fault}; save it as UTF-8 with the line ends of Linux (LF)")
    return content
