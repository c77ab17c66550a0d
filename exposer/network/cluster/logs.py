"""``exposer k8s logs``: the log of one container of a pod, by names as short as they are clear."""

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exposer.errors import BadInputError, TemporaryError
from exposer.network.cluster import shown
from exposer.network.cluster.container import ContainerStatus
from exposer.network.cluster.pod import PodStatus
from exposer.network.cluster.sight import Sight
from exposer.network.output import write_log
from exposer.network.pick import pick
from exposer.network.table import aligned
from exposer.status import clean

_PERIOD = 2
_PAUSE = 1.0


@dataclass(frozen=True)
class Wanted:
    """Which log: a pod and a container by name, or None for what there is; ``tail`` is a number of lines."""

    pod: str | None
    step: str | None
    follow: bool = False
    previous: bool = False
    tail: int | None = None


def logs(sight: Sight, wanted: Wanted) -> None:
    """Write the log to stdout; without a pod the pods, without a step what runs in the pod.

    Raises:
        BadInputError: no such pod or step, or more than one; this user may not read its log; no former run.
        TemporaryError: the step has not begun.
    """
    pods = sight.pods()
    if wanted.pod is None:
        sys.stdout.write(shown.table(pods))
        return
    pod = find_pod(pods, wanted.pod, sight)
    if wanted.step is None:
        sys.stdout.write(steps_table(pod))
        return
    name = pick(wanted.step, [one.name for one in pod.containers], f"{pod.name}: step")
    if wanted.follow:
        pod = _begun(sight, pod, name)
    step = find_step(pod, name)
    require_log(pod, step, previous=wanted.previous)
    if step.restarts and not wanted.previous:
        told = f": {step.reason}" if step.reason else ""
        _say(f"{pod.name} {step.name}: started {step.restarts + 1} times{told}; --previous shows the run before")
    chunks = sight.api.log(pod.name, name, follow=wanted.follow, previous=wanted.previous, tail=wanted.tail)
    write_log(chunks)


def find_pod(pods: Sequence[PodStatus], typed: str, sight: Sight) -> PodStatus:
    """The pod that is meant; raises `BadInputError`."""
    if not pods:
        sight.api.require_namespace()
        raise BadInputError(sight.nothing())
    name = pick(typed, [pod.name for pod in pods], "pod")
    return next(pod for pod in pods if pod.name == name)


def find_step(pod: PodStatus, name: str) -> ContainerStatus:
    """The container of that name."""
    return next(one for one in pod.containers if one.name == name)


def require_log(pod: PodStatus, step: ContainerStatus, *, previous: bool) -> None:
    """Whether there is such a log.

    Raises:
        TemporaryError: the step has not begun; the message says what the pod is at.
        BadInputError: there was no earlier run.
    """
    if previous and not step.restarts:
        raise BadInputError(f"{pod.name}: {step.name} was not restarted; leave out --previous")
    if not step.began:
        what = f"cannot be started: {step.reason}" if step.doing == "stuck" else "has not begun"
        at = f"; the pod is at {pod.now}" if pod.phase != step.name else ""
        why = f": {pod.reason}" if at and pod.reason else ""
        raise TemporaryError(clean(f"{pod.name}: {step.name} {what}{at}{why}"))


def steps_table(pod: PodStatus) -> str:
    """What runs in the pod, in its order, one line each."""
    rows = [(one.name, one.doing, str(one.restarts), clean(one.reason) or "-") for one in pod.containers]
    return aligned([("STEP", "DOING", "RESTARTS", "WHY"), *rows])


def _begun(sight: Sight, pod: PodStatus, step: str) -> PodStatus:
    """The pod once ``step`` has begun."""
    told = ""
    while not find_step(pod, step).began:
        if told != pod.now:
            _say(f"{pod.name}: {step} has not begun; the pod is at {pod.now}")
        told = pod.now
        try:
            pod = _changed(sight.changes(_PERIOD), pod) or find_pod(sight.pods(), pod.name, sight)
        except TemporaryError as error:
            _say(str(error))
            time.sleep(_PAUSE)
    return pod


def _changed(changes: Iterable[Sequence[PodStatus]], pod: PodStatus) -> PodStatus | None:
    """The pod after the first change that touches it."""
    return next((one for pods in changes for one in pods if one.name == pod.name and one != pod), None)


def _say(text: str) -> None:
    sys.stderr.write(clean(text) + "\n")
