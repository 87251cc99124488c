"""What the soak asks for, and what each run must end with: pure, the same from the same seed.

Chains of one to four runs: a source, then programs that copy or examine their input. Some are to fail, some
are cancelled or deleted at a random moment.
"""

import hashlib
import importlib.util
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Any

PROBE_FOLDER = Path(__file__).resolve().parents[1] / "e2e" / "plugins" / "pl-testprobe"
SIZES = ((1, 0), (1, 17), (3, 1024), (12, 70_000), (60, 4096), (2, 3 << 20), (1, 9 << 20))
"""Files and bytes of each: packs of one and of many, an empty file, one that is an object of its own."""
FAILING = ({"exitCode": 3}, {"exitCode": 77}, {"killSelf": True})
SILENT = {"writeNothing": True}
SOURCE, PROBE, COPIER = "pl-testsource", "pl-testprobe", "pl-simpledsapp"
SHARE_COPIES, SHARE_FAILING, SHARE_SILENT, SHARE_STOPPED = 0.5, 0.08, 0.05, 0.08
MOST_SLEEP = 3.0
MOST_WAIT = 12.0
Sums = Mapping[str, str]
"""sha256 of the content, by path."""


class Fate(StrEnum):
    """What is asked of a run, and so how it may end."""

    SUCCEEDS = "succeeds"
    FAILS = "fails"
    ORPHANED = "its parent fails"
    STARVED = "its parent writes nothing"
    CANCELLED = "cancelled"
    DELETED = "deleted"


@dataclass(frozen=True)
class Wanted:
    """One run."""

    tenant: int
    name: str
    plugin: str
    version: str
    parents: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    retries: int = 0
    fate: Fate = Fate.SUCCEEDS
    after: float = 0.0
    """Seconds from its creation to being cancelled or deleted."""
    exit_code: int = 0
    """Of a program that fails."""


def _algorithm() -> ModuleType:
    """The test program's own rule of what it writes, from its source."""
    path = PROBE_FOLDER / "pl_testprobe" / "algorithm.py"
    spec = importlib.util.spec_from_file_location("testprobe_algorithm", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_RULE = _algorithm()


def contents(files: int, size: int) -> dict[str, bytes]:
    """What testsource and testprobe write."""
    return {name: _RULE.content(at, size) for at, name in enumerate(_RULE.names(files))}


def summed(files: Mapping[str, bytes]) -> Sums:
    """The sha256 of each file."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def copied(sums: Sums, prefix: str) -> Sums:
    """What pl-simpledsapp makes of an input.

    >>> copied({"00/a": "1"}, "x-")
    {'00/x-a': '1'}
    """
    return {
        f"{folder}{slash}{prefix}{name}": found
        for path, found in sums.items()
        for folder, slash, name in [path.rpartition("/")]
    }


def runs(count: int, tenants: int, seed: int) -> list[Wanted]:
    """So many runs, parents before their children."""
    dice = random.Random(seed)  # noqa: S311  a soak that can be repeated, no secret
    found: list[Wanted] = []
    chain = 0
    while len(found) < count:
        found += list(_chain(dice, chain, dice.randrange(tenants)))[: count - len(found)]
        chain += 1
    return found


def _chain(dice: random.Random, number: int, tenant: int) -> Iterator[Wanted]:
    last = _source(dice, number, tenant)
    yield last
    for depth in range(dice.choice((0, 0, 1, 1, 2, 3))):
        if last.fate in {Fate.CANCELLED, Fate.DELETED}:
            return  # whether a child gets its input would depend on who was faster
        last = _child(dice, last, f"c{number}-{depth + 1}")
        yield last


def _source(dice: random.Random, number: int, tenant: int) -> Wanted:
    run = Wanted(tenant, f"c{number}-0", SOURCE, "1.0.0", parameters=_shape(dice))
    return replace(run, parameters=SILENT) if dice.random() < SHARE_SILENT else _fated(dice, run)


def _shape(dice: random.Random) -> dict[str, Any]:
    files, size = dice.choice(SIZES)
    return {"files": files, "bytes": size, "sleep": round(dice.uniform(0, MOST_SLEEP), 1)}


def _child(dice: random.Random, parent: Wanted, name: str) -> Wanted:
    if dice.random() < SHARE_COPIES:
        prefix = {"prefix": dice.choice(("x-", "copy of ", "\u00e4"))}
        run = Wanted(parent.tenant, name, COPIER, "2.1.3", (parent.name,), prefix)
    else:
        run = Wanted(parent.tenant, name, PROBE, "1.0.0", (parent.name,), _shape(dice) | {"report": True})
    if parent.fate in {Fate.FAILS, Fate.ORPHANED, Fate.STARVED}:
        return replace(run, fate=Fate.ORPHANED)
    if parent.parameters == SILENT:
        return replace(run, fate=Fate.STARVED)
    return _fated(dice, run)


def _fated(dice: random.Random, run: Wanted) -> Wanted:
    chance = dice.random()
    if chance < SHARE_FAILING and run.plugin != COPIER:
        wrong = dice.choice(FAILING)
        code = int(wrong.get("exitCode", 137))
        parameters, retries = {**run.parameters, **wrong}, dice.choice((0, 0, 1))
        return replace(run, parameters=parameters, fate=Fate.FAILS, exit_code=code, retries=retries)
    if chance > 1 - SHARE_STOPPED:
        fate = dice.choice((Fate.CANCELLED, Fate.DELETED))
        return replace(run, fate=fate, after=dice.uniform(0, MOST_WAIT))
    return run


def expected(run: Wanted, parent: Sums) -> Sums:
    """What a run that succeeds must have written, given its parent's output; report.json left out."""
    if run.plugin == COPIER:
        return copied(parent, str(run.parameters["prefix"]))
    return (
        {} if run.parameters == SILENT else summed(contents(run.parameters["files"], run.parameters["bytes"]))
    )
