import json
import logging
import queue
from collections.abc import Sequence
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import Exchange, Script, ScriptedServer, answer, head, raw, reset, stall
from virtual_clock import VirtualClock

from exposer.client import Client
from exposer.errors import ExposerError, TemporaryError, TimedOutError, UsageError
from init_scripts.backoff import Backoff, Patience
from init_scripts.conditions import LONG_POLL, NotYetError, parse_condition
from init_scripts.gate import HEARTBEAT, Report, listen, long_poll, wait_for_all

NODE_ID = b'{"node_id":"%s"}' % (b"0a" * 20)
RPC_STATUS = {"jsonrpc": "2.0", "result": {"sync_info": {"latest_block_height": "12"}}}


class ScriptedTries:
    """An ``ask`` in virtual time: each try takes some seconds, then fails as told; after the last it succeeds."""

    def __init__(self, clock: VirtualClock, tries: Sequence[tuple[float, bool]]) -> None:
        self.clock = clock
        self.tries = list(tries)
        self.begun: list[float] = []
        self.lefts: list[float] = []

    def __call__(self, left: float) -> str:
        """Answer like a server would."""
        self.begun.append(self.clock.time)
        self.lefts.append(left)
        if not self.tries:
            return "open"
        seconds, answers = self.tries.pop(0)
        self.clock.time += min(seconds, left)
        raise NotYetError("answers 503") if answers else TemporaryError("refused")


TRIES = st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=60)


@given(tries=TRIES, limit=st.floats(0, 600), first=st.floats(0.01, 20))
def test_a_poll_never_outlives_its_limit(tries: list[tuple[float, bool]], limit: float, first: float) -> None:
    """Whatever the tries take and however they fail, polling ends by the limit, and knows it at each try."""
    clock = VirtualClock()
    ask = ScriptedTries(clock, tries)
    try:
        long_poll(ask, Patience(limit, Backoff(first=first), clock))
    except TemporaryError:
        assert clock.time >= limit - 0.01

    assert clock.time <= limit + 1e-6
    assert all(begun + left <= limit + 1e-6 for begun, left in zip(ask.begun, ask.lefts, strict=True))


@given(tries=TRIES)
def test_no_server_is_hammered(tries: list[tuple[float, bool]]) -> None:
    """Between two tries there is always half a first pause or half a held request."""
    clock = VirtualClock()
    ask = ScriptedTries(clock, tries)
    long_poll(ask, Patience(None, Backoff(first=1), clock))

    assert all(later - earlier >= 0.5 for earlier, later in zip(ask.begun, ask.begun[1:], strict=False))


def test_a_server_that_holds_requests_is_asked_again_at_once() -> None:
    """Held requests follow each other without a pause, so that the answer comes the moment there is one."""
    clock = VirtualClock()
    ask = ScriptedTries(clock, [(LONG_POLL, True)] * 10)
    long_poll(ask, Patience(None, clock=clock))

    assert clock.slept == []
    assert clock.time == 10 * LONG_POLL


def test_a_server_that_ignores_wait_is_backed_off() -> None:
    """Answers that come at once lead to pauses that grow to ten seconds."""
    clock = VirtualClock()
    long_poll(ScriptedTries(clock, [(0, True)] * 8), Patience(None, Backoff(jitter=0), clock))

    assert clock.slept == [1, 2, 4, 8, 10, 10, 10, 10]


def test_a_held_request_that_breaks_is_followed_by_a_first_pause() -> None:
    """A server that goes away while it holds a request is given a pause, but a short one."""
    clock = VirtualClock()
    long_poll(ScriptedTries(clock, [(0, True)] * 5 + [(20, False)]), Patience(None, Backoff(jitter=0), clock))

    assert clock.slept[-1] == 1


class ScriptedInbox:
    """Reports at given virtual times."""

    def __init__(self, clock: VirtualClock, reports: list[tuple[float, Report]]) -> None:
        self.clock = clock
        self.reports = sorted(reports, key=lambda report: report[0])

    def get(self, *, timeout: float | None) -> Report:
        """The next report, or `queue.Empty` at the end of ``timeout``."""
        assert timeout is not None
        if not self.reports or self.reports[0][0] > self.clock.time + timeout:
            self.clock.time += timeout
            raise queue.Empty
        at, report = self.reports.pop(0)
        self.clock.time = max(self.clock.time, at)
        return report


REPORTS = st.lists(
    st.tuples(st.floats(0, 700), st.builds(Report, st.sampled_from("ab"), st.sampled_from(["refused", "answers 503"]))),
    max_size=40,
)


@given(reports=REPORTS, limit=st.floats(0.01, 600), ready=st.tuples(st.floats(0, 700), st.floats(0, 700)))
def test_a_gate_never_outlives_its_limit(
    reports: list[tuple[float, Report]], limit: float, ready: tuple[float, float]
) -> None:
    """The gate opens when the last target is ready, or ends at the limit, even if no target ever reports."""
    clock = VirtualClock()
    before = [(at, report) for at, report in reports if at < ready["ab".index(report.target)]]
    opened = [(at, Report(target, None)) for target, at in zip("ab", ready, strict=True)]
    try:
        spent = listen("ab", ScriptedInbox(clock, before + opened), Patience(limit, clock=clock))
    except TimedOutError:
        assert limit - 0.01 <= clock.time <= limit + 1e-6
        assert max(ready) >= limit - 0.01
    else:
        assert spent == clock.time == max(ready)
        assert spent <= limit


def test_one_line_per_change_and_a_heartbeat(caplog: pytest.LogCaptureFixture) -> None:
    """A cause that stays the same is logged once; every 30 s of waiting there is one line, and one when it opens."""
    caplog.set_level(logging.INFO)
    clock = VirtualClock()
    refused = [(float(second), Report("a", "a refused")) for second in range(40)]
    later = [(41.0, Report("a", "answers 503 (not-ready)")), (50.0, Report("b", None)), (70.0, Report("a", None))]
    listen("ab", ScriptedInbox(clock, [*refused, *later]), Patience(None, clock=clock))

    assert caplog.messages == [
        "waiting for a, b",
        "a is not ready: a refused",
        "still waiting after 30 s for a: a refused; b: no answer yet",
        "a is not ready: answers 503 (not-ready)",
        "b is ready",
        "still waiting after 60 s for a: answers 503 (not-ready)",
        "ready after 70 s: a, b",
    ]
    assert HEARTBEAT == 30


def test_a_target_that_hangs_does_not_keep_the_gate() -> None:
    """A look-up or request that ignores its time limit cannot hold the gate beyond the gate's own."""
    release: queue.SimpleQueue[None] = queue.SimpleQueue()
    with pytest.raises(TimedOutError, match=r"gave up after .*: stuck: no answer yet"):
        wait_for_all({"stuck": lambda _: release.get()}, limit=0.05)
    release.put(None)


def test_a_fault_of_ours_in_a_thread_ends_the_gate() -> None:
    """A program error in one target's thread is raised, not waited out."""

    def broken(_: float) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        wait_for_all({"broken": broken})


def test_all_targets_are_waited_for_at_once() -> None:
    """A target that holds its request does not keep the others from being asked."""
    held: queue.SimpleQueue[None] = queue.SimpleQueue()

    def hold(exchange: Exchange) -> bool:
        held.get()
        return answer(200, NODE_ID)(exchange)

    def release(exchange: Exchange) -> bool:
        held.put(None)
        return answer(200, NODE_ID)(exchange)

    with ScriptedServer(hold) as first, ScriptedServer(release) as second:
        ask = parse_condition("node_id").ask
        with Client(first.url) as client_1, Client(second.url) as client_2:
            assert wait_for_all({"1": partial(ask, client_1), "2": partial(ask, client_2)}, limit=30) < 30


def asked_once(condition: str, script: Script, left: float = 10) -> str | None:
    """The cause for which ``condition`` is not fulfilled by an answer, or None if it is."""
    with ScriptedServer(script) as server, Client(server.url) as client:
        try:
            parse_condition(condition).ask(client, left)
        except TemporaryError as error:
            return str(error).removeprefix(server.place).strip()
        return None


def reply(document: object) -> Script:
    """A 200 answer with JSON."""
    return answer(200, json.dumps(document).encode())


@pytest.mark.parametrize(
    ("condition", "script"),
    [
        ("node_id", answer(200, NODE_ID)),
        ("genesis", answer(200, b' {"genesis_time":' + b" " * 5_000_000)),
        ("genesis", answer(206, b"\n{")),
        ("ready", answer(200, b"anything")),
        ("artifact:model", answer(200, b"weights")),
        ("artifact:empty", answer(416)),
        ("height:12", reply({"phase": "ready", "node": {"height": 12, "catching_up": False}})),
        ("height:0", reply({"node": {"height": 0}})),
        ("height:12", reply(RPC_STATUS)),
    ],
)
def test_answers_that_fulfil(condition: str, script: Script) -> None:
    """Each condition is fulfilled by what its server answers when it is ready, a gigabyte's beginning included."""
    assert asked_once(condition, script) is None


def test_a_server_that_says_nothing() -> None:
    """A request that is not answered in the time that is left is "not yet" as well."""
    assert asked_once("node_id", stall, left=0.05) == "stalled"


PROBLEM = json.dumps({"code": "not-ready", "phase": "init-genesis", "reason": "still\nrunning", "status": 503}).encode()


@pytest.mark.parametrize(
    ("condition", "script", "cause"),
    [
        ("node_id", answer(503, PROBLEM), "answers 503 (not-ready, init-genesis, still running)"),
        ("node_id", answer(404, b"<html>"), "answers 404"),
        ("node_id", answer(302, b"", {"Location": "/"}), "answers 302"),
        ("node_id", answer(503, b'{"reason":"' + b"x" * 1000 + b'"}'), f"answers 503 ({'x' * 200})"),
        ("node_id", answer(200, b"<html>"), "answers /node_id with something else: not JSON, or cut off"),
        ("node_id", answer(200, b'{"node_id":"ZZ"}'), "answers /node_id with something else: no node_id of 40 lower"),
        ("node_id", answer(200, b"x" * 2_000_000), "answers /node_id"),
        ("node_id", reset, "cut the connection"),
        ("node_id", raw(b"garbage\r\n\r\n"), "does not speak HTTP"),
        ("node_id", raw(head(200, {"Content-Length": 99}) + NODE_ID), "cut the connection"),
        ("genesis", answer(200, b"<html>"), "answers /genesis with something that is not a JSON object"),
        ("genesis", answer(200, b""), "answers /genesis with something that is not a JSON object"),
        ("genesis", answer(416, b"{}"), "answers 416"),
        ("ready", answer(503), "answers 503"),
        ("artifact:model", answer(404), "answers 404"),
        ("height:13", reply(RPC_STATUS), "its node is below height 13"),
        ("height:1", reply({"node": {"height": 0}}), "its node is below height 1"),
        ("height:1", reply({"node": None}), "its node tells no height"),
        ("height:1", reply({"node": {"height": "1e9"}}), "its node tells no height"),
        ("height:1", answer(200, b"[]"), "answers /status with something else: not a JSON object"),
    ],
)  # fmt: skip
def test_answers_that_do_not(condition: str, script: Script, cause: str) -> None:
    """Every other answer is "not yet", with its cause in one printable line."""
    found = asked_once(condition, script)

    assert found is not None
    assert found.startswith(cause)


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        ("node_id", "/node_id?wait=30000ms"),
        ("genesis", "/genesis?wait=30000ms"),
        ("ready", "/readyz?wait=30000ms"),
        ("artifact:a/b c", "/artifacts/a%2Fb%20c?wait=30000ms"),
        ("height:1", "/status"),
    ],
)
def test_what_is_asked_for(condition: str, path: str) -> None:
    """Each condition asks its own path, held for 30 s where an exposer can hold it."""
    with ScriptedServer(answer(503)) as server, Client(server.url) as client, pytest.raises(NotYetError):
        parse_condition(condition).ask(client, float("inf"))

    assert [path] == [asked.path for asked in server.asked]


def test_a_held_request_ends_with_the_gate() -> None:
    """An exposer is asked to answer before the gate's time is over, so that the gate can tell the last cause."""
    with ScriptedServer(answer(503)) as server, Client(server.url) as client, pytest.raises(NotYetError):
        parse_condition("ready").ask(client, 1.5)

    assert server.asked[0].path == "/readyz?wait=1200ms"


@pytest.mark.parametrize("text", ["", "nodeid", "height", "height:", "height:x", "height:-1", "artifact:", "ready:1"])
def test_no_condition(text: str) -> None:
    """What is no condition is a usage error that lists the conditions."""
    with pytest.raises(UsageError, match="write node_id, genesis, ready, artifact:NAME or height:N") as caught:
        parse_condition(text)

    assert isinstance(caught.value, ExposerError)
