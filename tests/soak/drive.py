"""Asks for the runs, so many at a time, cancels and deletes what is to be, and waits for the end of all."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tests.kubeclient import Object, condition
from tests.soak.cluster import Eyes, instance
from tests.soak.wanted import Fate, Wanted

LOOK_SECONDS = 2.0
END_SECONDS = 900.0
"""What is under way when the time is over gets so long to end."""
SAY_SECONDS = 30.0
Name = tuple[str, str]
"""Namespace and name."""


@dataclass
class Drive:
    """One soak's runs, on their way."""

    cluster: Eyes
    prefix: str
    tenants: int
    parallel: int
    say: Callable[[str], None]
    created: dict[Name, float] = field(default_factory=dict)
    last: dict[Name, Object] = field(default_factory=dict)
    """Every run as it was seen last."""
    acted: set[Name] = field(default_factory=set)
    """Runs that were cancelled or deleted as planned."""
    gone: set[Name] = field(default_factory=set)
    took: dict[Name, float] = field(default_factory=dict)
    """Seconds from a run's creation to its end, as this process saw both."""

    def namespaces(self) -> list[str]:
        """The tenants' namespaces; each works for the user of the same name."""
        return [f"{self.prefix}-{number}" for number in range(self.tenants)]

    def make_tenants(self) -> None:
        """Make them."""
        for name in self.namespaces():
            labels = {"chrisproject.org/user": name, "pod-security.kubernetes.io/enforce": "restricted"}
            meta = {"name": name, "labels": labels}
            self.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})

    def name(self, run: Wanted) -> Name:
        """Where a run is."""
        return f"{self.prefix}-{run.tenant}", run.name

    def run(self, wanted: Sequence[Wanted], seconds: float) -> list[Wanted]:
        """As much as is asked for within the time; returns what has not ended long afterwards."""
        ahead = list(wanted)
        deadline, told = time.monotonic() + seconds, 0.0
        while time.monotonic() < deadline + END_SECONDS:
            if ahead and time.monotonic() > deadline:
                self.say(f"the time is over: {len(ahead)} are not asked for, the others may end")
                ahead.clear()
            self._look()
            open_ = [run for run in self.asked(wanted) if not self._over(run)]
            if not ahead and not open_:
                return []
            for run in ahead[: max(self.parallel - len(open_), 0)]:
                self._ask(run)
                ahead.remove(run)
            for run in open_:
                self._act(run)
            if time.monotonic() - told > SAY_SECONDS:
                told = time.monotonic()
                under_way = sum(not self._over(run) for run in self.asked(wanted))
                self.say(f"{len(self.created)} asked for, {under_way} under way, {len(ahead)} to come")
            time.sleep(LOOK_SECONDS)
        return [run for run in self.asked(wanted) if not self._over(run)]

    def asked(self, wanted: Sequence[Wanted]) -> list[Wanted]:
        """Those that were asked for before the time was over."""
        return [run for run in wanted if self.name(run) in self.created]

    def _ask(self, run: Wanted) -> None:
        namespace, name = self.name(run)
        spec = {
            "plugin": {"name": run.plugin, "version": run.version},
            "previous": list(run.parents),
            "parameters": dict(run.parameters),
            "cache": "off",  # every run shall have its pods
            "retries": run.retries,
        }
        self.cluster.create(instance(name, namespace) | {"spec": spec})
        self.created[namespace, name] = time.monotonic()

    def _look(self) -> None:
        """See every run as it is now; one that was there and is not has been deleted."""
        found = dict(self._all())
        self.gone |= {name for name in self.last if name not in found}
        self.last |= found
        for name, item in found.items():
            if name not in self.took and ended(item):
                self.took[name] = time.monotonic() - self.created[name]

    def _all(self) -> Iterator[tuple[Name, Object]]:
        for namespace in self.namespaces():
            for item in self.cluster.list("PluginInstance", namespace):
                yield (namespace, item["metadata"]["name"]), item

    def _over(self, run: Wanted) -> bool:
        name = self.name(run)
        if run.fate is Fate.DELETED:
            return name in self.gone
        return name in self.last and ended(self.last[name])

    def _act(self, run: Wanted) -> None:
        name = self.name(run)
        early = time.monotonic() < self.created[name] + run.after
        if run.fate not in {Fate.CANCELLED, Fate.DELETED} or name in self.acted or early:
            return
        self.acted.add(name)
        namespace, own = name
        if run.fate is Fate.CANCELLED:
            self.cluster.change(instance(own, namespace), {"spec": {"cancel": True}})
        else:
            self.cluster.delete(instance(own, namespace))


def ended(item: Object) -> bool:
    """Whether a run has succeeded or failed."""
    return condition(item, "Succeeded").get("status") in {"True", "False"}
