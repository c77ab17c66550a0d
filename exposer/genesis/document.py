"""JSON documents that are small enough to be held: read and written without touching a digit."""

from pathlib import Path
from typing import Any

import simplejson

from exposer.errors import BadInputError, from_input_error

# Go's encoding/json writes these characters escaped; they stand only inside strings, so the whole text can be replaced.
_GO_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


def load(path: Path, field: str = "genesis") -> Any:
    """JSON with every number kept exactly (`decimal.Decimal` where it is not an integer)."""
    try:
        return simplejson.loads(path.read_bytes(), use_decimal=True)
    except simplejson.JSONDecodeError as error:
        raise BadInputError(f"{field}: not JSON at line {error.lineno}, column {error.colno}") from None
    except (ValueError, RecursionError):
        raise BadInputError(f"{field}: not UTF-8, or a number or a nesting in it is beyond all bounds") from None
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
