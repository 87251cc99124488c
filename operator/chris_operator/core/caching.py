"""Memoization: an equal earlier success of the same tenant serves, and no pod is started.

Two runs are equal when their keys are: the same user, the same command line with canonical parameters (numbers of type
float as such, values that are the declared default left out, paths in Swift by their content), the same number of
GPUs, and the same files in the same directories of the input, known by the digests of their manifests; and when they
ran in the same image, known by the ID that was observed. How much CPU, memory, time or urgency a run was given does not
count, nor among how many workers its files were shared (only where the program divides the work itself: then it is
told how many they are), nor do its name and number.

Not reused are: what was asked to run (`cache: refresh`) or to be left alone (`cache: off`, which serves nobody
either); programs that may reach the world outside (`network: egress`), for their output follows from more than their
input; those that start an analysis (type `fs`), unless their run says `cache: use`; and all runs of a Plugin whose
tag was seen to lead to two images.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chris_operator.models.plugin import PluginParameter, PluginSpec
from chris_operator.models.plugininstance import CacheHit, PluginInstance

from . import fanout, inputs, report, resources
from .command import command
from .observed import Observed, Reusable
from .phases import Reason
from .verdict import CopyManifest, Fact, Need, Verdict

ATTEMPT = 1
"""Where a hit's manifest is written: no attempt of its own was or will be made."""
_PATHS = frozenset({"path", "unextpath"})


def canonical(plugin: PluginSpec, given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters as they count: what means the same is written the same."""
    known = {parameter.name: parameter for parameter in plugin.parameters}
    values = {name: _value(known[name], value) for name, value in given.items() if name in known}
    return {
        name: value
        for name, value in values.items()
        if known[name].default is None or value != _value(known[name], known[name].default)
    }


def _value(parameter: PluginParameter, value: Any) -> Any:
    if parameter.type in _PATHS:
        return ""  # the program sees the content only, which the digests tell
    return float(value) if parameter.type == "float" else value


def key(o: Observed, plugin: PluginSpec) -> str | None:
    """What the run's output follows from, its image aside; None where it follows from more, or shall not be known."""
    if o.instance.spec.cache == "off" or plugin.network != "none":
        return None
    made_from = [
        o.tenant.user,
        command(plugin, canonical(plugin, o.instance.spec.parameters)),
        resources.requested(o.instance.spec, plugin).gpus,
        sorted([each.into, each.digest] for each in inputs.of(o)),
    ]
    if plugin.split == "index":
        made_from.append(fanout.asked(o, plugin))  # the program is told, and divides the work by it
    return f"sha256:{hashlib.sha256(json.dumps(made_from).encode()).hexdigest()}"


def asks(o: Observed, plugin: PluginSpec) -> bool:
    """Whether an equal earlier run's output may serve this one."""
    cache = o.instance.spec.cache or ("off" if plugin.type == "fs" else "use")
    return cache == "use" and o.image is not None and o.instance.status.attempt is None


def verdict(o: Observed, plugin: PluginSpec, now: datetime) -> Verdict | Need | None:
    """The end of a run that needs no pod, since an equal one has succeeded; None where it must run."""
    wanted = key(o, plugin) if asks(o, plugin) else None
    if wanted is None:
        return None
    if o.given.reusable is None:
        return Need(Fact.REUSABLE)
    return next((_hit(o, wanted, found, now) for found in o.given.reusable), None)


def _hit(o: Observed, wanted: str, found: Reusable, now: datetime) -> Verdict:
    output, origin = found.output, found.origin
    where = f" of Feed {origin.feed}" if origin.feed else ""
    words = (
        f"{output.files} files, {output.bytes} bytes, as run {origin.id} ({origin.name}{where}) wrote them"
    )
    status = {
        "output": output,
        "image": o.image,
        "references": found.references,
        "cache_key": wanted,
        "cache_hit": origin,
        "phases": report.phases_without_pod(o, now),
    }
    return Verdict(
        Reason.CACHE_HIT, words, final=True, status=status, actions=(CopyManifest(output.attempt),)
    )


def serves(instance: PluginInstance, user: str | None) -> bool:
    """Whether a run's output may be used again by this user's runs."""
    status = instance.status
    if status.output is None or status.output.partial or instance.metadata.deletion_timestamp:
        return False
    return user is not None and status.user == user


def origin(instance: PluginInstance) -> CacheHit:
    """The run that really wrote a run's output."""
    status = instance.status
    return status.cache_hit or CacheHit(
        id=status.id or 0,
        name=instance.metadata.name,
        feed=status.feed,
        completion_time=status.completion_time,
    )
