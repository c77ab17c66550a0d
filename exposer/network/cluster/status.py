"""``exposer k8s status``: every pod of a network in a cluster, once or until all are ready.

Exit codes: 0 all pods are ready; 4 pods of a chain hold different genesis files; 75 not all are ready; 124 not within
the time limit; 3 the cluster, its namespace or what this user may see there is wrong.
"""

import sys
import time
from collections.abc import Sequence

from exposer.errors import BadInputError, ExitCode, MismatchError, TemporaryError, TimedOutError
from exposer.network.cluster import shown
from exposer.network.cluster.api import GoneError
from exposer.network.cluster.pod import PodStatus
from exposer.network.cluster.sight import Sight
from exposer.network.events import Event

_PERIOD = 2.0
"""Seconds after which all is asked for anew while nothing changes: heights, what is missing, and why."""
_PAUSE = 1.0


def status(sight: Sight, *, as_json: bool) -> ExitCode:
    """Show the pods as they are: 0 where all are ready, 75 where not.

    Raises:
        BadInputError: there is no such namespace, or no network in it; this user may not list pods.
        TemporaryError: the cluster cannot be reached.
        MismatchError: pods of a chain hold different genesis files, after the pods are shown.
    """
    pods = sight.look()
    if not pods:
        sight.api.require_namespace()
        raise BadInputError(sight.nothing())
    sys.stdout.write(shown.document(pods, sight.splits()) if as_json else shown.table(pods))
    sys.stdout.flush()
    _agree(sight)
    return ExitCode.DONE if _complete(pods) else ExitCode.TEMPORARY


def watch(sight: Sight, *, as_json: bool, timeout: float) -> ExitCode:
    """Show what happens to the pods until all are ready, at most ``timeout`` seconds; pods may come later.

    Raises:
        TimedOutError: not all pods were ready in time.
        MismatchError: pods of a chain hold different genesis files, as soon as that is seen.
        BadInputError, TemporaryError: as of `status`, at the start.
    """
    pods = sight.look()
    sight.api.require_namespace()
    display = shown.choose(f"{sight.network or 'exposer'} in {sight.api.namespace}", as_json=as_json)
    try:
        pods = _watch(sight, display, pods, time.monotonic() + timeout)
    finally:
        display.end(pods)
    _agree(sight)
    if _complete(pods):
        return ExitCode.DONE
    waiting = ", ".join(f"{pod.name} ({pod.now})" for pod in pods if not pod.ready) or sight.nothing()
    raise TimedOutError(f"not all pods are ready after {timeout:g} s: {waiting}")


def _watch(sight: Sight, display: shown.Shown, pods: list[PodStatus], end: float) -> list[PodStatus]:
    """The pods when all are ready or the time is up; what cannot be asked is asked again."""
    while True:
        display.show(pods, sight.splits())
        if not pods:
            display.tell(Event("", "", "missing", sight.nothing()))
        left = end - time.monotonic()
        if _complete(pods) or left <= 0 or sight.splits():
            return pods
        try:
            for now in sight.changes(max(1, round(min(left, _PERIOD)))):
                display.show(now, sight.splits())
                if _complete(now):
                    break
            pods = sight.look()
        except GoneError:
            pods = sight.look()
        except TemporaryError as error:
            display.tell(Event("", "", "unreachable", str(error)))
            time.sleep(_PAUSE)


def _complete(pods: Sequence[PodStatus]) -> bool:
    return bool(pods) and all(pod.ready for pod in pods)


def _agree(sight: Sight) -> None:
    """Raises `MismatchError` where pods hold different genesis files; says so where nobody may compare them."""
    if found := sight.splits():
        raise MismatchError("\n".join(map(str, found)))
    if sight.blindness:
        sys.stderr.write(f"exposer: {sight.blindness}\n")
