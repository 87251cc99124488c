"""What an RO-Crate is made from: a Feed, its runs with their Plugins, and the files that their manifests list."""

from collections.abc import Iterable
from dataclasses import dataclass

from chris_operator.core import attempts
from chris_operator.core.lineage import ordered
from chris_operator.core.plan import final_condition
from chris_operator.models.conditions import Condition
from chris_operator.models.feed import Feed
from chris_operator.models.plugin import (
    ParameterType,
    ParameterValue,
    PluginParameter,
    PluginSpec,
    object_name,
)
from chris_operator.models.plugininstance import PluginInstance
from chris_operator.staging.manifest import Entry, placed_path


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One file of an output: its path as plugins see it, and what its content is known by."""

    path: str
    size: int
    sha256: str = ""
    etag: str = ""
    """Of a file that was uploaded by others: the MD5 of its content, or opaque (in quotes)."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run that has ended."""

    instance: PluginInstance
    condition: Condition
    plugin: PluginSpec
    files: tuple[FileRecord, ...] = ()
    named: tuple[FileRecord, ...] = ()
    """What its parameters named in Swift, as it was when the run started."""

    @property
    def reads(self) -> bool:
        """Whether it had any input."""
        return bool(self.instance.spec.previous or self.named)

    @property
    def name(self) -> str:
        """The run's name, by which everything about it is called."""
        return self.instance.metadata.name

    @property
    def tool(self) -> str:
        """The name of its Plugin's object."""
        return object_name(self.plugin.name, self.plugin.version)

    @property
    def succeeded(self) -> bool:
        """Whether its output is complete."""
        return self.condition.status == "True"


@dataclass(frozen=True, slots=True)
class FeedRecord:
    """A Feed with the runs that have ended, parents first."""

    feed: Feed
    runs: tuple[RunRecord, ...]

    @property
    def user(self) -> str:
        """Whose analysis it is."""
        return next((run.instance.status.user for run in self.runs if run.instance.status.user), "")

    @property
    def title(self) -> str:
        """What people call it."""
        return self.feed.spec.title or self.feed.metadata.name

    @property
    def started(self) -> str:
        """When the first of its runs was asked for."""
        return min(run.instance.metadata.creation_timestamp or "" for run in self.runs)

    @property
    def ended(self) -> str:
        """When the last of its runs ended."""
        return max(run.instance.status.completion_time or "" for run in self.runs)


def ended(instances: Iterable[PluginInstance]) -> list[PluginInstance]:
    """The runs that have ended, in the order of a crate."""
    return ordered(each for each in instances if final_condition(each))


def files(entries: Iterable[Entry]) -> tuple[FileRecord, ...]:
    """The files of a manifest where a plugin would find them; links stand for what they linked to then."""
    found, target = [], ""
    for entry in entries:
        if entry.link:
            target = entry.link
        else:
            found.append(FileRecord(placed_path(entry, target), entry.size, entry.sha256, entry.etag))
    return tuple(found)


def remembered(instance: PluginInstance) -> PluginSpec:
    """A Plugin that is registered no longer, as far as a run of it tells: its name and the parameters given."""
    program = attempts.unregistered(instance.spec.plugin)
    given = [
        PluginParameter.model_construct(name=name, type=_type(value), flag="")
        for name, value in instance.spec.parameters.items()
    ]
    return program.model_copy(update={"parameters": tuple(given)})


def _type(value: ParameterValue) -> ParameterType:
    kinds: dict[type, ParameterType] = {bool: "bool", int: "int", float: "float"}
    return kinds.get(type(value), "str")
