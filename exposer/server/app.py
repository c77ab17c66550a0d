"""The sidecar's application: made from settings, with all of its state on it."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from exposer import __version__
from exposer.server import problem
from exposer.server.routes import router
from exposer.server.settings import ServerSettings
from exposer.server.sidecar import Sidecar


def create_app(settings: ServerSettings) -> FastAPI:
    """The application; its `Sidecar` is at ``app.state.sidecar``."""
    # FastAPI's own pages load scripts from elsewhere; a pod's network may have no elsewhere.
    app = FastAPI(
        title="exposer",
        version=__version__,
        summary="One pod's finished state over HTTP",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.sidecar = Sidecar(settings)
    app.include_router(router)
    problem.install(app)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await app.state.sidecar.close()
