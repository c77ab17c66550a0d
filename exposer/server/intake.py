"""How far the latest request of a connection has arrived, and whether that is still within bounds."""

from exposer.server.problem import Code, ProblemError

LONGEST_TARGET = 8000
"""Bytes of a request's target: what RFC 9112 section 3 asks every server to take."""
LONGEST_HEAD = 16 << 10
"""Bytes of a request's head, or of its trailer."""
MOST_FIELDS = 100
_LINE = len("GET  HTTP/1.1\r\n")
_FIELD = len(": \r\n")


class Intake:
    """Told what the parser tells; raises `ProblemError` where a request is too large.

    The parser keeps what has no end yet - a name, a value, the space before a request - for as long as it grows, so
    what it was fed and has not told of is counted too.
    """

    def __init__(self) -> None:
        self.complete = False
        """Whether the request has come to its end."""
        self.body_left = 0
        """Bytes of a body of known length that have not come yet."""
        self._in_head = True
        self._head = 0
        self._fields = 0
        self._told = 0
        self._untold = 0

    @property
    def in_head(self) -> bool:
        """Whether a part of a head is here, and not yet the whole."""
        return self._in_head and bool(self._head or self._untold)

    @property
    def in_body(self) -> bool:
        """Whether the body of a request that is answered, or was, is under way."""
        return not self._in_head and not self.complete

    def begin(self) -> None:
        """A request begins."""
        self.complete, self._in_head = False, True
        self._head = self._fields = 0

    def target(self, size: int) -> None:
        """A part of the target."""
        self._head += size
        self._told += size + _LINE
        if self._head > LONGEST_TARGET:
            raise ProblemError(Code.URI_TOO_LONG, "the request's target is too long")

    def field(self, size: int) -> None:
        """A field of the head or of the trailer; ``size`` is that of name and value."""
        self._head += size
        self._fields += 1
        self._told += size + _FIELD
        if self._head > LONGEST_HEAD or self._fields > MOST_FIELDS:
            raise ProblemError(Code.HEADERS_TOO_LARGE, "the request's head is too large")

    def end_head(self, length: int) -> None:
        """The head is complete, and an answer to it begins; a body of ``length`` bytes follows it."""
        self._in_head = False
        self.body_left = length

    def body(self, size: int) -> None:
        """A part of the body."""
        self._told += size
        self.body_left = max(self.body_left - size, 0)

    def end(self) -> None:
        """The request is complete."""
        self.complete = True
        self.body_left = 0

    def fed(self, size: int) -> None:
        """The parser got ``size`` bytes, of which it told meanwhile."""
        self._untold = size - self._told + (0 if self._told else self._untold)
        self._told = 0
        if self._in_head and self._untold > LONGEST_HEAD:
            raise ProblemError(Code.HEADERS_TOO_LARGE, "the request's head is too large")
