"""Amounts of CPU and memory as Kubernetes writes them."""

from decimal import Decimal

_SUFFIXES = {
    **{suffix: Decimal(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)},
    **{
        suffix: Decimal(1000) ** power
        for power, suffix in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), -3)
    },
}


def parse_quantity(text: str) -> Decimal:
    """``500m`` -> 0.5, ``1Gi`` -> 1073741824, ``1e3`` -> 1000: in cores, or in bytes.

    Source: Kubernetes, ``apimachinery/pkg/api/resource/quantity.go``.
    """
    number = text.rstrip("".join({letter for suffix in _SUFFIXES for letter in suffix}))
    return Decimal(number) * _SUFFIXES[text[len(number) :]]
