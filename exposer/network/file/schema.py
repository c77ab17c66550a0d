"""The JSON Schema of network files, made from their model: what editors check and complete with.

It says what a file may contain; what must hold between fields is for `exposer config check`. A value may be written
with variables wherever it is not a mapping or a list.
"""

from typing import Any

from exposer.network.file.chains import CUSTOM, known_chains
from exposer.network.file.model import Network
from exposer.network.file.outside import OF_CHAIN, OF_SCRIPTS, TOP

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = {"type": "string", "pattern": r"\$", "description": "A value with variables, like ${NAME:-default}."}
_OUTSIDE = {"description": "Another tool's: left out with a warning, refused with --strict."}
_LIMITS = ("pattern", "enum", "const", "minimum", "maximum")
_FREE = {"string", "null", "array", "object"}
"""Types that no variable needs to be let into: mappings and lists never have one, and any text may."""


def schema() -> dict[str, Any]:
    """The whole schema, draft 2020-12."""
    made = _opened(Network.model_json_schema())
    parts = made.pop("$defs")
    made.pop("required")  # chains: they can be in the files that a file includes
    for mapping, names in ((made, TOP), (parts["Chain"], OF_CHAIN), (parts["Scripts"], OF_SCRIPTS)):
        mapping["properties"] |= dict.fromkeys(names, _OUTSIDE)
    name = parts["Chain"]["properties"]["name"]
    name |= _opened({"description": name["description"], "enum": [*sorted(known_chains()), CUSTOM]})
    title = {"$schema": _DIALECT, "title": "A network file of exposer"}
    return {**title, **made, "$defs": {"Variable": _VARIABLE, **parts}}


def _opened(node: Any) -> Any:
    """A schema without pydantic's titles and empty defaults, and with variables wherever there is a value."""
    if not isinstance(node, dict):
        return node
    kept = {name: value for name, value in node.items() if name != "title" and not _empty_default(name, value)}
    for name in ("properties", "$defs"):
        if name in kept:
            kept[name] = {key: _opened(child) for key, child in kept[name].items()}
    for name in ("items", "additionalProperties"):
        if name in kept:
            kept[name] = _opened(kept[name])
    variable = {"$ref": "#/$defs/Variable"}
    if "anyOf" in kept:
        more = [variable] if any(map(_limited, kept["anyOf"])) else []
        kept["anyOf"] = [one if _limited(one) else _opened(one) for one in kept["anyOf"]] + more
    elif _limited(kept):
        around = {name: kept.pop(name) for name in ("description", "default") if name in kept}
        return {**around, "anyOf": [kept, variable]}
    return kept


def _empty_default(name: str, value: object) -> bool:
    return name == "default" and not isinstance(value, bool | int | str)


def _limited(node: Any) -> bool:
    """Whether a value with a variable in it would not be allowed."""
    kinds = node.get("type", [])
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    return any(name in node for name in _LIMITS) or bool(kinds - _FREE)
