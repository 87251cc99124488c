"""The README tells the truth about files, tasks and settings; its blocks are run by tests/e2e/test_readme.py."""

import math
import re

import pytest
from tests.readme import COMMANDS, README, ROOT, Block, blocks, broken_promises

from chris_operator.controller.leader import failover_bound
from chris_operator.controller.settings import read
from chris_operator.storage import credentials

DOCUMENT = """
# Title

```sh
make demo
```

## Use it

```sh
kubectl get x
# not a heading
```

```text
NAME  AGE
a     5s
```

```sh
true
```

Prose.

```text
not promised
```
"""


def test_blocks_are_found_in_order_with_what_they_promise():
    assert blocks(DOCUMENT) == [
        Block("Use it", 1, "kubectl get x\n# not a heading\n", "NAME  AGE\na     5s\n"),
        Block("Use it", 2, "true\n"),
    ]
    assert [block.id for block in blocks(DOCUMENT)] == ["use-it-1", "use-it-2"]


@pytest.mark.parametrize(
    ("output", "broken"),
    [
        pytest.param("NAME   AGE\nb      1s\na      1m32s\n", [], id="numbers differ"),
        pytest.param("NAME   AGE\n", ["a     5s"], id="a line is missing"),
    ],
)
def test_a_promise_holds_but_for_numbers(output: str, broken: list[str]):
    assert broken_promises("NAME  AGE\na     5s\n", output) == broken


def test_the_two_commands_come_first():
    fences = re.findall(r"^```sh\n(.*?)\n```$", README.read_text(), re.MULTILINE | re.DOTALL)
    assert tuple(fences[:2]) == COMMANDS


def test_every_task_it_names_exists():
    tasks = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)\b", "\n".join(_code())))
    assert named <= tasks


def test_every_path_it_names_exists():
    paths = {word for word in _words() if re.fullmatch(r"[a-z][\w.-]*/[\w./-]*", word)}
    made = ("build/", "demo-output/", "home/", "localhost/")
    missing = {p for p in paths if not p.startswith(made) and _is_ours(p) and not (ROOT / p).exists()}
    assert missing == set()


def _is_ours(path: str) -> bool:
    return (ROOT / path.partition("/")[0]).is_dir()


def test_every_setting_is_documented():
    controller = ROOT / "operator/chris_operator/controller"
    source = "".join(path.read_text() for path in controller.glob("*.py"))
    names = set(re.findall(r'"(CHRIS_[A-Z_]+)"', source))
    assert {name for name in names if name not in README.read_text()} == set()


def test_the_failover_it_promises_is_the_leases_arithmetic():
    lease = read({"CHRIS_STAGING_IMAGE": "i", "POD_NAME": "p"}).lease
    promised = f"a Lease of {lease.seconds} seconds; when it dies, the other takes over\nwithin "
    assert f"{promised}{math.ceil(failover_bound(lease).total_seconds())} " in README.read_text()


def test_every_credential_is_documented():
    text = README.read_text()
    assert {name for name in credentials.VARIABLES if name not in text} == set()


def _code() -> list[str]:
    """Everything in fences and between backticks."""
    text = README.read_text()
    fenced = re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [*fenced, *re.findall(r"`([^`\n]+)`", re.sub(r"(?ms)^```.*?^```$", "", text))]


def _words() -> list[str]:
    return [word.rstrip(".,") for code in _code() for word in code.split()]
