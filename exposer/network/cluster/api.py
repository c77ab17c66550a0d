"""What is asked of a cluster's API server: pods and their logs, and, where it is allowed, what explains them.

Reads only. Needed are ``list`` and ``watch`` of pods and ``get`` of pods/log; where more is refused it is done without.
Answers are the API's own JSON: the client library's models would cost a second to build and say no more.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from exposer.errors import BadInputError, ExposerError, TemporaryError

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_LIMIT = (5.0, 30.0)
"""Seconds to connect and between two reads."""
_ASKING = (5.0, 5.0)
"""The same for a sidecar, which the API server may not reach at all."""
_FOLLOWING = (5.0, 86400.0)
"""The same for a log that is followed: a step may say nothing for long."""
_DELETED = b"unable to retrieve container logs for "
"""How a kubelet begins where the runtime has no such container any more (its ``ServeLogs``)."""


class ForbiddenError(BadInputError):
    """The kubeconfig's user may not do this."""


class AbsentError(BadInputError):
    """The API server has no such thing."""


class GoneError(TemporaryError):
    """A watch began too long ago: what there is now has to be listed again."""


@dataclass(frozen=True)
class Request:
    """One kind of request, by the names that a Role gives it."""

    verb: str
    resource: str


@dataclass(frozen=True)
class Listing:
    """Objects of the API, and the version from which `Api.changes` goes on."""

    items: list[dict[str, Any]]
    version: str


class Api:
    """The API server of one kubeconfig context, asked about one namespace."""

    def __init__(self, client: "ApiClient", namespace: str) -> None:
        from kubernetes.client import AppsV1Api, CoreV1Api  # noqa: PLC0415 - an optional library that takes a second

        self.namespace = namespace
        self._core, self._apps = CoreV1Api(client), AppsV1Api(client)
        self._server = client.configuration.host

    def pods(self, selector: str) -> Listing:
        """The pods that carry the labels of ``selector``; raises `ForbiddenError`, `TemporaryError`."""
        return self._list(Request("list", "pods"), self._core.list_namespaced_pod, label_selector=selector)

    def changes(self, selector: str, version: str, seconds: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """What happens to those pods after ``version`` and within ``seconds``: ADDED, MODIFIED or DELETED, and the pod.

        Raises:
            GoneError: ``version`` is too old.
        """
        answer = self._ask(
            Request("watch", "pods"),
            self._core.list_namespaced_pod,
            self.namespace,
            label_selector=selector,
            resource_version=version,
            timeout_seconds=seconds,
            watch=True,
        )
        for line in self._chunks(answer, by_line=True):
            event = json.loads(line)
            if event["type"] == "ERROR":
                raise GoneError(event["object"].get("message", "the watch ended"))
            yield event["type"], event["object"]

    def sets(self, selector: str) -> list[dict[str, Any]]:
        """The StatefulSets with those labels; raises `ForbiddenError`."""
        request = Request("list", "statefulsets.apps")
        return self._list(request, self._apps.list_namespaced_stateful_set, label_selector=selector).items

    def warnings(self) -> list[dict[str, Any]]:
        """The namespace's events that are warnings; raises `ForbiddenError`."""
        request = Request("list", "events")
        return self._list(request, self._core.list_namespaced_event, field_selector="type=Warning").items

    def sidecar(self, pod: str, port: int) -> Any:
        """The JSON of a pod's ``/status``, which the API server fetches; raises `ForbiddenError`, `TemporaryError`."""
        answer = self._ask(
            Request("get", "pods/proxy"),
            self._core.connect_get_namespaced_pod_proxy_with_path,
            f"{pod}:{port}",
            self.namespace,
            "status",
            _request_timeout=_ASKING,
        )
        try:
            return json.loads(b"".join(self._chunks(answer)))
        except ValueError as error:
            raise TemporaryError(f"{pod}: its exposer answers with no JSON") from error

    def log(self, pod: str, container: str, *, follow: bool, previous: bool, tail: int | None) -> Iterator[bytes]:
        """The bytes of a container's log as they come; raises `ForbiddenError`, `AbsentError`."""
        more = {} if tail is None else {"tail_lines": tail}
        answer = self._ask(
            Request("get", "pods/log"),
            self._core.read_namespaced_pod_log,
            pod,
            self.namespace,
            container=container,
            follow=follow,
            previous=previous,
            _request_timeout=_FOLLOWING if follow else _LIMIT,
            **more,
        )
        return self._kept(pod, container, self._chunks(answer))

    def _kept(self, pod: str, container: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """The log, told apart from what a kubelet says in its place with status 200."""
        first = next(chunks, b"")
        if first.startswith(_DELETED):
            raise AbsentError(f"{pod}: the log of that run of {container} was deleted with its container")
        yield first
        yield from chunks

    def require_namespace(self) -> None:
        """Whether the namespace is there, as far as that may be asked; raises `AbsentError` where it is not."""
        try:
            self._ask(Request("get", "namespaces"), self._core.read_namespace, self.namespace)
        except ForbiddenError:
            return
        except AbsentError as error:
            raise AbsentError(f"{self._server} has no namespace {self.namespace}; name it with --namespace") from error

    def _list(self, request: Request, function: Any, **selectors: str) -> Listing:
        answer = json.loads(b"".join(self._chunks(self._ask(request, function, self.namespace, **selectors))))
        return Listing(answer["items"], answer["metadata"]["resourceVersion"])

    def _ask(self, request: Request, function: Any, *arguments: str, **named: Any) -> Any:
        """The raw answer of a call of the library; what is no success is raised."""
        from kubernetes.client import ApiException  # noqa: PLC0415 - as above
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - likewise

        given = {"_request_timeout": _LIMIT, "_preload_content": False, **named}
        try:
            answer = function(*arguments, **given)
            if answer.status < HTTPStatus.MULTIPLE_CHOICES:
                return answer
            status, body = answer.status, answer.read()
        except ApiException as error:  # up to version 35 of the library
            status, body = error.status, error.body or b""
            body = body.encode() if isinstance(body, str) else body
        except HTTPError as error:
            raise self._unreachable(error) from error
        raise self._refusal(request, status, body)

    def _refusal(self, request: Request, status: int, body: bytes) -> ExposerError:
        try:
            message = str(json.loads(body)["message"])
        except (ValueError, LookupError, TypeError):
            message = body.decode(errors="replace").strip() or "nothing more"
        if status == HTTPStatus.UNAUTHORIZED:
            return BadInputError(f"{self._server} does not accept the kubeconfig's credentials; renew them")
        if status == HTTPStatus.FORBIDDEN:
            return ForbiddenError(
                f"this user may not {request.verb} {request.resource} in namespace {self.namespace}; "
                f"a Role there has to allow it ({message})"
            )
        if status == HTTPStatus.NOT_FOUND:
            return AbsentError(message)
        if status == HTTPStatus.GONE:
            return GoneError(message)
        if status == HTTPStatus.BAD_REQUEST:
            return BadInputError(message)
        return TemporaryError(f"{self._server} answers with {status}: {message}")

    def _unreachable(self, error: Exception) -> ExposerError:
        cause = str(getattr(error, "reason", error))
        if "CERTIFICATE_VERIFY_FAILED" in cause:
            return BadInputError(f"{self._server} has another certificate than the kubeconfig's cluster: {cause}")
        return TemporaryError(f"{self._server} cannot be reached: {cause}")

    def _chunks(self, answer: Any, *, by_line: bool = False) -> Iterator[bytes]:
        """The body as it comes."""
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - as above

        try:
            yield from answer if by_line else answer.stream()
        except HTTPError as error:
            raise self._unreachable(error) from error
        finally:
            answer.close()
