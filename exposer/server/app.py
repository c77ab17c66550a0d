"""The sidecar's application: made from settings, with all of its state on it."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from exposer import __version__
from exposer.server import metrics, page, problem
from exposer.server.access import Access, CheckAccess
from exposer.server.description import DescribedAPI
from exposer.server.routes import router
from exposer.server.settings import ServerSettings
from exposer.server.sidecar import Sidecar
from exposer.server.traffic import CountTraffic


def create_app(settings: ServerSettings) -> FastAPI:
    """The application; its `Sidecar` is at ``app.state.sidecar``."""
    # FastAPI's own pages load scripts from elsewhere; a pod's network may have no elsewhere.
    app = DescribedAPI(
        title="exposer",
        version=__version__,
        summary="One pod's finished state over HTTP",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    sidecar = app.state.sidecar = Sidecar(settings)
    access = app.access = Access(settings)
    app.add_middleware(CheckAccess, access=access)
    app.add_middleware(CountTraffic, traffic=sidecar.traffic)
    app.include_router(router)
    app.include_router(page.router)
    app.include_router(metrics.router)
    problem.install(app)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await app.state.sidecar.close()
