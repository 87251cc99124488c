"""The only door to Swift for the operator and the shim."""

from chris_operator.storage.client import Container, ObjectInfo
from chris_operator.storage.elsewhere import StorageElsewhere
from chris_operator.storage.errors import (
    NotFound,
    PreconditionFailed,
    StorageError,
    Unauthorized,
    Unavailable,
    Untrusted,
)
from chris_operator.storage.mirror import Mirror, Progress, StoppedError
from chris_operator.storage.proof import DamagedError
from chris_operator.storage.runs import Storage
from chris_operator.storage.tempurl import sign

__all__ = [
    "Container",
    "DamagedError",
    "Mirror",
    "NotFound",
    "ObjectInfo",
    "PreconditionFailed",
    "Progress",
    "StoppedError",
    "Storage",
    "StorageElsewhere",
    "StorageError",
    "Unauthorized",
    "Unavailable",
    "Untrusted",
    "sign",
]
