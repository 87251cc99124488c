"""What can go wrong with Swift, in words the operator decides on."""

# ruff: noqa: N818 - they are named after the states they report, as HTTP does


class StorageError(Exception):
    """Swift refused or failed. Names the object, the rule or act, and the offending value."""

    def __init__(self, object: str, rule: str, value: object = "") -> None:  # noqa: A002
        self.object, self.rule, self.value = object, rule, value
        super().__init__(f"Swift: {object}: {rule}" + (f": {value}" if value != "" else ""))


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
