"""The command line and environment that ChRIS's plugin contract promises to a program."""

from typing import Any

import pytest
from tests.runs import plugin

from chris_operator.core.command import arguments, command, environment

MIXED = plugin(
    parameters=[
        {"name": "ratio", "type": "float", "flag": "--ratio"},
        {"name": "on", "type": "bool", "flag": "--on", "optional": True, "default": False},
        {"name": "off", "type": "bool", "flag": "--off", "optional": True, "default": True},
        {"name": "say", "type": "bool", "flag": "--say", "action": "store"},
        {"name": "count", "type": "int", "flag": "-n"},
        {"name": "word", "type": "str", "flag": "--word"},
        {"name": "also", "type": "str", "flag": "--also"},
        {"name": "dir", "type": "path", "flag": "--dir"},
        {"name": "link", "type": "unextpath", "flag": "--link"},
    ]
)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, []),
        ({"word": "a b"}, ["--word", "a b"]),
        ({"word": ""}, ["--word", ""]),
        ({"word": "$(HOME) `x` 'y'"}, ["--word", "$(HOME) `x` 'y'"]),
        ({"count": -3}, ["-n", "-3"]),
        ({"ratio": 0.5}, ["--ratio", "0.5"]),
        ({"ratio": 2}, ["--ratio", "2"]),
        ({"on": True}, ["--on"]),
        ({"on": False}, []),
        ({"off": True}, []),
        ({"off": False}, ["--off"]),
        ({"say": True}, ["--say", "True"]),
        ({"dir": "home/alice/uploads"}, ["--dir", "/share/incoming"]),
        ({"link": "home/alice/a,home/alice/b"}, ["--link", "/share/incoming"]),
        ({"also": "2", "word": "1"}, ["--word", "1", "--also", "2"]),
        (
            {"on": True, "ratio": 1.5, "count": 1, "word": "w", "dir": "d", "link": "l"},
            [
                "--link",
                "/share/incoming",
                "--dir",
                "/share/incoming",
                "--word",
                "w",
                "-n",
                "1",
                "--ratio",
                "1.5",
                "--on",
            ],
        ),
    ],
    ids=[
        "nothing-given",
        "blank",
        "empty",
        "shell-characters",
        "negative",
        "fraction",
        "whole-float",
        "store-true",
        "store-true-left-out",
        "store-false-left-out",
        "store-false",
        "bool-stored",
        "path",
        "unextpath",
        "plugins-order",
        "order-of-types",
    ],
)
def test_arguments(given: dict[str, Any], words: list[str]):
    assert arguments(MIXED, given) == words


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"type": "ds"}, "prog /share/incoming /share/outgoing"),
        ({"type": "ts"}, "prog /share/incoming /share/outgoing"),
        ({"type": "fs"}, "prog /share/outgoing"),
        ({"type": "fs", "selfpath": "/opt/"}, "/opt/prog /share/outgoing"),
        (
            {"type": "fs", "selfpath": "/opt", "execshell": "python3"},
            "python3 /opt/prog /share/outgoing",
        ),
    ],
    ids=["ds", "ts", "fs", "selfpath", "execshell"],
)
def test_command(spec: dict[str, Any], expected: str):
    assert command(plugin(selfexec="prog", **spec), {}) == expected.split()


def test_environment_tells_run_parent_and_user_and_no_token():
    root = {"CHRIS_JID": "chris-jid-8", "CHRIS_PLG_INST_ID": "8", "CHRIS_USER_USERNAME": "alice"}
    assert environment(8, "alice", None) == root
    parent = {"CHRIS_PREV_PLG_INST_ID": "7", "CHRIS_PREV_JID": "chris-jid-7"}
    assert environment(8, "alice", 7) == root | parent
