"""What was read and written, as datasets of files: sizes, hashes, formats and places."""

from collections.abc import Iterable, Iterator, Sequence

from chris_operator.core.words import plural, size

from .entities import Entity, quoted, ref, refs
from .programs import input_id, output_id
from .records import FeedRecord, FileRecord, RunRecord

_MD5_DIGITS = 32
_FORMATS = {
    ".nii.gz": "application/gzip",
    ".nii": "application/x-nifti",
    ".dcm": "application/dicom",
    ".json": "application/json",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".html": "text/html",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".gz": "application/gzip",
    ".zip": "application/zip",
    ".yaml": "application/yaml",
    ".xml": "application/xml",
}
_UNKNOWN = "application/octet-stream"


def folder(run: RunRecord) -> str:
    """Where a run's output lies in a crate that carries it; ends in "/"."""
    return f"runs/{run.name}/"


def named_folder(run: RunRecord) -> str:
    """Where that lies which a run's parameters named."""
    return f"inputs/{run.name}/"


def place(run: RunRecord, *, carried: bool) -> str:
    """What a run's output is called: a folder of the crate, or one of an archive that the run's UID names."""
    return folder(run) if carried else f"arcp://uuid,{run.instance.metadata.uid}/outgoing/"


def named_place(run: RunRecord, *, carried: bool) -> str:
    """What that is called which a run's parameters named."""
    return named_folder(run) if carried else f"arcp://uuid,{run.instance.metadata.uid}/incoming/"


def inputs(run: RunRecord, parents: Iterable[RunRecord], *, carried: bool) -> list[Entity]:
    """References to all that a run read."""
    found = [each for parent in parents for each in outputs(parent, carried=carried)]
    return found + named(run, carried=carried)


def outputs(run: RunRecord, *, carried: bool) -> list[Entity]:
    """A reference to a run's output, where it has one."""
    return [ref(place(run, carried=carried))] if run.instance.status.output else []


def named(run: RunRecord, *, carried: bool) -> list[Entity]:
    """A reference to what a run's parameters named, where they did."""
    return [ref(named_place(run, carried=carried))] if run.named else []


def datasets(record: FeedRecord, *, carried: bool) -> Iterator[Entity]:
    """Everything that was read or written, with its files."""
    readers: dict[str, list[RunRecord]] = {}
    for run in record.runs:
        for parent in run.instance.spec.previous:
            readers.setdefault(parent, []).append(run)
    for run in record.runs:
        if run.instance.status.output is not None:
            root = place(run, carried=carried)
            yield _output(run, root, readers.get(run.name, []))
            yield from (_file(root, each) for each in run.files)
        if run.named:
            root = named_place(run, carried=carried)
            words = f"What the parameters of {run.name} named"
            yield _dataset(root, words, run.named) | {"exampleOfWork": ref(input_id(run.tool))}
            yield from (_file(root, each) for each in run.named)


def _output(run: RunRecord, root: str, readers: list[RunRecord]) -> Entity:
    found, output = _dataset(root, f"Output of {run.name}", run.files), run.instance.status.output
    if output and output.partial:
        found["description"] += "; partial: the run failed"
    return found | {
        "identifier": output.digest if output else "",
        "exampleOfWork": refs([output_id(run.tool), *(input_id(each.tool) for each in readers)]),
    }


def _dataset(root: str, name: str, files: Sequence[FileRecord]) -> Entity:
    return {
        "@id": root,
        "@type": "Dataset",
        "name": name,
        "description": f"{plural(len(files), 'file')}, {size(sum(each.size for each in files))}",
        "hasPart": refs(root + quoted(each.path) for each in files),
    }


def _file(root: str, file: FileRecord) -> Entity:
    entity = {
        "@id": root + quoted(file.path),
        "@type": "File",
        "name": file.path.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        "contentSize": str(file.size),
        "encodingFormat": encoding_format(file.path),
    }
    if file.sha256:
        return entity | {"sha256": file.sha256}
    opaque = file.etag.startswith('"') or len(file.etag) != _MD5_DIGITS
    return entity | {"identifier": file.etag if opaque else f"md5:{file.etag}"}


def encoding_format(path: str) -> str:
    """A file's media type by the end of its name.

    >>> encoding_format("a/Brain.nii.gz"), encoding_format("noname")
    ('application/gzip', 'application/octet-stream')
    """
    name = path.rsplit("/", 1)[-1].lower()
    return next((kind for end, kind in _FORMATS.items() if name.endswith(end)), _UNKNOWN)
