"""`?wait=`: held until ready or the time is up, let go in a shutdown, forgotten when the client leaves."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest
from sidecar_world import (
    GENESIS,
    KEYS,
    LARGE,
    assert_problem,
    calling,
    commit_all,
    contents,
    fill,
    replaced_atomically,
    serving,
)
from waiting import until

from exposer.server.changes import INTERVAL, VolumeChanges
from exposer.server.routes import LONGEST_WAIT
from exposer.server.settings import ServerSettings
from exposer.server.view import Verdict, View
from exposer.server.watch import Watch

WAITABLE = pytest.mark.parametrize("path", ["/readyz", "/node_id", "/genesis"])


@WAITABLE
async def test_ready_already(tmp_path: Path, path: str) -> None:
    """What is ready is answered at once, however long the wait could be."""
    fill(tmp_path)
    async with calling(tmp_path) as (client, sidecar):
        assert (await client.get(f"{path}?wait=60s")).status_code == 200
        assert sidecar.watch.waiters == 0


@WAITABLE
async def test_released(tmp_path: Path, path: str) -> None:
    """A waiter is let go when the volume becomes ready, and has what a client without a wait gets."""
    async with calling(tmp_path) as (client, sidecar):
        waiting = asyncio.create_task(client.get(f"{path}?wait=60s"))
        await until(lambda: sidecar.watch.waiters == 1)
        commit_all(tmp_path)
        response = await waiting
        assert (response.status_code, response.content) == (200, (await client.get(path)).content)


async def test_released_soon(tmp_path: Path) -> None:
    """A waiter on a real socket hears of readiness long before the 250 ms that a poller would sleep on average."""
    async with serving(tmp_path) as (client, sidecar):
        waiting = asyncio.create_task(client.get("/node_id?wait=60s"))
        await until(lambda: sidecar.watch.waiters == 1)
        commit_all(tmp_path)
        ready = time.monotonic()
        await waiting
        assert time.monotonic() - ready < 0.25 + INTERVAL


async def test_released_by_the_last_file(tmp_path: Path) -> None:
    """On somebody else's volume the waiters go when the last file is whole, and not before."""
    config = tmp_path / "config"
    config.mkdir()
    async with calling(tmp_path) as (client, sidecar):
        waiting = asyncio.create_task(client.get("/readyz?wait=60s"))
        await until(lambda: sidecar.watch.waiters == 1)
        for name in ("genesis.json", "node_key.json", "node_id.json"):
            data = contents()[name]
            with (config / name).open("wb") as stream:
                stream.write(data[:-2])
                stream.flush()
                assert (await client.get("/readyz")).status_code == 503
                assert not waiting.done()
                stream.write(data[-2:])
        assert (await waiting).status_code == 200


async def test_released_when_mended(tmp_path: Path) -> None:
    """A mismatch is waited out like anything else that is not ready."""
    commit_all(tmp_path)
    genesis = tmp_path / "config/genesis.json"
    genesis.write_bytes(b"{}")
    async with calling(tmp_path) as (client, sidecar):
        waiting = asyncio.create_task(client.get("/genesis?wait=60s"))
        await until(lambda: sidecar.watch.waiters == 1)
        with replaced_atomically(genesis) as mended:
            mended.write_bytes(GENESIS)
        assert (await waiting).content == GENESIS


@WAITABLE
async def test_time_is_up(tmp_path: Path, path: str) -> None:
    """When the time is up the answer is the error of that moment, not before, and nobody waits any longer."""
    async with calling(tmp_path) as (client, sidecar):
        began = time.monotonic()
        response = await client.get(f"{path}?wait=150ms")
        assert_problem(response, 503, "not-ready")
        assert time.monotonic() - began >= 0.15
        assert sidecar.watch.waiters == 0


async def test_latest_reason(tmp_path: Path) -> None:
    """The error after a wait tells what the volume came to, not what it was when the wait began."""
    async with calling(tmp_path) as (client, sidecar):
        waiting = asyncio.create_task(client.get("/genesis?wait=500ms"))
        await until(lambda: sidecar.watch.waiters == 1)
        (fill(tmp_path) / "genesis.json").write_bytes(GENESIS[:-3])
        assert_problem(await waiting, 503, "incomplete")


async def test_wait_never_outlives_its_time(tmp_path: Path) -> None:
    """A file that takes longer to check than the wait lasts is `not-ready` in time."""
    fill(tmp_path, LARGE)
    async with calling(tmp_path) as (client, _):
        body = assert_problem(await client.get("/genesis?wait=1ms"), 503, "not-ready")
        assert body["reason"] == "being checked"
        assert (await client.get("/genesis")).status_code == 200


@pytest.mark.parametrize("text", ["", "x", "-1s", "1", "5 s", "1e3", "inf", "nan", "30s%00", "%FF", "30S"])
async def test_wait_in_words(tmp_path: Path, text: str) -> None:
    """A bare number is seconds; what is not a duration is 400, whether or not the volume is ready."""
    fill(tmp_path)
    async with calling(tmp_path) as (client, _):
        response = await client.get(f"/readyz?wait={text}")
        if text == "1":
            assert response.status_code == 200
        else:
            assert_problem(response, 400, "bad-request")


async def test_wait_is_capped(tmp_path: Path) -> None:
    """Nobody waits for longer than a minute; a longer wish is cut, not refused."""
    assert LONGEST_WAIT == 60
    async with calling(tmp_path) as (client, sidecar):
        waiting = asyncio.create_task(client.get("/node_id?wait=10000000h"))
        await until(lambda: sidecar.watch.waiters == 1)
        fill(tmp_path)
        assert (await waiting).status_code == 200


async def test_two_hundred_waiters(tmp_path: Path) -> None:
    """Many waiters on different things are counted, share one watcher, and all go."""
    async with serving(tmp_path) as (client, sidecar):
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=client.base_url, limits=limits, timeout=30) as many:
            paths = ["/node_id", "/genesis", "/readyz", "/node_id"] * 50
            waiting = [asyncio.create_task(many.get(f"{path}?wait=60s")) for path in paths]
            await until(lambda: sidecar.watch.waiters == 200)
            assert (await client.get("/status")).json()["waiters"] == 200
            assert sum(task.get_name() == "volume watcher" for task in asyncio.all_tasks()) == 1
            commit_all(tmp_path)
            assert {response.status_code for response in await asyncio.gather(*waiting)} == {200}
        assert (await client.get("/status")).json()["waiters"] == 0


class Counted(View):
    """A view that counts its looks, and how many there are at the same time."""

    looks = 0
    under_way = 0
    most = 0

    def look(self, name: str) -> Verdict:
        """Count, and look."""
        self.looks += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            return super().look(name)
        finally:
            self.under_way -= 1


async def test_a_file_in_many_pieces(tmp_path: Path) -> None:
    """A writer that takes its time is not read again for each of its pieces, and never twice at the same time."""
    config = fill(tmp_path)
    (config / "genesis.json").unlink()
    view = Counted(ServerSettings(home=tmp_path).files)
    watch = Watch(view, VolumeChanges(view.paths))
    pieces = [LARGE[start : start + 8192] for start in range(0, len(LARGE), 8192)]

    def write() -> None:
        """Write all pieces, each by a system call of its own."""
        with (config / "genesis.json").open("wb", buffering=0) as stream:
            for piece in pieces:
                stream.write(piece)

    waiting = asyncio.create_task(watch.until_ready("genesis", 60))
    await until(lambda: view.looks > 0)
    await asyncio.to_thread(write)
    verdict = await waiting
    await watch.close()
    assert (verdict.state, verdict.size) == ("ready", len(LARGE))
    assert view.most == 1
    assert view.looks < len(pieces) / 10


async def test_client_leaves(tmp_path: Path) -> None:
    """A client that hangs up is no waiter any more, and with the last waiter the watcher stops."""
    async with serving(tmp_path) as (client, sidecar):
        waiting = asyncio.create_task(client.get("/node_id?wait=60s"))
        await until(lambda: sidecar.watch.waiters == 1)
        waiting.cancel()
        await until(lambda: sidecar.watch.waiters == 0)
        await until(lambda: not any(task.get_name() == "volume watcher" for task in asyncio.all_tasks()))


async def test_nobody_watches_without_waiters(tmp_path: Path) -> None:
    """A request that does not wait starts no watcher."""
    async with calling(tmp_path) as (client, _):
        await client.get("/node_id")
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "volume watcher"]


async def test_released_by_shutdown(tmp_path: Path) -> None:
    """In a shutdown waiters have their 503 at once, and so has who comes later."""
    async with calling(tmp_path) as (client, sidecar):
        waiting = [asyncio.create_task(client.get(f"{path}?wait=60s")) for path in ("/node_id", "/genesis", "/readyz")]
        await until(lambda: sidecar.watch.waiters == 3)
        sidecar.watch.release()
        for response in [*await asyncio.gather(*waiting), await client.get("/node_id?wait=60s")]:
            assert_problem(response, 503, "not-ready")


async def test_a_volume_of_somebody_who_changes_hands(tmp_path: Path) -> None:
    """Complete files stop counting the moment the volume becomes ours, until our steps are complete."""
    fill(tmp_path)
    async with calling(tmp_path) as (client, sidecar):
        assert (await client.get("/node_id")).json() == {"node_id": KEYS.node_id()}
        (tmp_path / ".exposer/steps").mkdir(parents=True)
        waiting = asyncio.create_task(client.get("/node_id?wait=60s"))
        await until(lambda: sidecar.watch.waiters == 1)
        commit_all(tmp_path)
        assert (await waiting).json() == {"node_id": KEYS.node_id()}


async def test_a_former_verdict_is_not_the_present_one(tmp_path: Path) -> None:
    """A wait that is over before a look is answered with what is not known, and never with what was ready once."""
    config = fill(tmp_path)
    async with calling(tmp_path) as (client, _):
        assert (await client.get("/node_id?wait=5s")).status_code == 200
        (config / "node_id.json").unlink()
        for wait in ("0s", "1us", "0.000001s"):
            response = await client.get(f"/node_id?wait={wait}")
            assert response.status_code in {400, 503}, response.text
