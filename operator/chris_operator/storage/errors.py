"""What can go wrong with Swift, in words the operator decides on."""

# ruff: noqa: N818 - they are named after the states they report, as HTTP does


class StorageError(Exception):
    """Swift refused or failed. Names the object, the rule or act, and the offending value.

    `where` names the ComputeResource where it is not our own Swift but that cluster's.
    """

    def __init__(self, object: str, rule: str, value: object = "", *, where: str = "") -> None:  # noqa: A002
        self.object, self.rule, self.value, self.where = object, rule, value, where
        super().__init__(object, rule, value)

    def __str__(self) -> str:
        of = f" of {self.where}" if self.where else ""
        return f"Swift{of}: {self.object}: {self.rule}" + (f": {self.value}" if self.value != "" else "")


class NotFound(StorageError):
    """No such object or container."""


class Unavailable(StorageError):
    """Swift does not answer, or answers that it cannot now: worth asking again later."""


class Untrusted(Unavailable):
    """The certificate is signed by nobody whom we trust; passes when an administrator says whom to trust."""


class Unauthorized(StorageError):
    """The credentials or the signature are not accepted."""


class PreconditionFailed(StorageError):
    """The object is there already, or is no longer the one that was meant."""
