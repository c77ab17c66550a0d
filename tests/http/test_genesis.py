"""`/genesis` to the byte: digests, ranges, conditions, and files that change while they are sent."""

import asyncio
import base64
import email
import email.policy
import hashlib
import itertools
import os
import re
import tempfile
from collections.abc import AsyncIterator
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sidecar_world import GENESIS, LARGE, assert_problem, calling, fill, replaced_atomically, serving
from waiting import until

texts = st.text(st.characters(codec="utf-8", exclude_characters='"\\', exclude_categories=["Cc", "Cs"]), max_size=300)
properties = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@properties
@given(text=texts, end=st.sampled_from([b"", b"\n", b" \r\n\t"]))
async def test_own_bytes(text: str, end: bytes) -> None:
    """Served bytes are the file's bytes, and length and digest are those of the bytes."""
    data = GENESIS.replace(b"1.0e3", f'"{text}"'.encode()) + end
    with tempfile.TemporaryDirectory() as home:
        fill(Path(home), data)
        async with calling(Path(home)) as (client, _):
            response = await client.get("/genesis")
    digest = hashlib.sha256(data).digest()
    assert response.content == data
    assert response.headers["content-length"] == str(len(data))
    assert response.headers["etag"] == f'"{digest.hex()}"'
    assert response.headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest).decode()}:"


@properties
@given(first=st.integers(0, 400), last=st.integers(0, 400), suffix=st.booleans(), open_end=st.booleans())
async def test_ranges_are_slices(first: int, last: int, *, suffix: bool, open_end: bool) -> None:
    """A range answers exactly its slice, 416 where it begins behind the end, and the whole file where it is none."""
    data = GENESIS + b" " * 150
    size = len(data)
    with tempfile.TemporaryDirectory() as home:
        fill(Path(home), data)
        text = f"-{last}" if suffix else f"{first}-" if open_end else f"{first}-{last}"
        async with calling(Path(home)) as (client, _):
            response = await client.get("/genesis", headers={"range": f"bytes={text}"})
    start = max(size - last, 0) if suffix else first
    stop = size if suffix or open_end else min(last + 1, size)
    if not suffix and not open_end and last < first:
        assert (response.status_code, response.content) == (200, data)
    elif start >= size:
        assert_problem(response, 416, "range-not-satisfiable")
        assert response.headers["content-range"] == f"bytes */{size}"
    else:
        assert (response.status_code, response.content) == (206, data[start:stop])
        assert response.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert response.headers["content-length"] == str(stop - start)
        assert response.headers["repr-digest"].startswith("sha-256=:")


@pytest.mark.parametrize(
    ("header", "status", "content"),
    [
        ("bytes=0-0", 206, GENESIS[:1]),
        ("BYTES= 1-2 ", 206, GENESIS[1:3]),
        (f"bytes=0-{10**30}", 206, GENESIS),
        (f"bytes=-{10**30}", 206, GENESIS),
        ("bytes=0-1 ,, 1-5", 206, GENESIS[:6]),
        ("bytes=0-1,9999-", 206, GENESIS[:2]),
        ("bytes=0-1,x", 200, GENESIS),
        ("bytes=0-1,5-4", 200, GENESIS),
        ("bytes=" + ",".join(["0-0"] * 17), 200, GENESIS),
        ("bytes=-", 200, GENESIS),
        ("bytes=a-b", 200, GENESIS),
        ("bytes=٣-٤", 200, GENESIS),
        ("lines=0-1", 200, GENESIS),
        ("bytes", 200, GENESIS),
        ("", 200, GENESIS),
    ],
)
async def test_range_header(tmp_path: Path, header: str, status: int, content: bytes) -> None:
    """Odd range headers: big numbers mean the end, near ranges are one, nonsense and floods get the whole file."""
    fill(tmp_path)
    async with calling(tmp_path) as (client, _):
        response = await client.get("/genesis", headers=[(b"range", header.encode())])
    assert (response.status_code, response.content) == (status, content)


@properties
@given(st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 2000)), min_size=2, max_size=16))
async def test_several_ranges(wanted: list[tuple[int, int]]) -> None:
    """Several ranges: each part is the slice that it says, the parts ascend apart, and no byte asked for is missing."""
    data = GENESIS.replace(b"1.0e3", b'"' + bytes(range(48, 91)) * 180 + b'"')
    size = len(data)
    header = "bytes=" + ", ".join(f"{first}-{first + length}" for first, length in wanted)
    with tempfile.TemporaryDirectory() as home:
        fill(Path(home), data)
        async with calling(Path(home)) as (client, _):
            response = await client.get("/genesis", headers={"range": header})
    asked = {byte for first, length in wanted for byte in range(first, min(first + length + 1, size))}
    if not asked:
        assert_problem(response, 416, "range-not-satisfiable")
        return
    assert response.status_code == 206
    assert response.headers["content-length"] == str(len(response.content))
    parts = _parts(response)
    assert all(body == data[start : start + len(body)] and total == size for start, total, body in parts)
    assert all(a[0] + len(a[2]) < b[0] for a, b in itertools.pairwise(parts))
    assert asked <= {byte for start, _, body in parts for byte in range(start, start + len(body))}


def _parts(response: httpx.Response) -> list[tuple[int, int, bytes]]:
    """First byte, size of the whole and bytes of each part, read by the mail library: MIME is MIME."""
    if not response.headers["content-type"].startswith("multipart/byteranges"):
        start, total = _content_range(response.headers["content-range"])
        return [(start, total, response.content)]
    head = b"content-type: " + response.headers["content-type"].encode() + b"\r\n\r\n"
    message = email.message_from_bytes(head + response.content, policy=email.policy.HTTP)
    found = []
    for part in message.iter_parts():
        assert part.get_content_type() == "application/json"
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        found.append((*_content_range(part["content-range"]), payload))
    assert message.epilogue in {None, ""}
    return found


def _content_range(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", text)
    assert match
    return int(match[1]), int(match[2])


@pytest.mark.parametrize("start", [f"bytes={len(GENESIS)}-", f"bytes={10**30}-", "bytes=-0"])
async def test_unsatisfiable(tmp_path: Path, start: str) -> None:
    """A range behind the end is 416 and tells the size."""
    fill(tmp_path)
    async with calling(tmp_path) as (client, _):
        response = await client.get("/genesis", headers={"range": start})
    assert_problem(response, 416, "range-not-satisfiable")
    assert response.headers["content-range"] == f"bytes */{len(GENESIS)}"


ETAG = f'"{hashlib.sha256(GENESIS).hexdigest()}"'
WRITTEN = 1_700_000_000
DATE, EARLIER, LATER = (formatdate(WRITTEN + seconds, usegmt=True) for seconds in (0, -1, 1))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-none-match": ETAG}, 304),
        ({"if-none-match": f'"x", W/{ETAG}'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"x"'}, 200),
        ({"if-none-match": ETAG.strip('"')}, 200),
        ({"if-none-match": '"x"', "if-modified-since": LATER}, 200),
        ({"if-modified-since": DATE}, 304),
        ({"if-modified-since": LATER}, 304),
        ({"if-modified-since": EARLIER}, 200),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-modified-since": "Mon, 99 Foo 10000 00:00:00 GMT"}, 200),
        ({"if-match": ETAG}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": '"x"'}, 412),
        ({"if-match": f"W/{ETAG}"}, 412),
        ({"if-unmodified-since": DATE}, 200),
        ({"if-unmodified-since": EARLIER}, 412),
        ({"range": "bytes=0-3", "if-range": ETAG}, 206),
        ({"range": "bytes=0-3", "if-range": f"W/{ETAG}"}, 200),
        ({"range": "bytes=0-3", "if-range": '"x"'}, 200),
        ({"range": "bytes=0-3", "if-range": DATE}, 206),
        ({"range": "bytes=0-3", "if-range": LATER}, 200),
        ({"range": "bytes=9999-", "if-range": '"x"'}, 200),
        ({"range": "bytes=0-3", "if-none-match": ETAG}, 304),
        ({"range": "bytes=0-3", "if-match": '"x"'}, 412),
    ],
)
async def test_conditions(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    """Each precondition, and each order of two, ends as RFC 9110 section 13.2.2 says."""
    os.utime(fill(tmp_path) / "genesis.json", (WRITTEN, WRITTEN))
    async with calling(tmp_path) as (client, _):
        response = await client.get("/genesis", headers=headers)
    if status == 412:
        assert_problem(response, 412, "precondition-failed")
    else:
        expected = {200: GENESIS, 206: GENESIS[:4], 304: b""}[status]
        assert (response.status_code, response.content) == (status, expected)
        assert response.headers["etag"] == ETAG
        assert response.headers.get("last-modified") == (None if status == 304 else DATE)


async def test_head_ignores_ranges(tmp_path: Path) -> None:
    """A range is defined for GET alone: HEAD tells about the whole file."""
    fill(tmp_path)
    async with serving(tmp_path) as (client, _):
        response = await client.head("/genesis", headers={"range": "bytes=0-3"})
    assert (response.status_code, response.headers["content-length"]) == (200, str(len(GENESIS)))


async def test_date_in_the_future(tmp_path: Path) -> None:
    """A file from the future is not modified later than the answer is made (RFC 9110, 8.8.2.1)."""
    os.utime(fill(tmp_path) / "genesis.json", (2**33, 2**33))
    async with serving(tmp_path) as (client, _):
        response = await client.get("/genesis")
    modified, date = (parsedate_to_datetime(response.headers[name]) for name in ("last-modified", "date"))
    assert modified <= date


async def test_a_real_genesis(tmp_path: Path, shared_genesis: Path) -> None:
    """The genesis of cosmoshub-2, in the form of 2019, passes the same checks and arrives byte for byte."""
    data = await asyncio.to_thread(shared_genesis.read_bytes)
    fill(tmp_path, data)
    async with serving(tmp_path) as (client, _):
        whole = await client.get("/genesis")
        middle = await client.get(
            "/genesis", headers={"range": "bytes=1000000-2999999", "if-range": whole.headers["etag"]}
        )
    assert whole.content == data
    assert middle.content == data[1_000_000:3_000_000]


async def test_replaced_during_a_download(tmp_path: Path) -> None:
    """A download goes on with the file that it began with when another takes its place; the next gets the new one."""
    genesis = fill(tmp_path, LARGE) / "genesis.json"
    async with serving(tmp_path) as (client, sidecar):
        async with client.stream("GET", "/genesis") as download:
            chunks = download.aiter_raw()
            received = await anext(chunks)
            with replaced_atomically(genesis) as successor:
                successor.write_bytes(GENESIS)
            assert (await client.get("/status")).json()["downloads"] == 1
            received += await _all(chunks)
        assert received == LARGE
        assert (await client.get("/genesis")).content == GENESIS
        await until(lambda: not len(sidecar.fetches))


async def _all(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


@pytest.mark.parametrize("header", ["bytes=1000000-9999999", "bytes=5-15000000,15500000-16000000", "bytes=-300000"])
async def test_large_ranges(tmp_path: Path, header: str) -> None:
    """Ranges of a large file, sent by the kernel, are its slices."""
    fill(tmp_path, LARGE)
    async with serving(tmp_path) as (client, _):
        response = await client.get("/genesis", headers={"range": header})
    assert response.status_code == 206
    assert [body == LARGE[start : start + len(body)] for start, _, body in _parts(response)] == [True] * (
        1 + header.count(",")
    )


async def test_client_leaves(tmp_path: Path) -> None:
    """A client that leaves in the middle ends its download; nobody goes on reading for it."""
    fill(tmp_path, LARGE)
    async with serving(tmp_path) as (client, sidecar):
        async with client.stream("GET", "/genesis") as download:
            await anext(download.aiter_raw())
            assert len(sidecar.fetches) == 1
        await until(lambda: not len(sidecar.fetches))


async def test_many_at_once(tmp_path: Path) -> None:
    """Sixteen downloads at the same time each get every byte."""
    fill(tmp_path, LARGE)
    expected = hashlib.sha256(LARGE).hexdigest()
    async with serving(tmp_path) as (client, _):

        async def digest() -> str:
            """SHA-256 of one download."""
            found = hashlib.sha256()
            async with client.stream("GET", "/genesis") as download:
                async for chunk in download.aiter_raw():
                    found.update(chunk)
            return found.hexdigest()

        assert set(await asyncio.gather(*(digest() for _ in range(16)))) == {expected}
