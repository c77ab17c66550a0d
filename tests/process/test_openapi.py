"""The OpenAPI document is true: schemathesis asks a running sidecar for what it promises and for what it rules out."""

import contextlib
import json
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from sample import SEED, examples, note
from schemathesis.engine import events, from_schema
from sidecar_process import Sidecar, running
from sidecar_world import GENESIS, fill, settings_for
from tls_world import TOKEN

from exposer.duration import parse_duration
from exposer.errors import BadInputError
from exposer.server.app import create_app

LARGER = GENESIS.replace(b"1.0e3", json.dumps("0123456789abcdef" * 1000).encode())
"""16 kB: enough for variants and for several ranges."""
TAG = f'"{sha256(LARGER).hexdigest()}"'
OLD, NEW = "Sat, 01 Jan 2000 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
# What a random string never hits, by request header.
HITS: dict[str, tuple[str, ...]] = {
    "Range": ("bytes=0-99", "bytes=-5", "bytes=0-1,9000-", "bytes=99999999-", "bytes=5-1"),
    "If-Range": (TAG, '"other"', OLD),
    "If-Match": (TAG, "*", '"other"'),
    "If-None-Match": (TAG, "*", f'W/{TAG}, "other"'),
    "If-Modified-Since": (OLD, NEW),
    "If-Unmodified-Since": (OLD, NEW),
    "Accept-Encoding": ("gzip", "identity;q=0, gzip", "gzip;q=0.5, zstd;q=0.2"),  # the client here cannot read zstd
}
# Documented answers; the statuses that are not are failures in any check.
CHECKS = {
    "not_a_server_error": {"expected-statuses": ["2xx", "304", "4xx", "503"]},
    "positive_data_acceptance": {"expected-statuses": ["2xx", "304", "404", "412", "416", "503"]},
}


@dataclass
class Run:
    """What came of a run: cases asked, statuses by operation, and failures as text."""

    cases: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def _config(examples: int, token: str = "") -> Any:
    auth = {"auth": {"openapi": {"bearer": {"bearer": token}}}} if token else {}
    generation = {"max-examples": examples, "database": "none"}
    phases = {"stateful": {"enabled": False}}  # nothing here changes by being asked
    settings = {"generation": generation, "phases": phases, "checks": CHECKS, **auth}
    return schemathesis.Config.from_dict({"seed": SEED, **settings})


def _explore(schema: Any) -> Run:
    """Run all checks with all kinds of data on every operation."""
    schema.hook(map_query)
    schema.hook(map_headers)
    run = Run()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            recorder = event.recorder
            run.cases += len(recorder.interactions)
            answers = (interaction.response for interaction in recorder.interactions.values())
            run.statuses.update(answer.status_code if answer else 0 for answer in answers)
            for case, checks in recorder.checks.items():
                curl = recorder.cases[case].value.as_curl_command()
                failed = (check.failure_info.failure for check in checks if check.failure_info)
                run.failures += [f"{event.label}: {failure.title}: {failure.message}\n{curl}" for failure in failed]
        elif isinstance(event, events.NonFatalError):
            run.failures.append(f"{event.label}: {event.info.format()}")
        elif isinstance(event, events.FatalError):
            raise event.exception
    return run


def map_query(_: object, query: dict[str, Any] | None) -> dict[str, Any] | None:
    """No example waits longer than a moment."""
    if query and "wait" in query:
        with contextlib.suppress(BadInputError, TypeError):  # negative data
            query["wait"] = "1ms" if parse_duration(query["wait"]) else query["wait"]
    return query


def map_headers(context: schemathesis.HookContext, headers: dict[str, str] | None) -> dict[str, str] | None:
    """Half of the cases have only headers that mean something, one or two; which, goes by what was drawn for them."""
    drawn = zlib.crc32(repr(headers).encode())
    known = [name for name in HITS if context.operation and name in context.operation.headers]
    if headers is None or not known or drawn % 2:
        return headers
    if "Range" in known and drawn % 8 == 0:  # alone it is seldom drawn, and a sample should have a part of a file
        return {"Range": HITS["Range"][(drawn >> 3) % 3]}
    names = {known[(drawn >> 1) % len(known)], known[(drawn >> 9) % len(known)]}
    return {name: HITS[name][(drawn >> 17) % len(HITS[name])] for name in names}


WORLDS = {"ready": (40, 300), "empty": (10, 120), "closed": (5, 60)}
"""A volume's state -> examples for each operation, in a sample and in all; they must make ten times as many cases."""


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Sidecar]]:
    """A sidecar on a complete volume, on an empty one, and one that asks for a token."""
    home = tmp_path / "home"
    home.mkdir()
    if request.param != "empty":
        fill(home, LARGER)
    more = {"artifacts": "copy=config/genesis.json", "steps": "init-genesis,init-config"}
    if request.param == "ready":
        more["cache_dir"] = str(tmp_path / "cache")
        (tmp_path / "cache").mkdir()
    if request.param == "closed":
        (tmp_path / "token").write_text(TOKEN)
        more["token_file"] = str(tmp_path / "token")
    with running(home, prefix=(), fds=(), **more) as sidecar:
        sidecar.get("/readyz")  # from here on a wait of nothing finds a verdict
        yield request.param, sidecar


@pytest.mark.sampled
def test_document(world: tuple[str, Sidecar], tell: Callable[[str], None]) -> None:
    """Every answer is one that the document has: its status, media type, headers and body; wrong data is refused."""
    name, sidecar = world
    token = TOKEN if name == "closed" else ""
    some, in_all = WORLDS[name]
    size = examples(some, in_all)
    config = _config(size, token)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    schema = schemathesis.openapi.from_url(f"{sidecar.url}/openapi.json", config=config, headers=headers)
    run = _explore(schema)
    note(os.environ["PYTEST_CURRENT_TEST"], f"requests of each kind to a volume that is {name}", size, in_all)
    tell(f"schemathesis, {name}: {run.cases} examples, {dict(sorted(run.statuses.items()))}, seed {config.seed}")
    assert not run.failures, "\n\n".join(run.failures[:5])
    assert run.cases >= 10 * size
    assert run.statuses[500] == run.statuses[0] == 0
    wanted = {"ready": {200, 206, 304, 400, 405, 412}, "empty": {200, 400, 405, 503}}
    assert wanted.get(name, {200, 401}) <= set(run.statuses)


def test_certificate(tmp_path: Path) -> None:
    """Where client certificates are asked for, every operation may end in 403, and none is in other documents."""
    for settings, forbidden in (({"tls_client_ca_file": tmp_path / "ca.pem"}, True), ({}, False)):
        document = create_app(settings_for(tmp_path, **settings)).openapi()
        operations = [operation for path in document["paths"].values() for operation in path.values()]
        assert {"403" in operation["responses"] for operation in operations} == {forbidden}


LIES: Mapping[str, tuple[str, ...]] = {
    "a status is missing": ("responses", "400"),
    "another media type": ("responses", "503", "content", "application/problem+json"),
    "another body": ("responses", "503", "content", "application/problem+json", "schema", "properties", "code"),
    "a header that is not sent": ("responses", "503", "headers", "Retry-After"),
    "a parameter takes less": ("parameters", "0", "schema", "pattern"),
}
# What stands there instead of the truth.
INSTEAD: Mapping[str, tuple[str, Any]] = {
    "a status is missing": ("402", {"description": ""}),
    "another media type": ("text/plain", {}),
    "another body": ("code", {"type": "integer"}),
    "a header that is not sent": ("X-Not-Sent", {"required": True, "schema": {"type": "string"}}),
    "a parameter takes less": ("pattern", "^[a-z]+$"),
}


@pytest.mark.parametrize("lie", LIES)
def test_lie(tmp_path: Path, lie: str) -> None:
    """A document that is wrong in one place about ``/readyz`` is found out."""
    with running(tmp_path) as sidecar:
        document = json.loads(sidecar.get("/openapi.json")[1])
        operation = document["paths"]["/readyz"].pop("get")
        document["paths"] = {"/readyz": {"get": operation}}
        problem = document["components"]["schemas"]["ProblemDetails"]
        operation["responses"]["503"]["content"]["application/problem+json"]["schema"] = problem
        place: Any = operation
        *way, last = LIES[lie]
        for key in way:
            place = place[int(key)] if isinstance(place, list) else place[key]
        del place[last]
        key, value = INSTEAD[lie]
        place[key] = value
        schema = schemathesis.openapi.from_dict(document, config=_config(10))
        schema.config.update(base_url=sidecar.url)
        assert _explore(schema).failures
