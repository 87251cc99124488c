"""What a newer structural schema no longer accepts that an older one did: the changes that break stored resources."""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
_LEAST = ("minimum", "minLength", "minItems", "minProperties")
_MOST = ("maximum", "maxLength", "maxItems", "maxProperties")
_SAME = ("pattern", "format", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "default")


def narrowed(old: Schema, new: Schema, path: str = "") -> list[str]:
    """Every way in which `new` is narrower, each with its path; empty where all that was good still is.

    A pattern or a rule (CEL) that differs counts, since nobody can tell here whether it accepts as much.
    """
    return [f"{path or '.'}: {words}" for words in _at(old, new)] + [
        each for name, before, after in _children(old, new) for each in narrowed(before, after, path + name)
    ]


def _children(old: Schema, new: Schema) -> Iterator[tuple[str, Schema, Schema]]:
    for name, before in old.get("properties", {}).items():
        if name in new.get("properties", {}):
            yield f".{name}", before, new["properties"][name]
    if "items" in old and "items" in new:
        yield "[]", old["items"], new["items"]
    if isinstance(old.get("additionalProperties"), dict) and isinstance(
        new.get("additionalProperties"), dict
    ):
        yield "{}", old["additionalProperties"], new["additionalProperties"]


def _at(old: Schema, new: Schema) -> Iterator[str]:
    """Narrowings of one node, its children not counted."""
    yield from _types(old, new)
    yield from _fields(old, new)
    yield from _bounds(old, new)
    if "enum" in new and (gone := _gone(old, new)):
        yield f"no longer allows {', '.join(gone)}"
    for word in _SAME:
        if word in old and word in new and old[word] != new[word]:
            yield f"{word} was {old[word]!r} and is {new[word]!r}"
        elif word in new and word not in old and word != "default":
            yield f"{word} {new[word]!r} is new"
        elif word == "default" and word in old and word not in new:
            yield f"default {old[word]!r} is gone"
    known = {rule["rule"] for rule in old.get("x-kubernetes-validations", ())}
    for rule in new.get("x-kubernetes-validations", ()):
        if rule["rule"] not in known:
            yield f"rule is new or another one: {rule['message']}"


def _types(old: Schema, new: Schema) -> Iterator[str]:
    wider = new.get("x-kubernetes-int-or-string") and old.get("type") in {"integer", "string"}
    if old.get("type") != new.get("type") and not wider:
        yield f"type was {old.get('type')} and is {new.get('type')}"
    for word in ("x-kubernetes-int-or-string", "nullable", "x-kubernetes-preserve-unknown-fields"):
        if old.get(word) and not new.get(word):
            yield f"{word} is gone"


def _fields(old: Schema, new: Schema) -> Iterator[str]:
    known = new.get("properties", {})
    for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        if "default" not in known.get(name, {}):
            yield f"{name} is required now"
    if not new.get("x-kubernetes-preserve-unknown-fields"):
        for name in sorted(set(old.get("properties", {})) - set(known)):
            yield f"{name} is gone, so what is stored there would be dropped"


def _bounds(old: Schema, new: Schema) -> Iterator[str]:
    for words, sign in ((_LEAST, 1), (_MOST, -1)):
        for word in words:
            if word in new and (word not in old or sign * (new[word] - old[word]) > 0):
                yield f"{word} was {old.get(word, 'not set')} and is {new[word]}"


def _gone(old: Schema, new: Schema) -> list[str]:
    if "enum" not in old:
        return ["what is not in its new list"]
    return [repr(value) for value in old["enum"] if value not in new["enum"]]
