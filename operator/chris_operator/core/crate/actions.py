"""What was done: the analysis, its steps, and each run as an action with times, resources, inputs and outputs."""

from collections.abc import Iterator

from . import data
from .entities import ENGINE, WORKFLOW, Entity, moment, person_id, ref, refs
from .programs import given, image, input_id, output_id, tool_id, value_id
from .records import FeedRecord, RunRecord

WHOLE = "#analysis"
ORGANIZED = "#orchestration"
_COMPLETED, _FAILED = "http://schema.org/CompletedActionStatus", "http://schema.org/FailedActionStatus"
_SECONDS, _BYTES = "https://qudt.org/vocab/unit/SEC", "https://qudt.org/vocab/unit/BYTE"


def run_id(run: RunRecord) -> str:
    """The action that a run is."""
    return f"#run/{run.name}"


def step_id(run: RunRecord) -> str:
    """The step of the analysis that a run is."""
    return f"#step/{run.name}"


def control_id(run: RunRecord) -> str:
    """The engine's carrying out of that step."""
    return f"#control/{run.name}"


def connection_id(parent: RunRecord, child: RunRecord) -> str:
    """The edge between two runs."""
    return f"#connection/{parent.name}/{child.name}"


def whole(record: FeedRecord, *, carried: bool) -> Iterator[Entity]:
    """The analysis as one action, and the engine's orchestration of it."""
    parents = {name for run in record.runs for name in run.instance.spec.previous}
    leaves = [run for run in record.runs if run.name not in parents]
    times = {"startTime": moment(record.started), "endTime": moment(record.ended)}
    ended = _status([run for run in record.runs if not run.succeeded])
    common = times | {"agent": ref(person_id(record.user))} | ended
    yield {
        "@id": WHOLE,
        "@type": "CreateAction",
        "name": f"Analysis {record.title}",
        "description": f"{len(record.runs)} runs of the Feed {record.feed.metadata.name}",
        "instrument": ref(WORKFLOW),
        "object": [
            *(each for run in record.runs for each in data.named(run, carried=carried)),
            *(ref(value_id(run, name)) for run in record.runs for name in given(run)),
        ],
        "result": [each for run in leaves for each in data.outputs(run, carried=carried)],
    } | common
    yield {
        "@id": ORGANIZED,
        "@type": "OrganizeAction",
        "name": f"Orchestration of {record.title}",
        "instrument": ref(ENGINE),
        "object": refs(control_id(run) for run in record.runs),
        "result": ref(WHOLE),
    } | common


def of_run(
    run: RunRecord, position: int, known: dict[str, RunRecord], user: str, *, carried: bool
) -> Iterator[Entity]:
    """Everything about one run: its action, its step, how the step was carried out, what it used."""
    parents = [known[name] for name in run.instance.spec.previous if name in known]
    yield _action(run, parents, user, carried=carried)
    yield {
        "@id": step_id(run),
        "@type": "HowToStep",
        "name": run.name,
        "position": str(position),
        "workExample": ref(tool_id(run.tool)),
        "connection": refs(connection_id(parent, run) for parent in parents),
    }
    yield {
        "@id": control_id(run),
        "@type": "ControlAction",
        "name": f"Orchestration of {run.name}",
        "instrument": ref(step_id(run)),
        "object": ref(run_id(run)),
    } | _status([] if run.succeeded else [run])
    for parent in parents:
        yield {
            "@id": connection_id(parent, run),
            "@type": "ParameterConnection",
            "sourceParameter": ref(output_id(parent.tool)),
            "targetParameter": ref(input_id(run.tool)),
        }
    yield from _usage(run)


def _action(run: RunRecord, parents: list[RunRecord], user: str, *, carried: bool) -> Entity:
    status = run.instance.status
    read = data.inputs(run, parents, carried=carried)
    found: Entity = {
        "@id": run_id(run),
        "@type": "CreateAction",
        "name": f"Run {run.name} of {run.plugin.name} {run.plugin.version}",
        "description": f"{run.condition.reason}: {run.condition.message}",
        "instrument": ref(tool_id(run.tool)),
        "object": [*read, *(ref(value_id(run, name)) for name in given(run))],
        "result": data.outputs(run, carried=carried),
        "startTime": moment(status.start_time or run.instance.metadata.creation_timestamp),
        "endTime": moment(status.completion_time),
        "agent": ref(person_id(user)),
        "resourceUsage": refs(entity["@id"] for entity in _usage(run)),
    }
    pictured = image(run)
    seen = {"containerImage": ref(pictured["@id"])} if pictured else {}
    return found | seen | _reused(run) | _status([] if run.succeeded else [run])


def _reused(run: RunRecord) -> Entity:
    """Who computed what a run did not need to compute anew."""
    hit = run.instance.status.cache_hit
    if hit is None:
        return {}
    ended = f", which ended {moment(hit.completion_time)}" if hit.completion_time else ""
    words = f"Not computed anew: the output of run {hit.name} (number {hit.id}) of the Feed {hit.feed}{ended}"
    return {"disambiguatingDescription": words}


def _status(failed: list[RunRecord]) -> Entity:
    if not failed:
        return {"actionStatus": _COMPLETED}
    words = "; ".join(f"{run.name}: {run.condition.reason}: {run.condition.message}" for run in failed)
    return {"actionStatus": _FAILED, "error": words}


def _usage(run: RunRecord) -> Iterator[Entity]:
    """CPU, memory and the time of each phase."""
    usage, phases = run.instance.status.usage, run.instance.status.phases
    measured = {
        "cpuSeconds": (usage and usage.cpu_seconds, _SECONDS),
        "peakMemoryBytes": (usage and usage.peak_memory_bytes, _BYTES),
        "queuedSeconds": (phases and phases.queued, _SECONDS),
        "stageInSeconds": (phases and phases.stage_in, _SECONDS),
        "pluginSeconds": (phases and phases.plugin, _SECONDS),
        "publishSeconds": (phases and phases.publish, _SECONDS),
    }
    for name, (value, unit) in measured.items():
        if value is not None:
            yield {
                "@id": f"#run/{run.name}/usage/{name}",
                "@type": "PropertyValue",
                "name": name,
                "propertyID": name,
                "value": value,
                "unitCode": unit,
            }
