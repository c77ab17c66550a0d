"""From a network file to a `Network`: every fault is found before anything starts, and named with line and cure."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_origin

from pydantic import ValidationError

from exposer.errors import BadInputError
from exposer.network import checks
from exposer.network.chains import default_id, known_chains
from exposer.network.fields import Section
from exposer.network.model import Network
from exposer.network.source import Location, Source, read_source

DEFAULT_CHAIN = "cometbft"
DEFAULT_VALIDATORS = 4
_OUTSIDE = ("relayers", "explorer", "registry", "ingress", "monitoring", "frontends")
_OUTSIDE_OF_CHART = ("nameOverride", "fullnameOverride", "nodeSelector", "tolerations", "affinity")
_OUTSIDE_OF_CHAIN = ("prettyName", "assets")
_REFUSED_IN_CHAIN = ("scripts", "ics", "cometmock", "external", "joinNetwork")


@dataclass(frozen=True)
class Document:
    """A checked network, the source that knows its lines, and what the user should be told about it."""

    network: Network
    source: Source
    warnings: tuple[str, ...] = ()
    directory: Path = Path()

    def narrowed(self, chain: str | None, validators: int | None) -> "Document":
        """Only the chains whose name or id is ``chain``, with ``validators`` validators each; None leaves it as it is.

        Raises:
            BadInputError: the file has no such chain, or what it says does not fit so many validators.
        """
        places = [place for place, one in enumerate(self.network.chains) if chain in {None, one.name, one.id}]
        if not places:
            there = ", ".join(one.id for one in self.network.chains)
            raise BadInputError(f"--chain {chain}: {self.source.name} has no such chain; it has {there}")
        update = {} if validators is None else {"num_validators": validators}
        chains = tuple(self.network.chains[place].model_copy(update=update) for place in places)
        network = self.network.model_copy(update={"chains": chains})
        narrowed = replace(self, network=network, source=replace(self.source, chosen=tuple(places)))
        if faults := [narrowed.source.fault(*fault) for fault in checks.faults(network, self.directory)]:
            raise _refusal(faults)
        return narrowed


def load_document(path: Path, *, strict: bool = False) -> Document:
    """The network file at ``path``.

    Raises:
        BadInputError: it has faults; each is one line ``FILE:LINE: field.path: what is wrong; cure``.
    """
    return _check(read_source(path), path.parent, strict=strict)


def embedded_document(chain: str = DEFAULT_CHAIN, validators: int = DEFAULT_VALIDATORS) -> Document:
    """The network of one known chain, with nothing but defaults.

    Raises:
        BadInputError: no chain of that name is known.
    """
    if chain not in known_chains():
        raise BadInputError(f"--chain {chain}: {checks.unknown_chain(chain)}")
    entry = {"id": default_id(chain), "name": chain, "numValidators": validators}
    return _check(Source(f"the default network of {chain}", {"name": chain, "chains": [entry]}), Path(), strict=False)


def _check(source: Source, directory: Path, *, strict: bool) -> Document:
    if not isinstance(source.data, dict):
        raise BadInputError(source.fault((), "must be a mapping that begins with name and chains"))
    faults = list(source.faults)
    outside = list(_take_outside(source.data))
    if strict:
        faults += [
            source.fault(location, "is not exposer's job; remove it, or run without --strict") for location in outside
        ]
    try:
        network = Network.model_validate(source.data, by_name=False, by_alias=True)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        real = [
            fault for fault in found if fault["type"] != "too_short" or len(found) == 1
        ]  # it also follows bad entries
        raise _refusal([*faults, *(_explain(source, fault) for fault in real)]) from None
    faults += [source.fault(location, text) for location, text in checks.faults(network, directory)]
    if faults:
        raise _refusal(faults)
    return Document(network, source, _warnings(source, outside), directory)


def _refusal(faults: Iterable[str]) -> BadInputError:
    """The one error that has all of them, in the order of the file."""
    ordered = sorted(dict.fromkeys(faults), key=_line)
    several = f"{len(ordered)} faults, nothing was started:"
    return BadInputError("\n".join([several, *ordered] if len(ordered) > 1 else ordered))


def _take_outside(data: dict[str, Any]) -> Iterator[Location]:
    """Remove what other tools act on; yields where it was."""
    for name in (*_OUTSIDE, *_OUTSIDE_OF_CHART):
        if name in data:
            del data[name]
            yield (name,)
    chains = data.get("chains")
    for place, chain in enumerate(chains if isinstance(chains, list) else []):
        for name in _OUTSIDE_OF_CHAIN:
            if isinstance(chain, dict) and name in chain:
                del chain[name]
                yield ("chains", place, name)


def _warnings(source: Source, outside: list[Location]) -> tuple[str, ...]:
    if not outside:
        return ()
    names = ", ".join(dict.fromkeys(str(location[-1]) for location in outside))
    return (f"{source.name}: {names}: not exposer's job, left out (--strict refuses them)",)


def _line(fault: str) -> int:
    """The line number in ``FILE:LINE: ...``, to put faults in the file's order."""
    head = fault.split(": ", 1)[0].rpartition(":")[2]
    return int(head) if head.isdigit() else 0


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


def _explain(source: Source, fault: Mapping[str, Any]) -> str:
    location: Location = fault["loc"]
    if fault["type"] == "extra_forbidden":
        return source.fault(location, _unknown(location))
    context = fault.get("ctx", {})
    if fault["type"] == "value_error":
        return source.fault(location, str(context["error"]))
    return source.fault(location, _TEXTS.get(fault["type"], str(fault["msg"])).format(**context))


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


def model_at(location: tuple[str | int, ...]) -> type[Section] | None:
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
