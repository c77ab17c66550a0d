"""The pods of a network as a table: for ``exposer status``, and for ``exposer up`` when it is done."""

from collections.abc import Sequence

from exposer.network.local.survey import FaucetStatus, PodStatus
from exposer.network.table import aligned
from exposer.status import clean


def pods_table(statuses: Sequence[PodStatus]) -> str:
    """The pods in aligned columns, one line each below a heading."""
    faucets = any(pod.faucet for pod in statuses)
    rows = [("POD", "PHASE", "EXPOSER", "RPC", "HEIGHT", *["FAUCET"] * faucets, "GENESIS SHA256", "WHY")]
    for pod in statuses:
        rpc, height = (pod.node.rpc_url, str(pod.node.height)) if pod.node else ("-", "-")
        faucet = [_faucet(pod.faucet)] * faucets
        known = (pod.genesis_sha256 or "-", clean(pod.reason) or "-")
        rows.append((pod.name, pod.phase, pod.exposer_url, rpc, height, *faucet, *known))
    return aligned(rows)


def _faucet(faucet: FaucetStatus | None) -> str:
    return "-" if faucet is None else faucet.url if faucet.ready else f"{faucet.url} (not ready)"
