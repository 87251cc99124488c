"""The one error of staging."""

from chris_operator.staging.contract import Report, Step


class StagingError(Exception):
    """A step cannot go on. `message` and `object` may be shown to anybody; `detail` stays in the log.

    Codes: JobInvalid, ManifestInvalid, ChecksumMismatch, ObjectMissing, SwiftUnavailable, Unauthorized,
    SwiftUntrusted, SwiftRefused, QuotaExceeded, NoSpace, PathConflict, NameTooLong, FileUnreadable, FileChanged,
    OutputTooDeep, OutputTooLarge, StateTampered, StageInFailed, Aborted, Internal.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        object: str = "",  # noqa: A002
        line: int | None = None,
        detail: str = "",
    ) -> None:
        self.code, self.message, self.object, self.line, self.detail = code, message, object, line, detail
        super().__init__(message)

    def report(self, step: Step) -> Report:
        """The termination message of a step that failed so."""
        return Report(
            step, ok=False, code=self.code, message=self.message, object=self.object, line=self.line
        )

    def log_text(self) -> str:
        """Everything known, file names included."""
        place = "".join(
            f", {name} {value}" for name, value in (("object", self.object), ("line", self.line)) if value
        )
        return f"{self.code}: {self.message}{place}" + (f": {self.detail}" if self.detail else "")
