"""Runs as commands find them: by name, told apart from what this program cannot read."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from chris_operator.cli.errors import ForbiddenError, NotFoundError, UserError
from chris_operator.cli.kubectl import INSTANCES, Kubectl
from chris_operator.models.base import explain
from chris_operator.models.plugin import Plugin, PluginSpec, object_name
from chris_operator.models.plugininstance import PluginInstance, PluginReference


def run_of(
    kubectl: Kubectl, name: str, known: Mapping[str, Mapping[str, Any]] | None = None
) -> PluginInstance:
    """The run of this name: one of those known already, or asked for."""
    body = kubectl.find(INSTANCES, name) if known is None else known.get(name)
    if body is None:
        where = kubectl.namespace
        raise NotFoundError(
            f"namespace {where} has no PluginInstance {name}: `kubectl -n {where} get pi` lists them"
        )
    try:
        return PluginInstance.parse(body)
    except ValidationError as error:
        words = f"PluginInstance {name} is not one that this program knows: {explain(error)}"
        raise UserError(f"{words}; update kubectl-chris to the operator's version") from error


def parsed(bodies: Mapping[str, Mapping[str, Any]]) -> dict[str, PluginInstance]:
    """All of them that can be read."""
    found = {}
    for name, body in bodies.items():
        try:
            found[name] = PluginInstance.parse(body)
        except ValidationError:
            continue
    return found


def plugin_of(kubectl: Kubectl, instance: PluginInstance) -> PluginSpec:
    """The Plugin that a run names."""
    wanted = instance.spec.plugin
    name = object_name(wanted.name, wanted.version)
    try:
        return Plugin.parse(kubectl.plugin(name)).spec
    except NotFoundError:
        words = f"Plugin {wanted.name} {wanted.version} is not registered: `kubectl get plugins` lists those that are"
        raise NotFoundError(words) from None
    except ForbiddenError as error:
        raise UserError(f"{error}; an administrator binds you the ClusterRole chris-catalog") from error
    except ValidationError as error:
        words = f"Plugin {name} is not one that this program knows: {explain(error)}"
        raise UserError(f"{words}; update kubectl-chris to the operator's version") from error


def reference(plugin: Mapping[str, Any]) -> PluginReference:
    """Name and version of a raw Plugin."""
    return PluginReference(name=plugin["spec"]["name"], version=plugin["spec"]["version"])


def joins(kubectl: Kubectl) -> frozenset[PluginReference]:
    """The Plugins that join several parents' outputs."""
    return frozenset(reference(body) for body in kubectl.plugins() if body["spec"]["type"] == "ts")
