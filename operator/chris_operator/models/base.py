"""What all models share: frozen values, camelCase on the wire, and rules told once for Python and the API server.

Null on the wire means "left out": the API server drops it from fields that are not nullable, and so do we.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

GROUP = "chrisproject.org"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
INT32_MAX = 2147483647

DNS_LABELS = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"

ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_LABELS)]
"""The name of another object of the same namespace; it can hold no slash, so no other namespace either."""

UserName = Annotated[
    str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")
]
"""A user of ChRIS: whatever a namespace's label can hold."""

Timestamp = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""A moment in RFC 3339, UTC."""

Count = Annotated[int, Field(strict=True, ge=0)]
"""A number of things."""

Seconds = Annotated[float, Field(ge=0)]
"""A length of time in seconds."""


@dataclass(frozen=True)
class Rule:
    """One cross-field rule: the CEL that the API server evaluates, and the same in Python.

    `holds` is None where the rule compares with the object's previous state, which only the API server sees;
    `cel` is None where the API server knows the rule by other means (a list's map keys, an admission policy).
    `field` (as `.maxCpuLimit`) is where the API server reports the violation.
    """

    cel: str | None
    message: str
    holds: Callable[[Any], bool] | None = None
    field: str | None = None

    def declared(self) -> list[dict[str, str]]:
        """The rule's entries of `x-kubernetes-validations`: one or none."""
        if self.cel is None:
            return []
        entry = {"rule": self.cel, "message": self.message}
        return [entry | ({"fieldPath": self.field} if self.field else {})]


def immutable(field: str, remedy: str) -> Rule:
    """The rule that a field (its wire name) can be neither changed, nor added, nor removed."""
    return Rule(
        cel=f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})",
        message=f"{field} cannot change after creation; {remedy}",
        field=f".{field}",
    )


def _declare_rules(schema: dict[str, Any], model: type[Any]) -> None:
    if model.rules:
        schema["x-kubernetes-validations"] = [entry for rule in model.rules for entry in rule.declared()]


class Model(BaseModel):
    """A frozen value; unknown fields are ignored, as the API server may add some that we do not read."""

    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
        extra="ignore",
        json_schema_extra=_declare_rules,
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _keep_rules(self) -> Self:
        broken = [rule.message for rule in self.rules if rule.holds and not rule.holds(self)]
        if broken:
            raise ValueError("; ".join(broken))
        return self

    def wire(self, *, defaults: bool = True) -> dict[str, Any]:
        """The value as JSON data for the API server: camelCase keys, nothing for what is not set (or at its default)."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=not defaults)


class Spec(Model):
    """What a user asks for: an unknown field is an error, since it would be silently without effect."""

    model_config = ConfigDict(extra="forbid")


class Resource(Model):
    """A whole custom resource; subclasses add `metadata`, `spec` and `status`."""

    plural: ClassVar[str]
    namespaced: ClassVar[bool]

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """The resource as it came from the API server or a file: camelCase only. Raises ValidationError."""
        return cls.model_validate(body, by_alias=True, by_name=False)


def explain(error: ValidationError) -> str:
    """One line that names every offending field as the API server would, the rule it breaks and the value given.

    Values of `parameters` are left out: they may name a patient.
    """
    return "; ".join(
        _explain_one(dict(item)) for item in error.errors(include_url=False, include_context=False)
    )


def _explain_one(item: dict[str, Any]) -> str:
    text = str(item["msg"]).removeprefix("Value error, ")
    value = item["input"]
    told = (
        text.startswith(repr(value)) or "parameters" in item["loc"] or isinstance(value, (dict, list, tuple))
    )
    return f"{_place(item['loc'])}: {text}" + (
        "" if told or item["type"] == "missing" else f" (given: {value!r})"
    )


def _place(location: tuple[str | int, ...]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".") or "object"
