"""Kubernetes quantities and the limits of ChRIS plugin descriptors as plain integers.

CPU is counted in millicores, memory in bytes. Fractions are rounded up, as Kubernetes does: a run never gets
less than it asked for.
"""

import math
import re
from decimal import Decimal
from typing import Final

MEBI: Final = 1024**2

_SUFFIXES: Final = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "": Decimal(1),
    **{name: Decimal(10) ** (3 * power) for power, name in enumerate("kMGTPE", start=1)},
    **{
        name: Decimal(1024) ** power
        for power, name in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)
    },
}
_QUANTITY: Final = re.compile(
    r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?[0-9]{1,2}))?"
)
_CPU_LIMIT: Final = re.compile(r"[0-9]+m")
_MEMORY_LIMIT: Final = re.compile(r"[0-9]+(Ki|Mi|Gi|Ti)")


class QuantityError(ValueError):
    """A text that is no quantity, or one of the wrong kind."""


def parse_quantity(value: str | int) -> Decimal:
    """The exact value of a non-negative Kubernetes quantity in its base unit.

    >>> parse_quantity("1500m"), parse_quantity("2Ki"), parse_quantity("1e3"), parse_quantity(3)
    (Decimal('1.500'), Decimal('2048'), Decimal('1000'), Decimal('3'))
    """
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        raise QuantityError(f"{value!r} is not a quantity; write for example 500m, 2, 512Mi or 2Gi")
    number, suffix, exponent = match.groups()
    scale = Decimal(10) ** int(exponent) if exponent else _SUFFIXES[suffix or ""]
    return Decimal(number) * scale


def parse_cpu(value: str | int) -> int:
    """Millicores of a Kubernetes CPU quantity: a bare number counts cores.

    >>> parse_cpu("250m"), parse_cpu("1.5"), parse_cpu(2)
    (250, 1500, 2000)
    """
    return math.ceil(parse_quantity(value) * 1000)


def parse_memory(value: str | int) -> int:
    """Bytes of a Kubernetes memory or storage quantity: a bare number counts bytes.

    >>> parse_memory("2Gi"), parse_memory("1M"), parse_memory(4096)
    (2147483648, 1000000, 4096)
    """
    return math.ceil(parse_quantity(value))


def parse_cpu_limit(value: str | int) -> int:
    """Millicores of a descriptor's CPU limit: an integer counts millicores, a text ends in `m`.

    >>> parse_cpu_limit(1000), parse_cpu_limit("50m")
    (1000, 50)
    """
    if isinstance(value, int):
        return value
    if not _CPU_LIMIT.fullmatch(value):
        raise QuantityError(f"{value!r} is not a CPU limit; write millicores as 1000m or as the integer 1000")
    return parse_cpu(value)


def parse_memory_limit(value: str | int) -> int:
    """Bytes of a descriptor's memory limit: an integer counts MiB, a text ends in `Ki`, `Mi`, `Gi` or `Ti`.

    >>> parse_memory_limit(200), parse_memory_limit("2Gi")
    (209715200, 2147483648)
    """
    if isinstance(value, int):
        return value * MEBI
    if not _MEMORY_LIMIT.fullmatch(value):
        raise QuantityError(f"{value!r} is not a memory limit; write 512Mi, 2Gi or the integer number of MiB")
    return parse_memory(value)
