"""The faucet's HTTP: the form that clients of the known faucets use, and a status with a stable code for all else."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from networks import fresh_mnemonic
from project import ROOT

from exposer.accounts.address import Algorithm, encode_address
from exposer.accounts.hd import derive_secp256k1, standard_path
from exposer.accounts.mnemonic import Mnemonic
from exposer.accounts.purse import Purse
from exposer.faucet.app import Faucet, create_app
from exposer.faucet.journal import open_journal
from exposer.faucet.problem import Code
from exposer.faucet.settings import FaucetSettings
from exposer.settings import read_settings

DOCS = (ROOT / "docs/faucet.md").read_text(encoding="utf-8")
GOOD = encode_address("cosmos", b"\x01" * 20)
CHECKSUMMED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # of EIP-55's own examples


@asynccontextmanager
async def faucet(directory: Path, algorithm: Algorithm = "secp256k1") -> AsyncIterator[httpx.AsyncClient]:
    """A client of a faucet's application, whose node nobody has started."""
    key = derive_secp256k1(Mnemonic(fresh_mnemonic()).seed(), standard_path(118))
    purse = Purse("chain-1", "cosmos", algorithm, "/a.PubKey", {"stake": 5, "uatom": 7}, key)
    settings = FaucetSettings(dir=directory, NODE_URL="http://127.0.0.1:1")
    with open_journal(directory, keep=60.0) as journal:
        app = create_app(Faucet(settings, purse, journal))
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://f") as client,
        ):
            yield client


def told(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a problem, which is one in every respect."""
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert list(body) == ["type", "title", "status", "code", "detail"]
    assert body["status"] == answer.status_code == Code[body["code"].upper().replace("-", "_")].status
    return answer.status_code, body["code"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", (400, "bad-request")),
        (b"{", (400, "bad-request")),
        (b"[" * 4000, (400, "bad-request")),
        (b"\xff\xfe", (400, "bad-request")),
        (b"[]", (400, "bad-request")),
        (b'"text"', (400, "bad-request")),
        (b"{}", (400, "bad-request")),
        (b'{"address": "", "denom": "stake"}', (400, "bad-request")),
        (b'{"address": 7, "denom": "stake"}', (400, "bad-request")),
        (b'{"address": "%s"}' % GOOD.encode(), (400, "bad-request")),
        (b'{"address": "x", "denom": "stake"}', (400, "bad-address")),
        (b'{"address": "%s", "denom": "gold"}' % GOOD.encode(), (422, "unknown-denom")),
        (b'{"address": "%s", "denom": "stake"}' % GOOD.encode(), (503, "not-ready")),
    ],
)
async def test_a_request_that_cannot_be_served(tmp_path: Path, body: bytes, expected: tuple[int, str]) -> None:
    """Each wrong request has its status and code; a right one waits for the chain."""
    async with faucet(tmp_path) as client:
        assert told(await client.post("/credit", content=body)) == expected


@pytest.mark.parametrize(
    ("address", "algorithm", "right"),
    [
        (GOOD, "secp256k1", True),
        (GOOD.upper(), "secp256k1", True),
        (encode_address("cosmos", b"\x01" * 32), "secp256k1", True),
        (encode_address("cosmos", b"\x01" * 19), "secp256k1", False),
        (encode_address("cosmos", b""), "secp256k1", False),
        (encode_address("cosmosvaloper", b"\x01" * 20), "secp256k1", False),
        (encode_address("osmo", b"\x01" * 20), "secp256k1", False),
        (GOOD[:-1] + ("q" if GOOD[-1] != "q" else "p"), "secp256k1", False),
        (GOOD[:10] + GOOD[10:].upper(), "secp256k1", False),
        (f" {GOOD}", "secp256k1", False),
        ("cosmos1" + "é" * 38, "secp256k1", False),
        (CHECKSUMMED, "secp256k1", False),
        (CHECKSUMMED, "eth_secp256k1", True),
        (CHECKSUMMED.lower(), "eth_secp256k1", True),
        ("0x" + CHECKSUMMED[2:].upper(), "eth_secp256k1", True),
        (CHECKSUMMED.replace("Ae", "aE"), "eth_secp256k1", False),
        (CHECKSUMMED[:-2], "eth_secp256k1", False),
        ("0x" + "zz" * 20, "eth_secp256k1", False),
        ("0x" + "0a" * 10 + " " * 20, "eth_secp256k1", False),
        (f"{CHECKSUMMED}\n", "eth_secp256k1", False),
        (GOOD, "eth_secp256k1", True),
    ],
)
async def test_addresses(tmp_path: Path, address: str, algorithm: Algorithm, right: bool) -> None:
    """An address counts with the chain's prefix, its checksum and an account's length; 0x where keys are Ethereum's."""
    async with faucet(tmp_path, algorithm) as client:
        answer = await client.post("/credit", json={"address": address, "denom": "stake"})

    assert told(answer) == ((503, "not-ready") if right else (400, "bad-address"))


async def test_the_chain_is_waited_for(tmp_path: Path) -> None:
    """Until the faucet can pay it says when to come again; it lives, and its status and welcome are there."""
    async with faucet(tmp_path) as client:
        asked = await client.post("/credit", json={"address": GOOD, "denom": "stake"})
        ready = await client.get("/readyz")
        status = await client.get("/status")
        others = [await client.get(path) for path in ("/livez", "/healthz", "/")]

    assert (asked.status_code, ready.status_code) == (503, 503)
    assert asked.headers["retry-after"] == ready.headers["retry-after"] == "1"
    assert [answer.status_code for answer in others] == [200] * 3
    shown = status.json()
    assert (shown["status"], shown["chainId"], shown["chainTokens"]) == ("waiting", "chain-1", ["stake", "uatom"])
    assert (shown["availableTokens"], shown["pending"], shown["transactions"]) == ([], 0, 0)
    assert shown["holder"]["address"].startswith("cosmos1")


@pytest.mark.parametrize(
    "headers", [{}, {"content-type": "text/plain;charset=UTF-8"}, {"content-type": "application/json"}]
)
async def test_any_content_type_is_taken(tmp_path: Path, headers: dict[str, str]) -> None:
    """@cosmjs/faucet-client names no content type, and its ``fetch`` sends text/plain: the body counts."""
    body = json.dumps({"address": "x", "denom": "stake"}).encode()
    async with faucet(tmp_path) as client:
        assert told(await client.post("/credit", content=body, headers=headers)) == (400, "bad-address")


async def test_methods_and_paths(tmp_path: Path) -> None:
    """A wrong method is told the right one, and nothing is at other paths."""
    async with faucet(tmp_path) as client:
        got, posted = await client.get("/credit"), await client.post("/status")
        nothing = [await client.get(path) for path in ("/credits", "/docs", "/%00", "/credit//", "/credit/")]
        heads = [await client.head(path) for path in ("/status", "/livez", "/healthz", "/")]

    assert (told(got), got.headers["allow"]) == ((405, "method-not-allowed"), "POST")
    assert (told(posted), posted.headers["allow"]) == ((405, "method-not-allowed"), "GET, HEAD")
    assert [told(answer) for answer in nothing] == [(404, "not-found")] * 5
    assert [(answer.status_code, answer.content) for answer in heads] == [(200, b"")] * 4


async def test_a_page_of_another_origin_may_ask(tmp_path: Path) -> None:
    """Browsers let pages of any origin use the faucet, as the known faucets do."""
    ask = {
        "origin": "http://dapp",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    async with faucet(tmp_path) as client:
        allowed = await client.options("/credit", headers=ask)
        answered = await client.get("/status", headers={"origin": "http://dapp"})

    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == answered.headers["access-control-allow-origin"] == "*"


async def test_endpoints_in_the_docs(tmp_path: Path) -> None:
    """The docs' table of endpoints is that of the OpenAPI document."""
    async with faucet(tmp_path) as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
    listed = re.findall(r"^\| `(GET|POST) (/[a-z.]*)` \|", DOCS, re.MULTILINE)
    assert sorted(listed) == sorted((method.upper(), path) for path in paths for method in paths[path])


def test_service_links_set_no_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Kubernetes sets for a Service named "faucet" is not taken for a port; a number is."""
    monkeypatch.setenv("FAUCET_PORT", "tcp://10.0.0.1:8000")
    assert read_settings(FaucetSettings, [], prog="faucet", description="").port == 8000
    monkeypatch.setenv("FAUCET_PORT", "9000")
    assert read_settings(FaucetSettings, [], prog="faucet", description="").port == 9000
