"""A genesis as Starlette itself answers it, for uvicorn as it comes; ``PLAIN_HOME`` is the home."""

import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route


async def _genesis(_: Request) -> FileResponse:
    return FileResponse(Path(os.environ["PLAIN_HOME"]) / "config/genesis.json")


app = Starlette(routes=[Route("/genesis", _genesis)])
