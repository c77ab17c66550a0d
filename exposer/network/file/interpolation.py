"""``${NAME}`` in the values of a network file, and the files that such variables may stand in.

Source of the forms: the Compose Specification, ``12-interpolation.md``, as ``compose-go`` reads them.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from dotenv.parser import parse_stream

from exposer.errors import BadInputError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_EXPRESSION = re.compile(rf"({_NAME.pattern})(?:(:?)([-?+])(.*))?", re.DOTALL)
_FORMS = "write ${NAME} or ${NAME:-default}, and $$ for a dollar sign"
Lookup = Callable[[str], str | None]
"""The value of a variable, None where it is not set."""


def substitute(text: str, lookup: Lookup) -> str:
    """``text`` with its variables replaced; what they hold is not looked at again.

    Raises:
        ValueError: a variable has no value, or what stands between braces is none of the forms.
    """
    done: list[str] = []
    while "$" in text:
        before, _, text = text.partition("$")
        done.append(before)
        if text.startswith("$"):
            done.append("$")
            text = text[1:]
        elif text.startswith("{"):
            inside, text = _braced(text)
            done.append(_expression(inside, lookup))
        elif name := _NAME.match(text):
            done.append(_needed(name[0], lookup))
            text = text[name.end() :]
        else:
            done.append("$")
    return "".join([*done, text])


def _braced(text: str) -> tuple[str, str]:
    """What stands in the braces at the beginning of ``text``, and what follows them."""
    depth = 0
    for place, character in enumerate(text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return text[1:place], text[place + 1 :]
    raise ValueError(f"has a ${{ without its }}; {_FORMS}")


def _expression(inside: str, lookup: Lookup) -> str:
    form = _EXPRESSION.fullmatch(inside)
    if form is None:
        raise ValueError(f"has ${{{inside}}}, which names no variable; {_FORMS}")
    name, colon, operator, word = form.groups()
    if operator is None:
        return _needed(name, lookup)
    value = lookup(name)
    there = value is not None and not (colon and value == "")
    if operator == "+":
        return substitute(word, lookup) if there else ""
    if there:
        return value or ""
    if operator == "?":
        raise ValueError(f"needs the variable {name}: {substitute(word, lookup) or 'it is not set'}; {_where(name)}")
    return substitute(word, lookup)


def _needed(name: str, lookup: Lookup) -> str:
    """Compose takes an unset variable for an empty one and warns; here nothing starts with what nobody meant."""
    value = lookup(name)
    if value is None:
        raise ValueError(f"needs the variable {name}, which is not set; {_where(name)}, or write ${{{name}:-default}}")
    return value


def _where(name: str) -> str:
    return f"set {name} in the environment or in .env beside the file"


class Variables:
    """What variables are: the environment's, then those of what includes this file, then its own files'.

    ``written`` is how each value that was asked for stands in the network file, for messages.
    """

    def __init__(self, files: Sequence[Path], outer: "Variables | None" = None) -> None:
        self._files = files
        self._outer = outer
        self.written: dict[str, str] = outer.written if outer else {}

    def lookup(self, name: str) -> str | None:
        """The value of ``name``, None where it is not set; raises `BadInputError` where a file is none of variables."""
        value = self._find(name)
        if value:
            self.written[value] = f"${{{name}}}"
        return value

    def _find(self, name: str) -> str | None:
        value = self._outer._find(name) if self._outer else os.environ.get(name)  # noqa: SLF001 - of the same class
        return self._of_files.get(name) if value is None else value

    @cached_property
    def _of_files(self) -> Mapping[str, str]:
        """Read when the first variable is not in the environment: nobody else's ``.env`` is in the way."""
        values: dict[str, str] = {}
        for file in self._files:
            _read(file, values, lambda name: found if (found := os.environ.get(name)) is not None else values.get(name))
        return values


def _read(file: Path, values: dict[str, str], lookup: Lookup) -> None:
    """Add the variables of ``file``: ``NAME=VALUE`` lines, in which earlier ones may be used but in single quotes."""
    try:
        with file.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except OSError as error:
        raise BadInputError(f"{file}: {error.strerror}; name the file of variables that is meant") from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{file}: not text in UTF-8; save it as UTF-8") from error
    for binding in bindings:
        line = binding.original.line + len(binding.original.string) - len(binding.original.string.lstrip("\n"))
        if binding.error:
            raise BadInputError(f"{file}:{line}: is no variable; write NAME=VALUE")
        if binding.key is None or binding.value is None:
            continue
        literal = re.search(r"=\s*'", binding.original.string) is not None
        try:
            values[binding.key] = binding.value if literal else substitute(binding.value, lookup)
        except ValueError as error:
            raise BadInputError(f"{file}:{line}: {binding.key}: {error}") from None
