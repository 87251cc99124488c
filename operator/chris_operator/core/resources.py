"""What a run's pod gets: the user's wish where he has one, else the plugin's minimum."""

from chris_operator.models.plugin import PluginSpec
from chris_operator.models.plugininstance import PluginInstanceSpec
from chris_operator.models.plugininstance import Resources as Wish
from chris_operator.models.quantity import MEBI, parse_cpu, parse_memory

from .demand import Resources

_DEFAULT = Resources()


def disk(spec: PluginInstanceSpec, plugin: PluginSpec) -> int:
    """How many bytes a run may write: its wish, else what is usual as far as the Plugin's bounds let it."""
    wish = spec.resources.ephemeral_storage if spec.resources else None
    if wish is not None:
        return parse_memory(wish)
    return min(max(_DEFAULT.disk_bytes, plugin.disk.least), plugin.disk.most)


def requested(spec: PluginInstanceSpec, plugin: PluginSpec, memory_mib: int | None = None) -> Resources:
    """The resources of one attempt; `memory_mib` is what the attempt has grown to after running out.

    It counts whole MiB, rounded down, so a wish that is none is not taken down to it.
    """
    wish = spec.resources or Wish()
    memory = plugin.memory.least if wish.memory is None else parse_memory(wish.memory)
    return Resources(
        cpu_millis=plugin.cpu.least if wish.cpu is None else parse_cpu(wish.cpu),
        memory_bytes=memory if memory_mib is None else max(memory, memory_mib * MEBI),
        gpus=plugin.gpu.least if wish.gpu is None else wish.gpu,
        disk_bytes=disk(spec, plugin),
    )


def complaints(spec: PluginInstanceSpec, plugin: PluginSpec) -> list[str]:
    """Which wishes lie outside the plugin's limits, each with value, limit and remedy."""
    got = requested(spec, plugin)
    checks = (
        ("cpu", got.cpu_millis, plugin.cpu, 1, "m"),
        ("memory", got.memory_bytes, plugin.memory, MEBI, "Mi"),
        ("gpu", got.gpus, plugin.gpu, 1, ""),
        ("ephemeralStorage", got.disk_bytes, plugin.disk, MEBI, "Mi"),
    )
    found = []
    for what, value, bounds, unit, suffix in checks:
        if not bounds.least <= value <= bounds.most:
            least, most = bounds.least // unit, bounds.most // unit
            found.append(
                f"resources.{what} is {value // unit}{suffix}, but {plugin.name} {plugin.version} takes "
                f"{least}{suffix} to {most}{suffix}: ask for something within that range"
            )
    workers = plugin.workers
    if plugin.split is None and spec.workers not in (1, "auto"):
        found.append(
            f"workers is {spec.workers}, but {plugin.name} {plugin.version} does not say how its work can be shared "
            "(its Plugin's split): leave workers out"
        )
    elif spec.workers != "auto" and not workers.least <= spec.workers <= workers.most:
        found.append(
            f"workers is {spec.workers}, but {plugin.name} {plugin.version} takes "
            f"{workers.least} to {workers.most}: ask for something within that range"
        )
    return found


def grown(memory_mib: int, plugin: PluginSpec) -> int | None:
    """Memory in MiB for the attempt after one that ran out of it: double, up to the plugin's maximum.

    None where the maximum was reached already.
    """
    most = plugin.memory.most // MEBI
    return min(memory_mib * 2, most) if memory_mib < most else None
