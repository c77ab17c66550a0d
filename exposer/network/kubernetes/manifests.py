"""The manifests of a plan, as data: of the network its keys, and of each chain what its pods are and need."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from exposer.accounts.secret import Secret
from exposer.errors import BadInputError
from exposer.network.document import Document
from exposer.network.environment import CONFIG_OVERRIDES
from exposer.network.file.model import Chain
from exposer.network.kubernetes import access
from exposer.network.kubernetes.config import config_maps, count, keys, outside_values
from exposer.network.kubernetes.labels import Names
from exposer.network.kubernetes.stateful_set import pod_set
from exposer.network.outside import is_private, outside
from exposer.network.plan import Plan
from exposer.network.plan_files import PlanFile
from exposer.network.site import Role

Manifest = dict[str, Any]
_ROLES: tuple[Role, ...] = ("genesis", "validator")


def manifests(plan: Plan, document: Document, keys_file: Secret) -> list[Manifest]:
    """Every object of the network, those first that others need; ``keys_file`` is what its keys file holds.

    Raises:
        BadInputError: the files of a chain are too large for Kubernetes, or its names are another's.
    """
    return [manifest for group in groups(plan, document, keys_file).values() for manifest in group]


def groups(plan: Plan, document: Document, keys_file: Secret) -> dict[str, list[Manifest]]:
    """The objects by the file that they belong into, without its ending: keys, and per chain all, and each role."""
    found = {"keys": [keys(document.network, keys_file)]}
    for place, chain in enumerate(document.network.chains):
        made = dict(_of_chain(plan, chain, document))
        if taken := made.keys() & {*found, "kustomization"}:
            fault = f"its objects would have names of another's: {', '.join(sorted(taken))}; choose another id"
            raise BadInputError(document.source.fault(("chains", place, "id"), fault))
        found |= made
    return found


def _of_chain(plan: Plan, chain: Chain, document: Document) -> Iterator[tuple[str, list[Manifest]]]:
    written = document.source.written
    values = outside(chain, plan.pods, written)
    files = [file for file in plan.files if file.chain == chain.id]
    private = {file.volume for file in files if is_private(file, written)}
    names = Names(document.network, chain, frozenset(values), frozenset(private))
    shared = list(_shared(plan, chain, names, document, files))
    secrets = [*outside_values(values, names), *(one for one in shared if one["kind"] == "Secret")]
    if secrets:
        yield names.outside, secrets
    yield names.prefix, [one for one in shared if one["kind"] != "Secret"]
    settings = _settings([file for file in files if file.volume not in private])  # a password could be guessed
    for role in _ROLES:
        if pods := [pod for pod in plan.pods if pod.chain == chain.id and pod.role == role]:
            yield names.of_set(role), list(pod_set(pods, names, settings))


def _settings(files: Sequence[PlanFile]) -> str:
    """A checksum of the overrides, which are in no template."""
    return next((hashlib.sha256(file.content).hexdigest()[:16] for file in files if file.name == CONFIG_OVERRIDES), "")


def _shared(
    plan: Plan, chain: Chain, names: Names, document: Document, files: Sequence[PlanFile]
) -> Iterator[Manifest]:
    pods = [pod for pod in plan.pods if pod.chain == chain.id]
    yield from config_maps(files, names, document)
    yield count(pods[0], names)
    yield access.service(pods[0], names)
    yield access.meeting_point(pods[0], names)
    yield access.disruption_budget(pods, names)
    if document.network.kubernetes.network_policy:
        yield access.network_policy(pods, names)
    if document.network.kubernetes.service_monitor:
        yield access.service_monitor(names)
