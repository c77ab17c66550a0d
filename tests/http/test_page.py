"""The page at `/` as bytes: what its headers allow, and that it loads nothing."""

import base64
import hashlib
import re
from pathlib import Path

from project import ROOT
from sidecar_world import calling

PAGE = ROOT / "exposer/server/page.html"


async def test_policy(tmp_path: Path) -> None:
    """The policy allows the page's own script and style by their digests, requests to the sidecar, and no more."""
    async with calling(tmp_path) as (client, _):
        answer = await client.get("/")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    for kind in ("script", "style"):
        bodies = re.findall(rf"<{kind}\b[^>]*>(.*?)</{kind}>", answer.text, re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() for body in bodies]
        assert policy.pop(f"{kind}-src") == " ".join(f"'sha256-{digest}'" for digest in digests)
    assert policy == {
        "default-src": "'none'",
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }


async def test_it_is_self_contained(tmp_path: Path) -> None:
    """The page is one file as it is installed, names no other host, and has no handler or style in an attribute."""
    async with calling(tmp_path) as (client, _):
        answer = await client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.content == PAGE.read_bytes()
    addresses = re.findall(
        r"(?:https?:)?//[\w.]+", re.sub(r"^<link .*|//[ -].*$|.*HOST:PORT.*", "", answer.text, flags=re.MULTILINE)
    )
    assert addresses == []
    assert not re.search(r"<[^>]*\s(on\w+|style)=", answer.text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Storage|cookie", answer.text)


async def test_it_is_sent_once(tmp_path: Path) -> None:
    """A browser that has the page gets a 304; only its entity tag counts."""
    async with calling(tmp_path) as (client, _):
        first = await client.get("/")
        again = await client.get("/", headers={"if-none-match": first.headers["etag"]})
        other = await client.get("/", headers={"if-none-match": '"other"'})
        dated = await client.get("/", headers={"if-modified-since": "Thu, 01 Jan 2099 00:00:00 GMT"})
        head = await client.head("/")
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert again.headers["content-security-policy"] == first.headers["content-security-policy"]
    assert [answer.status_code for answer in (first, other, dated, head)] == [200] * 4
    assert (head.content, head.headers["content-length"]) == (b"", str(len(first.content)))
