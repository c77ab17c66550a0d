"""Settings of a program, read once at its edge: flag > environment > default.

A program states its settings in one `Settings` class; flags, environment names, ``--help`` and the table in the
docs are made from that class.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from exposer.errors import BadInputError, exit_codes


class Settings(BaseSettings):
    """The base of every program's settings: frozen, and silent about values in errors (they may be secrets)."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        env_ignore_empty=True,
        case_sensitive=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _ends_without_carriage_return(cls, given: Mapping[str, object]) -> Mapping[str, object]:
        """A shell that reads a file of variables from Windows leaves one at the end of each, where nobody sees it."""
        for name, value in given.items():
            if isinstance(value, str) and value.endswith("\r"):
                known = environment_name(cls, name) if name in cls.model_fields else name
                raise ValueError(f"{known} ends with a carriage return; save the file that sets it with LF line ends")
        return given


S = TypeVar("S", bound=Settings)


def environment_name(cls: type[Settings], field: str) -> str:
    """The environment variable that sets ``field``: its alias, or the class's prefix and the field's name."""
    alias = cls.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"{cls.model_config.get('env_prefix', '')}{field}".upper()


def flag_name(field: str) -> str:
    """The flag that sets ``field``."""
    return "--" + field.replace("_", "-")


def read_settings(cls: type[S], argv: Sequence[str] | None, *, prog: str, description: str) -> S:
    """The program's settings from its arguments (``sys.argv`` when None) and the environment.

    Exits with 2 and the usage when an argument is unknown, and with 0 after ``--help``.

    Raises:
        BadInputError: a value is missing or wrong; the message names flag and variable, not the value.
    """
    given = vars(parser(cls, prog, description).parse_args(argv))
    # By its alias where a field has one; taking both would make a variable of the field's bare name count.
    flags = {
        str(cls.model_fields[name].validation_alias or name): value
        for name, value in given.items()
        if value is not None
    }
    try:
        return cls(**flags)
    except ValidationError as error:
        raise BadInputError("; ".join(_explain(cls, fault) for fault in error.errors())) from None


def parser(cls: type[Settings], prog: str, description: str) -> argparse.ArgumentParser:
    """The command line that ``cls`` describes."""
    result = argparse.ArgumentParser(
        prog=prog,
        description=description,
        epilog=exit_codes(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for name, info in cls.model_fields.items():
        boolean = info.annotation is bool
        result.add_argument(
            flag_name(name),
            dest=name,
            help=f"{info.description} [{environment_name(cls, name)}{_default(info)}]".replace("%", "%%"),
            **({"action": argparse.BooleanOptionalAction, "default": None} if boolean else {"metavar": _metavar(info)}),
        )
    return result


def variables(settings: Settings) -> dict[str, str]:
    """The environment that sets the same: variable -> text, for every field that has a value, its default too.

    Paths are absolute, so that it does so from any directory.
    """
    values = {environment_name(type(settings), name): getattr(settings, name) for name in type(settings).model_fields}
    return {name: spelled(value) for name, value in values.items() if value not in (None, "")}


def unknown_names(cls: type[Settings], environment: Mapping[str, str] = os.environ) -> list[str]:
    """Variables with the prefix of ``cls`` that set nothing, in order."""
    known = {environment_name(cls, name) for name in cls.model_fields}
    prefix = str(cls.model_config.get("env_prefix", "")).upper()
    return sorted(name for name in environment if name.startswith(prefix) and name not in known)


def table(cls: type[Settings]) -> str:
    """The settings as a Markdown table, for the docs."""
    rows = [
        f"| `{environment_name(cls, name)}` | `{flag_name(name)}` | {info.description}{_default(info)} |"
        for name, info in cls.model_fields.items()
    ]
    return "\n".join(["| variable | flag | what it sets |", "|---|---|---|", *rows]) + "\n"


def spelled(value: object) -> str:
    """A setting's value as a variable has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Path):
        return str(value.absolute())
    return f"{value:g}" if isinstance(value, float) else str(value)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "; required"
    return "" if info.default in (None, "") else f"; default {info.default}"


def _metavar(info: FieldInfo) -> str:
    types = [kind for kind in (get_args(info.annotation) or (info.annotation,)) if kind is not type(None)]
    return str(getattr(types[0], "__name__", types[0])).upper() if len(types) == 1 else "VALUE"


def _explain(cls: type[Settings], fault: Mapping[str, Any]) -> str:
    loc = str(fault["loc"][0]) if fault["loc"] else ""
    field = next((name for name, info in cls.model_fields.items() if loc in {name, info.validation_alias}), None)
    what = str(fault["msg"]).removeprefix("Value error, ")
    if field is None:
        return what
    names = f"{environment_name(cls, field)} ({flag_name(field)})"
    return f"{names} is required" if fault["type"] == "missing" else f"{names}: {what}"
