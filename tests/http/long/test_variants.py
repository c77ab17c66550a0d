"""gzip and zstd variants of `/genesis`: real files in a real cache directory, up to its edges."""

import asyncio
import base64
import contextlib
import gzip
import hashlib
import logging
import os
import random
import re
import resource
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import zstandard
from sidecar_world import GENESIS, assert_problem, calling, fill, serving
from waiting import until

from exposer.server.file import State
from exposer.server.shelf import Variant
from exposer.server.variants import PATIENCE, Variants
from exposer.server.view import Verdict
from exposer.stamps import Identity

TEXT = GENESIS.replace(b"1.0e3", b'"' + b"0123456789abcdef" * (1 << 16) + b'"')
"""1 MiB that becomes small."""
NOISE = random.Random(1).randbytes(1 << 20)
"""1 MiB that does not."""
DENSE = GENESIS.replace(b"1.0e3", b'"' + base64.b64encode(NOISE * 12) + b'"')
"""16 MiB of base64, whose gzip variant is larger than the buffers of a connection: gzip does not look a MiB back."""
SUFFIX = {"gzip": ".gz", "zstd": ".zst"}
codings = pytest.mark.parametrize("coding", SUFFIX)


@codings
async def test_variant(coding: str, tmp_path: Path) -> None:
    """A variant decodes to the file, and its tag, digest and length are those of the encoded bytes."""
    async with with_variant(tmp_path, coding) as (client, variant):
        plain, _ = await fetch(client)
        response, raw = await fetch(client, coding)

    digest = hashlib.sha256(raw).digest()
    assert decode(coding, raw) == TEXT
    assert variant.path.name == f"{hashlib.sha256(TEXT).hexdigest()}-{digest.hex()}{SUFFIX[coding]}"
    assert response.headers["content-encoding"] == coding
    assert response.headers["content-length"] == str(len(raw))
    assert response.headers["etag"] == f'"{digest.hex()}"'
    assert response.headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest).decode()}:"
    same = ("content-type", "last-modified", "cache-control", "vary", "accept-ranges")
    assert [response.headers[name] for name in same] == [plain.headers[name] for name in same]
    assert plain.headers["etag"] != response.headers["etag"]
    assert "content-encoding" not in plain.headers


async def test_artifacts_have_variants(tmp_path: Path) -> None:
    """A file of `/artifacts` is sent encoded too, with its own media type."""
    fill(tmp_path)
    (tmp_path / "table").write_bytes(TEXT)
    async with calling(tmp_path, cache_dir=tmp_path / "cache", artifacts="table=table") as (client, _):
        plain, _ = await fetch(client, path="/artifacts/table")
        response = await fetch_until_encoded(client, "gzip", "gzip", "/artifacts/table")
        _, raw = await fetch(client, "gzip", path="/artifacts/table")
    assert gzip.decompress(raw) == TEXT
    assert response.headers["content-type"] == plain.headers["content-type"]


async def test_nobody_waits_for_a_variant(tmp_path: Path) -> None:
    """Until the variant is finished, those who ask for it get the file itself, also with `?wait=`."""
    fill(tmp_path, DENSE)
    async with calling(tmp_path, cache_dir=tmp_path / "cache") as (client, sidecar):
        await until(lambda: not sidecar.variants.running)
        response, raw = await fetch(client, "gzip", path="/genesis?wait=5s")
        assert raw == DENSE
        assert "content-encoding" not in response.headers
        await until(lambda: not sidecar.variants.running)
        response, raw = await fetch(client, "gzip", path="/genesis?wait=5s")
    assert response.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == DENSE


async def test_the_finished_one_goes_before_the_better_one(tmp_path: Path) -> None:
    """While the best coding's variant is missing, one that is finished is sent, and the best one is begun."""
    async with with_variant(tmp_path, "gzip") as (client, variant):
        response, _ = await fetch(client, "gzip, zstd")
        assert response.headers["content-encoding"] == "gzip"
        response = await fetch_until_encoded(client, "zstd, gzip;q=0.5", "zstd")
        assert response.headers["etag"] != f'"{variant.sha256}"'


@codings
async def test_head_is_get_without_the_body(coding: str, tmp_path: Path) -> None:
    """HEAD has the headers of GET; a range, which only GET knows, changes nothing about it."""
    async with with_variant(tmp_path, coding) as (client, _):
        get, _ = await fetch(client, coding)
        for more in ({}, {"range": "bytes=0-9"}):
            head = await client.head("/genesis", headers={"accept-encoding": coding, **more})
            assert (head.status_code, head.headers, head.content) == (200, get.headers, b"")


async def test_every_answer_varies(tmp_path: Path) -> None:
    """Each answer of the resource says that it depends on `Accept-Encoding`, also where no variant exists."""
    fill(tmp_path)
    async with calling(tmp_path) as (client, _):
        asked: list[tuple[int, dict[str, str]]] = [
            (200, {}),
            (206, {"range": "bytes=0-9"}),
            (304, {"if-none-match": "*"}),
            (412, {"if-match": '"other"'}),
            (416, {"range": "bytes=100000-"}),
        ]
        for status, headers in asked:
            response = await client.get("/genesis", headers=headers)
            assert (response.status_code, response.headers["vary"]) == (status, "accept-encoding")


@codings
async def test_conditions(coding: str, tmp_path: Path) -> None:
    """A tag in a condition selects the representation that has it: the client's copy is still right."""
    plain = hashlib.sha256(TEXT).hexdigest()
    async with with_variant(tmp_path, coding) as (client, variant):
        for tag in (plain, variant.sha256):
            response, _ = await fetch(client, coding, {"if-none-match": f'"other", "{tag}"'})
            assert (response.status_code, response.headers["etag"]) == (304, f'"{tag}"')
            response, raw = await fetch(client, coding, {"if-match": f'"{tag}"'})
            assert response.status_code == 200
            assert hashlib.sha256(raw).hexdigest() == tag
        response, _ = await fetch(client, coding, {"if-none-match": '"other"'})
        assert (response.status_code, response.headers["etag"]) == (200, f'"{variant.sha256}"')
        response = await client.get("/genesis", headers={"if-match": f'"{variant.sha256}"', "accept-encoding": ""})
        assert_problem(response, 412, "precondition-failed")


@codings
async def test_ranges(coding: str, tmp_path: Path) -> None:
    """A range is one of what `If-Range` names, and else of the plain bytes, from which all other clients count."""
    plain = hashlib.sha256(TEXT).hexdigest()
    async with with_variant(tmp_path, coding) as (client, variant):
        encoded = variant.path.read_bytes()
        named = {"if-range": f'"{variant.sha256}"'}
        response, raw = await fetch(client, coding, {"range": "bytes=10-29", **named})
        assert (response.status_code, raw) == (206, encoded[10:30])
        assert response.headers["content-range"] == f"bytes 10-29/{len(encoded)}"
        assert response.headers["content-encoding"] == coding
        for more in ({}, {"if-range": f'"{plain}"'}):
            response, raw = await fetch(client, coding, {"range": "bytes=10-29", **more})
            assert (response.status_code, raw) == (206, TEXT[10:30])
            assert response.headers["etag"] == f'"{plain}"'
            assert "content-encoding" not in response.headers
        response, raw = await fetch(client, coding, {"range": "bytes=0-1,4-5", **named})
        assert (response.status_code, raw) == (200, TEXT)


async def test_fifty_requests_make_one_variant(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Requests that come together make one variant for each coding, and then get the same one."""
    caplog.set_level(logging.INFO)
    async with with_variant(tmp_path, "gzip", "zstd", together=50) as (client, _):
        answers = await asyncio.gather(*(fetch(client, "zstd") for _ in range(50)))
    assert len({raw for _, raw in answers}) == 1
    assert sorted(re.findall(r"a (\w+) variant is made", caplog.text)) == ["gzip", "zstd"]
    assert len(list((tmp_path / "cache").iterdir())) == 2


async def test_curl(tmp_path: Path) -> None:
    """What people type, `curl --compressed`, gets an encoded answer and writes the file."""
    assert shutil.which("curl")
    fill(tmp_path, TEXT)
    async with serving(tmp_path, cache_dir=tmp_path / "cache") as (client, _):
        await fetch_until_encoded(client, "gzip", "gzip")
        out = tmp_path / "out"
        command = ["curl", "-sS", "--compressed", "-D", "-", "-o", str(out), f"{client.base_url}/genesis"]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    assert "content-encoding: gzip" in done.stdout
    assert out.read_bytes() == TEXT


async def test_deleted_while_it_is_sent(tmp_path: Path) -> None:
    """A variant that is deleted during its download arrives whole; the next request gets the file itself."""
    fill(tmp_path, DENSE)
    cache = tmp_path / "cache"
    async with serving(tmp_path, cache_dir=cache) as (client, sidecar):
        await fetch_until_encoded(client, "gzip", "gzip")
        async with client.stream("GET", "/genesis", headers={"accept-encoding": "gzip"}) as response:
            assert response.headers["content-encoding"] == "gzip"
            [variant] = cache.iterdir()
            variant.unlink()
            raw = b"".join([chunk async for chunk in response.aiter_raw()])
        plain, _ = await fetch(client, "gzip")
        assert not sidecar.variants.running
    assert gzip.decompress(raw) == DENSE
    assert (plain.status_code, plain.headers["etag"]) == (200, f'"{hashlib.sha256(DENSE).hexdigest()}"')


async def test_source_changes_meanwhile(tmp_path: Path) -> None:
    """A file that is written to while its variant is made leaves no variant."""
    path = tmp_path / "file"
    path.write_bytes(DENSE * 2)
    async with making(tmp_path / "cache") as variants:
        assert not await variants.get(verdict_of(path), ["gzip"])
        await until(lambda: any((tmp_path / "cache").glob("*.tmp")), pause=0.001)  # it is there for a moment only
        with path.open("r+b") as stream:
            stream.seek(-1, os.SEEK_END)
            stream.write(b"!")
        await until(lambda: not variants.running)
    assert not list((tmp_path / "cache").iterdir())


async def test_restart(tmp_path: Path) -> None:
    """The next process uses the whole variants, deletes torn and planted ones and drafts, and leaves all else."""
    cache, path = tmp_path / "cache", tmp_path / "file"
    path.write_bytes(TEXT)
    first = await made(cache, path, "gzip")
    second = await made(cache, path, "zstd")
    second.path.write_bytes(second.path.read_bytes()[:-1])
    digest = first.source
    (cache / f"{digest}-abcdefgh.tmp").write_bytes(b"draft")
    (cache / f"{digest}-{'0' * 64}.gz").write_bytes(b"not what the name says")
    planted = gzip.compress(TEXT.replace(b"test-1", b"evil-1"))
    (cache / f"{digest}-{hashlib.sha256(planted).hexdigest()}.gz").write_bytes(planted)
    foreign = {"notes.gz", f"{digest}.gz", f"{digest}-{digest}.bz2", f"x{digest}-{digest}.gz", "draft.tmp"}
    for name in foreign:
        (cache / name).write_bytes(b"mine")
    (cache / f"{digest}-{digest}.gz").symlink_to(path)

    async with making(cache) as variants:
        assert await variants.get(verdict_of(path), ["zstd", "gzip"]) == [first]
        await until(lambda: not variants.running)
        again = await variants.get(verdict_of(path), ["zstd", "gzip"])
    assert [variant.coding for variant in again] == ["zstd", "gzip"]
    assert decode("zstd", again[0].path.read_bytes()) == TEXT
    left = {entry.name for entry in cache.iterdir()}
    assert left == foreign | {variant.path.name for variant in again} | {f"{digest}-{digest}.gz"}


async def test_touched_variant_is_not_sent(tmp_path: Path) -> None:
    """A variant that somebody writes to is not sent any more."""
    path = tmp_path / "file"
    path.write_bytes(TEXT)
    async with making(tmp_path / "cache") as variants:
        variant = await one(variants, path, "gzip")
        variant.path.write_bytes(b"!" * variant.identity.size)
        assert not await variants.get(verdict_of(path), ["gzip"])


async def test_nothing_is_remembered_of_what_is_gone(tmp_path: Path) -> None:
    """However often a file changes, only what became of its last content is known: a variant, or that there is none."""
    path = tmp_path / "file"
    async with making(tmp_path / "cache") as variants:
        for number in range(20):
            content = b"%d" % number
            path.write_bytes(content + TEXT)
            await one(variants, path, "gzip")
            assert variants.remembered == 1
            path.write_bytes(content + NOISE)
            assert not await variants.get(verdict_of(path), ["gzip"])
            await until(lambda: not variants.running)
            assert variants.remembered == 1


async def test_limit(tmp_path: Path) -> None:
    """What has no room takes that of the oldest variants of other files."""
    paths = [tmp_path / str(number) for number in range(3)]
    found = []
    async with making(tmp_path / "cache", limit=1) as variants:
        for number, path in enumerate(paths):
            path.write_bytes(base64.b64encode(NOISE[number * 10 :][:500_000]))
            found.append(await one(variants, path, "gzip"))
            size = sum(entry.stat().st_size for entry in (tmp_path / "cache").iterdir())
            assert size <= 1 << 20
    assert [variant.path.exists() for variant in found] == [False, True, True]


async def test_beyond_the_limit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A variant beyond the limit is given up and not tried again, and never takes the place of its own sibling."""
    caplog.set_level(logging.INFO)
    path = tmp_path / "file"
    path.write_bytes(base64.b64encode(NOISE[:700_000]))
    async with making(tmp_path / "cache", limit=1) as variants:
        first = await one(variants, path, "gzip")
        for _ in range(2):
            assert await variants.get(verdict_of(path), ["zstd", "gzip"]) == [first]
            await until(lambda: not variants.running)
    assert [entry.name for entry in (tmp_path / "cache").iterdir()] == [first.path.name]
    assert caplog.text.count("no zstd variant is made") == 1


async def test_not_smaller(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What would not become smaller is given up, remembered, and leaves nothing; the next coding has its turn."""
    caplog.set_level(logging.INFO)
    path = tmp_path / "file"
    path.write_bytes(NOISE)
    async with making(tmp_path / "cache") as variants:
        for _ in range(4):
            assert not await variants.get(verdict_of(path), ["zstd", "gzip"])
            await until(lambda: not variants.running)
    assert not list((tmp_path / "cache").iterdir())
    assert re.findall(r"no (\w+) variant is made", caplog.text) == ["zstd", "gzip"]


async def test_small_files_have_none(tmp_path: Path) -> None:
    """Of a file below 1 KiB no variant is made, of one with 1 KiB there is one."""
    path = tmp_path / "file"
    async with making(tmp_path / "cache") as variants:
        path.write_bytes(b" " * 1023)
        assert not await variants.get(verdict_of(path), ["gzip"])
        assert not variants.running
        path.write_bytes(b" " * 1024)
        assert (await one(variants, path, "gzip")).identity.size < 1024


async def test_full_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where the disk takes no more, the file itself is served, one line is logged, and nothing is left."""
    fill(tmp_path, DENSE)
    async with calling(tmp_path, cache_dir=tmp_path / "cache") as (client, sidecar):
        await until(lambda: not sidecar.variants.running)
        with files_of_at_most(1 << 20):
            for coding in ("gzip", "gzip", "zstd, gzip"):
                response, raw = await fetch(client, coding)
                assert (response.status_code, raw) == (200, DENSE)
                await until(lambda: not sidecar.variants.running)
    assert not list((tmp_path / "cache").iterdir())
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == [
        "variants cannot be made: File too large"
    ]


async def test_no_directory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where the cache directory cannot be had, the file itself is served and one line is logged."""
    fill(tmp_path, TEXT)
    (tmp_path / "taken").write_bytes(b"a file")
    async with calling(tmp_path, cache_dir=tmp_path / "taken/cache") as (client, sidecar):
        await until(lambda: not sidecar.variants.running)
        for coding in ("gzip", "zstd"):
            response, raw = await fetch(client, coding)
            assert (response.status_code, raw) == (200, TEXT)
            await until(lambda: not sidecar.variants.running)
    warnings = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert warnings == ["variants cannot be made: Not a directory"]


async def test_shutdown_does_not_wait_for_a_variant(tmp_path: Path) -> None:
    """The end of the sidecar ends a variant that would take minutes, and the one behind it, and leaves nothing."""
    path = tmp_path / "file"
    with path.open("wb") as stream:
        stream.truncate(1 << 38)  # all hole
    verdict = Verdict(State.READY, "", 1 << 38, "0" * 64, path=path, identity=Identity.of(path.stat()))
    async with asyncio.timeout(30), making(tmp_path / "cache") as variants:
        assert not await variants.get(verdict, ["gzip"])
        assert not await variants.get(verdict, ["zstd"])
        await until(lambda: any((tmp_path / "cache").glob("*.tmp")))
        assert variants.running == 2
    assert not list((tmp_path / "cache").iterdir())
    assert not variants.running


async def test_shutdown_does_not_wait_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk hangs, the end waits two seconds, and leaves a thread that does not keep the process."""
    path, hung, works = tmp_path / "file", threading.Event(), threading.Event()
    path.write_bytes(TEXT)

    def fsync(_descriptor: int) -> None:
        """A disk that takes its time."""
        hung.set()
        works.wait()

    monkeypatch.setattr(os, "fsync", fsync)
    try:
        async with asyncio.timeout(PATIENCE + 10), making(tmp_path / "cache") as variants:
            assert not await variants.get(verdict_of(path), ["gzip"])
            assert not await variants.get(verdict_of(path), ["zstd"])
            await until(hung.is_set)
        [thread] = [thread for thread in threading.enumerate() if thread.name == "variants" and thread.is_alive()]
        assert thread.daemon
    finally:
        works.set()
    await asyncio.to_thread(thread.join)
    assert not list((tmp_path / "cache").glob("*.tmp"))


@contextlib.asynccontextmanager
async def with_variant(home: Path, *wanted: str, together: int = 1) -> AsyncIterator[tuple[httpx.AsyncClient, Variant]]:
    """A sidecar that has made these variants of TEXT, each asked for ``together`` times at once; with the last one."""
    fill(home, TEXT)
    async with calling(home, cache_dir=home / "cache") as (client, _):
        for coding in wanted:
            await asyncio.gather(*(fetch_until_encoded(client, coding, coding) for _ in range(together)))
        [path] = (home / "cache").glob("*" + SUFFIX[wanted[-1]])
        source, sha256 = path.stem.split("-")
        yield client, Variant(source, wanted[-1], sha256, path, Identity.of(path.stat()))


@contextlib.asynccontextmanager
async def making(cache: Path, limit: int = 100) -> AsyncIterator[Variants]:
    """Variants in ``cache``, which know what they have."""
    variants = Variants(cache, limit)
    try:
        await until(lambda: not variants.running)
        yield variants
    finally:
        await variants.close()


async def made(cache: Path, path: Path, coding: str) -> Variant:
    """The variant that an earlier process left in ``cache``."""
    async with making(cache) as variants:
        return await one(variants, path, coding)


async def one(variants: Variants, path: Path, coding: str) -> Variant:
    """The variant of the file at ``path``, once it is finished."""
    verdict = verdict_of(path)
    assert not await variants.get(verdict, [coding])
    await until(lambda: not variants.running)
    [variant] = await variants.get(verdict, [coding])
    return variant


def verdict_of(path: Path) -> Verdict:
    """The verdict on a complete file."""
    data = path.read_bytes()
    identity = Identity.of(path.stat())
    return Verdict(State.READY, "", len(data), hashlib.sha256(data).hexdigest(), path=path, identity=identity)


async def fetch(
    client: httpx.AsyncClient, accept: str = "", more: dict[str, str] | None = None, path: str = "/genesis"
) -> tuple[httpx.Response, bytes]:
    """The answer to a request with this ``Accept-Encoding``, and its body as it came."""
    async with client.stream("GET", path, headers={"accept-encoding": accept, **(more or {})}) as response:
        return response, b"".join([chunk async for chunk in response.aiter_raw()])


async def fetch_until_encoded(
    client: httpx.AsyncClient, accept: str, coding: str, path: str = "/genesis"
) -> httpx.Response:
    """The first answer that comes in ``coding``."""
    async with asyncio.timeout(20):
        while True:
            response, _ = await fetch(client, accept, path=path)
            if response.headers.get("content-encoding") == coding:
                return response
            await asyncio.sleep(0.01)  # or the requests take the CPU from what makes the variant


def decode(coding: str, data: bytes) -> bytes:
    """What a client makes of ``data``."""
    if coding == "gzip":
        return gzip.decompress(data)
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The system lets this process write files of at most this many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
