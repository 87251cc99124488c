"""What kwok plays for every pod of a run: four status writes, as a kubelet's, with the words of our own containers.

All these runs write the same, one empty file, whose manifest names no place: so its digest and ETag, which publish
reports, are known beforehand, and the manifests can lie in Swift before the clock starts. On real nodes publish would
write them; here that work would only be taken off the one machine on which everything runs.
"""

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from tests.controller.pods import IMAGE_ID, STAGED, report
from tests.kubeclient import Object
from tests.simulated_cluster import stage

from chris_operator.core.inputs import MANIFEST
from chris_operator.core.names import attempt_prefix
from chris_operator.core.observe import PUBLISH, STAGE_IN
from chris_operator.staging import manifest
from chris_operator.storage import Storage

WORK_SECONDS = (5.0, 10.0)
"""How long the programs take: longer than CHRIS_SETTLE_SECONDS, so that each step is told as in life."""
PUBLISH_SECONDS = (1.0, 2.0)
OUTPUT = manifest.encode(
    [manifest.Entry("result", 0, hashlib.sha256(b"").hexdigest())],
    (),
)
_WRITERS = 16


def published() -> str:
    """The termination message of publish."""
    header = manifest.read_header(OUTPUT)
    etag = hashlib.md5(OUTPUT, usedforsecurity=False).hexdigest()
    return report(
        "publish",
        ok=True,
        exit_code=0,
        digest=header.digest,
        files=header.files,
        bytes=header.bytes,
        manifest_etag=etag,
        manifest_bytes=len(OUTPUT),
        cpu_seconds=1.5,
        peak_memory_bytes=1 << 20,
        uploaded_bytes=len(OUTPUT),
    )


def write_manifests(storage: Storage, user: str, feed: int, runs: Iterable[int]) -> None:
    """Put into Swift what publish of each run's first attempt would."""
    names = [attempt_prefix(user, feed, run, 1) + MANIFEST for run in runs]
    with ThreadPoolExecutor(_WRITERS) as pool:
        for _ in pool.map(lambda name: storage.put(name, OUTPUT, content_type="application/gzip"), names):
            pass


def _states(**states: str) -> str:
    """A template of the containers' statuses: by name what each does, else what `other` says."""
    choices = [
        f'{{{{ if eq .name "{name.replace("_", "-")}" }}}}{state}'
        for name, state in states.items()
        if name != "other"
    ]
    chosen = "{{ else }}".join([*choices, states["other"]]) + "{{ end }}" * len(choices)
    return f"""
{{{{ $now := Now }}}}
containerStatuses:
{{{{ range .spec.containers }}}}
- {{name: {{{{ .name | Quote }}}}, image: {{{{ .image | Quote }}}}, imageID: "{IMAGE_ID}", restartCount: 0,
   ready: false, state: {{ {chosen} }} }}
{{{{ end }}}}
"""


def _ended(message: str = "") -> str:
    times = "startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}"
    return f"terminated: {{exitCode: 0, reason: Completed, {times}, message: {json.dumps(message)}}}"


_RUNNING = "running: {startedAt: {{ $now | Quote }}}"
_ALIVE = (".metadata.deletionTimestamp", "DoesNotExist", ())


def _is(name: str, state: str) -> tuple[str, str, tuple[str, ...]]:
    return (
        f'.status.containerStatuses.[] | select( .name == "{name}" ) | .state.{state}.startedAt',
        "Exists",
        (),
    )


def stages() -> list[Object]:
    """A pod's life: input there and program running; program ended; published; phase. A deleted one goes at once."""
    phase = ".status.phase"
    running = [_ALIVE, (phase, "In", ["Running"])]
    staged = {STAGE_IN.replace("-", "_"): _ended(STAGED)}
    return [
        stage(
            "pod-runs",
            "Pod",
            [_ALIVE, (phase, "In", ["Pending"])],
            _states(**staged, other=_RUNNING) + "phase: Running\nstartTime: {{ $now | Quote }}\n",
        ),
        stage(
            "pod-publishes",
            "Pod",
            [*running, _is("plugin", "running")],
            _states(**staged, publish=_RUNNING, other=_ended()),
            seconds=WORK_SECONDS,
        ),
        stage(
            "pod-ends",
            "Pod",
            [*running, _is("plugin", "terminated"), _is(PUBLISH, "running")],
            _states(**staged, publish=_ended(published()), other=_ended()),
            seconds=PUBLISH_SECONDS,
        ),
        stage(
            "pod-succeeds",
            "Pod",
            [*running, _is(PUBLISH, "terminated")],
            "phase: Succeeded\n",
        ),
        stage("pod-goes", "Pod", [(_ALIVE[0], "Exists", ())], delete=True),
    ]
