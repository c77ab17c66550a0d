"""``/metrics``: the sidecar for Prometheus, as its state is at the scrape."""

import asyncio
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from exposer.server.status import Status

if TYPE_CHECKING:
    from exposer.server.sidecar import Sidecar

router = APIRouter()


@router.head("/metrics", include_in_schema=False)
@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Requests, bytes, downloads, waiters, steps and artifacts, for Prometheus."""
    sidecar: Sidecar = request.app.state.sidecar
    counted = sidecar.traffic.requests.copy(), sidecar.traffic.bytes.copy(), sidecar.fetches.totals.copy()
    accept = request.headers.get("accept", "")
    body, media_type = await asyncio.to_thread(_render, accept, await sidecar.status(), *counted)
    return Response(body, headers={"cache-control": "no-store", "content-type": media_type})


def _render(accept: str, status: Status, *counted: Any) -> tuple[bytes, str]:
    from exposer.server.scrape import Scrape, render  # noqa: PLC0415 - a sidecar that nobody scrapes never pays for it

    return render(Scrape(status, *counted), accept)
