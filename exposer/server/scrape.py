"""One scrape in the formats of Prometheus and OpenMetrics. Importing this costs 50 ms, for the client library.

https://prometheus.io/docs/practices/naming/, https://prometheus.io/docs/specs/om/open_metrics_spec/.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    StateSetMetricFamily,
)
from prometheus_client.exposition import choose_encoder

from exposer.server.phase import StepState
from exposer.server.status import Status

_OPENMETRICS = "application/openmetrics-text"


@dataclass(frozen=True, eq=False)  # the library keeps its collectors in a dictionary
class Scrape:
    """What one scrape shows; a collector of the client library.

    ``requests``: path and status -> how many; ``sent``: path -> bytes of bodies; ``ended``: artifact and outcome ->
    downloads. Every label comes from a list that is known at the start, or from the volume, never from a client.
    """

    status: Status
    requests: Counter[tuple[str, int]]
    sent: Counter[str]
    ended: Counter[tuple[str, str]]

    def collect(self) -> Iterator[Metric]:
        """All families but those of the process."""
        yield from self._traffic()
        yield from self._pod()
        yield from self._steps()
        yield from self._artifacts()

    def _traffic(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "exposer_http_requests", "Answers by path and status.", labels=("path", "status")
        )
        for (path, status), count in sorted(self.requests.items()):
            requests.add_metric((path, str(int(status))), count)
        yield requests
        sent = CounterMetricFamily("exposer_http_response_bytes", "Bytes of bodies, by path.", labels=("path",))
        for path, count in sorted(self.sent.items()):
            sent.add_metric((path,), count)
        yield sent
        yield GaugeMetricFamily("exposer_downloads_in_flight", "Downloads under way.", self.status.downloads)
        ended = CounterMetricFamily("exposer_downloads", "Downloads that ended.", labels=("artifact", "state"))
        for (artifact, state), count in sorted(self.ended.items()):
            ended.add_metric((artifact, state), count)
        yield ended
        waiters = GaugeMetricFamily("exposer_waiters", "Requests that wait for an artifact.", labels=("artifact",))
        for name in ("ready", *(artifact.name for artifact in self.status.artifacts)):
            waiters.add_metric((name,), self.status.waiting.get(name, 0))
        yield waiters

    def _pod(self) -> Iterator[Metric]:
        yield InfoMetricFamily("exposer_build", "The sidecar.", {"version": self.status.version})
        yield InfoMetricFamily("exposer_phase", "What the pod does.", {"phase": self.status.phase})
        yield GaugeMetricFamily("exposer_ready", "Whether the pod is ready: 0 or 1.", self.status.ready)
        if self.status.bootstrap:
            yield GaugeMetricFamily(
                "exposer_bootstrap_duration_seconds",
                "From the start of the first step until the pod was ready, or until now.",
                self.status.bootstrap.seconds,
            )
        if self.status.node:
            yield GaugeMetricFamily("exposer_node_height", "The node's newest block.", self.status.node.height)

    def _steps(self) -> Iterator[Metric]:
        states = StateSetMetricFamily("exposer_step_state", "What an init step does.", labels=("step",))
        seconds = GaugeMetricFamily(
            "exposer_step_duration_seconds", "How long an init step took, or has taken so far.", labels=("step",)
        )
        for step in self.status.steps:
            states.add_metric((step.name,), {name: name == step.state for name in get_args(StepState)})
            if step.seconds is not None:
                seconds.add_metric((step.name,), step.seconds)
        yield states
        yield seconds

    def _artifacts(self) -> Iterator[Metric]:
        found = InfoMetricFamily("exposer_artifact", "What an artifact is.", labels=("name",))
        size = GaugeMetricFamily("exposer_artifact_size_bytes", "Bytes that are served.", labels=("name",))
        for artifact in self.status.artifacts:
            found.add_metric((artifact.name,), {"sha256": artifact.sha256 or "", "state": artifact.state})
            if artifact.size is not None:
                size.add_metric((artifact.name,), artifact.size)
        yield found
        yield size


def render(scrape: Scrape, accept: str) -> tuple[bytes, str]:
    """The body and its media type: OpenMetrics 1.0 for whoever accepts it, else the text format 0.0.4; blocks."""
    registry = CollectorRegistry()
    registry.register(scrape)
    ProcessCollector(registry=registry)
    # Only the bare name of the format is passed on: the library would put a client's parameters into our header.
    encode, media_type = choose_encoder(_OPENMETRICS if _OPENMETRICS in accept else "")
    return encode(registry), media_type
