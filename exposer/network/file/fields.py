"""What a mapping and a single value of a network file may be, with the words that say so where they are not."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema

from exposer.accounts.commission import RATE
from exposer.accounts.hd import parse_path
from exposer.duration import parse_duration
from exposer.errors import BadInputError


@dataclass(frozen=True, eq=False)
class Rule:
    """What ``check`` makes of a value, or says of it by `ValueError`.

    ``schema`` is what JSON Schema can say of it, and ``instead`` what it may be instead of its type.
    """

    check: Callable[[Any], Any]
    schema: Mapping[str, Any] = field(default_factory=dict)
    before: bool = False
    instead: Mapping[str, Any] | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Its place is after the type, or before it."""
        if self.before:
            return core_schema.no_info_before_validator_function(self.check, handler(source))
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The type's own schema, and what the rule says."""
        own = {**handler(core), **self.schema}
        return {"anyOf": [self.instead, own]} if self.instead else own


def matching(pattern: str, expected: str) -> Rule:
    """Text of this pattern; else it must be what is ``expected``."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"must be {expected}")
        return value

    return Rule(check, {"pattern": f"^(?:{pattern})$"})


_KINDS = {bool: "boolean", int: "integer", float: "number"}


def text(*kinds: type) -> Rule:
    """Lets YAML's bare ``1.10`` or ``true`` stand for text, as it is written, where nobody would put quotes."""

    def spell(value: object) -> object:
        if isinstance(value, bool):
            return str(value).lower() if bool in kinds else value
        return getattr(value, "written", str(value)) if isinstance(value, kinds) else value

    return Rule(spell, {"type": ["string", *(_KINDS[kind] for kind in kinds)]}, before=True)


def named(name: str) -> Rule:
    """Lets a single text stand for the mapping that has it as ``name``."""
    return Rule(lambda value: {name: value} if isinstance(value, str) else value, before=True, instead=_TEXT)


_TEXT = {"type": "string"}
listed = Rule(lambda value: [value] if isinstance(value, str) else value, before=True, instead=_TEXT)
"""Lets a single text stand for a list of one."""


def _duration(value: str) -> str:
    try:
        parse_duration(value)
    except BadInputError:
        raise ValueError("must be a duration; write for example 500ms, 1s or 1m30s") from None
    return value


def _hd_path(value: str) -> str:
    try:
        parse_path(value)
    except BadInputError as error:
        raise ValueError(f"must be a path like m/44'/118'/0'/0/0, each number below {1 << 31}") from error
    return value


def _port_or_name(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LAST_PORT:
        return int(value)
    if isinstance(value, str) and re.fullmatch(_PORT_NAME, value):
        return value
    raise ValueError("must be a port from 1 to 65535, or the name of one")


DENOM = r"[a-zA-Z][a-zA-Z0-9/:._-]{2,127}"
COINS = rf"[0-9]+{DENOM}(,[0-9]+{DENOM})*"
_LAST_PORT = 65535
_PORT_NAME = r"(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?"

ChainId = Annotated[
    str,
    text(int),
    matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}", "1 to 50 letters, digits, dots, dashes or underscores"),
]
Coins = Annotated[str, matching(COINS, "coins like 100stake,5uatom")]
Denom = Annotated[str, matching(DENOM, "a denomination of 3 to 128 characters, like uatom")]
Duration = Annotated[str, Rule(_duration, {"pattern": r"^([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+$|^[0-9]+(\.[0-9]+)?$"})]
HdPath = Annotated[str, Rule(_hd_path, {"pattern": "^m(/[0-9]+'?)+$"})]
Port = Annotated[int, Field(ge=1, le=_LAST_PORT)]
PortOrName = Annotated[
    Any,
    Rule(
        _port_or_name,
        {"type": ["integer", "string"], "minimum": 1, "maximum": _LAST_PORT, "pattern": f"^{_PORT_NAME}$"},
    ),
]
PRICE = rf"([0-9]+(?:\.[0-9]+)?)({DENOM})"
Prices = Annotated[str, matching(rf"{PRICE}(,{PRICE})*", "gas prices like 0.025uatom,1stake")]
Rate = Annotated[
    str,
    text(int, float),
    matching(RATE, "a decimal from 0 to 1, like 0.05"),
    Rule(str, {"minimum": 0, "maximum": 1}),
]
Origin = Annotated[str, matching(r"[^\s,]+", "an origin like https://example.org, or '*'")]
Time = Annotated[
    str,
    matching(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z", "a time in UTC like 2026-01-31T00:00:00Z"
    ),
]
Quantity = Annotated[
    str,
    text(int, float),
    matching(
        r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,3})?",
        "a quantity like 500m, 0.5, 400M or 10Gi",
    ),
]
Label = Annotated[
    str,
    matching(
        r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
        "1 to 63 lower-case letters, digits or dashes, with no dash at its ends (RFC 1123)",
    ),
]
Subdomain = Annotated[
    str,
    matching(
        r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*",
        "lower-case letters, digits, dashes and dots (an RFC 1123 subdomain)",
    ),
]
Version = Annotated[
    str, text(int, float), matching(r"[^\s,=]*", "a tag, a branch, a commit, or a Go module's path@version")
]
Word = Annotated[str, matching(r"\S+", "a name or a path without blanks")]


class Section(BaseModel):
    """A mapping of the file: unknown names are faults, and values are not converted."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=to_camel,
        populate_by_name=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )
