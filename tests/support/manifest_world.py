"""What tests of manifests need: network files, and the objects that they become."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exposer.accounts.secret import Secret
from exposer.network.document import Document, load_document
from exposer.network.kubernetes.manifests import manifests
from exposer.network.places import Cluster
from exposer.network.plan import Plan, build_plan

Manifest = dict[str, Any]

MNEMONIC = " ".join(["abandon"] * 23 + ["art"])
KEYS = Secret(json.dumps({"genesis": [{"name": "genesis0", "mnemonic": MNEMONIC}]}).encode())

EVERYTHING = """\
name: Every.Thing_1
chains:
  - id: osmosis_Test-5
    name: osmosis
    numValidators: 4
    image: registry.example/osmosis:v25
    metrics: true
    faucet: {enabled: true, amount: 20000000uosmo}
    upgrade: {enabled: true, genesis: v25.0.0, upgrades: [{name: v26, version: v26.0.0}]}
    genesis: {presets: [fast-governance], app_state: {gov: {params: {quorum: "0.1"}}}}
    balances: [{address: osmo1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqmcn030, amount: 100uosmo}]
    config: {app.toml: {pruning: nothing}, pods: {validator-1: {config.toml: {mempool: {size: 10}}}}}
    env: [{name: PRICE, value: "$$(POD_NAME) costs $$$$5, not $$x"}, {name: AGREED, value: "yes"}]
    scripts: {createGenesis: {data: "#!/bin/sh\\nexec init-genesis\\n"}}
    resources: {cpu: "1", memory: 1Gi}
    readinessProbe: {httpGet: {path: /status, port: rpc}, periodSeconds: 3}
  - id: evmos_9000-1
    name: evmos
    numValidators: 1
    genesis: {from: "https://example.org/genesis.json"}
  - id: simapp-1
    name: simapp
    numValidators: 2
    image: registry.example/simapp:v1
  - id: cometbft-1
    name: cometbft
    numValidators: 8
images: {build: "registry.example/build:1", imagePullPolicy: IfNotPresent}
resources: {wait: {limits: {cpu: 50m}}}
exposer: {image: "registry.example/exposer:1", resources: {requests: {cpu: 10m}, limits: {memory: 100Mi}}}
kubernetes:
  namespace: nets
  storage: {size: 10Gi, className: fast}
  serviceMonitor: true
"""
"""Four chains with everything on that a manifest can show, but for what excludes it (`BARE`)."""

BARE = """\
throwaway: true
chains:
  - {id: simapp-1, name: simapp, numValidators: 3, binary: /bin/simd, image: registry.example/simapp:v1}
images: {binary: volume}
kubernetes: {sidecar: classic, networkPolicy: false}
"""


def load(directory: Path, text: str) -> tuple[Plan, Document]:
    """The plan of a network file with ``text`` in a cluster, and the file."""
    path = directory / "network.yaml"
    path.write_text(text, encoding="utf-8")
    document = load_document(path)
    return build_plan(document.network, Cluster(document.network, directory), directory), document


def render(directory: Path, text: str) -> list[Manifest]:
    """The objects of a network file with ``text``."""
    return manifests(*load(directory, text), KEYS)


def named(objects: list[Manifest], kind: str) -> dict[str, Manifest]:
    """Those of one kind, by their names."""
    return {one["metadata"]["name"]: one for one in objects if one["kind"] == kind}


def pod_spec(stateful_set: Manifest) -> Manifest:
    """The specification of the pods of a StatefulSet."""
    spec: Manifest = stateful_set["spec"]["template"]["spec"]
    return spec


def containers(stateful_set: Manifest) -> dict[str, Manifest]:
    """All containers of a StatefulSet's pods in the order in which they start, by their names."""
    spec = pod_spec(stateful_set)
    return {one["name"]: one for one in (*spec["initContainers"], *spec["containers"])}


def environment(container: Manifest, pod: str) -> Mapping[str, str]:
    """What a container's programs see in the pod of that name: `$(NAME)` is replaced as the kubelet does it."""
    seen: dict[str, str] = {}
    for entry in container.get("env", []):
        if "valueFrom" in entry:
            assert entry["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
            seen[entry["name"]] = pod
        else:
            seen[entry["name"]] = expanded(entry["value"], seen)
    return seen


def expanded(text: str, seen: Mapping[str, str]) -> str:
    """After ``Expand`` of Kubernetes' third_party/forked/golang/expansion/expand.go."""
    result, at = "", 0
    while at < len(text):
        if text[at] != "$" or at + 1 == len(text):
            result, at = result + text[at], at + 1
        elif text[at + 1] == "$":
            result, at = result + "$", at + 2
        elif text[at + 1] == "(" and (end := text.find(")", at)) > 0:
            name = text[at + 2 : end]
            result, at = result + seen.get(name, f"$({name})"), end + 1
        else:
            result, at = result + text[at : at + 2], at + 2
    return result
