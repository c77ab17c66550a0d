"""JSON documents that are small enough to be held: read and written without touching a digit."""

from pathlib import Path
from typing import Any

import simplejson

from exposer.errors import BadInputError, from_input_error

# Go's encoding/json writes these characters escaped; they stand only inside strings, so the whole text can be replaced.
_GO_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


class TwiceError(ValueError):
    """A name stands twice in one object."""


def parse(text: bytes, *, unique: bool = False) -> Any:
    """JSON with every number kept exactly; raises `ValueError` and `RecursionError`.

    Where it has to be ``unique``, a name that is twice in an object is refused, of which the last would win silently.
    Half of a character (RFC 8259, section 8.2) is refused: it could be read, and not be written again.
    """
    value = simplejson.loads(text, use_decimal=True, object_pairs_hook=_unique if unique else None)
    if b"\\u" in text:
        simplejson.dumps(value, use_decimal=True, ensure_ascii=False).encode()
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        twice = next(name for number, (name, _) in enumerate(pairs) if name in dict(pairs[:number]))
        raise TwiceError(f"{twice!r} is twice in one object; leave one of the two out")
    return names


def load(path: Path, field: str = "genesis") -> Any:
    """JSON with every number kept exactly (`decimal.Decimal` where it is not an integer)."""
    try:
        return parse(path.read_bytes(), unique=True)
    except simplejson.JSONDecodeError as error:
        raise BadInputError(f"{field}: not JSON at line {error.lineno}, column {error.colno}") from None
    except TwiceError as error:
        raise BadInputError(f"{field}: {error}") from None
    except (ValueError, RecursionError):
        raise BadInputError(
            f"{field}: not UTF-8, half a character, or a number or a nesting beyond all bounds"
        ) from None
    except OSError as error:
        raise from_input_error(error, f"{field}: {path}") from error


def render(value: Any, indent: str = "  ", level: int = 0) -> bytes:
    """JSON as Go's ``json.MarshalIndent`` writes it: the order kept, no newline at the end.

    Args:
        value: what `load` may return.
        indent: of one level; empty for all on one line, as ``json.Marshal`` writes it.
        level: how deep the value stands in its document; its first line is not indented.
    """
    separators = (",", ": ") if indent else (",", ":")
    text = str(
        simplejson.dumps(value, use_decimal=True, indent=indent or None, ensure_ascii=False, separators=separators)
    )
    return text.replace("\n", f"\n{indent * level}").translate(_GO_ESCAPES).encode()
