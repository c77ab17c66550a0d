"""What came back on a connection, read by a parser that is not the server's (h11), and what holds for every answer."""

import json
from dataclasses import dataclass

import h11

from exposer.server.problem import MEDIA_TYPE, Code

DOCUMENTED = {code.text: code.status.value for code in Code if code is not Code.FAULT}
"""The codes that a client can meet, each with its status; that of a bug of ours is none of them."""


@dataclass(frozen=True)
class Answer:
    """One answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class MalformedError(AssertionError):
    """What came is not a row of whole HTTP/1.1 answers."""


def parse(received: bytes, *, to_head: bool = False) -> list[Answer]:
    """All answers; ``to_head``: some of the requests may have been HEAD, so that a body is missing by right.

    Raises:
        MalformedError: h11 does not take them, or the last one is cut.
    """
    answers: list[Answer] = []
    while received:
        answer, received = _first(received, to_head=to_head)
        answers.append(answer)
    return answers


def assert_documented(answer: Answer) -> None:
    """The status is one that is documented, and an error is a problem that fits it."""
    if answer.status in {200, 206, 304}:
        return
    assert answer.status in DOCUMENTED.values(), answer
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["x-content-type-options"] == "nosniff"
    if answer.body:
        problem = json.loads(answer.body)
        assert (problem["status"], DOCUMENTED[problem["code"]]) == (answer.status, answer.status)


def _first(received: bytes, *, to_head: bool) -> tuple[Answer, bytes]:
    try:
        answer, rest = _read(received, "GET")
        if not to_head or not rest or rest.startswith(b"HTTP/1.1 "):
            return answer, rest
    except MalformedError:
        if not to_head:
            raise
    return _read(received, "HEAD")


def _read(received: bytes, method: str) -> tuple[Answer, bytes]:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("host", "pod")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(received)
    connection.receive_data(b"")
    status, headers, body = 0, {}, bytearray()
    try:
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if isinstance(event, h11.Response):
                status = event.status_code
                headers = {name.decode(): value.decode() for name, value in event.headers}
            elif isinstance(event, h11.Data):
                body += event.data
    except h11.RemoteProtocolError as error:
        raise MalformedError(f"{error}: {received[:300]!r} ... {received[-100:]!r}") from error
    return Answer(status, headers, bytes(body)), connection.trailing_data[0]
