"""An API server that answers with pods recorded from a real one, and with whatever a test wants said besides."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from project import DATA

RECORDED: dict[str, Any] = json.loads((DATA / "cluster-pods.json").read_text())["pods"]
"""What a person may see (`cluster_pods`) -> the pod as Kubernetes 1.34 told it, without what nobody reads."""
PODS = "/api/v1/namespaces/seeing/pods"
SETS = "/apis/apps/v1/namespaces/seeing/statefulsets"
EVENTS = "/api/v1/namespaces/seeing/events"


def listing(items: list[Any]) -> bytes:
    """A list as the API has it."""
    return json.dumps({"metadata": {"resourceVersion": "7"}, "items": items}).encode()


def refusal(status: int, message: str) -> tuple[int, bytes]:
    """A failure as the API tells it."""
    return status, json.dumps({"kind": "Status", "status": "Failure", "message": message, "code": status}).encode()


@dataclass
class RecordedCluster:
    """The server; ``answers`` is path -> status and body, ``watched`` what each watch of the pods tells, in turn.

    A path that has no answer is 403, as for a user who may list pods and read logs and no more.
    """

    url: str = ""
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    watched: list[list[Any]] = field(default_factory=list)
    after: Callable[[], None] = lambda: None
    """Called when the pods were listed or watched: the world goes on."""

    def show(self, *pods: Any) -> None:
        """Let these be the pods."""
        self.answers[PODS] = 200, listing(list(pods))

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        """Status and body for a request."""
        if path != PODS:
            return self.answers.get(path) or refusal(403, "forbidden")
        events = self.watched.pop(0) if "watch" in query and self.watched else []
        told = 200, b"".join(json.dumps(event).encode() + b"\n" for event in events)
        answer = told if "watch" in query else self.answers[PODS]
        self.after()
        return answer


def kubeconfig(url: str) -> dict[str, Any]:
    """A kubeconfig of one context, ``lab``, with the namespace ``seeing``."""
    return {
        "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": {"server": url}}],
        "users": [{"name": "lab", "user": {"token": "of-nobody"}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "lab", "namespace": "seeing"}}],
    }


@contextmanager
def recorded_cluster() -> Iterator[RecordedCluster]:
    """The server, while it runs."""
    cluster = RecordedCluster()

    class Handler(BaseHTTPRequestHandler):
        """Asks the cluster what to answer."""

        def do_GET(self) -> None:
            """Answer, whole."""
            parts = urlsplit(self.path)
            status, body = cluster.answer(unquote(parts.path), parse_qs(parts.query))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        cluster.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield cluster
        finally:
            server.shutdown()
            thread.join()
