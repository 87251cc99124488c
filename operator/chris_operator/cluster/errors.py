"""What the API server says when it refuses or fails, as exceptions that name the object."""

# ruff: noqa: N818 - errors are named after the states they report, as the API server does

import json


class ClusterError(Exception):
    """The API server refused or failed; the message names verb, object and the server's words."""

    def __init__(self, what: str, status: int, message: str) -> None:
        super().__init__(f"{what}: {message} (HTTP {status})" if status else f"{what}: {message}")
        self.status = status
        self.server_message = message


class NotFound(ClusterError):
    """The object does not exist (404)."""


class Conflict(ClusterError):
    """Somebody wrote in between (409): read again, plan again."""


class AlreadyExists(ClusterError):
    """An object of this name exists (409 on create)."""


class Forbidden(ClusterError):
    """RBAC, an admission policy or a quota says no (403)."""


class Invalid(ClusterError):
    """The object breaks its schema or a rule (422)."""


class Gone(ClusterError):
    """The API server no longer knows what happened since that resourceVersion (410): list again."""


class Unreachable(ClusterError):
    """No answer: the API server is away, restarting or overloaded."""


class Untrusted(Unreachable):
    """Who answers has a certificate that is not from an authority that we trust."""


_ERRORS: dict[int, type[ClusterError]] = {404: NotFound, 403: Forbidden, 410: Gone, 422: Invalid}


def error_of(what: str, status: int, body: bytes) -> ClusterError:
    """The exception for an answer with this status and body."""
    try:
        document = json.loads(body)
    except ValueError:
        document = {}
    message = document.get("message") or body[:500].decode(errors="replace") or "no reason given"
    if status == 409:  # noqa: PLR2004  HTTP Conflict
        kind = AlreadyExists if document.get("reason") == "AlreadyExists" else Conflict
        return kind(what, status, message)
    if status >= 500 or status == 429:  # noqa: PLR2004  server errors; too many requests
        return Unreachable(what, status, message)
    return _ERRORS.get(status, ClusterError)(what, status, message)
