"""The page at ``/``: the pod's status for people, in one file that loads nothing from elsewhere.

Its script and its style are allowed by their digests alone, so nothing that a step, a peer or the volume says can
become code (https://www.w3.org/TR/CSP3/, https://www.w3.org/TR/trusted-types/).
"""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response

from exposer.server.conditions import Outcome, Representation, decide

_PAGE = Path(__file__).with_name("page.html").read_bytes()
_ETAG = f'"{sha256(_PAGE).hexdigest()}"'

router = APIRouter()


def _digests(tag: str) -> str:
    """The sources that allow the page's own elements of this kind and no others."""
    bodies = re.findall(rb"<%b[^>]*>(.*?)</%b>" % (tag.encode(), tag.encode()), _PAGE, re.DOTALL)
    return " ".join(f"'sha256-{b64encode(sha256(body).digest()).decode()}'" for body in bodies)


POLICY = "; ".join(
    (
        "default-src 'none'",
        f"script-src {_digests('script')}",
        f"style-src {_digests('style')}",
        "connect-src 'self'",
        "img-src data:",  # the icon
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""The page's Content-Security-Policy."""
_HEADERS = {"content-security-policy": POLICY, "etag": _ETAG, "cache-control": "no-cache"}


@router.head("/", include_in_schema=False)
@router.get("/", response_class=HTMLResponse)
async def page(request: Request) -> Response:
    """A page for people that shows `/status`, live."""
    # Only the entity tag: a file of the installation has no date that means anything.
    conditions = Headers(raw=[field for field in request.headers.raw if field[0] == b"if-none-match"])
    decision = decide(request.method, conditions, Representation(_ETAG, len(_PAGE), 0))
    if decision.outcome is Outcome.NOT_MODIFIED:
        return Response(status_code=Outcome.NOT_MODIFIED.value, headers=_HEADERS)
    return HTMLResponse(_PAGE, headers=_HEADERS)
