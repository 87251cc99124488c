"""roc-validator, run without a network: what it has to say about a crate.

    assert judged(folder).required == []

It lives in an environment of its own, made from requirements/crate.txt once per lock. The JSON-LD context that it would
fetch is put into its cache first: the released document, as the package `rocrate` carries it.
"""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.swift_server import REPOSITORY, python_of

LOCK = REPOSITORY / "requirements" / "crate.txt"
PROFILE = "provenance-run-crate"
_JUDGE = """
import io, json, sys, tempfile
from importlib.resources import files
from pathlib import Path
from requests.adapters import HTTPAdapter
from requests_cache import CachedSession
from rocrate_validator import models, services
from urllib3 import HTTPResponse

crate, profile, answer = sys.argv[1:]
document = files("rocrate").joinpath("data/ro-crate.jsonld").read_bytes()
url = json.loads(document)["@id"]


class Carried(HTTPAdapter):
    def send(self, request, **_):
        headers = {"Content-Type": "application/ld+json"}
        body = HTTPResponse(io.BytesIO(document), headers, 200, preload_content=False, request_method="GET")
        return self.build_response(request, body)


with tempfile.TemporaryDirectory() as folder:
    cache = f"{folder}/cache"
    with CachedSession(cache, backend="sqlite", expire_after=-1) as session:
        session.mount(url, Carried())
        session.get(url)
    settings = services.ValidationSettings(
        rocrate_uri=models.URI(crate) if hasattr(models, "URI") else crate,
        profile_identifier=profile,
        requirement_severity=models.Severity.RECOMMENDED,
        offline=True,
        cache_path=Path(cache),
    )
    result = services.validate(settings)
    issues = [
        (issue.severity.name, issue.check.identifier, str(issue.violatingEntity or ""), issue.message)
        for issue in result.get_issues(models.Severity.RECOMMENDED)
    ]
Path(answer).write_text(json.dumps(issues))  # it logs on both outputs
"""


@dataclass(frozen=True)
class Judgement:
    """What the validator found, as lines of `check: entity: message`."""

    required: list[str]
    recommended: list[str]


def judged(crate: Path) -> Judgement:
    """What it says about a crate, a directory or a ZIP file."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer"
        command = [str(python_of(LOCK)), "-c", _JUDGE, str(crate), PROFILE, str(answer)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"the validator fails:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
        found = json.loads(answer.read_text())
    lines = {
        level: [
            f"{check}: {entity}: {message}" for severity, check, entity, message in found if severity == level
        ]
        for level in ("REQUIRED", "RECOMMENDED")
    }
    return Judgement(lines["REQUIRED"], lines["RECOMMENDED"])
