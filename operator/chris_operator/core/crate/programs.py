"""Plugins as tools with their formal parameters, the values that runs gave them, and the images by digest."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chris_operator.models.plugin import PluginParameter, PluginSpec

from .entities import Entity, quoted, ref
from .records import FeedRecord, RunRecord

_TYPES = {
    "str": "Text",
    "int": "Integer",
    "float": "Float",
    "bool": "Boolean",
    "path": "Text",
    "unextpath": "Text",
}
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})$")
_DOCKER = "https://w3id.org/ro/terms/workflow-run#DockerImage"


def tool_id(tool: str) -> str:
    """How a Plugin is referred to, in whatever crate."""
    return f"tag:chrisproject.org,2026:plugin:{tool}"


def input_id(tool: str) -> str:
    """The formal parameter that a Plugin's input directory is."""
    return f"#{tool}/incoming"


def output_id(tool: str) -> str:
    """The formal parameter that a Plugin's output directory is."""
    return f"#{tool}/outgoing"


def parameter_id(tool: str, name: str) -> str:
    """A formal parameter of a Plugin."""
    return f"#{tool}/parameter/{quoted(name)}"


def value_id(run: RunRecord, name: str) -> str:
    """The value that a parameter had in a run."""
    return f"#run/{run.name}/parameter/{quoted(name)}"


def given(run: RunRecord) -> dict[str, Any]:
    """Every parameter that had a value in a run: as given, else the Plugin's default."""
    values = {p.name: run.instance.spec.parameters.get(p.name, p.default) for p in run.plugin.parameters}
    return {name: value for name, value in values.items() if value is not None}


def tools(record: FeedRecord) -> Iterator[Entity]:
    """Each Plugin once, with the formal parameters that runs gave values to."""
    by_tool: dict[str, list[RunRecord]] = {}
    for run in record.runs:
        by_tool.setdefault(run.tool, []).append(run)
    for tool, runs in by_tool.items():
        used = [p for p in runs[0].plugin.parameters if any(p.name in given(run) for run in runs)]
        reads = any(run.reads for run in runs)
        yield _tool(tool, runs[0].plugin, used, reads=reads)
        yield from (_formal(tool, parameter) for parameter in used)
        yield {
            "@id": output_id(tool),
            "@type": "FormalParameter",
            "name": "outgoing",
            "additionalType": "Dataset",
        }
        if reads:
            yield {
                "@id": input_id(tool),
                "@type": "FormalParameter",
                "name": "incoming",
                "additionalType": "Dataset",
            }


def _tool(tool: str, plugin: PluginSpec, used: list[PluginParameter], *, reads: bool) -> Entity:
    directories = [ref(input_id(tool))] if reads else []
    found: Entity = {
        "@id": tool_id(tool),
        "@type": "SoftwareApplication",
        "name": plugin.name,
        "softwareVersion": plugin.version,
        "input": [*directories, *(ref(parameter_id(tool, p.name)) for p in used)],
        "output": [ref(output_id(tool))],
    }
    texts = {
        "description": plugin.title,
        "url": plugin.public_repo or plugin.documentation,
        "license": plugin.license,
    }
    return found | {name: text for name, text in texts.items() if text}


def _formal(tool: str, parameter: PluginParameter) -> Entity:
    found: Entity = {
        "@id": parameter_id(tool, parameter.name),
        "@type": "FormalParameter",
        "name": parameter.name,
        "additionalType": _TYPES[parameter.type],
        "valueRequired": not parameter.optional,
    }
    known = {"description": parameter.help or None, "defaultValue": parameter.default}
    return found | {name: value for name, value in known.items() if value is not None}


def values(run: RunRecord) -> Iterator[Entity]:
    """A run's parameters as it ran with them."""
    for name, value in given(run).items():
        yield {
            "@id": value_id(run, name),
            "@type": "PropertyValue",
            "name": name,
            "value": value,
            "exampleOfWork": ref(parameter_id(run.tool, name)),
        }


@dataclass(frozen=True, slots=True)
class ImageName:
    """An image's name in its parts."""

    registry: str
    name: str
    tag: str

    @classmethod
    def parse(cls, text: str) -> "ImageName":
        """The parts as container runtimes see them.

        >>> ImageName.parse("localhost/fnndsc/pl-x:1.0")
        ImageName(registry='localhost', name='fnndsc/pl-x', tag='1.0')
        >>> ImageName.parse("fnndsc/pl-x")
        ImageName(registry='docker.io', name='fnndsc/pl-x', tag='latest')
        """
        path, _, _ = text.partition("@")
        head, slash, rest = path.partition("/")
        local = bool(slash) and (head == "localhost" or "." in head or ":" in head)
        registry, path = (head, rest) if local else ("docker.io", path)
        name, _, tag = path.partition(":")
        return cls(registry, name, tag or "latest")


def image(run: RunRecord) -> Entity | None:
    """The image that a run's program was observed to run in, by digest; None for a run without a pod."""
    observed = run.instance.status.image
    if not observed:
        return None
    name = ImageName.parse(run.plugin.dock_image)
    digest = _DIGEST.search(observed)
    found: Entity = {
        "@id": f"#image/{digest[1] if digest else run.tool}",
        "@type": "ContainerImage",
        "additionalType": ref(_DOCKER),
        "registry": name.registry,
        "name": name.name,
        "tag": name.tag,
    }
    return found | ({"sha256": digest[1]} if digest else {"identifier": observed})
