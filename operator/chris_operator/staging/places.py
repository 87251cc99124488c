"""Where things lie in the pod, below a root that is "/" everywhere but in tests."""

import sys
from dataclasses import dataclass
from pathlib import Path

from chris_operator.staging import contract


@dataclass(frozen=True)
class Places:
    """The pod's directories and files below `root`."""

    root: str = "/"

    def path(self, absolute: str) -> str:
        """A path of the contract below the root."""
        return str(Path(self.root) / absolute.lstrip("/"))

    def state(self, name: str) -> str:
        """A file of the state directory."""
        return self.path(f"{contract.STATE_DIR}/{name}")

    def load_job(self) -> contract.StageJob:
        """The job as it stands now: the operator renews its TempURLs."""
        return contract.StageJob.from_json(Path(self.path(contract.JOB_FILE)).read_bytes())

    def write_report(self, report: contract.Report) -> None:
        """Leave the termination message."""
        Path(self.path(contract.TERMINATION_LOG)).write_text(report.to_json())


def log(text: str) -> None:
    """One line on the container's log."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
