"""``exposer status URL``: what one sidecar says about its pod, for a terminal, a pipe or a script."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from exposer.client import Client
from exposer.credentials import Credentials
from exposer.errors import BadInputError, ExitCode, TemporaryError

_REFUSALS = {
    401: "asks for a token, or refuses this one; name the file that holds it with --token-file",
    403: "asks for a client certificate; name it with --cert-file and --key-file",
}
_STYLES = {
    **dict.fromkeys(("ready", "done", "complete"), "green"),
    **dict.fromkeys(("failed", "cut", "incomplete", "mismatch"), "red"),
    "running": "cyan",
}
_SHOWN = 10  # downloads; --json has more
_LIMIT = 1 << 22  # bytes
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_MINUTE = 60

Row = Sequence[str]


def status(target: str, credentials: Credentials, out: TextIO, *, as_json: bool) -> ExitCode:
    """Write what the sidecar at ``target`` says: 0 where its pod is ready, 75 where it is not.

    Raises:
        UsageError: ``target`` is no target.
        BadInputError: it wants other credentials.
        TemporaryError: it cannot be reached, or what answers there is no sidecar.
    """
    with Client(target, credentials=credentials) as client:
        answer = client.get("/status", limit=_LIMIT)
    if answer.status in _REFUSALS:
        raise BadInputError(f"{client.place} {_REFUSALS[answer.status]}")
    try:
        document = json.loads(answer.body)
        ready = document["ready"] is True
        lines = list(_lines(document, client.url))
        text = json.dumps(document, indent=2)  # in ASCII: safe on a terminal, whatever is in it
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise TemporaryError(f"{client.place} answers /status with {answer.status} and no status of a pod") from error
    if as_json:
        out.write(text + "\n")
    else:
        console = Console(file=out, highlight=False, soft_wrap=True)
        for line in lines:
            console.print(line)
    return ExitCode.DONE if ready else ExitCode.TEMPORARY


def _lines(status: dict[str, Any], url: str) -> Iterator[Text]:
    yield from _head(status, url)
    yield from _table("STEP", [_step(step) for step in status["steps"]], ("STATE", "TOOK", "REASON"))
    artifacts = [(one["name"], one["state"], _bytes(one["size"]), one["sha256"] or "-") for one in status["artifacts"]]
    yield from _table("ARTIFACT", artifacts, ("STATE", "SIZE", "SHA256"))
    yield from _table(
        "WAITED FOR", [(name, str(int(count))) for name, count in status["waiting"].items()], ("REQUESTS",)
    )
    fetches = [_fetch(one) for one in status["fetches"]]
    yield from _table("PEER", fetches[:_SHOWN], ("ARTIFACT", "STATE", "SENT", "STARTED", "TOOK"))
    if len(fetches) > _SHOWN:
        yield Text(f"and {len(fetches) - _SHOWN} earlier downloads", "dim")


def _head(status: dict[str, Any], url: str) -> Iterator[Text]:
    step, bootstrap, node = status["step"], status["bootstrap"], status["node"]
    active = next((one for one in status["steps"] if one["name"] == step["name"]), {"state": status["phase"]})
    state = "ready" if status["ready"] else active["state"]
    name = clean(status["pod"] or url)
    phase = clean(status["phase"] if status["phase"] == state else f"{status['phase']} {state}")
    yield Text.assemble((name, "bold"), "  ", (phase, _STYLES.get(state, "yellow")))
    if status["reason"]:
        yield Text(clean(status["reason"]))
    done = sum(one["state"] == "done" for one in status["steps"])
    facts = [f"{done} of {int(step['count'])} steps done"]
    if bootstrap:
        took = _time(bootstrap["seconds"])
        facts.append(f"the bootstrap took {took}" if status["ready"] else f"{took} since the first step began")
    if node:
        facts.append(f"node at height {int(node['height'])}{', catching up' if node['catching_up'] else ''}")
    facts.append(f"exposer {clean(status['version'])}")
    yield Text("; ".join(facts), "dim")


def _step(step: dict[str, Any]) -> Row:
    code = f" ({int(step['exit_code'])})" if step["state"] == "failed" and step["exit_code"] is not None else ""
    took = "-" if step["seconds"] is None else _time(step["seconds"])
    return step["name"], step["state"] + code, took, step["reason"]


def _fetch(fetch: dict[str, Any]) -> Row:
    sent = _bytes(fetch["sent"])
    whole = fetch["state"] == "complete"
    return (
        fetch["peer"] or "-",
        fetch["artifact"],
        fetch["state"],
        sent if whole else f"{sent} of {_bytes(fetch['size'])}",
        fetch["started"],
        _time(fetch["seconds"]),
    )


def _table(title: str, rows: Sequence[Row], titles: Row) -> Iterator[Text]:
    """Aligned columns under a heading; nothing where there are no rows."""
    if not rows:
        return
    cells = [(title, *titles), *([clean(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    yield Text("")
    for number, row in enumerate(cells):
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield _colored(padded, "bold" if number == 0 else "")


def _colored(cells: Iterable[str], style: str) -> Text:
    """A row; the words for states have their colors."""
    parts = [(cell, style or _STYLES.get(cell.split(" ")[0], "")) for cell in cells]
    line = Text("  ").join(Text(cell, color) for cell, color in parts)
    line.rstrip()
    return line


def clean(text: str) -> str:
    """Text from the network without what a terminal would obey or what reorders a line."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def _bytes(count: int | None) -> str:
    if count is None:
        return "-"
    power = min(max(count.bit_length() - 1, 0) // 10, len(_UNITS) - 1)
    value = count / 1024**power
    return f"{value:.{int(power > 0 and value < 10)}f} {_UNITS[power]}"  # noqa: PLR2004 - at least two digits


def _time(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), _MINUTE)
    hours, left = divmod(minutes, _MINUTE)
    return f"{hours} h {left:02} min" if hours else f"{minutes} min {rest:02} s"
