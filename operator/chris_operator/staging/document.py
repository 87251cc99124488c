"""JSON documents of the pod contract under inspection: whatever is wrong is named by document, field and value."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar

T = TypeVar("T")
Text = str | bytes
"""JSON as it comes."""


class ContractError(ValueError):
    """A document of the pod contract breaks its form; the message names document, field and value."""


@dataclass(frozen=True)
class Document:
    """A JSON object under inspection, with its name for messages."""

    name: str
    fields: Mapping[str, Any]

    @classmethod
    def parse(cls, name: str, text: Text) -> Self:
        """A document from its text; ContractError where the text is no JSON object."""
        try:
            value = json.loads(text)
        except ValueError as error:
            raise ContractError(f"{name}: is no JSON: {error}") from error
        return cls.of(name, value)

    @classmethod
    def of(cls, name: str, value: Any) -> Self:
        """A document from a decoded value that must be an object."""
        if not isinstance(value, dict):
            raise ContractError(f"{name}: must be an object, is {value!r}")
        return cls(name, value)

    def text(self, key: str) -> str:
        """A field that must be text."""
        return self._typed(key, str)

    def optional_text(self, key: str) -> str | None:
        """A field that is text, null or missing."""
        return self.text(key) if self.has(key) else None

    def integer(self, key: str) -> int:
        """A field that must be a whole number."""
        return self._typed(key, int)

    def child(self, key: str) -> Self:
        """A field that must be an object."""
        return type(self).of(f"{self.name}: {key}", self._get(key))

    def children(self, key: str) -> list[Self]:
        """A field that must be a list of objects."""
        return [
            type(self).of(f"{self.name}: {key}[{at}]", each) for at, each in enumerate(self._typed(key, list))
        ]

    def has(self, key: str) -> bool:
        """Whether a field is there and not null."""
        return self.fields.get(key) is not None

    def _get(self, key: str) -> Any:
        if key not in self.fields:
            raise ContractError(f"{self.name}: {key} is missing")
        return self.fields[key]

    def _typed(self, key: str, kind: type[T]) -> T:
        value = self._get(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ContractError(f"{self.name}: {key} is {value!r}; must be of type {kind.__name__}")
        return value
