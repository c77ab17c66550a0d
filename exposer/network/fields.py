"""What a mapping and a single value of a network file may be, with the words that say so where they are not."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from exposer.accounts.hd import parse_path
from exposer.duration import parse_duration
from exposer.errors import BadInputError


def matching(pattern: str, expected: str) -> AfterValidator:
    """Text of this pattern; else it must be what is ``expected``."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"must be {expected}")
        return value

    return AfterValidator(check)


def text(*kinds: type) -> BeforeValidator:
    """Lets YAML's bare ``1.10`` or ``true`` stand for text, as it is written, where nobody would put quotes."""

    def spell(value: object) -> object:
        if isinstance(value, bool):
            return str(value).lower() if bool in kinds else value
        return getattr(value, "written", str(value)) if isinstance(value, kinds) else value

    return BeforeValidator(spell)


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


DENOM = r"[a-zA-Z][a-zA-Z0-9/:._-]{2,127}"
COINS = rf"\d+{DENOM}(,\d+{DENOM})*"

ChainId = Annotated[
    str,
    text(int),
    matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}", "1 to 50 letters, digits, dots, dashes or underscores"),
]
Coins = Annotated[str, matching(COINS, "coins like 100stake,5uatom")]
Denom = Annotated[str, matching(DENOM, "a denomination of 3 to 128 characters, like uatom")]
Duration = Annotated[str, AfterValidator(_duration)]
HdPath = Annotated[str, AfterValidator(_hd_path)]
Port = Annotated[int, Field(ge=1, le=65535)]
PRICE = rf"(\d+(?:\.\d+)?)({DENOM})"
Prices = Annotated[str, matching(rf"{PRICE}(,{PRICE})*", "gas prices like 0.025uatom,1stake")]
Origin = Annotated[str, matching(r"[^\s,]+", "an origin like https://example.org, or '*'")]
Time = Annotated[str, matching(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "a time in UTC like 2026-01-31T00:00:00Z")]
Quantity = Annotated[str, text(int, float)]
Version = Annotated[str, matching(r"[^\s,=]*", "a tag, a branch, a commit, or a Go module's path@version")]
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
    )
