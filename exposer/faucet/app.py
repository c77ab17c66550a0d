"""The faucet's application, in the form that clients of the known faucets use.

Sources: @cosmjs/faucet (``packages/faucet/src/api/webserver.ts``) and its client, Starship's faucet
(``starship/faucet/handler.go``): ``POST /credit``, ``GET /status``, ``GET /healthz``. Those clients send JSON under
any content type, and read of an answer its status, or ``{"status": "ok"}``.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from http import HTTPStatus

import httpx
from fastapi import APIRouter, FastAPI, Request
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, Response

from exposer import __version__
from exposer.accounts.purse import Purse
from exposer.duration import parse_duration
from exposer.faucet import problem
from exposer.faucet.chain import Chain
from exposer.faucet.desk import Desk, Limits
from exposer.faucet.drafter import Terms
from exposer.faucet.journal import Journal
from exposer.faucet.payer import Payer
from exposer.faucet.problem import Code, ProblemError
from exposer.faucet.settings import FaucetSettings

_WELCOME = """This is a faucet.
POST {"address": "...", "denom": "..."} to /credit; /status says what there is to get.
"""
router = APIRouter()


class Faucet:
    """All of the application's state."""

    def __init__(self, settings: FaucetSettings, purse: Purse, journal: Journal) -> None:
        """``purse`` has the amounts in it that count."""
        self.purse = purse
        self.settings = settings
        self.ledger = journal.ledger
        limits = Limits(parse_duration(settings.cooldown), parse_duration(settings.patience), settings.max_queue)
        self.desk = Desk(purse, journal, limits)
        self.client = httpx.AsyncClient(trust_env=False)
        terms = Terms(settings.max_batch, settings.gas_adjustment, settings.prices)
        self.payer = Payer(purse, Chain(settings.node_url, self.client), journal, terms, self.desk.tell)


def create_app(faucet: Faucet) -> FastAPI:
    """The application; it pays from its start to its end."""
    # FastAPI's own pages load scripts from elsewhere; a pod's network may have no elsewhere.
    app = FastAPI(
        title="exposer faucet",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.faucet = faucet
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "POST"], allow_headers=["*"])
    app.include_router(router)
    problem.install(app)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    faucet: Faucet = app.state.faucet
    paying = asyncio.create_task(faucet.payer.run(), name="payer")
    try:
        yield
    finally:
        paying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await paying
        await faucet.client.aclose()


@router.post("/credit", summary="Credit an address, once in a cool-down")
async def credit(request: Request) -> Response:
    """200 once the credit is in a block; 202 where the chain takes its time: it stays owed."""
    faucet: Faucet = request.app.state.faucet
    asked = _parse(await request.body())  # of limited size, and all of it here: see `exposer.faucet.protocol`
    outcome = await faucet.desk.credit(asked["address"], asked["denom"], faucet.payer)
    if outcome is None:
        return JSONResponse({"status": "pending"}, HTTPStatus.ACCEPTED)
    return JSONResponse({"status": "ok", "transaction": outcome.transaction, "height": str(outcome.height)})


@router.get("/status", summary="What there is to get, and whether it can be got")
@router.head("/status", include_in_schema=False)
async def status(request: Request) -> Response:
    """The fields of the known faucets, and how many credits are under way."""
    faucet: Faucet = request.app.state.faucet
    purse, payer = faucet.purse, faucet.payer
    return JSONResponse(
        {
            "status": "waiting" if payer.obstacle else "ok",
            "chainId": purse.chain_id,
            "nodeUrl": faucet.settings.node_url,
            "chainTokens": sorted(purse.amounts),
            "availableTokens": sorted(
                denom for denom in purse.amounts if payer.tip.funds.get(denom, 0) >= purse.amounts[denom]
            ),
            "holder": {
                "address": purse.address,
                "balance": [
                    {"denom": denom, "amount": str(payer.tip.funds[denom])} for denom in sorted(payer.tip.funds)
                ],
            },
            "distributors": [],
            "amounts": [{"denom": denom, "amount": str(purse.amounts[denom])} for denom in sorted(purse.amounts)],
            "cooldownSeconds": parse_duration(faucet.settings.cooldown),
            "pending": len(faucet.ledger.owed),
            "transactions": payer.transactions,
        },
        headers={"cache-control": "no-store"},
    )


@router.get("/readyz", summary="Whether it can pay")
@router.head("/readyz", include_in_schema=False)
async def ready(request: Request) -> Response:
    """200 while it can pay, else 503."""
    if request.app.state.faucet.payer.obstacle:
        raise ProblemError(Code.NOT_READY, "the faucet cannot pay now", wait=1)
    return PlainTextResponse("ok\n")


@router.get("/livez", summary="Whether the process answers")
@router.head("/livez", include_in_schema=False)
async def live() -> Response:
    """Always 200."""
    return PlainTextResponse("ok\n")


@router.get("/", summary="A welcome")
@router.head("/", include_in_schema=False)
@router.get("/healthz", summary="As in the known faucets: it answers, whether it can pay or not")
@router.head("/healthz", include_in_schema=False)
async def welcome() -> Response:
    """Always 200."""
    return PlainTextResponse(_WELCOME)


def _parse(body: bytes) -> dict[str, str]:
    """``address`` and ``denom`` of a request."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProblemError(Code.BAD_REQUEST, "the body is not JSON") from error
    if not isinstance(asked, dict):
        raise ProblemError(Code.BAD_REQUEST, 'the body is not an object like {"address": "...", "denom": "..."}')
    for name in ("address", "denom"):
        if not isinstance(asked.get(name), str) or not asked[name]:
            raise ProblemError(Code.BAD_REQUEST, f"{name!r} is missing, or is no text")
    return {"address": asked["address"], "denom": asked["denom"]}
