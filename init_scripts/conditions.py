"""What a gate can wait for: which request tells it, and which answer fulfils it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from exposer.client import Answer, Client
from exposer.documents import DocumentError, parse_node_id, parse_object
from exposer.errors import TemporaryError, UsageError

LONG_POLL = 30.0
"""Seconds for which an exposer is asked to hold a request; it holds none longer than 60."""
_HELD_SHARE = 0.8  # of the time that is left, so that the last cause is heard before it is over
_GRACE = 10.0  # seconds beyond it, after which a held request counts as lost
_PART = frozenset({200, 206})
_CLIP = 200  # characters of a server's own words that a log gets


class NotYetError(TemporaryError):
    """The server answered, but the condition is not fulfilled."""


@dataclass(frozen=True)
class Condition:
    """One condition.

    ``name`` is what is written behind ``--for``, ``path`` what is asked for; of an answer with one of
    ``statuses``, ``judge`` raises `NotYetError` unless the body will do. ``held``: the server may hold the request
    until it is ready. ``peek``: the first bytes of the body are enough.
    """

    name: str
    path: str
    judge: Callable[[Answer], object]
    statuses: frozenset[int] = frozenset({200})
    held: bool = True
    peek: bool = False

    def ask(self, client: Client, left: float) -> Answer:
        """The answer by which the server at ``client`` fulfils the condition, within ``left`` seconds.

        Raises:
            NotYetError: the server answered something else; the message is the cause.
            TemporaryError: there was no answer.
        """
        wait = min(LONG_POLL, _HELD_SHARE * left)
        path = f"{self.path}?wait={int(wait * 1000)}ms" if self.held else self.path
        timeout = min(wait + _GRACE, left) if self.held else min(_GRACE, left)
        answer = _beginning(client, path, timeout) if self.peek else client.get(path, timeout=timeout)
        if answer.status not in self.statuses:
            raise NotYetError(_refusal(answer))
        self.judge(answer)
        return answer


def _beginning(client: Client, path: str, timeout: float) -> Answer:
    """An answer with the first bytes of its body only: it may be a gigabyte, and not every server knows ranges."""
    with client.stream(path, headers={"range": "bytes=0-1023"}, timeout=timeout, within=timeout) as stream:
        return Answer(stream.status, stream.headers, next(stream.chunks(), b""))


def parse_condition(text: str) -> Condition:
    """The condition written as ``node_id``, ``genesis``, ``ready``, ``artifact:NAME`` or ``height:N``.

    Raises:
        UsageError: it is none of them.
    """
    kind, _, value = text.partition(":")
    if text == "node_id":
        return NODE_ID
    if text == "ready":
        return Condition(text, "/readyz", lambda _: None)
    if text == "genesis":
        return Condition(text, "/genesis", _begins_as_object, _PART, peek=True)
    if kind == "artifact" and value:
        # 416 is what an empty artifact answers to any range: it is there.
        return Condition(text, f"/artifacts/{quote(value, safe='')}", lambda _: None, _PART | {416}, peek=True)
    if kind == "height" and re.fullmatch(r"[0-9]{1,18}", value):
        return Condition(text, "/status", lambda answer: _has_height(answer, int(value)), held=False)
    raise UsageError(f"--for {text!r}: write node_id, genesis, ready, artifact:NAME or height:N")


def _is_node_id(answer: Answer) -> None:
    try:
        parse_node_id(answer.body)
    except DocumentError as error:
        raise NotYetError(f"answers /node_id with something else: {error}") from error


NODE_ID = Condition("node_id", "/node_id", _is_node_id)


def _begins_as_object(answer: Answer) -> None:
    if not answer.body.lstrip().startswith(b"{"):
        raise NotYetError("answers /genesis with something that is not a JSON object")


def _has_height(answer: Answer, wanted: int) -> None:
    """An exposer's ``/status`` has it in ``node``, a CometBFT RPC's in ``result.sync_info``."""
    try:
        status = parse_object(answer.body)
    except DocumentError as error:
        raise NotYetError(f"answers /status with something else: {error}") from error
    told = (_at(status, "node", "height"), _at(status, "result", "sync_info", "latest_block_height"))
    heights = [int(str(height)) for height in told if re.fullmatch(r"[0-9]{1,18}", str(height))]
    if not heights:
        raise NotYetError("its node tells no height")
    if heights[0] < wanted:
        raise NotYetError(f"its node is below height {wanted}")


def _at(document: Any, *keys: str) -> object:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _refusal(answer: Answer) -> str:
    """An error answer in one line: its status, and what a problem document (RFC 9457) says of the cause."""
    try:
        problem = parse_object(answer.body)
    except DocumentError:
        problem = {}
    words = [problem[key] for key in ("code", "phase", "reason") if isinstance(problem.get(key), str)]
    text = "".join(letter if letter.isprintable() else " " for letter in ", ".join(map(str, words)))[:_CLIP]
    return f"answers {answer.status}" + (f" ({text})" if text else "")
