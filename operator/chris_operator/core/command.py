"""A run's command line and environment, as ChRIS's plugin contract wants them.

Source: ChRIS plugin contract (`[execshell] selfpath/selfexec args [/share/incoming] /share/outgoing`).
"""

from collections.abc import Mapping
from typing import Any

from chris_operator.models.plugin import PluginParameter, PluginSpec

from .pods import INCOMING, OUTGOING

_ORDER = ("unextpath", "path", "str", "int", "float", "bool")
_PATHS = frozenset({"path", "unextpath"})


def _words(parameter: PluginParameter, value: Any) -> list[str]:
    if parameter.type in _PATHS:
        # The program never sees Swift's paths: what they name is staged into its input directory.
        return [parameter.flag, INCOMING]
    match parameter.effective_action:
        case "store_true":
            return [parameter.flag] if value else []
        case "store_false":
            return [] if value else [parameter.flag]
        case "store":
            return [parameter.flag, str(value)]


def arguments(plugin: PluginSpec, given: Mapping[str, Any]) -> list[str]:
    """Supplied parameters only, grouped by type in ChRIS's order; defaults are the program's own."""
    ordered = sorted(plugin.parameters, key=lambda p: _ORDER.index(p.type))
    return [word for p in ordered if p.name in given for word in _words(p, given[p.name])]


def command(plugin: PluginSpec, given: Mapping[str, Any]) -> list[str]:
    """The whole command line that replaces the image's entrypoint."""
    program = f"{plugin.selfpath.rstrip('/')}/{plugin.selfexec}" if plugin.selfpath else plugin.selfexec
    head = [plugin.execshell, program] if plugin.execshell else [program]
    directories = [OUTGOING] if plugin.type == "fs" else [INCOMING, OUTGOING]
    return [*head, *arguments(plugin, given), *directories]


def environment(run_id: int, user: str, parent_id: int | None) -> dict[str, str]:
    """ChRIS's variables; never a user's token."""
    variables = {
        "CHRIS_JID": f"chris-jid-{run_id}",
        "CHRIS_PLG_INST_ID": str(run_id),
        "CHRIS_USER_USERNAME": user,
    }
    if parent_id is not None:
        variables |= {"CHRIS_PREV_PLG_INST_ID": str(parent_id), "CHRIS_PREV_JID": f"chris-jid-{parent_id}"}
    return variables
