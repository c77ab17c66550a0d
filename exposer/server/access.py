"""Who may ask: bearer tokens (RFC 6750) and client certificates, where they are configured."""

import hmac
import logging
import re

from starlette.types import ASGIApp, Receive, Scope, Send

from exposer.credentials import TOKEN_FILE_LIMIT, parse_tokens
from exposer.errors import BadInputError
from exposer.server.file import WatchedFile
from exposer.server.problem import Code, ProblemError
from exposer.server.settings import ServerSettings

log = logging.getLogger(__name__)
OPEN_PATHS = frozenset({"/", "/livez", "/readyz"})
"""What anybody may ask, without a query: the static page, and the probes, which nobody may make the sidecar hold."""
_CHALLENGE = {"www-authenticate": 'Bearer realm="exposer"'}
_BEARER = re.compile(rb"bearer +([!-~]+)", re.IGNORECASE)


class Access:
    """The rules of one sidecar."""

    def __init__(self, settings: ServerSettings) -> None:
        """Read the token file.

        Raises:
            BadInputError: it is missing, or holds no token.
        """
        path = settings.token_file
        self._file = WatchedFile(path, lambda file: parse_tokens(file.read()), limit=TOKEN_FILE_LIMIT) if path else None
        self.needs_certificate = settings.tls_client_ca_file is not None
        self._fault = ""
        if self._file and (fault := self._file.look().reason):
            raise BadInputError(f"EXPOSER_TOKEN_FILE (--token-file): {path}: {fault}")

    @property
    def needs_token(self) -> bool:
        """Whether a bearer token is asked for."""
        return self._file is not None

    @property
    def open(self) -> bool:
        """Whether everybody may ask for everything."""
        return not self._file and not self.needs_certificate

    def refusal(self, scope: Scope) -> ProblemError | None:
        """Why this request is not answered, or None where it may be."""
        if self.open or (scope["path"] in OPEN_PATHS and not scope["query_string"]):
            return None
        tls = (scope.get("extensions") or {}).get("tls") or {}
        if self.needs_certificate and tls.get("client_cert_name") is None:
            return ProblemError(Code.FORBIDDEN, "a client certificate is needed")
        if self._file and not self._knows(scope):
            return ProblemError(Code.UNAUTHORIZED, "a bearer token is needed", headers=_CHALLENGE)
        return None

    def _knows(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name == b"authorization"]
        found = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
        # Every token is compared, and each in constant time: how long it takes tells nothing of them.
        return found is not None and any([hmac.compare_digest(found[1], token) for token in self._tokens()])  # noqa: C419 - a generator would stop at the first

    def _tokens(self) -> tuple[bytes, ...]:
        """The tokens that count now: none while the file has none, so that a fault lets nobody in."""
        if not self._file:
            return ()
        sight = self._file.look()
        if sight.reason != self._fault:
            self._fault = sight.reason
            if sight.reason:
                log.error("the token file is no longer good, and nobody is let in: %s", sight.reason)
            else:
                log.info("the token file is good again")
        return sight.value or ()


class CheckAccess:
    """ASGI middleware that answers 401 or 403 instead of ``app``."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, where the client may ask."""
        refusal = self._access.refusal(scope) if scope["type"] == "http" else None
        await (refusal.response() if refusal else self._app)(scope, receive, send)
