"""What the operator says: one JSON object per line, so that a run's story can be asked for by its key.

A line has `time`, `level`, `logger` and `message`; what is said while a run is looked at has its `run` (namespace/name)
and `attempt` besides, what is said of a Feed or Plugin its `object`. Secrets that the process knows, and the signatures
of TempURLs, are blotted out whoever says them.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType, TracebackType
from typing import Any

from chris_operator.cluster import INSTANCES

from .queue import Key
from .settings import SettingsError

SECRETS = ("ST_KEY", "OS_PASSWORD", "OS_APPLICATION_CREDENTIAL_SECRET")
"""Variables of the environment whose values are never told."""
_SHORTEST = 4
"""A shorter secret is none, and blotting it out would make every line unreadable."""
_SIGNATURE = re.compile(r"(temp_url_sig=)[0-9A-Za-z%:+/=_-]+")
_BLOT = "***"
_hidden: set[str] = set()
"""Secrets that this process came to know besides."""
_about: ContextVar[Mapping[str, Any]] = ContextVar("about", default=MappingProxyType({}))


@contextmanager
def about(key: Key) -> Iterator[None]:
    """Whatever is said within the block, also by threads begun there, concerns this key."""
    named = {"run": f"{key.namespace}/{key.name}"} if key.kind == INSTANCES.plural else {"object": str(key)}
    token = _about.set(named)
    try:
        yield
    finally:
        _about.reset(token)


def on_attempt(number: int) -> None:
    """From here to the end of the block of `about`, this attempt is meant."""
    _about.set({**_about.get(), "attempt": number})


def hide(values: Mapping[str, str]) -> None:
    """Never tell what stands in these variables either."""
    _hidden.update(_secrets(values))


def _secrets(values: Mapping[str, str]) -> list[str]:
    return [value for name in SECRETS if len(value := values.get(name, "").strip()) >= _SHORTEST]


class Lines(logging.Formatter):
    """Writes records as JSON or, for people at a terminal, as text."""

    def __init__(self, values: Mapping[str, str], *, text: bool) -> None:
        super().__init__()
        self._text = text
        self._secrets = _secrets(values)

    def format(self, record: logging.LogRecord) -> str:
        """One line; several, if it is text with a traceback."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            **_about.get(),
            "message": self._blotted(record.getMessage()),
        }
        if record.exc_info:
            line["exception"] = self._blotted(self.formatException(record.exc_info))
        return self._for_people(line) if self._text else json.dumps(line, ensure_ascii=False)

    def _blotted(self, text: str) -> str:
        for secret in (*self._secrets, *_hidden):
            text = text.replace(secret, _BLOT)
        return _SIGNATURE.sub(rf"\1{_BLOT}", text)

    @staticmethod
    def _for_people(line: Mapping[str, Any]) -> str:
        subject = line.get("run") or line.get("object") or ""
        attempt = f" attempt {line['attempt']}" if "attempt" in line else ""
        story = f"\n{line['exception']}" if "exception" in line else ""
        where = f" [{subject}{attempt}]" if subject else ""
        return f"{line['time']} {line['level']} {line['logger']}{where} {line['message']}{story}"


def configure(values: Mapping[str, str]) -> None:
    """Let everything that is said in this process, its own death included, go to standard error in one form."""
    wanted = values.get("CHRIS_LOG_FORMAT", "json")
    if wanted not in {"json", "text"}:
        raise SettingsError(f"CHRIS_LOG_FORMAT is {wanted!r}: give json or text")
    handler = logging.StreamHandler()
    handler.setFormatter(Lines(values, text=wanted == "text"))
    try:
        logging.basicConfig(level=values.get("CHRIS_LOG_LEVEL", "INFO"), handlers=[handler], force=True)
    except ValueError:
        level = values["CHRIS_LOG_LEVEL"]
        raise SettingsError(f"CHRIS_LOG_LEVEL is {level!r}: give DEBUG, INFO, WARNING or ERROR") from None
    logging.captureWarnings(capture=True)
    logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger("swiftclient").setLevel(logging.CRITICAL)  # its errors come to us as exceptions
    sys.excepthook = _last_words


def _last_words(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger(__name__).critical("the operator dies", exc_info=(kind, error, trace))
