"""``exposer plan``: the pods of a network and what runs in them, and nothing is started or written."""

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import chain, count
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

from exposer.errors import ExitCode
from exposer.network.document import Document
from exposer.network.file.chains import stated_ports
from exposer.network.flags import STATE, add_state, add_wanted
from exposer.network.local.machine import Machine
from exposer.network.local.state import Record, State
from exposer.network.names import pod_names
from exposer.network.places import Cluster, ComposeProject
from exposer.network.plan import Container, Plan, Pod, build_plan
from exposer.network.site import PodPorts, Site, preferred
from exposer.network.table import aligned
from exposer.network.wanted import Wanted, choose_document

Place = Literal["processes", "compose", "k8s"]
PLACES: tuple[Place, ...] = ("processes", "compose", "k8s")
_COLUMNS = ("pod", "steps", "node", "beside it", "ports")


def main(argv: Sequence[str]) -> int:
    """Show the plan; returns the exit code, or raises an `ExposerError`."""
    options = parser().parse_args(argv)
    document = choose_document(Wanted.of(options))
    plan = plan_at(options.at, document, State(options.state))
    if options.json:
        sys.stdout.write(json.dumps(to_json(plan), indent=2, ensure_ascii=False) + "\n")
    else:
        _show(plan)
    return ExitCode.DONE


def parser() -> argparse.ArgumentParser:
    """The command line."""
    text = "Show which pods a network has, what runs in each of them in which order, and with what environment."
    result = argparse.ArgumentParser(prog="exposer plan", description=text, allow_abbrev=False)
    add_wanted(result)
    add_state(result)
    result.add_argument("--at", choices=PLACES, default="processes", help="where it would run; default processes")
    result.add_argument("--json", action="store_true", help="all of it: commands, environment, mounts, ports, files")
    return result


def plan_at(place: Place, document: Document, state: State | None = None) -> Plan:
    """The plan of a network at one of the `PLACES`.

    On this machine, with its ``state``, it has the ports and the time of its former run, else the ports that it would
    like to have.
    """
    return build_plan(document.network, _site(place, document, state), document.directory)


def _site(place: Place, document: Document, state: State | None) -> Site:
    if place == "compose":
        return ComposeProject(document.network, document.directory)
    if place == "k8s":
        return Cluster(document.network, document.directory)
    state = state or State(STATE)
    former = state.read() or Record("", "")
    ports = _ports(document, former)
    return Machine(state, ports, keys=state.keys, genesis_time=former.genesis_time, directory=document.directory)


def _ports(document: Document, former: Record) -> dict[str, PodPorts]:
    """Pod -> the ports that ``exposer up`` gives it where nobody else has them: what is stated is the genesis pod's.

    Where a pod would prefer what is stated for another, ``up`` takes any that is free; here it is one of no pod's.
    """
    pods: dict[str, dict[str, int]] = {}
    for place, one in enumerate(document.network.chains):
        first, *others = pod_names(one)
        stated = {name: port for name, (_, port) in stated_ports(document.network, place).items()}
        pods |= {first: {**former.ports(first), **stated}, **{pod: dict(former.ports(pod)) for pod in others}}
    taken = {port for stated in pods.values() for port in stated.values()}
    places = count(len(pods))

    def free(name: str, place: int) -> int:
        return next(port for nth in chain([place], places) if (port := preferred(name, nth)) not in taken)

    return {
        pod: PodPorts(**{name: stated.get(name) or free(name, place) for name in PodPorts.__dataclass_fields__})
        for place, (pod, stated) in enumerate(pods.items())
    }


def to_json(plan: Plan) -> dict[str, Any]:
    """The plan as data, but for what its files hold."""
    return {
        "name": plan.name,
        "pods": [_pod(pod) for pod in plan.pods],
        "files": [
            {"chain": file.chain, "volume": file.volume, "name": file.name, "size": len(file.content)}
            for file in plan.files
        ],
    }


def _pod(pod: Pod) -> dict[str, Any]:
    return {
        "name": pod.name,
        "chain": pod.chain,
        "role": pod.role,
        "ordinal": pod.ordinal,
        "exposer": _container(pod.exposer),
        "steps": [_container(step) for step in pod.steps],
        "node": _container(pod.node),
        "faucet": _container(pod.faucet) if pod.faucet else None,
        "after_start": [_container(step) for step in pod.after_start],
    }


def _container(container: Container) -> dict[str, Any]:
    resources = container.resources
    return {
        "name": container.name,
        "image": container.image or None,
        "command": list(container.command),
        "environment": dict(container.environment),
        "mounts": [vars(mount) for mount in container.mounts],
        "ports": dict(container.ports),
        "resources": resources.model_dump(exclude_none=True) if resources else None,
    }


def _show(plan: Plan) -> None:
    """A table on a terminal, plain columns elsewhere."""
    rows = [_row(pod) for pod in plan.pods]
    if not sys.stdout.isatty():
        sys.stdout.write(aligned([tuple(column.upper() for column in _COLUMNS), *rows]))
        return
    table = Table(*_COLUMNS, title=plan.name, title_justify="left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def _row(pod: Pod) -> tuple[str, ...]:
    beside = [pod.exposer, *([pod.faucet] if pod.faucet else []), *pod.after_start]
    ports = {name: port for container in pod.containers for name, port in container.ports.items()}
    return (
        pod.name,
        " > ".join(step.name for step in pod.steps),
        " ".join(pod.node.command),
        ", ".join(container.name for container in beside),
        " ".join(f"{name}:{port}" for name, port in ports.items()),
    )
