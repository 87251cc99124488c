"""An analysis as an RO-Crate: Provenance Run Crate 0.5, which is a Workflow Run Crate and a Workflow RO-Crate too.

Everything comes from the resources and the manifests, nothing from the moment of the export: the same Feed gives the
same bytes.
"""

import json
from collections.abc import Iterator
from typing import Any

from chris_operator.models.base import API_VERSION

from . import actions, data, entities, programs
from .entities import METADATA, README, ROOT, WORKFLOW, Entity, ref, refs
from .records import FeedRecord

_BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"


def documents(record: FeedRecord, *, carried: bool, license_url: str = "") -> dict[str, bytes]:
    """The crate's own files by name; with `carried`, it refers to the outputs as files that lie beside them."""
    return {
        METADATA: _encoded(metadata(record, carried=carried, license_url=license_url)),
        WORKFLOW: _encoded(asked(record)),
        README: readme(record).encode(),
    }


def _encoded(value: Any) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"


def metadata(record: FeedRecord, *, carried: bool, license_url: str = "") -> dict[str, Any]:
    """The whole metadata document."""
    graph = {
        entity["@id"]: entities.plain(entity)
        for entity in _graph(record, carried=carried, license_url=license_url)
    }
    first = [graph.pop(METADATA), graph.pop(ROOT)]
    return {"@context": entities.CONTEXT, "@graph": first + [graph[name] for name in sorted(graph)]}


def asked(record: FeedRecord) -> dict[str, Any]:
    """The analysis as it was asked for, ready to be applied to another cluster."""
    namespace = record.feed.metadata.namespace
    runs = [
        _resource(
            "PluginInstance",
            run.name,
            namespace,
            run.instance.spec.wire(defaults=False) | {"feed": record.feed.metadata.name},
        )
        for run in record.runs
    ]
    feed = _resource("Feed", record.feed.metadata.name, namespace, record.feed.spec.wire(defaults=False))
    return {"apiVersion": "v1", "kind": "List", "items": [feed, *runs]}


def readme(record: FeedRecord) -> str:
    """The analysis in words: what ran, on what, and how it ended."""
    rows = [
        f"| {run.name} | {run.plugin.name} {run.plugin.version} | {', '.join(run.instance.spec.previous) or '–'} |"
        f" {run.condition.reason} | {len(run.files)} |"
        for run in record.runs
    ]
    head = ["| run | plugin | reads | ended as | files |", "|---|---|---|---|---|"]
    words = (
        f"An analysis by ChRIS on Kubernetes, as an RO-Crate: `{METADATA}` describes it for programs, `{WORKFLOW}` is "
        "what was asked for and can be applied again."
    )
    return "\n".join([f"# {record.title}", "", words, "", *head, *rows, ""])


def _resource(kind: str, name: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": meta, "spec": spec}


def _graph(record: FeedRecord, *, carried: bool, license_url: str) -> Iterator[Entity]:
    terms = entities.license_entity(license_url)
    yield entities.descriptor()
    yield _root(record, terms["@id"], carried=carried)
    yield terms
    yield from entities.profiles()
    yield entities.engine()
    yield entities.language()
    yield entities.person(record.user)
    yield _workflow(record)
    yield {
        "@id": README,
        "@type": "File",
        "name": "The analysis in words",
        "about": ref(ROOT),
        "encodingFormat": "text/markdown",
    }
    yield from programs.tools(record)
    yield from data.datasets(record, carried=carried)
    yield from actions.whole(record, carried=carried)
    known = {run.name: run for run in record.runs}
    for position, run in enumerate(record.runs):
        yield from actions.of_run(run, position, known, record.user, carried=carried)
        yield from programs.values(run)
        if found := programs.image(run):
            yield found


def _root(record: FeedRecord, terms: str, *, carried: bool) -> Entity:
    parts = [
        each
        for run in record.runs
        for each in (*data.outputs(run, carried=carried), *data.named(run, carried=carried))
    ]
    mentioned = [actions.WHOLE, actions.ORGANIZED, *(actions.run_id(run) for run in record.runs)]
    return {
        "@id": ROOT,
        "@type": "Dataset",
        "name": record.title,
        "description": record.feed.spec.note
        or f"The analysis {record.title}: what ran, on what, and what came of it",
        "datePublished": entities.moment(record.ended),
        "license": ref(terms),
        "author": ref(entities.person_id(record.user)),
        "conformsTo": refs(entities.PROFILES),
        "mainEntity": ref(WORKFLOW),
        "mentions": refs(mentioned),
        "keywords": sorted(record.feed.spec.tags),
        "hasPart": [ref(WORKFLOW), ref(README), *parts],
    }


def _workflow(record: FeedRecord) -> Entity:
    return {
        "@id": WORKFLOW,
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
        "name": f"{record.title}, as it was asked for",
        "encodingFormat": "application/json",
        "version": str(record.feed.metadata.generation),
        "conformsTo": ref(_BIOSCHEMAS),
        "programmingLanguage": ref(entities.LANGUAGE),
        "hasPart": refs(programs.tool_id(run.tool) for run in record.runs),
        "step": refs(actions.step_id(run) for run in record.runs),
        "input": refs(
            programs.parameter_id(run.tool, name) for run in record.runs for name in programs.given(run)
        ),
        "output": refs(programs.output_id(run.tool) for run in record.runs),
    }
