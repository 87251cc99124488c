"""Values that may be written as a number or as a text, checked alike by Python and by the API server."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from chris_operator.models.base import INT32_MAX, Rule

TEXT_MAX = 16000
"""Longest text of a parameter; ChRIS allows this much for lists of paths."""

_NO_SCALAR = "every value must be a text, a number, true or false; write lists as one text with commas"


@dataclass(frozen=True)
class IntOrText:
    """Annotation for an integer within bounds or a text of a pattern, for example `Annotated[int | str, IntOrText(…)]`.

    `what` and `hint` make the message: "'5' is not a CPU limit; write 1000m or the integer 1000".
    """

    what: str
    hint: str
    pattern: str
    least: int = 1
    most: int = INT32_MAX
    max_length: int = 20
    rule: Rule | None = None

    def check(self, value: object) -> int | str:
        """The value itself; raises ValueError if it is not allowed."""
        if not isinstance(value, (int, str)) or not self._allows(value):
            raise ValueError(f"{value!r} is not {self.what}; {self.hint}")
        return value

    def _allows(self, value: int | str) -> bool:
        match value:
            case bool():
                allowed = False
            case int():
                allowed = self.least <= value <= self.most
            case str():
                allowed = len(value) <= self.max_length and re.fullmatch(self.pattern, value) is not None
        holds = self.rule.holds if self.rule else None
        return allowed and (holds is None or holds(value))

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        del schema, handler
        return {
            "x-kubernetes-int-or-string": True,
            "pattern": self.pattern,
            "maxLength": self.max_length,
            "minimum": self.least,
            "maximum": self.most,
        } | ({"x-kubernetes-validations": self.rule.declared()} if self.rule else {})


class Scalar:
    """Annotation for a text, a number or a truth value. A structural schema cannot say so: a policy does."""

    @staticmethod
    def check(value: object) -> str | int | float | bool:
        """The value itself; raises ValueError, which never names it: it may be a patient's data."""
        if not isinstance(value, (str, int, float, bool)):
            raise ValueError(_NO_SCALAR)  # noqa: TRY004 - pydantic collects ValueErrors only
        if isinstance(value, str) and len(value) > TEXT_MAX:
            raise ValueError(f"a text can have {TEXT_MAX} characters; name a folder instead of its files")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        del source, handler
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        del schema, handler
        return {"x-kubernetes-preserve-unknown-fields": True}
