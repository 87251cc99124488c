"""The pod contract: what the operator tells staging, and what staging answers.

The operator encodes a `StageJob` into the attempt's Secret (`job.json`); `stage-in` and `publish` decode it
and answer with a `Report` in their termination messages. Both are frozen and know their JSON form; a field
that is missing, unknown in kind or wrongly typed raises `ContractError` naming it.

Places and exit codes stand here too, since the pod builder and staging must agree on them.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

from chris_operator.staging.document import ContractError, Document, Text

TOOLS_DIR = "/chris/tools"
"""Where the plugin's container finds `run` and busybox: laid out by stage-in, or as our image, mounted there."""
IMAGE_TOOLS_DIR = "/opt/chris/tools"
"""Where our image carries them."""
STATE_DIR = "/chris/state"
"""The small shared directory: FIFO, ready mark, log, usage. Writable by the plugin, so never trusted."""
JOB_DIR = "/chris/job"
JOB_FILE = "/chris/job/job.json"
INCOMING_DIR = "/share/incoming"
OUTGOING_DIR = "/share/outgoing"
CHECKPOINT_DIR = "/chris/checkpoint"
"""Where a program that declares `checkpoint` keeps its own state; writable by it, so never trusted."""
CHECKPOINT_VARIABLE = "CHRIS_CHECKPOINT_DIR"
"""Tells the program so."""
TERMINATION_LOG = "/dev/termination-log"

ALIVE_FIFO = "alive"
"""The FIFO that `run` holds open for as long as the plugin lives."""
READY_MARK = "ready"
"""Holds one word, written once: `ready`, or `failed` where the inputs cannot be staged."""
STAGING_LOCK = "staging"
"""Locked and written to by `stage-in` for as long as it lives, so that the kernel tells `publish` its end."""
LOG_FILE = "log"
USAGE_FILE = "usage"

MANIFEST_NAME = "manifest"
LOG_NAME = "log"
PARTS_DIR = "parts/"
"""Below it, a directory of its own for what each worker of a shared run publishes, named by its index."""

INDEX_VARIABLE = "JOB_COMPLETION_INDEX"
"""Tells our containers which worker they are; Kubernetes gives it to every container of an Indexed Job."""
SHARD_INDEX_VARIABLE = "CHRIS_SHARD_INDEX"
SHARD_COUNT_VARIABLE = "CHRIS_SHARD_COUNT"
"""Tell the program which worker it is, from 0, and of how many."""

EXIT_OK = 0
EXIT_PLUGIN_FAILED = 1
EXIT_DEADLINE = 124
"""As of timeout(1): `run` stopped the program, which had run as long as it may."""
EXIT_STAGING_FAILED = 75
"""EX_TEMPFAIL of sysexits.h: nobody's fault, worth another attempt."""
EXIT_ABORTED = 143
"""128 + SIGTERM: the pod was deleted before the plugin ended; nothing was published."""

MESSAGE_BYTES = 4096
"""The kubelet keeps that much of a termination message."""

OPTIONAL_LIMITS = frozenset({"log_bytes", "output_bytes"})

Step = Literal["stage-in", "publish"]
Split = Literal["files", "directories", "index"]
SPLITS: tuple[Split, ...] = ("files", "directories", "index")


@dataclass(frozen=True)
class RunRef:
    """Which attempt of which run this pod is."""

    namespace: str
    name: str
    uid: str
    id: int
    attempt: int


@dataclass(frozen=True)
class SwiftEndpoint:
    """Where Swift answers: scheme, host and port. `ca_bundle` is PEM text for private authorities."""

    url: str
    ca_bundle: str | None = None


@dataclass(frozen=True)
class InputRef:
    """One manifest to stage: its path `/v1/<account>/<container>/<object>` and its digest.

    Its files come into the directory `into` below incoming, "" for incoming itself.
    """

    manifest: str
    digest: str
    into: str = ""


@dataclass(frozen=True)
class Grant:
    """One prefix TempURL: paths that start with `prefix` (ends in "/") may be asked for with `query`."""

    prefix: str
    query: str


@dataclass(frozen=True)
class Limits:
    """How hard staging may work. Sizes in bytes, times in seconds."""

    threads: int = 8
    pack_bytes: int = 64 << 20
    piece_bytes: int = 1 << 30
    log_bytes: int | None = None
    """Longer logs are cut in Swift (head and tail kept); None keeps every byte."""
    output_bytes: int | None = None
    """More output than this is an error of the plugin's (a sparse file may be larger than its disk)."""
    give_up_seconds: int = 600
    """How long one request is repeated while Swift does not answer or the TempURL has expired."""


@dataclass(frozen=True)
class Share:
    """How the work is divided among `count` workers, which all get the same order."""

    split: Split
    count: int


@dataclass(frozen=True)
class Checkpoint:
    """Where the program's state goes when its pod is removed, and where that of an earlier attempt lies."""

    put: Grant
    restore: InputRef | None = None
    patience_seconds: int = 15
    """How long after SIGTERM the program has to write its state."""


@dataclass(frozen=True)
class StageJob:
    """Everything staging needs for one attempt; `share` is None where one pod does all the work."""

    run: RunRef
    swift: SwiftEndpoint
    inputs: tuple[InputRef, ...]
    get: tuple[Grant, ...]
    put: Grant
    limits: Limits = Limits()
    share: Share | None = None
    checkpoint: Checkpoint | None = None

    def to_json(self) -> str:
        """The text of `job.json`."""
        return json.dumps(
            {
                "version": 1,
                "run": asdict(self.run),
                "swift": {"url": self.swift.url, "caBundle": self.swift.ca_bundle},
                "inputs": [input_fields(each) for each in self.inputs],
                "get": [asdict(grant) for grant in self.get],
                "put": asdict(self.put),
                "limits": {camel(name): value for name, value in asdict(self.limits).items()},
                "share": asdict(self.share) if self.share else None,
                "checkpoint": checkpoint_fields(self.checkpoint),
            },
            indent=1,
        )

    @classmethod
    def from_json(cls, text: Text) -> Self:
        """Read `job.json`; ContractError names what is wrong."""
        document = Part.parse("job.json", text)
        if document.integer("version") != 1:
            raise ContractError(
                f"job.json: version is {document.integer('version')}; this staging reads version 1"
            )
        run, swift = document.child("run"), document.child("swift")
        return cls(
            run=RunRef(
                namespace=run.text("namespace"),
                name=run.text("name"),
                uid=run.text("uid"),
                id=run.integer("id"),
                attempt=run.integer("attempt"),
            ),
            swift=SwiftEndpoint(url=swift.text("url"), ca_bundle=swift.optional_text("caBundle")),
            inputs=tuple(each.input() for each in document.children("inputs")),
            get=tuple(each.grant() for each in document.children("get")),
            put=document.child("put").grant(),
            limits=document.child("limits").limits(),
            share=document.child("share").share() if document.fields.get("share") else None,
            checkpoint=document.child("checkpoint").checkpoint() if document.has("checkpoint") else None,
        )

    def with_grants(self, *, get: tuple[Grant, ...], put: Grant) -> Self:
        """The same job with renewed TempURLs."""
        return replace(self, get=get, put=put)

    @property
    def writable(self) -> tuple[Grant, ...]:
        """Every TempURL for PUT."""
        return (self.put, self.checkpoint.put) if self.checkpoint else (self.put,)

    @property
    def container_path(self) -> str:
        """`/v1/<account>/<container>/`: what precedes every object name of a manifest."""
        return "/".join(self.put.prefix.split("/", 4)[:4]) + "/"


@dataclass(frozen=True)
class Usage:
    """What the plugin used. Each is None where it could not be known (a plugin killed outright)."""

    exit_code: int | None = None
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None


@dataclass(frozen=True)
class Report:
    """A step's termination message. It never holds file names or log text: they may be patients' data.

    `object` and `line` point at the manifest line at fault; `digest`, `files`, `bytes`, `manifest_etag` and
    `manifest_bytes` describe the published manifest; `started` and `ended` are the plugin's times (RFC 3339).
    """

    step: Step
    ok: bool
    code: str = ""
    message: str = ""
    object: str = ""
    line: int | None = None
    exit_code: int | None = None
    digest: str = ""
    files: int = 0
    bytes: int = 0
    manifest_etag: str = ""
    manifest_bytes: int = 0
    uploaded_bytes: int = 0
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
    started: str = ""
    ended: str = ""
    checkpoint: str = ""
    """What became of the program's state where its pod was removed: counts and codes only."""
    skipped: int = 0
    """Links, devices, FIFOs and sockets in outgoing, which are never published."""

    def to_json(self) -> str:
        """The termination message: fields at their defaults left out, at most MESSAGE_BYTES long."""
        fields = {camel(name): value for name, value in asdict(self).items() if value not in ("", None)}
        text = json.dumps(fields)
        if len(text) > MESSAGE_BYTES:  # 250 characters are at most 1500 bytes as escapes
            return replace(self, message=self.message[:250], object=self.object[:250]).to_json()
        return text

    @classmethod
    def from_json(cls, text: Text) -> Self:
        """Read a termination message; ContractError where it is none (a container killed before its end)."""
        document = Part.parse("termination message", text)
        step = document.text("step")
        if step not in ("stage-in", "publish"):
            raise ContractError(f"termination message: step is {step!r}; must be stage-in or publish")
        known = {camel(name): name for name in cls.__dataclass_fields__}
        return cls(**{known[key]: value for key, value in document.fields.items() if key in known})


def input_fields(source: InputRef) -> dict[str, Any]:
    """An input as JSON."""
    return {"manifest": {"path": source.manifest}, "digest": source.digest, "into": source.into}


def checkpoint_fields(told: Checkpoint | None) -> dict[str, Any] | None:
    """What is told of the program's state, as JSON."""
    if told is None:
        return None
    restore = input_fields(told.restore) if told.restore else None
    return {"put": asdict(told.put), "restore": restore, "patienceSeconds": told.patience_seconds}


class Part(Document):
    """A document of the contract as the values that it may hold."""

    def input(self) -> InputRef:
        """This document as an input."""
        place = self.child("manifest").text("path")
        return InputRef(manifest=place, digest=self.text("digest"), into=self.text("into"))

    def checkpoint(self) -> Checkpoint:
        """This document as what is known of the program's state."""
        restore = self.child("restore").input() if self.has("restore") else None
        return Checkpoint(self.child("put").grant(), restore, self.integer("patienceSeconds"))

    def grant(self) -> Grant:
        """This document as a TempURL grant, whose prefix must be `/v1/<account>/<container>/…/`."""
        prefix = self.text("prefix")
        if prefix.count("/") < 4 or not prefix.startswith("/v1/") or not prefix.endswith("/"):  # noqa: PLR2004
            raise ContractError(f"{self.name}: prefix is {prefix!r}; must be /v1/<account>/<container>/…/")
        return Grant(prefix=prefix, query=self.text("query"))

    def share(self) -> Share:
        """This document as a share of the work."""
        named, count = self.text("split"), self.integer("count")
        split = next((known for known in SPLITS if known == named), None)
        if split is None:
            raise ContractError(f"{self.name}: split is {named!r}; must be one of {', '.join(SPLITS)}")
        if count < 1:
            raise ContractError(f"{self.name}: count is {count}; must be at least 1")
        return Share(split, count)

    def limits(self) -> Limits:
        """This document as limits; a limit left out has its default."""
        known = {camel(name): name for name in Limits.__dataclass_fields__}
        given = {known[key]: value for key, value in self.fields.items() if key in known}
        for name, value in given.items():
            if not (isinstance(value, int) and value > 0) and not (name in OPTIONAL_LIMITS and value is None):
                raise ContractError(
                    f"{self.name}: {camel(name)} is {value!r}; must be a positive whole number"
                )
        return Limits(**given)


def camel(name: str) -> str:
    """The JSON spelling of a field.

    >>> camel("peak_memory_bytes")
    'peakMemoryBytes'
    """
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)
