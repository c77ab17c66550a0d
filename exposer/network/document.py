"""From a network file to a `Network`: every fault is found before anything starts, and named with line and cure."""

from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from exposer.errors import BadInputError
from exposer.network import checks
from exposer.network.file.chains import default_id, known_chains, resolve
from exposer.network.file.explain import explain
from exposer.network.file.include import load_source
from exposer.network.file.model import Chain, Network
from exposer.network.file.outside import take_outside
from exposer.network.file.source import Location, Source, refusal, spell

DEFAULT_CHAIN = "cometbft"
DEFAULT_VALIDATORS = 4


@dataclass(frozen=True)
class Document:
    """A checked network, the source that knows its lines, and what the user should be told about it."""

    network: Network
    source: Source
    warnings: tuple[str, ...] = ()
    directory: Path = Path()

    def narrowed(self, chain: str | None, validators: int | None) -> "Document":
        """Only the chains whose name or id is ``chain``, with ``validators`` validators each; None leaves it as it is.

        Raises:
            BadInputError: the file has no such chain, or what it says does not fit so many validators.
        """
        places = [place for place, one in enumerate(self.network.chains) if chain in {None, one.name, one.id}]
        if not places:
            there = ", ".join(one.id for one in self.network.chains)
            raise BadInputError(f"--chain {chain}: {self.source.name} has no such chain; it has {there}")
        update = {} if validators is None else {"num_validators": validators}
        chains = tuple(self.network.chains[place].model_copy(update=update) for place in places)
        network = self.network.model_copy(update={"chains": chains})
        narrowed = replace(self, network=network, source=self.source.only(places))
        if faults := [narrowed.source.fault(*fault) for fault in checks.faults(network, self.directory)]:
            raise refusal(faults)
        return narrowed


def load_document(path: Path, *, strict: bool = False) -> Document:
    """The network file at ``path``.

    Raises:
        BadInputError: it has faults; each is one line ``FILE:LINE: field.path: what is wrong; cure``.
    """
    return _check(load_source(path), path.parent, strict=strict)


def embedded_document(chain: str = DEFAULT_CHAIN, validators: int = DEFAULT_VALIDATORS) -> Document:
    """The network of one known chain, with nothing but defaults.

    Raises:
        BadInputError: no chain of that name is known.
    """
    if chain not in known_chains():
        raise BadInputError(f"--chain {chain}: {checks.unknown_chain(chain)}")
    entry = {"id": default_id(chain), "name": chain, "numValidators": validators}
    return _check(Source(f"the default network of {chain}", {"name": chain, "chains": [entry]}), Path(), strict=False)


def _check(source: Source, directory: Path, *, strict: bool) -> Document:
    faults = list(source.faults)
    outside = list(take_outside(source.data))
    if strict:
        faults += [
            source.fault(location, "is not exposer's job; remove it, or run without --strict") for location in outside
        ]
    try:
        network = Network.model_validate(source.data, by_name=False, by_alias=True)
    except ValidationError as error:
        found = [source.fault(*fault) for fault in explain(error) if fault[0] not in source.broken]
        raise refusal([*faults, *found]) from None
    if not source.broken:  # a value that is not there would only be missed again
        faults += [source.fault(*fault) for fault in checks.faults(network, directory)]
    if faults:
        raise refusal(faults)
    return Document(network, source, _warnings(source, network, outside), directory)


def _warnings(source: Source, network: Network, outside: list[Location]) -> tuple[str, ...]:
    said = []
    if outside:
        names = ", ".join(dict.fromkeys(spell(at) if at[0] == "exposer" else str(at[-1]) for at in outside))
        funded = "; the accounts of the relayers are funded all the same" if network.relayers else ""
        said.append(f"{source.name}: {names}: not exposer's job, left out (--strict refuses them){funded}")
    if network.version is not None and any(map(_has_times_of_its_own, network.chains)):
        said.append(
            f"{source.name}: version: Starship, whose files have it, shortens each genesis (unbonding 300 s, votes "
            "30 s), and here it is the binary's own; genesis: {presets: [short-unbonding, fast-governance]} shortens it"
        )
    return tuple(said)


def _has_times_of_its_own(chain: Chain) -> bool:
    """Whether its genesis is what the binary makes, and nobody says what Starship would change in it."""
    plain = not (chain.genesis.presets or chain.genesis.patch or chain.genesis.source)
    return plain and resolve(chain).driver == "cosmos"
