"""The limits of ChRIS plugin descriptors: the least and the most that a run may ask for."""

from collections.abc import Callable
from typing import Annotated, NamedTuple

from pydantic import Field

from chris_operator.models.base import INT32_MAX
from chris_operator.models.scalars import IntOrText

CpuLimit = Annotated[
    int | str,
    IntOrText("a CPU limit", "write millicores as 1000m or as the integer 1000", r"^([1-9][0-9]{0,9}m)?$"),
]
MemoryLimit = Annotated[
    int | str,
    IntOrText(
        "a memory limit",
        "write 512Mi, 2Gi or the integer number of MiB",
        r"^([1-9][0-9]{0,9}(Ki|Mi|Gi|Ti))?$",
    ),
]
CPU_DEFAULT = 1000
"""Least CPU in millicores where the descriptor gives none."""
MEMORY_DEFAULT = 200
"""Least memory in MiB where the descriptor gives none."""
Workers = Annotated[int, Field(strict=True, ge=1, le=INT32_MAX)]
Gpus = Annotated[int, Field(strict=True, ge=0, le=INT32_MAX)]


class Bounds(NamedTuple):
    """The least and the most that a run may ask for, both included."""

    least: int
    most: int


def bounds(
    parse: Callable[[int | str], int], least: int | str, default: int, most: int | str | None
) -> Bounds:
    """The bounds that a descriptor's two fields give."""
    # The descriptor writes "" for "not given".
    return Bounds(parse(default if least == "" else least), parse(INT32_MAX if most in ("", None) else most))


def below(unit: str, default: int, low: str, high: str) -> str:
    """CEL: the most is not below the least, each as an integer or a text with a unit."""

    def text(field: str) -> str:
        written = f"self.{field} == '' ? '{default}{unit}' : self.{field}"
        return f"(type(self.{field}) == int ? string(self.{field}) + '{unit}' : {written})"

    given = f"has(self.{high}) && self.{high} != ''"
    return f"!({given}) || quantity({text(high)}).compareTo(quantity({text(low)})) >= 0"


def range_message(what: str, default: str) -> str:
    """What is told where it is."""
    low, high = f"min{what}", f"max{what}"
    return f"{high} must not be below {low} ({default} when left out); raise {high} or lower {low}"
