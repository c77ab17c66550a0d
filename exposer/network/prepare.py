"""All that comes before the first process: which file, is everything there, ports, keys, and the plan."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from exposer.errors import BadInputError, TemporaryError
from exposer.network.chains import has_faucet, resolve
from exposer.network.document import Document, embedded_document, load_document
from exposer.network.keys import ensure_keys
from exposer.network.machine import Machine, binary_name, find_binary
from exposer.network.plan import Plan, Pod, build_plan, pod_names
from exposer.network.ports import Held, PortTakenError, preferred
from exposer.network.site import PodPorts
from exposer.network.source import Location
from exposer.network.state import PodRecord, Record, State

DEFAULT_FILE = Path("network.yaml")
COMETBFT_CURE = "go install github.com/cometbft/cometbft/cmd/cometbft@v0.38.17"


@dataclass(frozen=True)
class Wanted:
    """Which network is asked for; None stands for what the file or the default says."""

    file: Path | None = None
    chain: str | None = None
    validators: int | None = None
    strict: bool = False


@dataclass(frozen=True)
class Prepared:
    """A plan whose ports are held, and the record of it; ``binaries`` is chain id -> path, without absent ones."""

    plan: Plan
    record: Record
    binaries: dict[str, str]


def choose_document(wanted: Wanted) -> Document:
    """The network that is asked for; raises `BadInputError` with all its faults."""
    file = wanted.file or (DEFAULT_FILE if DEFAULT_FILE.exists() else None)
    if file:
        return load_document(file, strict=wanted.strict).narrowed(wanted.chain, wanted.validators)
    document = embedded_document(wanted.chain) if wanted.chain else embedded_document()
    return document.narrowed(None, wanted.validators)


def refuse_missing_steps(document: Document) -> None:
    """Raises `BadInputError` for what the plan knows and no step does yet."""
    faults = []
    for place, chain in enumerate(document.network.chains):
        for name in ("build", "upgrade"):
            section = getattr(chain, name)
            if section and section.enabled:
                faults.append(
                    _fault(
                        document,
                        place,
                        (name, "enabled"),
                        "building is not there yet; set it to false and put the binary on PATH",
                    )
                )
        if has_faucet(document.network, chain):
            field = ("faucet", "enabled")
            text = (
                "the faucet is not there yet; set it to false, then the genesis funds all validators and the role keys"
            )
            own = chain.faucet.enabled is not None
            faults.append(_fault(document, place, field, text) if own else document.source.fault(field, text))
    if faults:
        raise BadInputError("\n".join(dict.fromkeys(faults)))


def find_binaries(document: Document) -> dict[str, str]:
    """Chain id -> path of its binary.

    A cometbft chain's may be missing: its steps need none, and the network comes up without nodes.

    Raises:
        BadInputError: another chain's binary is not on this machine.
    """
    found, faults = {}, []
    for place, chain in enumerate(document.network.chains):
        facts = resolve(chain)
        path = find_binary(facts, document.directory)
        if path:
            found[chain.id] = path
        elif facts.driver == "cosmos":
            cure = f"put it on PATH (source: {facts.source})" if facts.source else "put it on PATH"
            text = f"{binary_name(facts, document.directory)} is not on this machine; {cure}, or give its path here"
            faults.append(_fault(document, place, ("binary",), text))
    if faults:
        raise BadInputError("\n".join(faults))
    return found


def _fault(document: Document, place: int, location: Location, text: str) -> str:
    return document.source.fault(("chains", place, *location), text)


def prepare(document: Document, binaries: dict[str, str], state: State, held: Held, *, force: bool) -> Prepared:
    """Hold ports, write keys and files, make directories; the plan.

    Raises:
        BadInputError: a port that the network file states is taken.
        TemporaryError: a port of the network's former run is taken.
    """
    former = state.read()
    ports = _hold_ports(document, held, former)
    keys = state.keys
    if document.network.keys is not None:
        keys = (document.directory / document.network.keys).absolute()
    else:
        ensure_keys(keys, validators=max(chain.num_validators for chain in document.network.chains) - 1)
    time = former.genesis_time if former and not force else datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    site = Machine(state, ports, keys=keys, genesis_time=time, directory=document.directory)
    plan = build_plan(document.network, site)
    for file in plan.files:
        state.write_file(file.chain, file.name, file.content)
    for pod in plan.pods:
        state.make_pod(pod.name, fresh=force)
    before = {pod.name: pod.ports for pod in former.pods} | dict(former.former_ports) if former else {}
    before = {pod: of_pod for pod, of_pod in before.items() if pod not in ports}
    record = Record(plan.name, time, tuple(_record(pod, ports[pod.name]) for pod in plan.pods), before)
    state.write(record)
    return Prepared(plan, record, binaries)


def _hold_ports(document: Document, held: Held, former: Record | None) -> dict[str, PodPorts]:
    """Pod -> its ports; those that somebody chose are held before any that may move."""
    fixed: dict[str, dict[str, int]] = {}
    for place, chain in enumerate(document.network.chains):
        stated = chain.ports.model_dump(exclude_none=True, include=set(preferred(0)))  # of the genesis pod
        for pod in pod_names(chain):
            fixed[pod] = (dict(former.ports(pod)) if former else {}) | stated
            try:
                held.hold_fixed(pod, fixed[pod])
            except PortTakenError as error:
                if error.name in stated:
                    text = f"{error}; free it, or leave it out for one that is free"
                    raise BadInputError(_fault(document, place, ("ports", error.name), text)) from error
                raise TemporaryError(f"{error}; free it, or start over with exposer down --volumes") from error
            stated = {}
    return {pod: held.hold_rest(place, ports) for place, (pod, ports) in enumerate(fixed.items())}


def _record(pod: Pod, ports: PodPorts) -> PodRecord:
    return PodRecord(
        name=pod.name,
        role=pod.role,
        ordinal=pod.ordinal,
        exposer_url=f"http://127.0.0.1:{ports.exposer}",
        rpc_url=f"http://127.0.0.1:{ports.rpc}",
        ports=asdict(ports),
    )
