"""The way in: a kubeconfig, read as kubectl reads it (flag, then ``KUBECONFIG``, then ``~/.kube/config``)."""

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exposer.errors import BadInputError
from exposer.network.cluster.api import Api

_DEFAULT = "~/.kube/config"
MISSING = "the Kubernetes client library is not installed; in a clone of this project: pip install '.[kubernetes]'"


@dataclass(frozen=True)
class Access:
    """Which cluster and namespace are meant; None is what the kubeconfig says."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None

    def connect(self) -> Api:
        """The API server; nothing is asked of it yet.

        Raises:
            BadInputError: the library is missing, there is no kubeconfig, or it has no such context.
        """
        try:
            from kubernetes import config  # noqa: PLC0415 - an optional library that takes a second
            from kubernetes.client import ApiClient, Configuration  # noqa: PLC0415 - likewise
        except ImportError as error:
            raise BadInputError(MISSING) from error
        file = self.kubeconfig or os.environ.get("KUBECONFIG") or _DEFAULT
        if not any(Path(part).expanduser().is_file() for part in file.split(os.pathsep) if part):
            raise BadInputError(f"there is no kubeconfig at {file}; name one with --kubeconfig or KUBECONFIG")
        settings = Configuration()
        settings.retries = 0  # what can be tried again is tried here, and told
        load: Any = config.load_kube_config  # the library has no types for these two
        list_contexts: Any = config.list_kube_config_contexts
        try:
            contexts, active = list_contexts(file)
            known = {one["name"]: one["context"] for one in contexts}
            chosen = self.context or active["name"]
            if chosen in known:
                load(file, chosen, settings, persist_config=False)
        except Exception as error:  # the library raises whatever a damaged file leads to
            told = str(error).partition("{")[0].strip() or type(error).__name__  # a brace begins a user, token and all
            raise BadInputError(f"{file} is no kubeconfig that can be used: {told}") from error
        if chosen in known:
            return Api(ApiClient(settings), self.namespace or known[chosen].get("namespace") or "default")
        near = difflib.get_close_matches(chosen, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known) or 'none'}"
        raise BadInputError(f"{file} has no context {chosen}; {hint}")
