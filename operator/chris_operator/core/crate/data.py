"""The outputs as datasets of files: sizes, hashes, formats and places."""

from collections.abc import Iterator

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
    """Where a run's files lie in a crate that carries them; ends in "/"."""
    return f"runs/{run.name}/"


def place(run: RunRecord, *, carried: bool) -> str:
    """What a run's output is called: a folder of the crate, or an archive that the run's UID names."""
    return folder(run) if carried else f"arcp://uuid,{run.instance.metadata.uid}/"


def datasets(record: FeedRecord, *, carried: bool) -> Iterator[Entity]:
    """Every run's output with its files."""
    readers: dict[str, list[RunRecord]] = {}
    for run in record.runs:
        for parent in run.instance.spec.previous:
            readers.setdefault(parent, []).append(run)
    for run in record.runs:
        if run.instance.status.output is not None:
            yield _dataset(run, readers.get(run.name, []), carried=carried)
            yield from (_file(run, each, carried=carried) for each in run.files)


def _dataset(run: RunRecord, readers: list[RunRecord], *, carried: bool) -> Entity:
    output = run.instance.status.output
    whole = output is not None and not output.partial
    words = f"{plural(len(run.files), 'file')}, {size(sum(each.size for each in run.files))}"
    return {
        "@id": place(run, carried=carried),
        "@type": "Dataset",
        "name": f"Output of {run.name}",
        "description": words if whole else f"{words}; partial: the run failed",
        "identifier": output.digest if output else "",
        "exampleOfWork": refs([output_id(run.tool), *(input_id(each.tool) for each in readers)]),
        "hasPart": refs(place(run, carried=carried) + quoted(each.path) for each in run.files),
    }


def _file(run: RunRecord, file: FileRecord, *, carried: bool) -> Entity:
    entity = {
        "@id": place(run, carried=carried) + quoted(file.path),
        "@type": "File",
        "name": file.path.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        "contentSize": str(file.size),
        "encodingFormat": encoding_format(file.path),
    }
    if file.sha256:
        return entity | {"sha256": file.sha256}
    known = file.etag if file.etag.startswith('"') or len(file.etag) != _MD5_DIGITS else f"md5:{file.etag}"
    return entity | {"identifier": known}


def encoding_format(path: str) -> str:
    """A file's media type by the end of its name.

    >>> encoding_format("a/Brain.nii.gz"), encoding_format("noname")
    ('application/gzip', 'application/octet-stream')
    """
    name = path.rsplit("/", 1)[-1].lower()
    return next((kind for end, kind in _FORMATS.items() if name.endswith(end)), _UNKNOWN)


def dataset_ref(run: RunRecord, *, carried: bool) -> list[Entity]:
    """A reference to a run's output, where it has one."""
    return [ref(place(run, carried=carried))] if run.instance.status.output else []
