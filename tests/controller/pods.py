"""The parts that this API server lacks: scheduler, kubelet and Job controller, played for one attempt.

An `Attempt` holds the Job and Secret that the operator made. Its methods write what a kubelet would write, and
`publish` does with the attempt's own TempURLs what the publish container would do.
"""

import hashlib
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import requests
from tests.kubeclient import Client, Object

from chris_operator.staging import manifest
from chris_operator.staging.contract import Grant, Report, StageJob

IMAGE_ID = "sha256:" + "1" * 64
NODE = "node-1"


def now() -> str:
    """The time as the kubelet writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def running() -> Object:
    """State of a container that runs."""
    return {"running": {"startedAt": now()}}


def waiting(reason: str, message: str = "") -> Object:
    """State of a container that cannot start."""
    return {"waiting": {"reason": reason, "message": message}}


def ended(code: int, reason: str = "", message: str = "") -> Object:
    """State of a container that has ended."""
    word = reason or ("Completed" if code == 0 else "Error")
    return {
        "terminated": {
            "exitCode": code,
            "reason": word,
            "startedAt": now(),
            "finishedAt": now(),
            "message": message,
        }
    }


def report(step: str, **fields: Any) -> str:
    """A termination message of ours."""
    return Report(step=step, **fields).to_json()  # type: ignore[arg-type]


STAGED = report("stage-in", ok=True)


@dataclass
class Attempt:
    """One attempt of a run, seen from the node."""

    admin: Client
    job: Object
    secret: Object
    pod: Object = field(default_factory=dict)
    image_id: str = IMAGE_ID

    @property
    def name(self) -> str:
        """Name of the Job and the Secret."""
        return str(self.job["metadata"]["name"])

    @property
    def stage_job(self) -> StageJob:
        """What the Secret tells staging."""
        return StageJob.from_json(b64decode(self.secret["data"]["job.json"]))

    @property
    def prefix(self) -> str:
        """Where this attempt may write, relative to the container."""
        return self.stage_job.put.prefix.split("/", 4)[4]

    @property
    def spec(self) -> Object:
        """The pod's spec, as the Job has it."""
        found: Object = self.job["spec"]["template"]["spec"]
        return found

    def container(self, name: str) -> Object:
        """A container of the pod's spec, wherever it stands."""
        every = (*self.spec.get("initContainers", ()), *self.spec["containers"])
        return next(each for each in every if each["name"] == name)

    # -- Job controller and scheduler

    def appear(self, *, node: str | None = NODE) -> None:
        """The Job controller makes the pod, the scheduler gives it a node."""
        meta = self.job["metadata"]
        owner = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": meta["name"],
            "uid": meta["uid"],
            "controller": True,
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "generateName": f"{meta['name']}-",
                "namespace": meta["namespace"],
                "labels": self.job["spec"]["template"]["metadata"]["labels"],
                "ownerReferences": [owner],
            },
            "spec": self.spec | ({"nodeName": node} if node else {}),
        }
        self.pod = self.admin.create(pod)

    def job_fails(self, message: str) -> None:
        """The Job controller gives up."""
        times = {"lastProbeTime": now(), "lastTransitionTime": now()}
        conditions = [
            {"type": kind, "status": "True", "reason": "BackoffLimitExceeded", "message": message, **times}
            for kind in ("FailureTarget", "Failed")
        ]
        self.job = self.admin.set_status(
            self.job, {"startTime": now(), "failed": 1, "conditions": conditions}
        )

    def job_complains(self, message: str) -> None:
        """The Job controller cannot create the pod and says so in an Event."""
        meta = self.job["metadata"]
        place = {key: meta[key] for key in ("name", "namespace", "uid")}
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{self.name}.rejected", "namespace": meta["namespace"]},
            "involvedObject": {"apiVersion": "batch/v1", "kind": "Job", **place},
            "type": "Warning",
            "reason": "FailedCreate",
            "message": f"Error creating: {message}",
            "source": {"component": "job-controller"},
            "firstTimestamp": now(),
            "lastTimestamp": now(),
        }
        self.admin.create(event)

    # -- kubelet

    def containers(self, **states: Object) -> None:
        """Write the states of the containers named (`stage_in`, `plugin`, `publish`); the others wait."""
        initializing = waiting("PodInitializing")

        def status(name: str) -> Object:
            state = states.get(name.replace("-", "_"), initializing)
            image_id = self.image_id if name == "plugin" and "waiting" not in state else ""
            return {
                "name": name,
                "state": state,
                "ready": False,
                "restartCount": 0,
                "image": "i",
                "imageID": image_id,
            }

        places = {"initContainerStatuses": "initContainers", "containerStatuses": "containers"}
        self.tell(
            {
                key: [status(each["name"]) for each in self.spec.get(place, ())]
                for key, place in places.items()
            }
        )

    def tell(self, status: Object) -> None:
        """Write part of the pod's status."""
        if not self.pod:
            self.appear()
        self.pod = self.admin.set_status(self.pod, status)

    def stages_in(self) -> None:
        """The input is being fetched."""
        self.containers(stage_in=running())

    def runs(self) -> None:
        """The program runs, publish waits for its end."""
        self.containers(stage_in=ended(0, message=STAGED), plugin=running(), publish=running())

    def publishes(self, code: int = 0) -> None:
        """The program has ended, its output is being published."""
        self.containers(stage_in=ended(0, message=STAGED), plugin=ended(code), publish=running())

    def ends(self, plugin: Object, publish: Object) -> None:
        """Both containers have ended; the pod's phase follows."""
        good = all(each["terminated"]["exitCode"] == 0 for each in (plugin, publish))
        self.containers(stage_in=ended(0, message=STAGED), plugin=plugin, publish=publish)
        self.tell({"phase": "Succeeded" if good else "Failed"})

    def is_evicted(self, words: str) -> None:
        """The kubelet, or the scheduler in favour of another pod, removes it from its node."""
        condition = {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"}
        self.tell(
            {
                "phase": "Failed",
                "reason": "Evicted",
                "message": words,
                "conditions": [condition | {"message": "m"}],
            }
        )

    def job_is_deleted(self) -> None:
        """Somebody deletes the Job, and the garbage collector follows with the pod."""
        path = self.admin.resource("Job").path(self.job["metadata"]["namespace"], self.name)
        self.admin.request("DELETE", path, params={"propagationPolicy": "Background"})
        if self.pod:
            self.vanishes()

    def vanishes(self) -> None:
        """The kubelet has killed the containers and takes the pod off the API server."""
        self.admin.delete(self.pod, grace_seconds=0)

    # -- publish

    def write(self, files: Mapping[str, bytes], *, partial: bool = False) -> Report:
        """Put the files and their manifest into Swift with this attempt's TempURL; returns publish's report."""
        self.put("log", b"said the program\n")
        header, etag, size = self._send(files, self.stage_job.put, partial=partial)
        return Report(
            step="publish",
            ok=True,
            exit_code=1 if partial else 0,
            digest=header.digest,
            files=header.files,
            bytes=header.bytes,
            manifest_etag=etag,
            manifest_bytes=size,
            cpu_seconds=1.5,
            peak_memory_bytes=1 << 20,
            started=now(),
            ended=now(),
        )

    def saves(self, files: Mapping[str, bytes]) -> str:
        """The pod is removed: put the program's state into Swift; returns its digest."""
        job = self.stage_job
        assert job.checkpoint
        return self._send(files, job.checkpoint.put)[0].digest

    def _send(
        self, files: Mapping[str, bytes], grant: Grant, *, partial: bool = False
    ) -> tuple[manifest.Header, str, int]:
        """Put files and their manifest where a TempURL allows it; the manifest's header, ETag and size."""
        pack, entries, place = b"", [], grant.prefix.split("/", 4)[4]
        for path, data in sorted(files.items()):
            piece = manifest.Piece(f"{place}pack-0", len(pack), len(data))
            entries.append(
                manifest.Entry(path, len(data), hashlib.sha256(data).hexdigest(), (piece,) if data else ())
            )
            pack += data
        if pack:
            self.put("pack-0", pack, grant)
        encoded = manifest.encode(entries, [place], partial=partial)
        etag = self.put("manifest", encoded, grant)
        return manifest.read_header(encoded), etag, len(encoded)

    def put(self, name: str, data: bytes, grant: Grant | None = None) -> str:
        """One PUT below this attempt's directory, or what else a TempURL opens; returns the ETag."""
        job = self.stage_job
        grant = grant or job.put
        answer = requests.put(f"{job.swift.url}{grant.prefix}{name}?{grant.query}", data, timeout=30)
        answer.raise_for_status()
        return answer.headers["ETag"].strip('"')

    def succeeds(self, files: Mapping[str, bytes]) -> Report:
        """The whole attempt, well."""
        written = self.write(files)
        self.ends(ended(0), ended(0, message=written.to_json()))
        return written

    def fails(self, code: int, files: Mapping[str, bytes] | None = None, reason: str = "") -> None:
        """The program fails; what it wrote is published as partial."""
        written = self.write(files or {}, partial=True)
        self.ends(ended(code, reason), ended(1, message=written.to_json()))
