"""What was asked and answered, in numbers."""

from collections import Counter
from collections.abc import Collection
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

OTHER = "other"


class Traffic:
    """Requests by path and status, and bytes of bodies by path; a path that is no endpoint counts as `OTHER`."""

    def __init__(self, paths: Collection[str]) -> None:
        """``paths``: the endpoints, so that nobody can make up labels; ``/x/{name}`` stands for all below ``/x/``."""
        self.requests: Counter[tuple[str, int]] = Counter()
        self.bytes: Counter[str] = Counter()
        self._labels = {path: path for path in paths if "{" not in path}
        self._trees = {path[: path.index("{")]: path for path in paths if "{" in path}

    def count(self, path: str, status: int, size: int) -> None:
        """One answer with a body of ``size`` bytes."""
        label = self.label(path)
        self.requests[label, status] += 1
        self.bytes[label] += size

    def label(self, path: str) -> str:
        """The endpoint at ``path``."""
        tree = path[: path.rfind("/") + 1]
        return self._labels.get(path) or self._trees.get(tree, OTHER)


class CountTraffic:
    """ASGI middleware that counts every answer of ``app``."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer and count; what is cut counts as far as it got."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        status = size = 0

        async def counted(message: Message) -> None:
            nonlocal status, size
            await send(message)
            status = message.get("status", status)
            size += message.get("count", 0) or len(message.get("body", b""))

        try:
            await self._app(scope, receive, counted)
        except Exception:
            status = status or HTTPStatus.INTERNAL_SERVER_ERROR.value  # which is answered outside of every middleware
            raise
        finally:
            if status:
                self._traffic.count(scope["path"], status, size)
