"""Which ports of the machine lead to the genesis pods of a compose project."""

from exposer.network.file.chains import stated_ports
from exposer.network.file.model import Network
from exposer.network.site import PodPorts, preferred


def published(network: Network) -> dict[str, dict[str, int]]:
    """Chain id -> port by name: what the network file states, else the well-known one, or the next for a next chain."""
    stated = [
        {name: port for name, (_, port) in stated_ports(network, place).items()} for place in range(len(network.chains))
    ]
    taken = {port for of_chain in stated for port in of_chain.values()}
    result = {}
    for place, (chain, of_chain) in enumerate(zip(network.chains, stated, strict=True)):
        ports = dict(of_chain)
        for name in PodPorts.__dataclass_fields__:
            if name in ports:
                continue
            nth = place
            while preferred(name, nth) in taken:
                nth += 1
            ports[name] = preferred(name, nth)
            taken.add(ports[name])
        result[chain.id] = ports
    return result
