from itertools import islice

from hypothesis import given
from hypothesis import strategies as st
from virtual_clock import VirtualClock

from init_scripts.backoff import SYSTEM, Backoff, Patience

SECONDS = st.floats(0.01, 100)


def test_pauses_double_up_to_the_cap() -> None:
    """Without jitter the pauses are the first one, doubled until the cap."""
    pauses = Backoff(first=1, cap=10, jitter=0).delays()

    assert list(islice(pauses, 6)) == [1, 2, 4, 8, 10, 10]


@given(first=SECONDS, cap=SECONDS, jitter=st.floats(0, 0.9))
def test_jitter_only_shortens(first: float, cap: float, jitter: float) -> None:
    """No pause is longer than the cap, and none is shorter than its share without jitter."""
    pauses = list(islice(Backoff(first=first, cap=cap, jitter=jitter).delays(), 20))

    assert max(pauses) <= cap
    assert min(pauses) >= min(first, cap) * (1 - jitter)


def test_pods_that_start_together_drift_apart() -> None:
    """Two waits with the same settings do not pause alike."""
    assert list(islice(Backoff().delays(), 5)) != list(islice(Backoff().delays(), 5))


@given(limit=st.floats(0, 1000), first=SECONDS, at_least=st.lists(st.floats(0, 100), max_size=50))
def test_pauses_never_go_beyond_the_limit(limit: float, first: float, at_least: list[float]) -> None:
    """However long the pauses that are asked for, the clock never passes the limit."""
    clock = VirtualClock()
    patience = Patience(limit, Backoff(first=first), clock)
    for seconds in at_least:
        patience.pause(seconds)

    assert clock.time <= limit * (1 + 1e-12)
    assert patience.left <= limit


def test_patience_without_a_limit_does_not_end() -> None:
    """None means that there is always time left."""
    clock = VirtualClock()
    patience = Patience(None, clock=clock)
    clock.sleep(1e9)

    assert (patience.left, patience.spent) == (float("inf"), 1e9)


def test_a_sign_of_life_starts_the_pauses_over() -> None:
    """After `reset` the next pause is the first one again."""
    clock = VirtualClock()
    patience = Patience(None, Backoff(first=1, jitter=0), clock)
    for _ in range(3):
        patience.pause()
    patience.reset()
    patience.pause()

    assert clock.slept == [1, 2, 4, 1]


def test_a_pause_can_be_asked_to_be_longer() -> None:
    """``at_least`` lengthens a pause, and never shortens one."""
    clock = VirtualClock()
    patience = Patience(None, Backoff(first=1, jitter=0), clock)
    patience.pause(5)
    patience.pause(0.5)

    assert clock.slept == [5, 2]


def test_the_system_clock_runs() -> None:
    """The real clock goes on by what is slept."""
    before = SYSTEM.now()
    SYSTEM.sleep(0.001)

    assert SYSTEM.now() - before >= 0.001
