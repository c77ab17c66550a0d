"""A network file as it is understood: with what it includes, its variables and the defaults of its chains, as YAML."""

import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from exposer.network.document import Document
from exposer.network.file.chains import resolve
from exposer.network.file.model import Chain


def shown(document: Document) -> str:
    """A file that says the same in the same place: paths in it start from the network file's directory.

    What a chain's variables, its repository and the genesis to start from got from ``${NAME}`` stays written so:
    passwords stand there.
    """
    network = document.network
    said = network.model_dump(by_alias=True, exclude_unset=True) | {"name": network.name}
    chains = [_of_chain(*pair, document) for pair in zip(network.chains, said.pop("chains"), strict=True)]
    yaml, text = YAML(), io.StringIO()
    yaml.width = 120
    yaml.dump({"name": said.pop("name"), "chains": chains, **_plain(said)}, text)
    return text.getvalue()


def _of_chain(chain: Chain, said: dict[str, Any], document: Document) -> dict[str, Any]:
    facts, written = resolve(chain), document.source.written
    defaults = {"binary": facts.binary, "image": facts.image, "repo": facts.source}
    if facts.driver == "cosmos":
        defaults |= {"prefix": facts.bech32_prefix, "denom": facts.denom, "coins": facts.coins}
        defaults |= {"hdPath": facts.hd_path, "gasPrices": facts.gas_prices}
    scripts = said.pop("scripts", None)
    own: dict[str, Any] = {
        name: _plain(value, written if name in {"env", "repo"} else {}) for name, value in said.items()
    }
    if source := said.get("genesis", {}).get("from"):
        own["genesis"]["from"] = _plain(source, written)
    own |= {name: value for name, value in defaults.items() if value and name not in said}
    if scripts:
        own["scripts"] = _verbatim(scripts)
    order = [info.alias or name for name, info in Chain.model_fields.items()]
    return dict(sorted(own.items(), key=lambda entry: order.index(entry[0])))


def _plain(value: Any, written: Mapping[str, str] = MappingProxyType({})) -> Any:
    """Tuples as lists, a dollar sign that is one as a file writes it, and as it is ``written`` what came otherwise."""
    if isinstance(value, dict):
        return {name: _plain(inside, written) for name, inside in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inside, written) for inside in value]
    return written.get(value, value.replace("$", "$$")) if isinstance(value, str) else value


def _verbatim(scripts: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Scripts as people write them: in lines."""
    return {
        step: {name: LiteralScalarString(text) if name == "data" else _plain(text) for name, text in script.items()}
        for step, script in scripts.items()
    }
