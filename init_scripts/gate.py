"""A gate: waits for several servers at once, and tells a person what it waits for.

One thread per target asks (`long_poll`); the main thread only listens to them, so neither a look-up that hangs
nor a request that is held can keep it beyond its time limit, or from a signal.
"""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from exposer.errors import TemporaryError, TimedOutError
from init_scripts.backoff import Backoff, Patience
from init_scripts.conditions import LONG_POLL, NotYetError

log = logging.getLogger(__name__)
HEARTBEAT = 30.0
"""Seconds of silence after which a gate says what it still waits for."""
T = TypeVar("T")


def long_poll(ask: Callable[[float], T], patience: Patience, tell: Callable[[str], object] = str) -> T:
    """What ``ask`` returns, once it does; it is called with the seconds that are left.

    A server that held the request is asked again at once, and so answers the moment it is ready; one that does
    not answer, or refuses at once, is given the pauses of ``patience``. ``tell`` hears each failure's cause.

    Raises:
        TemporaryError: the time is over; the last failure.
    """
    while True:
        left, began = patience.left, patience.clock.now()
        try:
            return ask(left)
        except TemporaryError as error:
            tell(str(error))
            held = patience.clock.now() - began >= min(LONG_POLL, left) / 2
            if held:
                patience.reset()
            if not (held and isinstance(error, NotYetError)):
                patience.pause()
            if not patience.left:
                raise


@dataclass(frozen=True)
class Report:
    """What a target's thread says: the cause of a failed try, None when it is ready, or its own breakdown."""

    target: str
    news: str | Exception | None


class Inbox(Protocol):
    """Where reports arrive; `queue.SimpleQueue` is one."""

    def get(self, *, timeout: float | None) -> Report:
        """The next report; raises `queue.Empty` when there is none within ``timeout`` seconds."""


def wait_for_all(
    asks: Mapping[str, Callable[[float], object]],
    *,
    limit: float | None = None,
    backoff: Backoff | None = None,
) -> float:
    """Wait until every target's ``ask`` has returned; the seconds that it took.

    ``limit`` is in seconds, None is for ever.

    Raises:
        TimedOutError: the limit ran out; the message names what is not ready, and why.
    """
    inbox: queue.SimpleQueue[Report] = queue.SimpleQueue()
    patience = Patience(limit)

    def watch(target: str, ask: Callable[[float], object]) -> None:
        try:
            long_poll(ask, Patience(limit, backoff), lambda cause: inbox.put(Report(target, cause)))
        except TemporaryError:
            return  # the time is over: the main thread knows by its own clock
        except Exception as error:  # noqa: BLE001 - raised again in the main thread, which must not wait for ever
            inbox.put(Report(target, error))
        else:
            inbox.put(Report(target, None))

    for target, ask in asks.items():
        threading.Thread(target=watch, args=(target, ask), name=target, daemon=True).start()
    return listen(asks, inbox, patience)


def listen(targets: Collection[str], inbox: Inbox, patience: Patience) -> float:
    """Follow the reports until all of ``targets`` are ready, and log changes and heartbeats; see `wait_for_all`."""
    waiting = dict.fromkeys(targets, "no answer yet")
    beat = HEARTBEAT
    log.info("waiting for %s", ", ".join(waiting))
    while waiting:
        with contextlib.suppress(queue.Empty):
            report = inbox.get(timeout=max(0.0, min(patience.left, beat - patience.spent)))
            _hear(report, waiting, patience.spent)
        if waiting and not patience.left:
            raise TimedOutError(f"gave up after {patience.spent:.3g} s: {_causes(waiting)}")
        if waiting and patience.spent >= beat:
            beat = patience.spent + HEARTBEAT
            log.info("still waiting after %.0f s for %s", patience.spent, _causes(waiting))
    spent = patience.spent
    fields = {"seconds": round(spent, 3)}
    log.info("ready after %.3g s: %s", spent, ", ".join(targets), extra={"fields": fields})
    return spent


def _hear(report: Report, waiting: dict[str, str], spent: float) -> None:
    """Note a report, and log it where it changes something."""
    if isinstance(report.news, Exception):
        raise report.news
    fields = {"target": report.target, "cause": report.news, "seconds": round(spent, 3)}
    if report.news is None:
        del waiting[report.target]
        if waiting:
            log.info("%s is ready", report.target, extra={"fields": fields})
    elif waiting[report.target] != report.news:
        waiting[report.target] = report.news
        log.info("%s is not ready: %s", report.target, report.news, extra={"fields": fields})


def _causes(waiting: Mapping[str, str]) -> str:
    return "; ".join(f"{target}: {cause}" for target, cause in waiting.items())
