"""What the operator says is one JSON object per line, knows its run, and never tells a secret."""

import asyncio
import json
import logging
import sys
from typing import Any

import pytest

from chris_operator.controller.logs import Lines, about, configure, on_attempt
from chris_operator.controller.queue import Key
from chris_operator.controller.settings import SettingsError

SECRETS = {"ST_KEY": "hunter22", "OS_PASSWORD": "correct horse", "OS_APPLICATION_CREDENTIAL_SECRET": "s3cret"}
RUN = Key("plugininstances", "neuro", "scan")


def record(message: str, *words: object, error: BaseException | None = None) -> logging.LogRecord:
    told = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("chris.test", logging.WARNING, __file__, 1, message, words, told)


def said(message: str, *words: object, error: BaseException | None = None) -> dict[str, Any]:
    line = Lines(SECRETS, text=False).format(record(message, *words, error=error))
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line_has_its_time_level_and_message():
    line = said("two\nlines of %s", "ünïcode")
    assert line.pop("time").endswith("+00:00")
    assert line == {"level": "WARNING", "logger": "chris.test", "message": "two\nlines of ünïcode"}


async def test_what_is_said_about_a_run_names_it_in_threads_too():
    with about(RUN):
        assert said("x")["run"] == "neuro/scan"
        on_attempt(2)
        there = await asyncio.to_thread(said, "x")
        assert (there["run"], there["attempt"]) == ("neuro/scan", 2)
    assert said("x").keys() == {"time", "level", "logger", "message"}
    with about(Key("feeds", "neuro", "look")):
        line = said("x")
    assert (line["object"], "run" in line, "attempt" in line) == ("feeds/neuro/look", False, False)


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_secrets_are_blotted_out_wherever_they_stand(secret: str):
    try:
        raise ValueError(f"login with {secret}")  # noqa: TRY301
    except ValueError as error:
        line = said("key %s", secret, error=error)
    assert line["message"] == "key ***"
    assert "ValueError: login with ***" in line["exception"]
    assert secret not in json.dumps(line)


def test_signatures_are_blotted_out():
    line = said("GET /v1/a/users/x?temp_url_sig=0123abcd&temp_url_expires=1")
    assert line["message"] == "GET /v1/a/users/x?temp_url_sig=***&temp_url_expires=1"


def test_people_get_text():
    formatter = Lines(SECRETS, text=True)
    with about(RUN):
        on_attempt(3)
        text = formatter.format(record("hello hunter22"))
    assert text.endswith(" WARNING chris.test [neuro/scan attempt 3] hello ***")
    assert formatter.format(record("hello")).endswith(" WARNING chris.test hello")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"CHRIS_LOG_FORMAT": "xml"}, "CHRIS_LOG_FORMAT is 'xml': give json or text"),
        ({"CHRIS_LOG_LEVEL": "LOUD"}, "CHRIS_LOG_LEVEL is 'LOUD': give DEBUG"),
    ],
    ids=["format", "level"],
)
def test_a_wrong_setting_is_named(values: dict[str, str], words: str):
    root, hook = logging.getLogger(), sys.excepthook
    before = root.handlers[:], root.level
    try:
        with pytest.raises(SettingsError, match=words):
            configure(values)
    finally:
        root.handlers[:], root.level = before
        assert sys.excepthook is hook
