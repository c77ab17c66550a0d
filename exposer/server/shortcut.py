"""Whole answers to what is asked most, without a task, a route or a thread: as true as those of the long way."""

from collections.abc import Iterable
from typing import NamedTuple

from exposer.server.traffic import Traffic
from exposer.server.view import Verdict
from exposer.server.watch import Watch

Fields = list[tuple[bytes, bytes]]

_NAMES = {b"/node_id": "node_id", b"/keys": "keys", b"/pub_key": "pub_key"}


class _Rendered(NamedTuple):
    verdict: Verdict
    whole: bytes


class Shortcut:
    """Answers to bare GET requests for small documents, while what is known of them holds at this moment."""

    def __init__(self, watch: Watch, traffic: Traffic) -> None:
        self._watch = watch
        self._traffic = traffic
        self._fields: Fields = []
        self._rendered: dict[str, _Rendered] = {}

    def answer(self, target: bytes, fields: Fields) -> bytes | None:
        """The answer, head and body, with the server's own ``fields`` in it; None where the long way has to be gone."""
        name = _NAMES.get(target)
        verdict = self._watch.current(name) if name else None
        if name is None or verdict is None or verdict.body is None:
            return None
        if fields is not self._fields:  # uvicorn makes new ones each second, for the date
            self._fields = fields
            self._rendered.clear()
        kept = self._rendered.get(name)
        if kept is None or kept.verdict is not verdict:
            kept = self._rendered[name] = _Rendered(verdict, _render(fields, verdict.body))
        self._traffic.count(f"/{name}", 200, len(verdict.body))
        return kept.whole


def _render(fields: Iterable[tuple[bytes, bytes]], body: bytes) -> bytes:
    own = [
        (b"cache-control", b"no-cache"),
        (b"content-length", b"%d" % len(body)),
        (b"content-type", b"application/json"),
    ]
    head = b"".join(b"%s: %s\r\n" % field for field in (*fields, *own))
    return b"HTTP/1.1 200 OK\r\n" + head + b"\r\n" + body
