"""What is shown at the end: where the time went, and how good the registration is. Pure: data in, lines out."""

from collections.abc import Mapping, Sequence
from typing import Any

from chris_operator.models.plugininstance import PluginInstance

_PHASES = (
    ("queued", "queued"),
    ("stage_in", "stage-in"),
    ("plugin", "plugin"),
    ("publish", "publish"),
    ("ours", "ours"),
)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as text: the first column to the left, numbers to the right, a rule below the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def line(row: Sequence[str]) -> str:
        first, rest = row[0].ljust(widths[0]), row[1:]
        return "  ".join([first, *(cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))])

    return [line(rows[0]), "─" * len(line(rows[0])), *(line(row) for row in rows[1:])]


def phase_table(instances: Sequence[PluginInstance]) -> list[str]:
    """Seconds per phase of each run; a dash where a phase does not exist."""
    head = ["run", *(title for _, title in _PHASES), "CPU", "peak memory"]
    return table([head, *(_phase_row(instance) for instance in instances)])


def _phase_row(instance: PluginInstance) -> list[str]:
    phases, usage = instance.status.phases, instance.status.usage
    seconds = [getattr(phases, name, None) for name, _ in _PHASES]
    cpu = usage.cpu_seconds if usage else None
    memory = usage.peak_memory_bytes if usage else None
    return [
        instance.metadata.name,
        *("–" if value is None else f"{value:.1f} s" for value in seconds),
        "–" if cpu is None else f"{cpu:.1f} s",
        "–" if memory is None else f"{memory / 2**20:.0f} MiB",
    ]


def metric_table(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The measures of pl-register.json against their thresholds, and what they were before registration."""
    head = ["measure", "registered", "must reach", "before", ""]
    return table([head, *(_metric_row(name, each) for name, each in metrics.items())])


def _metric_row(name: str, each: Mapping[str, Any]) -> list[str]:
    limited = each.get("threshold") is not None
    verdict = {True: "✔ passed", False: "✘ failed"}[bool(each.get("passed"))] if limited else ""
    return [
        name,
        f"{each['value']:.3f}",
        f"≥ {each['threshold']:.2f}" if limited else "–",
        f"{each['beforeRegistration']:.3f}",
        verdict,
    ]
