"""Which files of which parent a run reads, and where it finds them (`spec.inputs`).

A run of type `ds` finds its parent's files in its input directory. A run of type `ts` finds each parent's files in a
directory of its own, named after the parent or by `into`, however many parents there are and whatever they hold: no
name of one can meet a name of another.
"""

import re

from chris_operator.models.plugin import PluginSpec
from chris_operator.models.plugininstance import ParentInput, PluginInstanceSpec


def asked(spec: PluginInstanceSpec, parent: str) -> ParentInput:
    """What the run says about one parent; one of which it says nothing comes wholly."""
    found = (each for each in spec.inputs if each.previous == parent)
    return next(found, ParentInput(previous=parent))


def filtered(spec: PluginInstanceSpec) -> tuple[str, ...]:
    """Names of the parents of which not every file is wanted, in the order of `previous`."""
    return tuple(name for name in spec.previous if asked(spec, name).match)


def directories(spec: PluginInstanceSpec, *, joins: bool) -> dict[str, str]:
    """The directory of the input that each parent's files come into ("" is the input directory itself).

    `joins` tells a run of type `ts`; several parents are always kept apart.
    """
    apart = joins or len(spec.previous) > 1
    return {name: asked(spec, name).into or (name if apart else "") for name in spec.previous}


def complaints(spec: PluginInstanceSpec, plugin: PluginSpec) -> list[str]:
    """What is wrong with `inputs`: expressions that are none, two parents in one directory."""
    wrong = [
        f"inputs[{number}].match: {problem}"
        for number, each in enumerate(spec.inputs)
        if each.match and (problem := expression_complaint(each.match))
    ]
    places: dict[str, str] = {}
    for name, directory in directories(spec, joins=plugin.type == "ts").items():
        first = places.setdefault(directory, name)
        if first != name:
            wrong.append(
                f"inputs: the files of {first} and of {name} would come into one directory {directory!r}: "
                "give each parent its own with into"
            )
    return wrong


def expression_complaint(text: str) -> str | None:
    """Why a text is no regular expression of Python's; None where it is one.

    >>> expression_complaint("[a-"), expression_complaint(r"[.]nii$")
    ("'[a-' is no regular expression (unterminated character set at position 0): mend it", None)
    """
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        return f"{text!r} is no regular expression ({error}): mend it"
    return None
