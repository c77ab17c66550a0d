"""`/metrics`: what a scrape says, in formats that the client library's own parsers read."""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from sidecar_world import LARGE, assert_no_secret, calling, commit, commit_all, contents, fill, serving
from waiting import until

from exposer import __version__
from exposer.progress import Progress, write_progress

STEPS = "init-genesis, init-config"
OPENMETRICS = {"accept": "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3"}
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(families: Iterable[Metric]) -> Samples:
    """(Name, labels) -> value."""
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def value(found: Samples, name: str, /, **labels: str) -> float:
    """The value of one sample."""
    return found[name, frozenset(labels.items())]


async def scrape(client: httpx.AsyncClient) -> Samples:
    """All samples of one scrape in OpenMetrics."""
    answer = await client.get("/metrics", headers=OPENMETRICS)
    assert answer.status_code == 200
    return samples(parse_openmetrics(answer.text))  # type: ignore[no-untyped-call] # the library's parser has no types


@pytest.mark.parametrize(
    ("accept", "media_type", "parse"),
    [
        ("", "text/plain; version=0.0.4; charset=utf-8", parse_text),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8", parse_text),
        ("text/plain;version=0.0.4;escaping=allow-utf-8", "text/plain; version=0.0.4; charset=utf-8", parse_text),
        (OPENMETRICS["accept"], "application/openmetrics-text; version=1.0.0; charset=utf-8", parse_openmetrics),
        ("application/openmetrics-text;version=x\xff;escaping=y", None, parse_openmetrics),
    ],
)
async def test_formats(tmp_path: Path, accept: str, media_type: str | None, parse: object) -> None:
    """The format is the one that is accepted, the older one by default, and nothing of a request is in its name."""
    assert callable(parse)
    commit_all(tmp_path)
    async with calling(tmp_path, steps=STEPS) as (client, _):
        answer = await client.get("/metrics", headers={b"accept": accept.encode("latin-1")})
    media_type = media_type or "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert value(samples(parse(answer.text)), "exposer_ready") == 1
    assert_no_secret(answer)


async def test_names(tmp_path: Path) -> None:
    """Names follow the conventions: own prefix, base units, `_total` for counters alone, and help for each."""
    commit_all(tmp_path)
    async with calling(tmp_path, steps=STEPS) as (client, _):
        await client.get("/genesis")
        text = (await client.get("/metrics")).text
    families = list(parse_text(text))
    assert len({family.name for family in families}) == len(families) > 15
    for family in families:
        assert family.name.startswith(("exposer_", "process_"))
        assert family.documentation.endswith(".")
        assert f"# TYPE {family.name}{'_total' * (family.type == 'counter')} {family.type}\n" in text
        assert not family.name.endswith(("_milliseconds", "_ms", "_kilobytes", "_count", "_sum", "_bucket"))
        assert all(one.name.endswith("_total") == (family.type == "counter") for one in family.samples)


async def test_pod(tmp_path: Path) -> None:
    """Phase, steps, artifacts and build are told as they are at the scrape."""
    commit(tmp_path, "init-genesis", contents())
    began = time.time() - 60
    write_progress(tmp_path, Progress("init-genesis", "done", began, began + 2, 0))
    write_progress(tmp_path, Progress("init-config", "running", began + 3))
    async with calling(tmp_path, steps=STEPS) as (client, _):
        before = await scrape(client)
        files = contents()
        commit(tmp_path, "init-config", {name: files[name] for name in ("genesis.json", "node_id.json")})
        after = await scrape(client)
        genesis = next(one for one in (await client.get("/status")).json()["artifacts"] if one["name"] == "genesis")
    assert value(before, "exposer_build_info", version=__version__) == 1
    assert value(before, "exposer_phase_info", phase="init-config") == 1
    assert value(before, "exposer_ready") == 0
    assert value(before, "exposer_step_duration_seconds", step="init-genesis") == 2
    assert value(before, "exposer_step_duration_seconds", step="init-config") >= 57
    assert value(before, "exposer_bootstrap_duration_seconds") >= 60
    for state in ("waiting", "running", "done", "failed"):
        labels = {"step": "init-config", "exposer_step_state": state}
        assert value(before, "exposer_step_state", **labels) == (state == "running")
    assert value(before, "exposer_artifact_info", name="genesis", sha256="", state="not-ready") == 1
    assert value(after, "exposer_phase_info", phase="ready") == value(after, "exposer_ready") == 1
    assert value(after, "exposer_artifact_info", name="genesis", sha256=genesis["sha256"], state="ready") == 1
    assert value(after, "exposer_artifact_size_bytes", name="genesis") == genesis["size"]
    assert value(after, "process_start_time_seconds") > 0


async def test_traffic(tmp_path: Path) -> None:
    """Requests, bytes and downloads are counted; a path that a client makes up makes no label."""
    config = fill(tmp_path, LARGE)
    async with serving(tmp_path) as (client, sidecar):
        for path in ("/node_id", "/node_id", "/no/such/path", "/genesis?x=1"):
            await client.get(path, headers={"accept-encoding": "identity"})
        async with client.stream("GET", "/genesis", headers={"accept-encoding": "identity"}):
            running = await scrape(client)
        await until(lambda: len(sidecar.fetches) == 0)
        ended = await scrape(client)
    assert value(running, "exposer_http_requests_total", path="/node_id", status="200") == 2
    assert value(running, "exposer_http_requests_total", path="other", status="404") == 1
    size = (config / "node_id.json").stat().st_size
    assert value(running, "exposer_http_response_bytes_total", path="/node_id") == 2 * size
    assert value(running, "exposer_http_response_bytes_total", path="/genesis") >= len(LARGE)
    assert value(running, "exposer_downloads_in_flight") == 1
    assert value(ended, "exposer_downloads_in_flight") == 0
    assert value(ended, "exposer_downloads_total", artifact="genesis", state="complete") == 1
    assert value(ended, "exposer_downloads_total", artifact="genesis", state="cut") == 1
    assert "/no/such/path" not in str(ended)


async def test_waiters(tmp_path: Path) -> None:
    """Waiting requests are a gauge by what they wait for, 0 where nobody waits."""
    async with calling(tmp_path) as (client, sidecar), asyncio.TaskGroup() as tasks:
        tasks.create_task(client.get("/node_id?wait=60s"))
        await until(lambda: sidecar.watch.waiters == 1)
        found = await scrape(client)
        sidecar.watch.release()
    assert value(found, "exposer_waiters", artifact="node_id") == 1
    assert value(found, "exposer_waiters", artifact="ready") == 0


async def test_hostile_names(tmp_path: Path) -> None:
    """Whatever a step calls itself is one label, escaped."""
    name = 'x"} 1\nexposer_ready 1\n#\\'
    write_progress(tmp_path, Progress(name, "running", 1.0))
    async with calling(tmp_path) as (client, _):
        samples_found = await scrape(client)
        texts = samples(parse_text((await client.get("/metrics")).text))
    assert value(samples_found, "exposer_ready") == value(texts, "exposer_ready") == 0
    assert value(samples_found, "exposer_phase_info", phase=name) == 1
