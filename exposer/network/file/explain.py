"""The words for what a model finds wrong with a network file."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, get_origin

from pydantic import ValidationError

from exposer.network.file.fields import Section
from exposer.network.file.model import Network
from exposer.network.file.source import Fault, Location

_REFUSED_IN_CHAIN = ("ics", "cometmock", "external", "joinNetwork")
_TEXTS = {
    "missing": "is required; add it",
    "int_type": "must be a whole number, without quotes",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false, without quotes",
    "string_type": "must be text; put it in quotes",
    "tuple_type": "must be a list; begin each entry with '- '",
    "dict_type": "must be a mapping of names to values",
    "model_type": "must be a mapping of names to values",
    "too_short": "must have at least one entry",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be less than {lt}",
    "literal_error": "must be one of {expected}",
}


def explain(error: ValidationError, *, at: Location = ()) -> Iterator[Fault]:
    """Where each fault is, below ``at``, and what it is."""
    found = error.errors(include_url=False, include_input=False)
    for fault in found:
        if fault["type"] != "too_short" or len(found) == 1:  # it also follows bad entries
            location = (*at, *fault["loc"])
            yield location, _text(location, fault)


def _text(location: Location, fault: Mapping[str, Any]) -> str:
    if fault["type"] == "extra_forbidden":
        return _unknown(location)
    context = fault.get("ctx", {})
    if fault["type"] == "value_error":
        return str(context["error"])
    return _TEXTS[fault["type"]].format(**context) if fault["type"] in _TEXTS else str(fault["msg"])


def _unknown(location: Location) -> str:
    name = str(location[-1])
    if location[0] == "chains" and len(location) == len(("chains", 0, name)) and name in _REFUSED_IN_CHAIN:
        return "is not supported, and without it this would be another chain; remove it if that is what is meant"
    model = model_at(location[:-1])
    known = [info.alias or key for key, info in model.model_fields.items()] if model else []
    close = difflib.get_close_matches(name, known, n=1) or [key for key in known if key.lower() == name.lower()]
    return (
        f"is not a known name; did you mean {close[0]}?"
        if close
        else f"is not a known name; known here: {', '.join(known)}"
    )


def model_at(location: Location) -> type[Section] | None:
    """The model of the mapping at ``location`` (names as in the file), None where it is free-form."""
    model: Any = Network
    named = True
    for name in location:
        if isinstance(name, int) or not named:
            named = True
            continue  # the entries of a list, or of a mapping with names of the user's own, share one model
        found = [info for key, info in model.model_fields.items() if name in {key, info.alias}]
        model = _section(found[0].annotation) if found else None
        named = not found or get_origin(found[0].annotation) is not dict
        if model is None:
            return None
    return model if isinstance(model, type) and issubclass(model, Section) else None


def _section(annotation: Any) -> type[Section] | None:
    """The one `Section` in ``annotation``, through unions, tuples and ``Annotated``."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    inner: list[Any] = list(getattr(annotation, "__args__", ()))
    return next((model for model in map(_section, inner) if model), None)
