"""All that comes before the first process: which file, is everything there, ports, keys, and the plan."""

import logging
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from exposer.accounts.making import grow_keys
from exposer.errors import BadInputError, TemporaryError
from exposer.network.document import Document
from exposer.network.file.chains import ChainFacts, faucet_of, resolve, stated_ports
from exposer.network.file.model import Chain, Network
from exposer.network.file.scripts import scripted
from exposer.network.key_source import counts, keys_of
from exposer.network.local import ports
from exposer.network.local.machine import Machine
from exposer.network.local.ports import LOOPBACK, Held
from exposer.network.local.state import PodRecord, Record, State
from exposer.network.names import pod_names
from exposer.network.plan import Plan, Pod, build_plan
from exposer.network.site import PodPorts

log = logging.getLogger("exposer up")


@dataclass(frozen=True)
class Prepared:
    """A plan whose ports are held, and the record of it; ``binaries`` is chain id -> path, without absent ones."""

    document: Document
    plan: Plan
    record: Record
    binaries: dict[str, str]


def prepare(document: Document, binaries: dict[str, str], state: State, held: Held, *, force: bool) -> Prepared:
    """Hold ports, write keys and files, make directories; the plan.

    Raises:
        BadInputError: a port that the network file states is taken.
        TemporaryError: a port of the network's former run is taken, and cannot be another one.
    """
    former = state.read()
    used = _hold_ports(document, held, former)
    keys = _keys(document, state)
    time = former.genesis_time if former and not force else datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    of_pods = {pod: PodPorts(**of_pod) for pod, of_pod in used.items()}
    site = Machine(state, of_pods, keys=keys, genesis_time=time, directory=document.directory)
    plan = build_plan(document.network, site, document.directory)
    for file in plan.files:
        state.write_file(state.files(file.chain, file.volume) / file.name, file.content)
    for pod in plan.pods:
        state.make_pod(pod.name, fresh=force)
    before = {pod.name: pod.ports for pod in former.pods} | dict(former.former_ports) if former else {}
    before = {pod: of_pod for pod, of_pod in before.items() if pod not in used}
    facts = {chain.id: resolve(chain) for chain in document.network.chains}
    pods = tuple(_record(pod, used[pod.name], facts[pod.chain]) for pod in plan.pods)
    record = Record(plan.name, time, pods, before)
    state.write(record)
    return Prepared(document, plan, record, binaries)


def _keys(document: Document, state: State) -> Path:
    """Path of the keys file; where the network file names none, one in the state directory."""
    if document.network.keys is not None:
        return (document.directory / document.network.keys).absolute()
    if document.network.throwaway:
        state.write_file(state.throwaway_keys, keys_of(document, None).reveal())
        return state.throwaway_keys
    validators = max(chain.num_validators for chain in document.network.chains) - 1
    grow_keys(state.keys, {**counts(document.network), "validators": max(validators, 1)})
    return state.keys


def _hold_ports(document: Document, held: Held, former: Record | None) -> dict[str, dict[str, int]]:
    """Pod -> the ports that it uses; those that somebody chose are held before any that may move."""
    used: dict[str, tuple[str, ...]] = {}
    fixed: dict[str, dict[str, int]] = {}
    moved = defaultdict[str, dict[str, int]](dict)
    for place, chain in enumerate(document.network.chains):
        stated = stated_ports(document.network, place)  # of the genesis pod
        for number, pod in enumerate(pod_names(chain)):
            used[pod] = _used(document.network, chain, leads=number == 0)
            wished = dict(former.ports(pod)) if former else {}
            wished |= {name: port for name, (_, port) in stated.items()}
            fixed[pod] = {name: port for name, port in wished.items() if name in used[pod]}
            for name, port in [(name, port) for name, port in fixed[pod].items() if held.hold(port) is None]:
                taken = f"port {port} ({name} of {pod}) is taken by another process"
                if name in stated:
                    text = f"{taken}; free it, or leave it out for one that is free"
                    raise BadInputError(document.source.fault(stated[name][0], text))
                if scripted(chain, "init-config"):  # whose work is not done anew
                    raise TemporaryError(f"{taken}; free it: a script made the configuration of {chain.id} with it")
                del fixed[pod][name]
                moved[pod][name] = port
            stated = {}
    found = {pod: held.hold_rest(place, used[pod], ports) for place, (pod, ports) in enumerate(fixed.items())}
    for pod, taken_ports in moved.items():
        others = ", ".join(f"{name} {port} -> {found[pod][name]}" for name, port in taken_ports.items())
        log.warning("%s: others have taken ports that it had when it last ran; it gets others: %s", pod, others)
    return found


def _used(network: Network, chain: Chain, *, leads: bool) -> tuple[str, ...]:
    """The names of the ports that a pod uses."""
    application = ports.APPLICATION if resolve(chain).driver == "cosmos" else ()
    faucet = ("faucet",) if leads and faucet_of(network, chain) else ()
    return ("exposer", *ports.NODE, *application, *faucet)


def _record(pod: Pod, used: dict[str, int], facts: ChainFacts) -> PodRecord:
    return PodRecord(
        name=pod.name,
        role=pod.role,
        ordinal=pod.ordinal,
        exposer_url=f"http://{LOOPBACK}:{used['exposer']}",
        rpc_url=f"http://{LOOPBACK}:{used['rpc']}",
        ports=used,
        faucet_url=f"http://{LOOPBACK}:{used['faucet']}" if "faucet" in used else None,
        chain=pod.chain,
        serving=[name for container in pod.containers for name in container.ports],
        denom=facts.denom,
        prefix=facts.bech32_prefix,
    )
