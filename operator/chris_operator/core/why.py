"""Why a run waits or failed, and what helps: in words for whoever asked, from what the cluster knows about it.

The table of reasons says what a reason means; this adds what only this run shows: which ancestor is the cause, what
the scheduler or the kubelet said last, how many attempts are left, and the command that helps.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chris_operator.models.conditions import Condition, ConditionType, find
from chris_operator.models.plugin import object_name
from chris_operator.models.plugininstance import PluginInstance

from .meanings import MEANINGS
from .names import USER_LABEL, attempt_name
from .observe import PodFacts, parse_time
from .phases import PHASES, Fault, Kind, Reason, known_reason
from .words import plural, spoken

UNSEEN_SECONDS = 30
"""A run that nobody has looked at for longer has no operator."""
_MOST_CAUSES = 5
_INHERITED = frozenset({Reason.PARENT_RUNNING, Reason.PARENT_FAILED, Reason.PARENT_NOT_FOUND})
_FAULTS = {Fault.USER: "what was asked for", Fault.PLUGIN: "the program", Fault.INFRASTRUCTURE: "the cluster"}
_LOGS = ("kubectl chris logs -n {namespace} {name}",)
_STAGING = ("kubectl -n {namespace} logs job/{attempt} --all-containers",)
_AGAIN = "kubectl chris rerun -n {namespace} {name}"
COMMANDS: Mapping[Reason, tuple[str, ...]] = {
    Reason.NOT_A_TENANT: (f"kubectl label namespace {{namespace}} {USER_LABEL}=<user>",),
    Reason.TENANT_CONFLICT: (f"kubectl get namespaces -L {USER_LABEL}",),
    Reason.PLUGIN_NOT_FOUND: ("kubectl get plugins", "kubectl apply -f <a Plugin named {plugin}>"),
    Reason.FEED_NOT_FOUND: ("kubectl -n {namespace} get feeds",),
    Reason.PARENT_NOT_FOUND: ("kubectl -n {namespace} get pi",),
    Reason.STORAGE_UNAVAILABLE: ("kubectl -n chris-system logs deployment/chris-operator",),
    Reason.SUSPENDED: (
        'kubectl -n {namespace} patch pi {name} --type=merge -p \'{{"spec":{{"suspend":false}}}}\'',
    ),
    Reason.UNSCHEDULABLE: ("kubectl describe nodes",),
    Reason.POD_REJECTED: ("kubectl -n {namespace} describe resourcequotas,limitranges",),
    Reason.IMAGE_PULL_FAILED: ("kubectl get plugin {plugin} -o jsonpath='{{.spec.dockImage}}'",),
    Reason.STAGE_IN_FAILED: _STAGING,
    Reason.PUBLISH_FAILED: _STAGING,
    Reason.PLUGIN_FAILED: _LOGS,
    Reason.OUT_OF_MEMORY: _LOGS,
    Reason.OUTPUTS_CLASH: _LOGS,
    Reason.PARTLY_COMPLETED: _LOGS,
    Reason.DISK_EXCEEDED: _LOGS,
    Reason.DEADLINE_EXCEEDED: _LOGS,
    Reason.RUNNING: _LOGS,
    Reason.INVALID_PARAMETERS: (f"{_AGAIN} [--unset <parameter>] [--set <parameter>=<value>]",),
    Reason.PARENT_FAILED: ("kubectl chris rerun -n {namespace} {cause} --from-here",),
    Reason.EMPTY_INPUT: ("kubectl chris files -n {namespace} {parent}",),
    Reason.CANCELLED: (_AGAIN,),
    Reason.COMPLETED: ("kubectl chris cp -n {namespace} {name} <folder>",),
    Reason.CACHE_HIT: ("kubectl chris cp -n {namespace} {name} <folder>",),
}
"""Commands that show more, or that change it."""


@dataclass(frozen=True, slots=True)
class Known:
    """What can be seen of a run from outside."""

    instance: PluginInstance
    relatives: Mapping[str, PluginInstance] = field(default_factory=dict)
    """The runs of its namespace by name."""
    pod: PodFacts = field(default_factory=PodFacts)
    """Pod of its last attempt."""
    events: Sequence[str] = ()
    """What was told about that attempt's Job and pod, the last one last."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer in parts."""

    headline: str
    facts: tuple[tuple[str, str], ...]
    remedies: tuple[str, ...]
    commands: tuple[str, ...]

    def lines(self) -> list[str]:
        """The answer as text."""
        width = max((len(name) for name, _ in self.facts), default=0)
        told = [f"  {name.ljust(width)}  {text}" for name, text in self.facts]
        return [
            self.headline,
            *told,
            *(f"→ {each}" for each in self.remedies),
            *(f"  $ {c}" for c in self.commands),
        ]


def why(known: Known, now: datetime) -> Answer:
    """What a run waits for, or why it ended as it did."""
    condition = find(known.instance.status.conditions, ConditionType.SUCCEEDED)
    if condition is None:
        return _unseen(known.instance, now)
    reason = known_reason(condition.reason)
    if reason is None:
        return _unknown(known, condition, now)
    causes = list(_causes(known)) if reason in _INHERITED else []
    return Answer(
        f"{known.instance.metadata.name} {_state(reason, condition)}: {MEANINGS[reason].text}.",
        tuple(_facts(known, condition, reason, causes, now)),
        _remedies(reason, condition),
        tuple(_commands(known, reason, condition, causes)),
    )


def _unseen(instance: PluginInstance, now: datetime) -> Answer:
    meta = instance.metadata
    age = now - (parse_time(meta.creation_timestamp) or now)
    facts = (("created", f"{spoken(age)} ago"),)
    if age.total_seconds() < UNSEEN_SECONDS:
        return Answer(f"{meta.name} is new: the operator has not looked at it yet.", facts, (), ())
    return Answer(
        f"{meta.name} waits: no operator has looked at it.",
        facts,
        ("an administrator sees to it that the operator runs and reaches its Swift",),
        ("kubectl -n chris-system get pods", "kubectl -n chris-system logs deployment/chris-operator"),
    )


def _unknown(known: Known, condition: Condition, now: datetime) -> Answer:
    """A reason of an operator that is newer than this program, or of a human hand."""
    name = known.instance.metadata.name
    facts = (("told", condition.message), ("since", _since(condition, now)))
    words = f"{name} is {condition.reason} (Succeeded: {condition.status}), which this program does not know."
    return Answer(words, facts, ("update kubectl-chris to the operator's version",), ())


def _state(reason: Reason, condition: Condition) -> str:
    if condition.status == "True":
        return "has succeeded"
    if condition.status == "False":
        return "was cancelled" if reason is Reason.CANCELLED else "has failed"
    return {Kind.WAITING: "waits", Kind.RETRIED: "is tried again"}.get(PHASES[reason].kind, "is under way")


def _since(condition: Condition, now: datetime) -> str:
    return spoken(now - (parse_time(condition.last_transition_time) or now))


def _facts(
    known: Known, condition: Condition, reason: Reason, causes: Sequence[tuple[str, str]], now: datetime
) -> Iterator[tuple[str, str]]:
    instance = known.instance
    plugin = instance.spec.plugin
    yield "run", f"{plugin.name} {plugin.version} in namespace {instance.metadata.namespace}"
    yield "reason", f"{reason} for {_since(condition, now)}"
    if condition.message:
        yield "told", condition.message
    fault = _FAULTS.get(PHASES[reason].fault)
    if condition.status == "False" and fault and reason is not Reason.CANCELLED:
        yield "fault", fault
    yield from (("because", f"{name}: {words}") for name, words in causes[:_MOST_CAUSES])
    if len(causes) > _MOST_CAUSES:
        yield "because", f"and {len(causes) - _MOST_CAUSES} more"
    if (hit := instance.status.cache_hit) is not None:
        yield "computed by", f"{hit.name} (number {hit.id}) of the Feed {hit.feed or 'unknown'}"
    yield from _workers(instance)
    yield from _attempts(instance, reason, final=condition.status != "Unknown")
    if condition.status == "Unknown":
        yield from _pod(known)


def _workers(instance: PluginInstance) -> Iterator[tuple[str, str]]:
    """How far the pods are that share the work."""
    if shared := instance.status.workers:
        yield (
            "workers",
            f"{shared.count}; ended well: {shared.succeeded}; failed: {shared.failed}",
        )


def _attempts(instance: PluginInstance, reason: Reason, *, final: bool) -> Iterator[tuple[str, str]]:
    """How many attempts there were, and how many more may end for the same reason."""
    attempt, failures = instance.status.attempt, instance.status.failures or {}
    if attempt is None:
        return
    count = sum(failures.values())
    memory = f", with {attempt.memory} MiB of memory" if attempt.memory else ""
    ended = "".join(
        f"; {plural(number, 'attempt')} ended as {name}" for name, number in sorted(failures.items())
    )
    if count or attempt.number > 1 or memory:
        yield "attempt", f"number {attempt.number}{memory}{ended}"
    phase = PHASES[reason]
    if phase.kind is Kind.RETRIED and not final:
        bound = instance.spec.retries + 1 if phase.bound is None else phase.bound
        yield "bound", f"it has failed for good after {bound} that end so"


def _pod(known: Known) -> Iterator[tuple[str, str]]:
    """What scheduler, kubelet and Job controller say; only while an attempt goes on."""
    pod = known.pod
    if pod.name:
        yield "pod", f"{pod.name}, {pod.stage}" + (f", on node {pod.node}" if pod.node else "")
    for words in (pod.unschedulable, pod.pull_problem, pod.start_problem, pod.evicted):
        if words:
            yield "problem", words
    if known.events:
        yield "last event", known.events[-1]


def _causes(known: Known) -> Iterator[tuple[str, str]]:
    """The ancestors at which it began, in the order of the parents; not those that only inherited it."""
    seen: set[str] = set()
    waiting = list(reversed(known.instance.spec.previous))
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        found = known.relatives.get(name)
        if found is None:
            yield name, "does not exist"
            continue
        condition = find(found.status.conditions, ConditionType.SUCCEEDED)
        if condition and condition.status == "True":
            continue
        if condition and known_reason(condition.reason) in _INHERITED:
            waiting += reversed(found.spec.previous)
            continue
        yield (
            name,
            f"{condition.reason}: {condition.message}"
            if condition
            else "the operator has not looked at it yet",
        )


def _remedies(reason: Reason, condition: Condition) -> tuple[str, ...]:
    """What to do; nothing where all has gone its way."""
    if remedy := MEANINGS[reason].remedy:
        return (remedy,)
    return ("nothing is to be done but to wait",) if condition.status == "Unknown" else ()


def _commands(
    known: Known, reason: Reason, condition: Condition, causes: Sequence[tuple[str, str]]
) -> Iterator[str]:
    meta, plugin = known.instance.metadata, known.instance.spec.plugin
    number = known.instance.status.attempt.number if known.instance.status.attempt else 1
    names = {
        "namespace": meta.namespace,
        "name": meta.name,
        "plugin": object_name(plugin.name, plugin.version),
        "attempt": attempt_name(meta.name, number),
        "parent": next(iter(known.instance.spec.previous), meta.name),
        "cause": next((name for name, _ in causes), meta.name),
    }
    for name, _ in causes[:1]:
        if name in known.relatives:
            yield f"kubectl chris why -n {meta.namespace} {name}"
    given_up = condition.status == "False" and PHASES[reason].kind is Kind.RETRIED
    for template in (*COMMANDS.get(reason, ()), *((_AGAIN,) if given_up else ())):
        yield template.format_map(names)
